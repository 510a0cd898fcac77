#include <assert.h>
#include <stdlib.h>

#include "http/http_loop.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "wire/wire.h"

static const char json_type[] = "application/json", problem_type[] = "application/problem+json",
                  protobuf_type[] = "application/x-protobuf";

static const char *reason_of(int http_status)
{
    switch (http_status) {
    case 101:
        return "Switching Protocols";
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    default:
        break;
    }
    for (int i = 0; i < FR_PROBLEM_COUNT; i++) {
        const struct fr_problem_kind *kind = fr_problem_kind((enum fr_problem)i);
        if (kind->http_status != http_status)
            continue;
        /* The first problem of a status is named after it, but for the few below. */
        switch (http_status) {
        case 401:
            return "Unauthorized";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        default:
            return kind->title;
        }
    }
    return "Status";
}

void fr_call_add_header(struct fr_call *call, const char *name, struct fr_str value)
{
    size_t name_len = strlen(name);
    struct fr_call_header *header = fr_call_alloc(call, sizeof *header + name_len + value.len, NULL);
    char *bytes = (char *)(header + 1);
    memcpy(bytes, name, name_len);
    if (value.len > 0)
        memcpy(bytes + name_len, value.data, value.len);
    header->name = (struct fr_str){bytes, name_len};
    header->value = (struct fr_str){bytes + name_len, value.len};
    *call->headers_tail = header;
    call->headers_tail = &header->next;
}

static void put_header(h2o_req_t *req, struct fr_str name, struct fr_str value)
{
    /* h2o keeps the pointers; both live in the call, which goes before the request. */
    h2o_iovec_t kept_name = h2o_strdup(&req->pool, name.data, name.len);
    h2o_iovec_t kept_value = h2o_strdup(&req->pool, value.data != NULL ? value.data : "", value.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, kept_name.base, kept_name.len, 1, NULL,
                          kept_value.base, kept_value.len);
}

/* draft-ietf-httpapi-ratelimit-headers-10. On every answer that a limit was asked for: so without a copy. */
static void put_limits(struct fr_call *call)
{
    const struct fr_rate_policy *policy = call->limits.policy;
    if (policy == NULL)
        return;
    h2o_req_t *req = call->req;
    char bytes[64];
    size_t len = (size_t)snprintf(bytes, sizeof bytes, "\"%s\";r=%lld;t=%lld", policy->name,
                                  (long long)call->limits.remaining, (long long)call->limits.reset_s);
    h2o_iovec_t kept = h2o_strdup(&req->pool, bytes, len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("ratelimit"), 0, NULL, kept.base,
                          kept.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("ratelimit-policy"), 0, NULL,
                          policy->header, policy->header_len);
}

void fr_http_forbid_keeping(h2o_req_t *req)
{
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
}

static void put_headers(struct fr_call *call, int http_status)
{
    h2o_req_t *req = call->req;
    /* h2o decides when a request comes; a drain may have begun since. */
    if (call->home->phase != HTTP_SERVING)
        req->http1_is_persistent = 0;
    req->res.status = http_status;
    req->res.reason = reason_of(http_status);
    put_header(req, FR_STR("x-request-id"), fr_str_of(call->request_id));
    if (call->cache_control != NULL)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, call->cache_control,
                       strlen(call->cache_control));
    else if (http_status != 101)
        fr_http_forbid_keeping(req);
    put_limits(call);
    fr_http_cors_add(req, call->home->state.settings);
    for (const struct fr_call_header *header = call->headers; header != NULL; header = header->next)
        put_header(req, header->name, header->value);
}

