/* What takes too long: a request that comes in pieces, an answer that is not taken, nothing at all. */
#include "http/guard_internal.h"
#include "metrics/metrics.h"

static void on_timer(struct fr_timer *timer);

void fr_guard_time_look_in(struct fr_conn *conn, int64_t ms)
{
    fr_timer_start(conn->home->state.loop, &conn->guard->timer, ms, on_timer);
}

/* ---- requests that come in pieces ---- */

static bool is_receiving(const struct fr_conn *conn, bool h2)
{
    const struct fr_guard *guard = conn->guard;
    if (h2)
        return guard->unfinished > 0 || fr_h2_header_block(conn->sock) > 0 || fr_h2_partial(conn->sock) > 0;
    return guard->requests == 0 && conn->sock->input->size > 0;
}

void fr_guard_time_receiving(struct fr_conn *conn, bool h2)
{
    struct fr_guard *guard = conn->guard;
    bool receiving = is_receiving(conn, h2);
    if (receiving && guard->receiving_since_ms == 0) {
        guard->receiving_since_ms = fr_clock_monotonic_ms();
        fr_guard_time_look_in(conn, fr_guard_settings(conn)->request_timeout);
    } else if (!receiving && h2) {
        guard->receiving_since_ms = 0;
    }
}

/* The next time to look, from now; below 0: it is cut. */
static int64_t receiving_left(struct fr_conn *conn, int64_t now_ms)
{
    struct fr_guard *guard = conn->guard;
    int64_t timeout = fr_guard_settings(conn)->request_timeout,
            left = guard->receiving_since_ms + timeout - now_ms;
    if (left > 0)
        return left;
    if (!fr_guard_speaks_h2(conn) || fr_h2_header_block(conn->sock) > 0) {
        fr_guard_cut(conn, FR_CUT_SLOW_REQUEST);
        return -1;
    }
    int64_t age;
    unsigned count = fr_h2_reset_slow(conn->sock, timeout, &age);
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_SLOW_BODY, count);
    guard->unfinished = fr_h2_unfinished(conn->sock);
    if (!fr_guard_http2_take_resets(guard, count)) {
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
    int64_t left = fr_guard_settings(conn)->idle_timeout;
    for (struct fr_ring *at = conn->guard->answers.next; at != &conn->guard->answers; at = at->next) {
        const struct fr_request_end *end = FR_CONTAINER_OF(at, struct fr_request_end, answers);
        left = end->take_until_ms - now_ms < left ? end->take_until_ms - now_ms : left;
    }
    return left;
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_guard *guard = FR_CONTAINER_OF(timer, struct fr_guard, timer);
    struct fr_conn *conn = guard->conn;
    int64_t now_ms = fr_clock_monotonic_ms(), left = fr_guard_settings(conn)->idle_timeout;
    fr_http_loop_touch(conn->home);
    if (guard->cut != FR_CUT_NONE) {
        fr_guard_shut(conn, false);
        return;
    }
    if (guard->receiving_since_ms != 0)
        left = receiving_left(conn, now_ms);
    if (left > 0 && !fr_ring_is_empty(&guard->answers)) {
        int64_t taking = taking_left(conn, now_ms);
        left = taking < left ? taking : left;
        if (taking <= 0)
            fr_guard_cut(conn, FR_CUT_SLOW_READER);
    } else if (left > 0 && guard->requests == 0 && guard->receiving_since_ms == 0 &&
               !fr_guard_speaks_h2(conn)) {
        /* On HTTP/2 h2o sees to it, with a word to the client. */
        int64_t idle = guard->quiet_since_ms + fr_guard_settings(conn)->idle_timeout - now_ms;
        left = idle < left ? idle : left;
        if (idle <= 0)
            fr_guard_cut(conn, FR_CUT_IDLE);
    }
    if (guard->cut == FR_CUT_NONE)
        fr_guard_time_look_in(conn, left > 0 ? left : 1);
}
