#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "bus/bus.h"
#include "http/http_loop.h"
#include "http/query.h"
#include "http/web.h"
#include "log/log.h"
#include "metrics/metrics.h"

/* ---- what was asked ---- */

static struct fr_str str_of(h2o_iovec_t iovec)
{
    return (struct fr_str){iovec.base, iovec.len};
}

struct fr_loop_state *fr_call_loop(const struct fr_call *call)
{
    return &call->home->state;
}

int64_t fr_call_user_id(const struct fr_call *call)
{
    return call->has_token ? call->token.user_id : 0;
}

const struct fr_token *fr_call_token(const struct fr_call *call)
{
    return call->has_token ? &call->token : NULL;
}

struct fr_origin fr_call_origin(const struct fr_call *call)
{
    return (struct fr_origin){fr_str_of(call->request_id), fr_str_of(call->traceparent)};
}

bool fr_call_gone(const struct fr_call *call)
{
    return call->req == NULL;
}

struct fr_str fr_call_method(const struct fr_call *call)
{
    return call->req != NULL ? str_of(call->req->input.method) : FR_STR_NONE;
}

/* Path and query. Clients of proxies write the whole URL (RFC 9112 section 3.2.2). */
static struct fr_str target_of(const h2o_req_t *req)
{
    struct fr_str target = str_of(req->input.path);
    size_t scheme = fr_str_starts_with(target, FR_STR("http://"))    ? 7
                    : fr_str_starts_with(target, FR_STR("https://")) ? 8
                                                                     : 0;
    if (scheme == 0)
        return target;
    const char *slash = memchr(target.data + scheme, '/', target.len - scheme);
    if (slash == NULL)
        return FR_STR("/");
    return (struct fr_str){slash, target.len - (size_t)(slash - target.data)};
}

struct fr_str fr_call_target(const struct fr_call *call)
{
    return call->req != NULL ? target_of(call->req) : FR_STR_NONE;
}

static struct fr_str path_of(const h2o_req_t *req)
{
    struct fr_str target = target_of(req);
    const char *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    if (mark != NULL)
        target.len = (size_t)(mark - target.data);
    return target;
}

static struct fr_str query_of(const h2o_req_t *req)
{
    struct fr_str target = target_of(req), path = path_of(req);
    if (path.len == target.len)
        return FR_STR_NONE;
    return (struct fr_str){target.data + path.len + 1, target.len - path.len - 1};
}

struct fr_str fr_call_path(const struct fr_call *call)
{
    return call->req != NULL ? path_of(call->req) : FR_STR_NONE;
}

struct fr_str fr_http_header(const h2o_req_t *req, const char *name)
{
    size_t len = strlen(name);
    const h2o_token_t *token = h2o_lookup_token(name, len);
    ssize_t at = token != NULL ? h2o_find_header(&req->headers, token, -1)
                               : h2o_find_header_by_str(&req->headers, name, len, -1);
    return at >= 0 ? str_of(req->headers.entries[at].value) : FR_STR_NONE;
}

struct fr_str fr_call_authority(const struct fr_call *call)
{
    return call->req != NULL ? str_of(call->req->input.authority) : FR_STR_NONE;
}

struct fr_str fr_call_scheme(const struct fr_call *call)
{
    return call->req != NULL ? fr_guard_scheme(call->req) : FR_STR_NONE;
}

struct fr_str fr_call_header(const struct fr_call *call, const char *name)
{
    return call->req != NULL ? fr_http_header(call->req, name) : FR_STR_NONE;
}

bool fr_call_is_http11(const struct fr_call *call)
{
    return call->req != NULL && call->req->version == 0x101;
}

struct fr_str fr_http_head(const h2o_req_t *req)
{
    if (req->version >= 0x200)
        return FR_STR_NONE;
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    return (struct fr_str){sock->input->bytes, sock->input->size};
}

struct fr_wire_body fr_call_body(const struct fr_call *call)
{
    bool taken = call->req != NULL && call->route != NULL && (call->route->flags & FR_ROUTE_BODY) != 0;
    return (struct fr_wire_body){call->body_encoding, taken ? str_of(call->req->entity) : FR_STR_NONE};
}