/* One line for each answer: interesting ones at info, all at debug. */
static void log_answer(const struct fr_call *call, int http_status, size_t bytes,
                       const struct fr_error *error)
{
    double seconds = (double)(fr_clock_monotonic_ns() - call->started_ns) / 1e9;
    fr_metric_add_by(FR_METRIC_HTTP_REQUESTS, http_status / 100 - 1, 1);
    fr_metric_observe(FR_METRIC_HTTP_SECONDS, seconds);
    enum fr_log_level level = http_status >= 500 ? FR_LEVEL_INFO : FR_LEVEL_DEBUG;
    static const struct fr_error none;
    const struct fr_error *why = error != NULL ? error : &none;
    char client[FR_CLIENT_ADDRESS_TEXT_SIZE] = "";
    struct fr_str scheme = FR_STR_NONE;
    if (level >= fr_log_level()) {
        fr_client_address_format(&call->client, client);
        scheme = fr_guard_scheme(call->req);
    }
    FR_LOG_AT(level, "request", FR_KV_TEXT("request_id", call->request_id), FR_KV_TEXT("client", client),
              FR_KV_STR("scheme", scheme), FR_KV_TEXT("traceparent", call->traceparent),
              FR_KV_STR("method", fr_call_method(call)), FR_KV_PATH("path", fr_call_target(call)),
              FR_KV_I64("http_status", http_status), FR_KV_F64("ms", seconds * 1e3),
              FR_KV_I64("bytes", (int64_t)bytes), FR_KV_I64("user_id", fr_call_user_id(call)),
              FR_KV_TEXT("error", why->message), FR_KV_TEXT("field", why->field),
              FR_KV_TEXT("sqlstate", why->sqlstate));
}

/* The request is not ours any more: what ends it now is the end of its writing. */
static h2o_req_t *let_go(struct fr_call *call)
{
    h2o_req_t *req = call->req;
    call->end->call = NULL;
    call->end = NULL;
    call->req = NULL;
    return req;
}

struct owned {
    char *data;
};

static void release_owned(void *block)
{
    struct owned *owned = block;
    free(owned->data);
}

/* `owned`: what is to be freed when the body is written; NULL: it outlives the request. */
static void answer(struct fr_call *call, int http_status, const char *content_type, struct fr_str body,
                   char *owned, const struct fr_error *error)
{
    if (call->req == NULL) {
        free(owned);
        fr_call_free(call);
        return;
    }
    struct fr_http_loop *home = call->home;
    fr_http_loop_touch(home);
    put_headers(call, http_status);
    log_answer(call, http_status, body.len, error);
    bool head = call->head;
    fr_guard_answered(call->end, body.len);
    h2o_req_t *req = let_go(call);
    fr_call_free(call);

    if (content_type != NULL)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
                       strlen(content_type));
    req->res.content_length = http_status == 204 || http_status == 304 ? SIZE_MAX : body.len;
    h2o_iovec_t bytes = {(char *)(uintptr_t)body.data, body.len}; /* h2o reads it only */
    if (owned != NULL) {
        struct owned *kept = h2o_mem_alloc_shared(&req->pool, sizeof *kept, release_owned);
        kept->data = owned;
    }
    h2o_start_response(req, &home->generator);
    h2o_send(req, &bytes, body.len > 0 && !head ? 1 : 0, H2O_SEND_STATE_FINAL);
}

static void answer_buf(struct fr_call *call, int http_status, const char *content_type, struct fr_buf *body,
                       const struct fr_error *error)
{
    size_t len = body->len;
    char *data = fr_buf_detach(body, NULL);
    answer(call, http_status, content_type, (struct fr_str){data, len}, data, error);
}

void fr_call_answer(struct fr_call *call, int http_status, const char *content_type, struct fr_buf *body)
{
    if (fr_buf_status(body) != FR_OK) {
        struct fr_error error;
        fr_buf_release(body);
        fr_error_set(&error, FR_INTERNAL, NULL, "the answer is longer than its bound");
        fr_call_fail(call, error.status, &error);
        return;
    }
    answer_buf(call, http_status, content_type, body, NULL);
}

void fr_call_answer_shared(struct fr_call *call, int http_status, const char *content_type,
                           struct fr_str body)
{
    answer(call, http_status, content_type, body, NULL, NULL);
}

void fr_call_let_keep(struct fr_call *call, const char *cache_control)
{
    call->cache_control = cache_control;
}

enum fr_encoding fr_call_encoding(const struct fr_call *call)
{
    return call->accept == FR_ACCEPT_PROTOBUF ? FR_ENCODING_PROTOBUF : FR_ENCODING_JSON;
}

void fr_call_answer_body(struct fr_call *call, struct fr_buf *body)
{
    fr_call_answer(call, 200, call->accept == FR_ACCEPT_PROTOBUF ? protobuf_type : json_type, body);
}

void fr_call_answer_empty(struct fr_call *call, int http_status)
{
    answer(call, http_status, NULL, FR_STR_NONE, NULL, NULL);
}

