/* What HTTP/2 sends: its frames before h2o reads them, and what they came to when the round ends. */
#include "http/guard_internal.h"
#include "http/rate.h"
#include "metrics/metrics.h"

static const struct fr_bucket_rule resets_rule = {1000000000 / GUARD_RESETS_PER_S, GUARD_RESETS_BURST};
static const struct fr_bucket_rule control_rule = {1000000000 / GUARD_CONTROL_PER_S, GUARD_CONTROL_BURST};

/* A trusted proxy's connection is that of many clients: it has to see to them itself. */
bool fr_guard_http2_take_resets(struct fr_guard *guard, unsigned count)
{
    if (guard->conn->proxied)
        return true;
    int64_t now_ns = fr_clock_monotonic_ns();
    return count == 0 || (count <= GUARD_RESETS_BURST &&
                          fr_bucket_take(&guard->resets_full_ns, &resets_rule, count, now_ns).allowed);
}

/* Frames that are answered, or that cost, against what there was to talk about. */
static bool take_control(struct fr_conn *conn, unsigned points)
{
    struct fr_guard *guard = conn->guard;
    if (guard->conn->proxied)
        return true;
    size_t taken = conn->sock->bytes_written - guard->written;
    guard->written = conn->sock->bytes_written;
    guard->control_full_ns -= (int64_t)(taken / GUARD_CONTROL_BYTES_A_POINT) * control_rule.interval_ns;
    return points <= GUARD_CONTROL_BURST &&
           fr_bucket_take(&guard->control_full_ns, &control_rule, points, fr_clock_monotonic_ns()).allowed;
}

enum fr_cut fr_guard_http2_read(struct fr_conn *conn, bool begun)
{
    struct fr_guard *guard = conn->guard;
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
    if (!guard->conn->proxied && batch.resets > resets_left)
        return FR_CUT_RESETS;
    return take_control(conn, batch.control_points) ? FR_CUT_NONE : FR_CUT_CONTROL_FRAMES;
}

/* Streams that came and went without a request: h2o refused them. */
static unsigned lost_requests(const struct fr_guard *guard, unsigned unfinished)
{
    unsigned before = guard->unfinished + guard->opened, after = unfinished + guard->begun;
    return before > after ? before - after : 0;
}

void fr_guard_http2_look(struct fr_conn *conn)
{
    struct fr_guard *guard = conn->guard;
    h2o_socket_t *sock = conn->sock;
    if (guard->bodies) {
        unsigned refused = fr_h2_refuse_bodies(sock);
        fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, FR_LIMITED_BODY, refused);
        guard->begun += refused;
    }
    guard->bodies = false;
    unsigned unfinished = fr_h2_unfinished(sock);
    if (conn->home->phase == HTTP_SERVING &&
        !fr_guard_http2_take_resets(guard, lost_requests(guard, unfinished)))
        guard->due = FR_CUT_RESETS;
    guard->unfinished = unfinished;
    guard->opened = guard->begun = 0;
    if (fr_h2_backlog(sock) > GUARD_BACKLOG_MAX)
        guard->due = FR_CUT_BACKLOG;
}
