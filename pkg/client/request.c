#include "request.h"

#include "client_internal.h"
#include "problem.h"

/* Codes of docs/errors.md that say for certain that nothing was done. */
enum { CODE_OVERLOADED = 2102, CODE_PASSWORDS_BUSY = 2103, CODE_NO_IDS = 2104 };

static struct request *request_of(struct exchange *exchange)
{
    return FR_CONTAINER_OF(exchange, struct request, exchange);
}

static void leave_connection(struct request *request)
{
    if (exchange_is_idle(&request->exchange))
        return;
    exchange_drop(&request->exchange);
    request->client->calls_out--;
    request->client->look_again = true; /* there is room for another */
}

/* Its end, with what `error` says. */
static void finish(struct request *request)
{
    leave_connection(request);
    fr_ring_remove(&request->in);
    if (request->error.kind != FRESHET_OK && request->error.request_id[0] == '\0')
        problem_copy(request->error.request_id, sizeof request->error.request_id, request->request_id);
    request->on_done(request);
}

void request_begin(struct request *request, struct fr_ring *ring)
{
    struct freshet_client *client = request->client;
    problem_clear(&request->error);
    fr_buf_init(&request->answer, client->answer_max);
    backoff_init(&request->backoff, client->backoff_min_ms, client->backoff_max_ms, client_random());
    fr_ring_add(ring, &request->in);
}

void request_release(struct request *request)
{
    if (request->answer.data != NULL)
        explicit_bzero(request->answer.data, request->answer.len); /* there are tokens in some */
    fr_buf_release(&request->answer);
}

void request_cancel(struct request *request)
{
    problem_set(&request->error, FRESHET_CANCELLED, NULL, "the call was cancelled");
    finish(request);
}

/* ---- the answer ---- */

static bool on_data(struct exchange *exchange, struct fr_str bytes)
{
    struct request *request = request_of(exchange);
    fr_buf_append_str(&request->answer, bytes);
    if (request->answer.full)
        exchange_refuse(exchange);
    return true;
}

/* What the answer, or its lack, says; FRESHET_OK if it is good. */
static void judge(struct request *request, CURLcode code)
{
    struct exchange *exchange = &request->exchange;
    freshet_error *error = &request->error;
    long status = exchange_status(exchange);
    bool is_protobuf = exchange_is_protobuf(exchange);
    if (request->answer.full)
        problem_set(error, FRESHET_PROTOCOL, NULL, "the answer is longer than %zu bytes",
                    request->answer.max);
    else if (code != CURLE_OK)
        problem_of_transport(error, code, exchange->error_text);
    else if (status < 200 || status > 299)
        problem_of_answer(error, status, is_protobuf, fr_buf_str(&request->answer));
    else if (request->answer.len > 0 && !is_protobuf)
        problem_set(error, FRESHET_PROTOCOL, NULL,
                    "the answer is not in protobuf: is this a Freshet gateway?");
    else
        problem_clear(error);
    if (code == CURLE_OK)
        error->retry_after_ms = problem_retry_after(exchange_header(exchange, "Retry-After"));
    const char *request_id = exchange_header(exchange, "X-Request-ID");
    if (error->request_id[0] == '\0' && request_id != NULL)
        problem_copy(error->request_id, sizeof error->request_id, request_id);
    link_next_cursor(exchange_header(exchange, "Link"), request->next);
}

/* Whether the request cannot have taken effect in this attempt. */
static bool is_undone(const struct request *request, CURLcode code)
{
    if (code != CURLE_OK)
        return !exchange_is_sent(&request->exchange);
    const freshet_error *error = &request->error;
    return error->status == 429 || error->status == 401 || error->code == CODE_OVERLOADED ||
           error->code == CODE_PASSWORDS_BUSY || error->code == CODE_NO_IDS;
}

static bool is_worth_repeating(const struct request *request, CURLcode code)
{
    const freshet_error *error = &request->error;
    if (request->maybe_done && !request->repeatable)
        return false;
    if (code != CURLE_OK)
        return error->kind == FRESHET_UNAVAILABLE;
    return error->status == 429 || error->status == 503;
}

/* True: with another token it may work. */
static bool refused(struct request *request)
{
    if (request->error.status != 401 || request->token_generation == 0)
        return false;
    bool renewable = tokens_refused(&request->client->tokens, request->token_generation);
    bool again = renewable && !request->renewed;
    request->renewed = true;
    return again;
}

