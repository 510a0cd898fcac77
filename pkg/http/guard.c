#include <h2o/version.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "config/config.h"
#include "http/guard_frames.h"
#include "http/http_loop.h"
#include "http/rate.h"
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

static const struct fr_bucket_rule resets_rule = {1000000000 / GUARD_RESETS_PER_S, GUARD_RESETS_BURST};
static const struct fr_bucket_rule control_rule = {1000000000 / GUARD_CONTROL_PER_S, GUARD_CONTROL_BURST};

static void on_read(h2o_socket_t *sock, const char *err);
static void on_handshake_read(h2o_socket_t *sock, const char *err);
static void on_timer(struct fr_timer *timer);

static struct fr_conn *conn_of_guard(struct fr_guard *guard)
{
    return FR_CONTAINER_OF(guard, struct fr_conn, guard);
}

static const struct fr_settings *settings_of(const struct fr_conn *conn)
{
    return conn->home->server->options.settings;
}

/* ---- a connection comes and goes ---- */

static void refuse(enum fr_refused_connection why)
{
    fr_metric_add_by(FR_METRIC_CONNECTIONS_REFUSED, why, 1);
}

bool fr_guard_admit(struct fr_conn *conn)
{
    struct fr_server *server = conn->home->server;
    const struct fr_settings *settings = server->options.settings;
    struct fr_guard *guard = &conn->guard;
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    if (atomic_load(&server->connections) >= settings->connections_max) {
        refuse(FR_REFUSED_PROCESS);
        return false;
    }
    if (getpeername(h2o_socket_get_fd(conn->sock), (struct sockaddr *)&peer, &len) == 0)
        guard->peer = fr_client_address_of((const struct sockaddr *)&peer);
    guard->proxied = fr_networks_have(server->proxies, &guard->peer);
    if (settings->connections_per_address > 0 && !guard->proxied) {
        struct fr_client_address site = fr_client_address_site(&guard->peer);
        guard->counted = fr_address_count_enter(server->addresses, &site, settings->connections_per_address);
        if (!guard->counted) {
            refuse(FR_REFUSED_ADDRESS);
            return false;
        }
    }
    return true;
}

static void put_in_front(struct fr_conn *conn, h2o_socket_cb callback)
{
    h2o_socket_t *sock = conn->sock;
    if (sock->_cb.read != NULL && sock->_cb.read != callback) {
        conn->guard.inner = sock->_cb.read;
        sock->_cb.read = callback;
    }
}

/* To be looked at when this round ends. */
static void later(struct fr_conn *conn)
{
    struct fr_guard *guard = &conn->guard;
    if (fr_ring_is_empty(&guard->later))
        fr_ring_add(&conn->home->guarded, &guard->later);
}

void fr_guard_watch(struct fr_conn *conn, bool tls)
{
    struct fr_guard *guard = &conn->guard;
    fr_ring_init(&guard->later);
    fr_ring_init(&guard->answers);
    guard->receiving_since_ms = conn->quiet_since_ms;
    fr_timer_start(conn->home->state.loop, &guard->timer, settings_of(conn)->request_timeout, on_timer);
    guard->in_handshake = tls;
    put_in_front(conn, tls ? on_handshake_read : on_read);
}

static void release(struct fr_guard *guard)
{
    fr_timer_stop(&guard->timer);
    fr_ring_remove(&guard->later);
    free(guard->last_words);
    guard->last_words = NULL;
}

void fr_guard_upgraded(struct fr_conn *conn)
{
    release(&conn->guard);
}

void fr_guard_closed(struct fr_conn *conn)
{
    release(&conn->guard);
    if (conn->guard.counted) {
        struct fr_client_address site = fr_client_address_site(&conn->guard.peer);
        fr_address_count_leave(conn->home->server->addresses, &site);
    }
}

void fr_guard_abandon(struct fr_conn *conn)
{
    fr_timer_stop(&conn->guard.timer);
}

/* ---- cutting ---- */

