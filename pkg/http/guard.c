/* Connections come, are looked at in front of h2o, and go; guard_internal.h names the other parts. */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/guard_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"

static void on_read(h2o_socket_t *sock, const char *err);
static void on_handshake_read(h2o_socket_t *sock, const char *err);

/* ---- a connection comes and goes ---- */

static void refuse(enum fr_refused_connection why)
{
    fr_metric_add_by(FR_METRIC_CONNECTIONS_REFUSED, why, 1);
}

bool fr_guard_admit(struct fr_conn *conn)
{
    struct fr_server *server = conn->home->server;
    const struct fr_settings *settings = server->options.settings;
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    if (atomic_load(&server->connections) >= settings->connections_max) {
        refuse(FR_REFUSED_PROCESS);
        return false;
    }
    if (getpeername(h2o_socket_get_fd(conn->sock), (struct sockaddr *)&peer, &len) == 0)
        conn->peer = fr_client_address_of((const struct sockaddr *)&peer);
    conn->proxied = fr_networks_have(server->proxies, &conn->peer);
    if (settings->connections_per_address > 0 && !conn->proxied) {
        struct fr_client_address site = fr_client_address_site(&conn->peer);
        conn->counted = fr_address_count_enter(server->addresses, &site, settings->connections_per_address);
        if (!conn->counted) {
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
        conn->guard->inner = sock->_cb.read;
        sock->_cb.read = callback;
    }
}

void fr_guard_look_later(struct fr_conn *conn)
{
    struct fr_guard *guard = conn->guard;
    if (fr_ring_is_empty(&guard->later))
        fr_ring_add(&conn->home->guarded, &guard->later);
}

void fr_guard_watch(struct fr_conn *conn, bool tls)
{
    struct fr_guard *guard = conn->guard = FR_NEW(struct fr_guard);
    guard->conn = conn;
    guard->linger_fd = -1;
    guard->quiet_since_ms = guard->receiving_since_ms = fr_clock_monotonic_ms();
    fr_ring_init(&guard->later);
    fr_ring_init(&guard->answers);
    fr_guard_time_look_in(conn, fr_guard_settings(conn)->request_timeout);
    guard->in_handshake = tls;
    put_in_front(conn, tls ? on_handshake_read : on_read);
}

static void free_guard(struct fr_conn *conn)
{
    struct fr_guard *guard = conn->guard;
    conn->guard = NULL;
    assert(fr_ring_is_empty(&guard->answers));
    fr_timer_stop(&guard->timer);
    fr_ring_remove(&guard->later);
    free(guard->last_words);
    free(guard);
}

void fr_guard_upgraded(struct fr_conn *conn)
{
    if (conn->guard->linger_fd >= 0)
        close(conn->guard->linger_fd);
    free_guard(conn);
}

void fr_guard_closed(struct fr_conn *conn)
{
    if (conn->guard != NULL) {
        assert(conn->guard->requests == 0);
        if (conn->guard->linger_fd >= 0)
            fr_http_linger_begin(conn->home, conn->guard->linger_fd);
        free_guard(conn);
    }
    if (conn->counted) {
        struct fr_client_address site = fr_client_address_site(&conn->peer);
        fr_address_count_leave(conn->home->server->addresses, &site);
    }
}

void fr_guard_abandon(struct fr_conn *conn)
{
    if (conn->guard != NULL)
        fr_timer_stop(&conn->guard->timer);
}

/* ---- cutting ---- */

void fr_guard_shut(struct fr_conn *conn, bool gently)
{
    const struct linger none = {.l_onoff = 1};
    int fd = h2o_socket_get_fd(conn->sock);
    if (!gently)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    shutdown(fd, SHUT_RDWR);
}

bool fr_guard_speaks_h2(const struct fr_conn *conn)
{
    return !conn->guard->in_handshake && fr_h2_speaks(conn->sock);
}

static void count_cut(struct fr_conn *conn, enum fr_cut why)
{
    char peer[FR_CLIENT_ADDRESS_TEXT_SIZE];
    conn->guard->cut = why;
    fr_metric_add_by(FR_METRIC_CONNECTIONS_CUT, (int)why, 1);
    FR_LOG_DEBUG("connection cut", FR_KV_TEXT("reason", FR_CUT_TEXTS[why]),
                 FR_KV_TEXT("peer", fr_client_address_format(&conn->peer, peer)));
}

void fr_guard_cut(struct fr_conn *conn, enum fr_cut why)
{
    struct fr_guard *guard = conn->guard;
    if (guard->cut != FR_CUT_NONE)
        return;
    count_cut(conn, why);
    if (!fr_guard_speaks_h2(conn)) {
        fr_guard_shut(conn, why == FR_CUT_IDLE);
        return;
    }
    fr_http_linger_prepare(conn);
    fr_h2_go_away(conn->sock);
    /* A client that takes nothing does not take this either. */
    fr_guard_time_look_in(conn, GUARD_LAST_WORDS_MS);
    fr_http_loop_touch(conn->home);
}

/* ---- what comes, before h2o reads it ---- */

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct fr_conn *conn = sock->on_close.data;
    struct fr_guard *guard = conn->guard;
    if (err == NULL && guard->cut != FR_CUT_NONE) {
        h2o_buffer_consume(&sock->input, sock->input->size);
        return;
    }
    if (err == NULL) {
        fr_http_loop_touch(conn->home);
        bool h2 = fr_h2_speaks(sock);
        enum fr_cut why = h2 || fr_guard_http1_begins_h2(sock) ? fr_guard_http2_read(conn, h2) : FR_CUT_NONE;
        if (why != FR_CUT_NONE) {
            fr_guard_cut(conn, why);
            h2o_buffer_consume(&sock->input, sock->input->size);
            return;
        }
        if (!h2 && !fr_guard_http1_look(conn))
            return;
        fr_guard_look_later(conn);
    }
    guard->inner(sock, err);
}

