/* What HTTP/1 sends: heads that are too long, or none at all, before h2o has an opinion of them. */
#include <h2o/version.h>

#include "http/guard_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"

/* libh2o exports its parser without a header (picohttpparser.h). Of bytes that it refuses libh2o says so in
 * two words of plain text; every answer of ours is a problem, so they are looked at before. -1: no request,
 * -2: not all of it. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
int phr_parse_request(const char *bytes, size_t len, const char **ret_method, size_t *ret_method_len,
                      const char **ret_target, size_t *ret_target_len, int *ret_minor_version,
                      struct phr_header *ret_fields, size_t *ret_fields_count, size_t before);
_Static_assert(H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13,
               "written for libh2o 2.2, library version 0.13");

bool fr_guard_http1_begins_h2(const h2o_socket_t *sock)
{
    return sock->input->size >= 4 && memcmp(sock->input->bytes, "PRI ", 4) == 0;
}

static void on_last_words(h2o_socket_t *sock, const char *err)
{
    struct fr_conn *conn = sock->on_close.data;
    /* h2o lets go of a connection when it hears that the client did. */
    conn->guard->inner(sock, h2o_socket_error_closed);
}

/* h2o would wait for more, or say something of its own. */
static void refuse_head(struct fr_conn *conn, enum fr_problem problem)
{
    const struct fr_problem_kind *kind = fr_problem_kind(problem);
    struct fr_guard *guard = conn->guard;
    h2o_socket_t *sock = conn->sock;
    char request_id[FR_REQUEST_ID_MAX + 1];
    fr_http_random_request_id(request_id);
    struct fr_buf body, head;
    fr_buf_init(&body, FR_REQUEST_BODY_MAX);
    fr_buf_init(&head, FR_REQUEST_BODY_MAX);
    const char *type =
        fr_http_write_problem(&body, FR_ACCEPT_JSON, kind, FR_STR_NONE, FR_STR_NONE, fr_str_of(request_id));
    fr_buf_printf(&head,
                  "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\n"
                  "X-Request-ID: %s\r\nCache-Control: no-store\r\nContent-Length: %zu\r\n\r\n%.*s",
                  kind->http_status, kind->title, type, request_id, body.len, (int)body.len, body.data);
    fr_buf_release(&body);
    size_t len;
    guard->last_words = fr_buf_detach(&head, &len);
    guard->cut = FR_CUT_HEADERS; /* nothing that comes is read any more */
    fr_metric_add_by(FR_METRIC_HTTP_REQUESTS, kind->http_status / 100 - 1, 1);
    FR_LOG_DEBUG("request refused while being read", FR_KV_TEXT("request_id", request_id),
                 FR_KV_I64("http_status", kind->http_status));
    fr_http_linger_prepare(conn);
    fr_guard_time_look_in(conn, GUARD_LAST_WORDS_MS);
    h2o_socket_read_stop(sock);
    h2o_iovec_t bytes = h2o_iovec_init(guard->last_words, len);
    h2o_socket_write(sock, &bytes, 1, on_last_words);
}

static void refuse_size(struct fr_conn *conn, enum fr_problem problem, enum fr_limited_request why)
{
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, (int)why, 1);
    refuse_head(conn, problem);
}

/* Whether h2o, which reads the same bytes by the same parser, will find that they are no request. `before`:
 * how many of them were there when it last read. */
static bool is_no_request(const h2o_socket_t *sock, size_t before)
{
    struct phr_header fields[H2O_MAX_HEADERS];
    size_t count = H2O_MAX_HEADERS, method_len, target_len;
    const char *method, *target;
    int minor_version;
    return phr_parse_request(sock->input->bytes, sock->input->size, &method, &method_len, &target,
                             &target_len, &minor_version, fields, &count, before) == -1;
}

bool fr_guard_http1_look(struct fr_conn *conn)
{
    h2o_socket_t *sock = conn->sock;
    bool is_new = !conn->guard->head.done && conn->guard->head.seen < sock->input->size;
    size_t before = conn->guard->head.seen;
    enum fr_head_result result = fr_head_scan(&conn->guard->head, sock->input->bytes, sock->input->size);
    if (sock->_cb.write != NULL)
        return true;
    switch (result) {
    case FR_HEAD_MORE:
    case FR_HEAD_DONE:
        if (!is_new || fr_guard_http1_begins_h2(sock) || !is_no_request(sock, before))
            return true;
        refuse_head(conn, FR_PROBLEM_BAD_REQUEST);
        return false;
    case FR_HEAD_TARGET_TOO_LONG:
        refuse_size(conn, FR_PROBLEM_PATH_TOO_LONG, FR_LIMITED_TARGET);
        return false;
    case FR_HEAD_TOO_LARGE:
    case FR_HEAD_TOO_MANY_FIELDS:
        refuse_size(conn, FR_PROBLEM_HEADERS_TOO_LARGE, FR_LIMITED_HEADERS);
        return false;
    }
    return true;
}