/* h2o sees the end, and closes. What was not taken goes with it: the kernel would keep it for minutes. */
static void shut(struct fr_conn *conn, bool gently)
{
    const struct linger none = {.l_onoff = 1};
    int fd = h2o_socket_get_fd(conn->sock);
    if (!gently)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    shutdown(fd, SHUT_RDWR);
}

static bool speaks_h2(const struct fr_conn *conn)
{
    return !conn->guard.in_handshake && !conn->upgraded && fr_h2_speaks(conn->sock);
}

static void count_cut(struct fr_conn *conn, enum fr_cut why)
{
    char peer[FR_CLIENT_ADDRESS_TEXT_SIZE];
    conn->guard.cut = why;
    fr_metric_add_by(FR_METRIC_CONNECTIONS_CUT, (int)why, 1);
    FR_LOG_DEBUG("connection cut", FR_KV_TEXT("reason", FR_CUT_TEXTS[why]),
                 FR_KV_TEXT("peer", fr_client_address_format(&conn->guard.peer, peer)));
}

void fr_guard_cut(struct fr_conn *conn, enum fr_cut why)
{
    struct fr_guard *guard = &conn->guard;
    if (guard->cut != FR_CUT_NONE)
        return;
    count_cut(conn, why);
    if (!speaks_h2(conn)) {
        shut(conn, why == FR_CUT_IDLE);
        return;
    }
    fr_http_linger_prepare(conn);
    fr_h2_go_away(conn->sock);
    /* A client that takes nothing does not take this either. */
    fr_timer_start(conn->home->state.loop, &guard->timer, GUARD_LAST_WORDS_MS, on_timer);
    fr_http_loop_touch(conn->home);
}

/* ---- what HTTP/1 sends ---- */

static bool begins_h2(const h2o_socket_t *sock)
{
    return sock->input->size >= 4 && memcmp(sock->input->bytes, "PRI ", 4) == 0;
}

static void on_last_words(h2o_socket_t *sock, const char *err)
{
    struct fr_conn *conn = sock->on_close.data;
    /* h2o lets go of a connection when it hears that the client did. */
    conn->guard.inner(sock, h2o_socket_error_closed);
}