const char *fr_http_write_problem(struct fr_buf *out, enum fr_accept accept,
                                  const struct fr_problem_kind *kind, struct fr_str detail,
                                  struct fr_str field, struct fr_str request_id)
{
    struct fr_wire_problem problem = {
        .type = kind->type,
        .title = kind->title,
        .status = kind->http_status,
        .code = kind->code,
        .detail = detail.len > 0 ? detail : fr_str_of(kind->detail),
        .field = field,
        .request_id = request_id,
    };
    fr_wire_answer_problem(out, accept == FR_ACCEPT_PROTOBUF ? FR_ENCODING_PROTOBUF : FR_ENCODING_JSON,
                           &problem);
    switch (accept) {
    case FR_ACCEPT_JSON_ONLY:
        return json_type;
    case FR_ACCEPT_PROTOBUF:
        return protobuf_type;
    case FR_ACCEPT_JSON:
        break;
    }
    return problem_type;
}

static void answer_problem(struct fr_call *call, enum fr_problem problem, const char *field,
                           const char *detail, const struct fr_error *error)
{
    const struct fr_problem_kind *kind = fr_problem_kind(problem);
    if (call->req == NULL) {
        fr_call_free(call);
        return;
    }
    if (kind->http_status == 401)
        fr_call_add_header(call, "www-authenticate", FR_STR("Bearer"));
    if (kind->http_status >= 500 || kind->http_status == 429) {
        char seconds[FR_ID_TEXT_SIZE];
        fr_id_format(call->limits.retry_after_s > 0 ? call->limits.retry_after_s : HTTP_RETRY_AFTER_S,
                     seconds);
        fr_call_add_header(call, "retry-after", fr_str_of(seconds));
    }
    struct fr_buf body;
    fr_buf_init(&body, FR_RESPONSE_BODY_MAX);
    const char *type = fr_http_write_problem(&body, call->accept, kind, fr_str_of(detail), fr_str_of(field),
                                             fr_str_of(call->request_id));
    answer_buf(call, kind->http_status, type, &body, error);
}

void fr_call_fail(struct fr_call *call, enum fr_status status, const struct fr_error *error)
{
    assert(status != FR_OK);
    enum fr_problem problem = fr_problem_of_status(status);
    bool for_client =
        error != NULL && error->message[0] != '\0' && fr_problem_kind(problem)->http_status < 500;
    answer_problem(call, problem, error != NULL ? error->field : NULL, for_client ? error->message : NULL,
                   error);
}

void fr_call_problem(struct fr_call *call, enum fr_problem problem, const char *field, const char *detail,
                     ...)
{
    char text[240];
    if (detail != NULL) {
        va_list args;
        va_start(args, detail);
        vsnprintf(text, sizeof text, detail, args);
        va_end(args);
    }
    answer_problem(call, problem, field, detail != NULL ? text : NULL, NULL);
}

h2o_req_t *fr_call_begin_stream(struct fr_call *call, const char *content_type)
{
    assert(call->req != NULL);
    fr_http_loop_touch(call->home);
    put_headers(call, 200);
    log_answer(call, 200, 0, NULL);
    h2o_req_t *req = let_go(call);
    fr_call_free(call);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
                   strlen(content_type));
    /* HTTP/1.0 has no chunks: there the end of the connection is the end of the stream. */
    if (req->version < 0x101)
        req->http1_is_persistent = 0;
    return req;
}

void fr_call_answer_stream_head(struct fr_call *call, const char *content_type)
{
    if (call->req == NULL) {
        fr_call_free(call);
        return;
    }
    struct fr_http_loop *home = call->home;
    h2o_req_t *req = fr_call_begin_stream(call, content_type);
    h2o_start_response(req, &home->generator);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

void fr_call_upgrade(struct fr_call *call, h2o_http1_upgrade_cb done, void *arg)
{
    assert(call->req != NULL);
    fr_http_loop_touch(call->home);
    put_headers(call, 101);
    log_answer(call, 101, 0, NULL);
    fr_guard_upgraded(call->end->conn);
    h2o_req_t *req = let_go(call);
    fr_call_free(call);
    h2o_http1_upgrade(req, NULL, 0, done, arg);
}