static void on_handshake_read(h2o_socket_t *sock, const char *err)
{
    struct fr_conn *conn = sock->on_close.data;
    fr_guard_look_later(conn);
    conn->guard->inner(sock, err);
}

/* ---- requests ---- */

void fr_guard_request_begins(struct fr_conn *conn)
{
    struct fr_guard *guard = conn->guard;
    guard->requests++;
    guard->begun++;
    guard->head = (struct fr_head_scan){.done = true}; /* until this one is answered */
    guard->receiving_since_ms = 0;
}

static void forget_answer(struct fr_guard *guard, struct fr_request_end *end)
{
    fr_ring_remove(&end->answers);
    guard->untaken -= end->untaken;
}

void fr_guard_request_ends(struct fr_conn *conn, struct fr_request_end *end, bool answered)
{
    struct fr_guard *guard = conn->guard;
    if (guard == NULL) /* it was upgraded */
        return;
    guard->requests--;
    guard->quiet_since_ms = fr_clock_monotonic_ms();
    forget_answer(guard, end);
    if (!answered)
        fr_metric_add(FR_METRIC_REQUESTS_RESET, 1);
    if (!answered && !fr_guard_http2_take_resets(guard, 1))
        guard->due = FR_CUT_RESETS;
    /* HTTP/1: h2o reads again from now on, with a callback of its own. */
    guard->head = (struct fr_head_scan){0};
    fr_guard_look_later(conn);
}

void fr_guard_answered(struct fr_request_end *end, size_t len)
{
    struct fr_conn *conn = end->conn;
    struct fr_guard *guard = conn->guard;
    end->untaken = len;
    end->take_until_ms = fr_clock_monotonic_ms() + fr_guard_settings(conn)->idle_timeout +
                         (int64_t)len * 1000 / GUARD_TAKE_BYTES_PER_S;
    guard->untaken += len;
    fr_ring_add(&guard->answers, &end->answers);
    if (guard->untaken > GUARD_UNTAKEN_MAX) {
        guard->due = FR_CUT_SLOW_READER;
        fr_guard_look_later(conn);
    }
}

void fr_guard_refuses(struct fr_conn *conn, uint32_t stream_id)
{
    struct fr_guard *guard = conn->guard;
    guard->refused[guard->refused_next++ % FRAME_REFUSED_MAX] = stream_id;
}

void fr_guard_bad_head(struct fr_conn *conn)
{
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_HEADERS, 1);
    if (fr_guard_speaks_h2(conn) && !fr_guard_http2_take_resets(conn->guard, GUARD_RESETS_OF_BAD_HEAD)) {
        conn->guard->due = FR_CUT_HEADERS;
        fr_guard_look_later(conn);
    }
}

/* ---- the end of a round ---- */

static void look_at(struct fr_conn *conn)
{
    struct fr_guard *guard = conn->guard;
    if (guard->cut != FR_CUT_NONE)
        return;
    put_in_front(conn, on_read);
    bool h2 = fr_h2_speaks(conn->sock);
    if (h2)
        fr_guard_http2_look(conn);
    else if (guard->requests == 0 && !fr_guard_http1_look(conn))
        return;
    fr_guard_time_receiving(conn, h2);
    if (guard->due != FR_CUT_NONE)
        fr_guard_cut(conn, guard->due);
}

/* While h2o writes its part it reads nothing; then it reads the client's, or as the protocol that was agreed
 * on. */
static void look_at_handshake(struct fr_conn *conn)
{
    struct fr_guard *guard = conn->guard;
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
            const struct fr_guard *guard = FR_CONTAINER_OF(at, struct fr_guard, later);
            fr_ring_remove(at);
            if (guard->in_handshake)
                look_at_handshake(guard->conn);
            else
                look_at(guard->conn);
        }
    }
    fr_h2_walk_newest(&home->ctx, look_at_new);
}
