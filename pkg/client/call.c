#include "call.h"

#include "problem.h"

enum { BODY_MAX = 1024 * 1024 };

void call_init(struct call *call, const struct call_spec *spec)
{
    *call = (struct call){.spec = spec};
    fr_buf_init(&call->path, CALL_PATH_MAX);
    fr_buf_init(&call->body, BODY_MAX);
}

void call_release(struct call *call)
{
    if (call->body.data != NULL)
        explicit_bzero(call->body.data, call->body.len); /* there are passwords in some */
    fr_buf_release(&call->body);
    fr_buf_release(&call->path);
    request_release(&call->request);
}

static void on_done(struct request *request)
{
    struct call *call = FR_CONTAINER_OF(request, struct call, request);
    struct freshet_client *client = request->client;
    if (request->error.kind == FRESHET_OK && call->spec->settle != NULL && !call->spec->settle(call))
        problem_set(&request->error, FRESHET_PROTOCOL, NULL, "the answer is none to this call");
    pthread_mutex_lock(&client->lock);
    call->done = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&client->lock);
}

static void hand_over_and_wait(struct freshet_client *client, struct call *call)
{
    pthread_cond_init(&call->changed, NULL);
    pthread_mutex_lock(&client->lock);
    request_begin(&call->request, &client->new_requests);
    pthread_mutex_unlock(&client->lock);
    io_thread_wake(client);
    pthread_mutex_lock(&client->lock);
    while (!call->done)
        pthread_cond_wait(&call->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
    pthread_cond_destroy(&call->changed);
}

/* A name for a header: the caller's, or a new one. */
static freshet_kind choose_name(char out[static 65], const char *given, const char *field,
                                freshet_error *error)
{
    if (given == NULL)
        client_make_name(out);
    else if (client_is_name(given))
        memcpy(out, given, strlen(given) + 1);
    else
        return problem_set(error, FRESHET_INVALID, field, "%s has not 1 to 64 printable characters", field);
    return FRESHET_OK;
}

static freshet_kind fill(struct call *call, struct freshet_client *client, const freshet_call *given,
                         freshet_error *error)
{
    freshet_call options;
    freshet_kind kind = client_read_struct(&options, sizeof options, given, "call", error);
    if (kind == FRESHET_OK)
        kind = choose_name(call->request_id, options.request_id, "request_id", error);
    if (kind == FRESHET_OK)
        kind = choose_name(call->key, options.idempotency_key, "idempotency_key", error);
    if (kind != FRESHET_OK)
        return kind;
    const struct call_spec *spec = call->spec;
    int64_t timeout_ms = options.timeout_ms != 0 ? options.timeout_ms : client->timeout_ms;
    int64_t now_ms = fr_clock_monotonic_ms();
    struct request *request = &call->request;
    request->client = client;
    request->method = spec->method;
    request->auth = spec->auth;
    request->repeatable = spec->repeatable;
    request->settled_code = spec->settled_code;
    request->request_id = call->request_id;
    request->idempotency_key = spec->keyed ? call->key : NULL;
    request->canceller = options.canceller;
    request->deadline_ms =
        timeout_ms < 0 || timeout_ms > CLIENT_TIME_NONE - now_ms ? CLIENT_TIME_NONE : now_ms + timeout_ms;
    request->on_done = on_done;
    return FRESHET_OK;
}

freshet_kind call_perform(struct call *call, struct freshet_client *client, const freshet_call *options,
                          void *ret, freshet_error *error)
{
    struct request *request = &call->request;
    freshet_kind kind = fill(call, client, options, error);
    if (kind == FRESHET_OK && (call->path.full || call->body.full))
        kind = problem_set(error, FRESHET_INVALID, NULL, "an argument is too long");
    if (kind == FRESHET_OK) {
        request->path = call->path.data;
        request->body = fr_buf_str(&call->body);
        hand_over_and_wait(client, call);
        kind = request->error.kind;
        if (kind != FRESHET_OK)
            problem_give(error, &request->error);
        else if (call->spec->take != NULL && !call->spec->take(request, ret))
            kind = problem_set(error, FRESHET_PROTOCOL, NULL, "the answer is none to this call");
    }
    call_release(call);
    return kind;
}