/* A refusal that says that what was wanted is so: of a repeat, after an attempt of which nobody knows. */
static bool is_settled(const struct request *request)
{
    const freshet_error *error = &request->error;
    if (request->auth == REQUEST_SIGN_OFF && error->status == 401)
        return true;
    return request->maybe_done && request->settled_code != 0 && error->code == request->settled_code;
}

/* Whether to try once more after what judge() found, and how long to wait before. */
static bool is_again(struct request *request, CURLcode code, int64_t *ret_wait_ms)
{
    *ret_wait_ms = 0;
    if (request->error.kind == FRESHET_OK)
        return false;
    if (refused(request))
        return true;
    if (!is_worth_repeating(request, code))
        return false;
    int64_t wait_ms = backoff_next(&request->backoff);
    *ret_wait_ms = request->error.retry_after_ms > wait_ms ? request->error.retry_after_ms : wait_ms;
    return true;
}

static void on_end(struct exchange *exchange, CURLcode code)
{
    struct request *request = request_of(exchange);
    judge(request, code);
    bool undone = is_undone(request, code);
    leave_connection(request);
    if (is_settled(request))
        problem_clear(&request->error);
    if (request->error.kind != FRESHET_OK && !undone)
        request->maybe_done = true;
    int64_t now_ms = fr_clock_monotonic_ms(), wait_ms;
    if (!is_again(request, code, &wait_ms) || wait_ms >= request->deadline_ms - now_ms) {
        finish(request);
        return;
    }
    request->again_ms = now_ms + wait_ms;
    fr_buf_reset(&request->answer);
}

static const struct exchange_verbs verbs = {.data = on_data, .end = on_end};

/* ---- the thread ---- */

static void time_is_over(struct request *request, int64_t now_ms)
{
    struct transport *transport = &request->client->transport;
    /* An answer may take its time; a connection on which nothing at all comes, for as long as it takes to
     * make another, does not live. */
    if (!exchange_is_idle(&request->exchange) && transport->heard_ms <= request->exchange.begun_ms &&
        now_ms - request->exchange.begun_ms >= transport->options.connect_timeout_ms)
        transport_give_up(transport);
    /* If it is not on its way, why it was not is better to know. */
    if (request->error.kind == FRESHET_OK || exchange_is_sent(&request->exchange))
        problem_set(&request->error, FRESHET_TIMEOUT, NULL, "no answer in the time that was given");
    finish(request);
}

static void set_out(struct request *request, const char *token, int64_t now_ms)
{
    struct exchange_ask ask = {
        .method = request->method,
        .path = request->path,
        .body = request->body,
        .token = token,
        .request_id = request->request_id,
        .idempotency_key = request->idempotency_key,
    };
    request->client->calls_out++;
    exchange_begin(&request->exchange, &request->client->transport, &verbs, &ask, now_ms);
}

void request_step(struct request *request, int64_t now_ms, int64_t *due_ms)
{
    struct freshet_client *client = request->client;
    if (atomic_load(&client->cancelled) || canceller_is_set(request->canceller)) {
        request_cancel(request);
        return;
    }
    if (now_ms >= request->deadline_ms) {
        time_is_over(request, now_ms);
        return;
    }
    due_at(due_ms, request->deadline_ms);
    if (!exchange_is_idle(&request->exchange))
        return;
    if (now_ms < request->again_ms) {
        due_at(due_ms, request->again_ms);
        return;
    }
    if (client->calls_out >= CLIENT_CALLS_MAX)
        return; /* whoever leaves makes us look again */

    struct tokens *tokens = &client->tokens;
    const char *token = request->token;
    request->token_generation = 0;
    if (request->auth == REQUEST_SIGN_OFF) {
        token = tokens->text;
        if (token == NULL) {
            problem_clear(&request->error);
            finish(request);
            return;
        }
    }
    if (request->auth == REQUEST_SIGNED || (request->auth == REQUEST_SIGNED_IF && tokens_can_have(tokens))) {
        switch (tokens_want(tokens, now_ms, &request->token_awaited, &request->error)) {
        case TOKENS_HERE:
            token = tokens->text;
            request->token_generation = tokens->generation;
            break;
        case TOKENS_COME:
            return;
        case TOKENS_NONE:
            finish(request);
            return;
        }
    }
    set_out(request, token, now_ms);
}