struct fr_str fr_call_param_path(const struct fr_call *call)
{
    return call->req != NULL ? call->param : FR_STR_NONE;
}

enum fr_status fr_call_param_id(const struct fr_call *call, int64_t *ret_id, struct fr_error *error)
{
    if (fr_id_parse(fr_call_param_path(call), ret_id) == FR_OK)
        return FR_OK;
    struct fr_str name = fr_router_param_name(call->route);
    char field[32];
    snprintf(field, sizeof field, "%.*s", FR_STR_ARG(name));
    return fr_error_set(error, FR_INVALID, field, "%s must be an id: a decimal number of 1 to 19 digits",
                        field);
}

enum fr_status fr_call_query(struct fr_call *call, const char *name, struct fr_str *ret,
                             struct fr_error *error)
{
    struct fr_str raw;
    if (call->req == NULL || !fr_query_find(query_of(call->req), name, &raw))
        return FR_NOT_FOUND;
    char *text = fr_call_alloc(call, raw.len + 1, NULL);
    size_t len;
    if (!fr_query_decode(raw, text, &len))
        return fr_error_set(error, FR_INVALID, name, "%s is not percent-encoded UTF-8", name);
    *ret = (struct fr_str){text, len};
    return FR_OK;
}

enum fr_status fr_call_query_i64(struct fr_call *call, const char *name, int64_t fallback, int64_t min,
                                 int64_t max, int64_t *ret, struct fr_error *error)
{
    struct fr_str text;
    enum fr_status status = fr_call_query(call, name, &text, error);
    if (status == FR_NOT_FOUND) {
        *ret = fallback;
        return FR_OK;
    }
    if (status != FR_OK)
        return status;
    if (fr_str_to_i64(text, min, max, ret) != FR_OK)
        return fr_error_set(error, FR_INVALID, name, "%s must be a whole number from %lld to %lld", name,
                            (long long)min, (long long)max);
    return FR_OK;
}

void *fr_call_alloc(struct fr_call *call, size_t size, void (*release)(void *memory))
{
    struct fr_call_memory *memory = fr_alloc(sizeof *memory + size);
    memory->release = release;
    memory->next = call->memory;
    call->memory = memory;
    return memory->bytes;
}

/* ---- news for materializers ---- */

static void send_nudges(struct fr_task *task)
{
    struct fr_http_loop *home = FR_CONTAINER_OF(task, struct fr_http_loop, nudge);
    fr_bus_nudge(home->state.bus, home->nudges);
    home->nudges = 0;
}

void fr_call_nudge(struct fr_call *call, int64_t author_id)
{
    struct fr_http_loop *home = call->home;
    home->nudges |= fr_bus_nudge_bit(author_id);
    fr_task_defer(home->state.loop, &home->nudge, send_nudges);
}

/* ---- life of a call ---- */

void fr_call_free(struct fr_call *call)
{
    fr_ring_remove(&call->ring);
    fr_limits_end(call);
    while (call->memory != NULL) {
        struct fr_call_memory *memory = call->memory;
        call->memory = memory->next;
        if (memory->release != NULL)
            memory->release(memory->bytes);
        free(memory);
    }
    free(call);
}

/* The request is over, whatever the reason: answered and written, or the connection or stream is gone. */
static void on_request_end(void *block)
{
    struct fr_request_end *end = block;
    fr_http_loop_touch(end->conn->home);
    struct fr_call *call = end->call;
    fr_guard_request_ends(end->conn, end, call == NULL);
    if (call == NULL)
        return;
    fr_ring_remove(&call->ring);
    call->req = NULL;
    call->end = NULL;
    FR_LOG_DEBUG("client left before the answer", FR_KV_TEXT("request_id", call->request_id),
                 FR_KV_TEXT("route", call->route != NULL ? call->route->pattern : ""));
    if (!fr_ring_is_empty(&call->turn)) {
        fr_ring_remove(&call->turn);
        fr_call_free(call); /* no handler knows of it yet */
    }
}