/* h2o would wait for more, or say something of its own. */
static void refuse_head(struct fr_conn *conn, enum fr_problem problem)
{
    const struct fr_problem_kind *kind = fr_problem_kind(problem);
    struct fr_guard *guard = &conn->guard;
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
    fr_timer_start(conn->home->state.loop, &guard->timer, GUARD_LAST_WORDS_MS, on_timer);
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

/* False: it is refused. */
static bool look_at_head(struct fr_conn *conn)
{
    h2o_socket_t *sock = conn->sock;
    bool is_new = !conn->guard.head.done && conn->guard.head.seen < sock->input->size;
    size_t before = conn->guard.head.seen;
    enum fr_head_result result = fr_head_scan(&conn->guard.head, sock->input->bytes, sock->input->size);
    if (sock->_cb.write != NULL)
        return true;
    switch (result) {
    case FR_HEAD_MORE:
    case FR_HEAD_DONE:
        if (!is_new || begins_h2(sock) || !is_no_request(sock, before))
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

/* ---- what HTTP/2 sends ---- */

/* A trusted proxy's connection is that of many clients: it has to see to them itself. */
static bool take_resets(struct fr_guard *guard, unsigned count)
{
    if (guard->proxied)
        return true;
    int64_t now_ns = fr_clock_monotonic_ns();
    return count == 0 || (count <= GUARD_RESETS_BURST &&
                          fr_bucket_take(&guard->resets_full_ns, &resets_rule, count, now_ns).allowed);
}

/* Frames that are answered, or that cost, against what there was to talk about. */
static bool take_control(struct fr_conn *conn, unsigned points)
{
    struct fr_guard *guard = &conn->guard;
    if (guard->proxied)
        return true;
    size_t taken = conn->sock->bytes_written - guard->written;
    guard->written = conn->sock->bytes_written;
    guard->control_full_ns -= (int64_t)(taken / GUARD_CONTROL_BYTES_A_POINT) * control_rule.interval_ns;
    return points <= GUARD_CONTROL_BURST &&
           fr_bucket_take(&guard->control_full_ns, &control_rule, points, fr_clock_monotonic_ns()).allowed;
}

/* Before h2o reads them; FR_CUT_NONE if it may. `begun`: h2o speaks HTTP/2 already. */
static enum fr_cut look_at_frames(struct fr_conn *conn, bool begun)
{
    struct fr_guard *guard = &conn->guard;
    h2o_buffer_t *input = conn->sock->input;
    struct fr_frame_context context = {0};
    struct fr_frame_batch batch;
    if (begun) {
        context.max_stream_id = fr_h2_max_stream_id(conn->sock);
        context.header_block = fr_h2_header_block(conn->sock);
        memcpy(context.refused, guard->refused, sizeof context.refused);
        context.body_size = fr_h2_body_size;
        context.arg = conn->sock;
    }
    input->size = fr_frames_read((uint8_t *)input->bytes, input->size, &context, &batch);
    if (batch.dropped > 0)
        fr_h2_give_back_window(conn->sock, batch.dropped);
    guard->opened += batch.requests;
    guard->bodies |= batch.body;
    if (batch.headers_too_large)
        return FR_CUT_HEADERS;
    int64_t resets_left =
        fr_bucket_take(&guard->resets_full_ns, &resets_rule, 0, fr_clock_monotonic_ns()).remaining;
    if (!guard->proxied && batch.resets > resets_left)
        return FR_CUT_RESETS;
    return take_control(conn, batch.control_points) ? FR_CUT_NONE : FR_CUT_CONTROL_FRAMES;
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct fr_conn *conn = sock->on_close.data;
    struct fr_guard *guard = &conn->guard;
    if (err == NULL && guard->cut != FR_CUT_NONE) {
        h2o_buffer_consume(&sock->input, sock->input->size);
        return;
    }
    if (err == NULL) {
        fr_http_loop_touch(conn->home);
        bool h2 = fr_h2_speaks(sock);
        enum fr_cut why = h2 || begins_h2(sock) ? look_at_frames(conn, h2) : FR_CUT_NONE;
        if (why != FR_CUT_NONE) {
            fr_guard_cut(conn, why);
            h2o_buffer_consume(&sock->input, sock->input->size);
            return;
        }
        if (!h2 && !look_at_head(conn))
            return;
        later(conn);
    }
    guard->inner(sock, err);
}

static void on_handshake_read(h2o_socket_t *sock, const char *err)
{
    struct fr_conn *conn = sock->on_close.data;
    later(conn);
    conn->guard.inner(sock, err);
}

/* ---- requests ---- */

void fr_guard_request_begins(struct fr_conn *conn)
{
    conn->guard.begun++;
    conn->guard.head = (struct fr_head_scan){.done = true}; /* until this one is answered */
    conn->guard.receiving_since_ms = 0;
}

static void forget_answer(struct fr_guard *guard, struct fr_request_end *end)
{
    fr_ring_remove(&end->answers);
    guard->untaken -= end->untaken;
}

void fr_guard_request_ends(struct fr_conn *conn, struct fr_request_end *end, bool answered)
{
    struct fr_guard *guard = &conn->guard;
    forget_answer(guard, end);
    if (!answered)
        fr_metric_add(FR_METRIC_REQUESTS_RESET, 1);
    if (conn->upgraded)
        return;
    if (!answered && !take_resets(guard, 1))
        guard->due = FR_CUT_RESETS;
    /* HTTP/1: h2o reads again from now on, with a callback of its own. */
    guard->head = (struct fr_head_scan){0};
    later(conn);
}

void fr_guard_answered(struct fr_request_end *end, size_t len)
{
    struct fr_conn *conn = end->conn;
    struct fr_guard *guard = &conn->guard;
    end->untaken = len;
    end->take_until_ms = fr_clock_monotonic_ms() + settings_of(conn)->idle_timeout +
                         (int64_t)len * 1000 / GUARD_TAKE_BYTES_PER_S;
    guard->untaken += len;
    fr_ring_add(&guard->answers, &end->answers);
    if (guard->untaken > GUARD_UNTAKEN_MAX) {
        guard->due = FR_CUT_SLOW_READER;
        later(conn);
    }
}

void fr_guard_refuses(struct fr_conn *conn, uint32_t stream_id)
{
    struct fr_guard *guard = &conn->guard;
    guard->refused[guard->refused_next++ % FRAME_REFUSED_MAX] = stream_id;
}

void fr_guard_bad_head(struct fr_conn *conn)
{
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_HEADERS, 1);
    if (speaks_h2(conn) && !take_resets(&conn->guard, GUARD_RESETS_OF_BAD_HEAD)) {
        conn->guard.due = FR_CUT_HEADERS;
        later(conn);
    }
}

/* ---- the end of a round ---- */

/* Streams that came and went without a request: h2o refused them. */
static unsigned lost_requests(const struct fr_guard *guard, unsigned unfinished)
{
    unsigned before = guard->unfinished + guard->opened, after = unfinished + guard->begun;
    return before > after ? before - after : 0;
}

static void look_at_h2(struct fr_conn *conn)
{
    struct fr_guard *guard = &conn->guard;
    h2o_socket_t *sock = conn->sock;
    if (guard->bodies) {
        unsigned refused = fr_h2_refuse_bodies(sock);
        fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_BODY, refused);
        guard->begun += refused;
    }
    guard->bodies = false;
    unsigned unfinished = fr_h2_unfinished(sock);
    if (conn->home->phase == HTTP_SERVING && !take_resets(guard, lost_requests(guard, unfinished)))
        guard->due = FR_CUT_RESETS;
    guard->unfinished = unfinished;
    guard->opened = guard->begun = 0;
    if (fr_h2_backlog(sock) > GUARD_BACKLOG_MAX)
        guard->due = FR_CUT_BACKLOG;
}

static bool is_receiving(const struct fr_conn *conn, bool h2)
{
    if (h2)
        return conn->guard.unfinished > 0 || fr_h2_header_block(conn->sock) > 0 ||
               fr_h2_partial(conn->sock) > 0;
    return conn->requests == 0 && conn->sock->input->size > 0;
}

/* Starts and stops the time that a client has for a request. */
static void look_at_receiving(struct fr_conn *conn, bool h2)
{
    struct fr_guard *guard = &conn->guard;
    bool receiving = is_receiving(conn, h2);
    if (receiving && guard->receiving_since_ms == 0) {
        guard->receiving_since_ms = fr_clock_monotonic_ms();
        fr_timer_start(conn->home->state.loop, &guard->timer, settings_of(conn)->request_timeout, on_timer);
    } else if (!receiving && h2) {
        guard->receiving_since_ms = 0;
    }
}

static void look_at(struct fr_conn *conn)
{
    struct fr_guard *guard = &conn->guard;
    if (guard->cut != FR_CUT_NONE || conn->upgraded)
        return;
    put_in_front(conn, on_read);
    bool h2 = fr_h2_speaks(conn->sock);
    if (h2)
        look_at_h2(conn);
    else if (conn->requests == 0 && !look_at_head(conn))
        return;
    look_at_receiving(conn, h2);
    if (guard->due != FR_CUT_NONE)
        fr_guard_cut(conn, guard->due);
}

/* While h2o writes its part it reads nothing; then it reads the client's, or as the protocol that was agreed
 * on. */
static void look_at_handshake(struct fr_conn *conn)
{
    struct fr_guard *guard = &conn->guard;
    h2o_socket_cb reads = conn->sock->_cb.read;
    if (reads == NULL) {
        fr_ring_add(&conn->home->handshakes, &guard->later);
    } else if (reads == guard->inner || reads == on_handshake_read) {
        put_in_front(conn, on_handshake_read);
    } else {
        guard->in_handshake = false;
        look_at(conn);
    }
}

/* Connections that were upgraded from HTTP/1 to HTTP/2. */
static bool look_at_new(h2o_socket_t *sock)
{
    if (sock->_cb.read == on_read)
        return false;
    look_at(sock->on_close.data);
    return true;
}

void fr_guard_round(struct fr_http_loop *home)
{
    struct fr_ring *rings[] = {&home->handshakes, &home->guarded};
    for (size_t i = 0; i < FR_COUNT_OF(rings); i++) {
        struct fr_ring *last = rings[i]->prev, *at = NULL;
        while (!fr_ring_is_empty(rings[i]) && at != last) {
            at = rings[i]->next;
            struct fr_conn *conn = conn_of_guard(FR_CONTAINER_OF(at, struct fr_guard, later));
            fr_ring_remove(at);
            if (conn->guard.in_handshake)
                look_at_handshake(conn);
            else
                look_at(conn);
        }
    }
    fr_h2_walk_newest(&home->ctx, look_at_new);
}

/* ---- time ---- */

/* The next time to look, from now; below 0: it is cut. */
static int64_t receiving_left(struct fr_conn *conn, int64_t now_ms)
{
    struct fr_guard *guard = &conn->guard;
    int64_t timeout = settings_of(conn)->request_timeout, left = guard->receiving_since_ms + timeout - now_ms;
    if (left > 0)
        return left;
    if (!speaks_h2(conn) || fr_h2_header_block(conn->sock) > 0) {
        fr_guard_cut(conn, FR_CUT_SLOW_REQUEST);
        return -1;
    }
    int64_t age;
    unsigned count = fr_h2_reset_slow(conn->sock, timeout, &age);
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_SLOW_BODY, count);
    guard->unfinished = fr_h2_unfinished(conn->sock);
    if (!take_resets(guard, count)) {
        fr_guard_cut(conn, FR_CUT_RESETS);
        return -1;
    }
    bool partial = fr_h2_partial(conn->sock) > 0;
    if (count == 0 && age < 0 && partial) {
        fr_guard_cut(conn, FR_CUT_SLOW_REQUEST);
        return -1;
    }
    guard->receiving_since_ms = age >= 0 ? now_ms - age : partial ? now_ms : 0;
    return age >= 0 ? timeout - age : timeout;
}

