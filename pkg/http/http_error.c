#include "http/http_loop.h"
#include "log/log.h"
#include "metrics/metrics.h"

struct error_ostream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static enum fr_problem problem_of(int http_status)
{
    switch (http_status) {
    case 404:
        return FR_PROBLEM_UNKNOWN_PATH;
    case 413:
        return FR_PROBLEM_BODY_TOO_LARGE;
    case 417:
        return FR_PROBLEM_EXPECTATION_FAILED;
    default:
        break;
    }
    return http_status < 500 ? FR_PROBLEM_BAD_REQUEST : FR_PROBLEM_INTERNAL;
}

static void send_problem(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                         h2o_send_state_t state)
{
    struct error_ostream *self = (struct error_ostream *)(void *)super;
    h2o_iovec_t body = self->body;
    bool with_body = count > 0 && state == H2O_SEND_STATE_FINAL; /* HEAD: none */
    h2o_ostream_send_next(super, req, &body, with_body ? 1 : 0, state);
}

static h2o_iovec_t problem_body(h2o_req_t *req, enum fr_problem problem, const char *request_id,
                                const char **ret_type)
{
    struct fr_buf body;
    fr_buf_init(&body, FR_REQUEST_BODY_MAX);
    *ret_type =
        fr_http_write_problem(&body, fr_accept_parse(fr_http_header(req, "accept")), fr_problem_kind(problem),
                              FR_STR_NONE, FR_STR_NONE, fr_str_of(request_id));
    h2o_iovec_t kept = h2o_strdup(&req->pool, body.data, body.len);
    fr_buf_release(&body);
    return kept;
}

static void on_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    char request_id[FR_REQUEST_ID_MAX + 1];
    size_t id_len = fr_http_request_id(req, request_id);
    enum fr_problem problem = problem_of(req->res.status);
    const struct fr_problem_kind *kind = fr_problem_kind(problem);
    struct fr_conn *conn = fr_http_conn_of(req);
    const char *type;
    h2o_iovec_t body = problem_body(req, problem, request_id, &type);

    req->res.status = kind->http_status;
    memset(&req->res.headers, 0, sizeof req->res.headers);
    h2o_iovec_t kept_id = h2o_strdup(&req->pool, request_id, id_len);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 0, NULL, kept_id.base,
                          kept_id.len);
    fr_http_forbid_keeping(req);
    fr_http_cors_add(req, conn->home->state.settings);
    struct error_ostream *ostream = (void *)h2o_add_ostream(req, sizeof *ostream, slot);
    ostream->super.do_send = send_problem;
    ostream->body = body;
    req->res.content_length = ostream->body.len;
    slot = &ostream->super.next;

    if (req->version < 0x200 && !req->http1_is_persistent)
        fr_http_linger_prepare(conn);
    if (problem == FR_PROBLEM_BODY_TOO_LARGE)
        fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_BODY, 1);
    fr_metric_add_by(FR_METRIC_HTTP_REQUESTS, kind->http_status / 100 - 1, 1);
    FR_LOG_DEBUG("request refused while being read", FR_KV_TEXT("request_id", request_id),
                 FR_KV_PATH("path", ((struct fr_str){req->input.path.base, req->input.path.len})),
                 FR_KV_I64("http_status", kind->http_status));
    h2o_setup_next_ostream(req, slot);
}

void fr_http_error_filter_register(h2o_pathconf_t *fallback)
{
    h2o_filter_t *filter = h2o_create_filter(fallback, sizeof *filter);
    filter->on_setup_ostream = on_setup;
}