size_t fr_http_request_id(const h2o_req_t *req, char out[static FR_REQUEST_ID_MAX + 1])
{
    struct fr_str given = fr_http_header(req, "x-request-id");
    if (given.len >= 1 && given.len <= FR_REQUEST_ID_MAX && fr_str_is_graphic(given)) {
        memcpy(out, given.data, given.len);
        out[given.len] = '\0';
        return given.len;
    }
    return fr_http_random_request_id(out);
}

size_t fr_http_random_request_id(char out[static FR_REQUEST_ID_MAX + 1])
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        /* Only before the kernel's pool is filled at boot; an id for log lines needs no secret. */
        random[0] = (uint64_t)fr_clock_monotonic_ns();
        random[1] = (uint64_t)fr_clock_wall_us();
    }
    return (size_t)snprintf(out, FR_REQUEST_ID_MAX + 1, "%016llx%016llx", (unsigned long long)random[0],
                            (unsigned long long)random[1]);
}

static bool is_lower_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    }
    return true;
}

/* W3C trace context: version-trace-parent-flags. Anything else is dropped, as the recommendation says. */
static void take_traceparent(struct fr_call *call)
{
    struct fr_str text = fr_http_header(call->req, "traceparent");
    if (text.len != sizeof call->traceparent - 1 || text.data[2] != '-' || text.data[35] != '-' ||
        text.data[52] != '-' || !is_lower_hex(text.data, 2) || !is_lower_hex(text.data + 3, 32) ||
        !is_lower_hex(text.data + 36, 16) || !is_lower_hex(text.data + 53, 2))
        return;
    memcpy(call->traceparent, text.data, text.len);
}

static struct fr_call *call_new(struct fr_http_loop *home, h2o_req_t *req)
{
    struct fr_call *call = FR_NEW(struct fr_call);
    struct fr_conn *conn = fr_http_conn_of(req);
    call->home = home;
    call->req = req;
    call->headers_tail = &call->headers;
    call->started_ns = fr_clock_monotonic_ns();
    call->head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    call->accept = fr_accept_parse(fr_http_header(req, "accept"));
    call->body_encoding = FR_ENCODING_JSON;
    fr_http_request_id(req, call->request_id);
    take_traceparent(call);
    call->end = h2o_mem_alloc_shared(&req->pool, sizeof *call->end, on_request_end);
    *call->end = (struct fr_request_end){.call = call, .conn = conn};
    fr_ring_init(&call->end->answers);
    fr_ring_init(&call->turn);
    fr_guard_request_begins(conn);
    fr_guard_find_client(call, conn);
    fr_ring_add(&home->calls, &call->ring);
    return call;
}

void fr_call_expire(struct fr_call *call)
{
    /* A call of its own answers the client; the handler's stays, with nobody waiting. */
    struct fr_call *answer = FR_NEW(struct fr_call);
    *answer = *call;
    answer->memory = NULL;
    answer->headers = NULL;
    answer->headers_tail = &answer->headers;
    answer->limits.login_open = false; /* the handler's */
    fr_ring_init(&answer->ring);
    fr_ring_init(&answer->turn);
    answer->end->call = answer;
    fr_ring_remove(&call->ring);
    call->req = NULL;
    call->end = NULL;
    fr_call_problem(answer, FR_PROBLEM_TIMED_OUT, NULL, NULL);
}

/* ---- the checks before a handler ---- */

/* What is not declared as protobuf is read as JSON: clients of the public API declare their bodies as this
 * and that. */
static bool take_body_type(struct fr_call *call)
{
    struct fr_str rest = fr_call_header(call, "content-type"), type = FR_STR_NONE;
    if (!fr_str_next(&rest, ';', &type))
        return true;
    type = fr_str_trim(type);
    if (fr_str_equal_nocase(type, FR_STR("application/x-protobuf")))
        call->body_encoding = FR_ENCODING_PROTOBUF;
    return !fr_str_starts_with(type, FR_STR("multipart/"));
}