static int64_t taking_left(struct fr_conn *conn, int64_t now_ms)
{
    int64_t left = settings_of(conn)->idle_timeout;
    for (struct fr_ring *at = conn->guard.answers.next; at != &conn->guard.answers; at = at->next) {
        const struct fr_request_end *end = FR_CONTAINER_OF(at, struct fr_request_end, answers);
        left = end->take_until_ms - now_ms < left ? end->take_until_ms - now_ms : left;
    }
    return left;
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_guard *guard = FR_CONTAINER_OF(timer, struct fr_guard, timer);
    struct fr_conn *conn = conn_of_guard(guard);
    int64_t now_ms = fr_clock_monotonic_ms(), left = settings_of(conn)->idle_timeout;
    fr_http_loop_touch(conn->home);
    if (guard->cut != FR_CUT_NONE) {
        shut(conn, false);
        return;
    }
    if (guard->receiving_since_ms != 0)
        left = receiving_left(conn, now_ms);
    if (left > 0 && !fr_ring_is_empty(&guard->answers)) {
        int64_t taking = taking_left(conn, now_ms);
        left = taking < left ? taking : left;
        if (taking <= 0)
            fr_guard_cut(conn, FR_CUT_SLOW_READER);
    } else if (left > 0 && conn->requests == 0 && guard->receiving_since_ms == 0 && !speaks_h2(conn)) {
        /* On HTTP/2 h2o sees to it, with a word to the client. */
        int64_t idle = conn->quiet_since_ms + settings_of(conn)->idle_timeout - now_ms;
        left = idle < left ? idle : left;
        if (idle <= 0)
            fr_guard_cut(conn, FR_CUT_IDLE);
    }
    if (guard->cut == FR_CUT_NONE)
        fr_timer_start(conn->home->state.loop, timer, left > 0 ? left : 1, on_timer);
}