static bool headers_too_large(const h2o_req_t *req)
{
    size_t bytes = 0;
    for (size_t i = 0; i < req->headers.size; i++)
        bytes += req->headers.entries[i].name->len + req->headers.entries[i].value.len;
    return bytes > HTTP_HEADERS_MAX || req->headers.size > HTTP_HEADER_FIELDS_MAX;
}

/* A tick's calls, from the question who asks on. A client that cancelled in the same read costs no more. */
static void run_turns(struct fr_task *task)
{
    struct fr_http_loop *home = FR_CONTAINER_OF(task, struct fr_http_loop, turn);
    while (!fr_ring_is_empty(&home->turns)) {
        struct fr_call *call = FR_CONTAINER_OF(home->turns.next, struct fr_call, turn);
        fr_ring_remove(&call->turn);
        if (fr_call_gone(call)) /* its deadline passed while the process was stopped */
            fr_call_free(call);
        else
            fr_call_authenticate(call);
    }
}

static void count_limited(enum fr_limited_request why)
{
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, (int)why, 1);
}

/* Where its body ended is a matter of opinion, and so is what comes behind it. */
static void refuse_ambiguous(struct fr_call *call)
{
    call->req->http1_is_persistent = 0;
    fr_http_linger_prepare(call->end->conn);
    fr_call_problem(call, FR_PROBLEM_BAD_REQUEST, NULL,
                    "Several readers may understand the head differently.");
}

static void serve(struct fr_call *call)
{
    struct fr_str target = fr_call_target(call);
    if (fr_head_is_ambiguous(fr_http_head(call->req), call->req->version < 0x101)) {
        refuse_ambiguous(call);
        return;
    }
    if (headers_too_large(call->req)) {
        fr_guard_bad_head(call->end->conn);
        fr_call_problem(call, FR_PROBLEM_HEADERS_TOO_LARGE, NULL, NULL);
        return;
    }
    if (target.len > HTTP_TARGET_MAX) {
        count_limited(FR_LIMITED_TARGET);
        fr_call_problem(call, FR_PROBLEM_PATH_TOO_LONG, NULL, NULL);
        return;
    }
    struct fr_route_match match;
    enum fr_route_result found =
        fr_router_find(fr_routes, fr_route_count, fr_call_method(call), fr_call_path(call), &match);
    if (found == FR_ROUTE_UNKNOWN_PATH)
        found = fr_web_find_route(call, &match);
    if (found != FR_ROUTE_FOUND && !fr_limits_take(call))
        return;
    switch (found) {
    case FR_ROUTE_UNKNOWN_PATH:
        fr_web_refuse(call);
        return;
    case FR_ROUTE_WRONG_METHOD:
        fr_call_add_header(call, "allow", fr_str_of(match.allow));
        if (fr_str_equal(fr_call_method(call), FR_STR("OPTIONS"))) {
            fr_http_cors_preflight(call, fr_str_of(match.allow));
            fr_call_answer_empty(call, 204);
        } else {
            fr_call_problem(call, FR_PROBLEM_WRONG_METHOD, NULL, NULL);
        }
        return;
    case FR_ROUTE_FOUND:
        break;
    }
    call->route = match.route;
    call->param = match.param;
    fr_ring_add(&call->home->turns, &call->turn);
    fr_task_defer(call->home->state.loop, &call->home->turn, run_turns);
}

/* It is known who asks; when that was asked of a ticket, this comes later than serve(). */
void fr_call_go_on(struct fr_call *call)
{
    if (call->req->entity.len > FR_REQUEST_BODY_MAX) {
        count_limited(FR_LIMITED_BODY);
        fr_call_problem(call, FR_PROBLEM_BODY_TOO_LARGE, NULL, NULL);
        return;
    }
    if ((call->route->flags & FR_ROUTE_BODY) != 0 && !take_body_type(call)) {
        fr_call_problem(call, FR_PROBLEM_UNSUPPORTED_TYPE, NULL, NULL);
        return;
    }
    call->route->handle(call);
}

int fr_http_on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct fr_http_loop *home = fr_http_conn_of(req)->home;
    fr_http_loop_touch(home);
    serve(call_new(home, req));
    return 0;
}
