#include "http/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "delivery/delivery.h"
#include "http/http2_reset.h"
#include "log/log.h"
#include "metrics/metrics.h"

/* ---- states ---- */

enum happening {
    BEGUN, /* the call is answered */
    END,   /* nothing more will be queued */
    OVER,  /* the request is gone, or will never be answered by us */
};
enum { HAPPENINGS = OVER + 1, STATES = FR_STREAM_GONE + 1 };

static const enum fr_stream_state transitions[STATES][HAPPENINGS] = {
    [FR_STREAM_WAITING] = {FR_STREAM_OPEN, FR_STREAM_WAITING, FR_STREAM_GONE},
    [FR_STREAM_OPEN] = {FR_STREAM_OPEN, FR_STREAM_ENDING, FR_STREAM_GONE},
    [FR_STREAM_ENDING] = {FR_STREAM_ENDING, FR_STREAM_ENDING, FR_STREAM_GONE},
    [FR_STREAM_GONE] = {FR_STREAM_GONE, FR_STREAM_GONE, FR_STREAM_GONE},
};

static void on_timer(struct fr_timer *timer);
static void on_flush(struct fr_task *task);

/* A build for tests has little patience when told so, */
static int64_t patience(int64_t ms)
{
    return fr_fault_armed("short-stream-times") ? ms / 50 : ms;
}

/* or much. */
static int64_t heartbeat_ms(void)
{
    return fr_fault_armed("hourly-heartbeats") ? 3600000 : patience(FR_STREAM_HEARTBEAT_MS);
}

static size_t shared_len(const struct fr_frame *frame)
{
    return frame != NULL ? fr_frame_payload(frame).len : 0;
}

static size_t weight_of(const struct fr_stream_piece *piece)
{
    return sizeof *piece + piece->len + shared_len(piece->body);
}

/* How many bytes do not wait any more. */
static size_t free_piece(struct fr_stream_piece *piece)
{
    size_t weight = weight_of(piece);
    fr_frame_release(piece->body);
    free(piece);
    return weight;
}

static void drop_first(struct fr_stream *stream)
{
    struct fr_stream_piece *piece = stream->queue;
    stream->queue = piece->next;
    if (stream->queue == NULL)
        stream->queue_end = &stream->queue;
    fr_outqueue_wrote(&stream->waiting, stream->rule, free_piece(piece));
}

/* Only what a send has left over is worth counting: of most pieces nothing is. */
static void count_waiting(struct fr_stream *stream)
{
    if (stream->counted == stream->waiting.bytes)
        return;
    fr_metric_add(FR_METRIC_LIVE_QUEUE_BYTES, (int64_t)stream->waiting.bytes - (int64_t)stream->counted);
    stream->counted = stream->waiting.bytes;
}

static void enter_gone(struct fr_stream *stream)
{
    fr_watch_stop(&stream->client);
    fr_timer_stop(&stream->timer);
    fr_timer_stop(&stream->slow);
    fr_task_cancel(&stream->flush);
    stream->req = NULL;
    while (stream->queue != NULL)
        drop_first(stream);
    count_waiting(stream);
    stream->verbs->gone(stream);
}

static void happen(struct fr_stream *stream, enum happening what)
{
    enum fr_stream_state before = stream->state;
    stream->state = transitions[before][what];
    if (stream->state == before)
        return;
    switch (stream->state) {
    case FR_STREAM_WAITING:
        return;
    case FR_STREAM_OPEN:
        fr_timer_start(stream->home->state.loop, &stream->timer, heartbeat_ms(), on_timer);
        return;
    case FR_STREAM_ENDING:
        fr_watch_stop(&stream->client);
        fr_timer_stop(&stream->slow);
        fr_timer_start(stream->home->state.loop, &stream->timer, patience(FR_STREAM_ENDING_MS), on_timer);
        return;
    case FR_STREAM_GONE:
        enter_gone(stream);
        return;
    }
}

/* ---- the client's speed ---- */

static void watch_speed(struct fr_stream *stream);

static void on_slow(struct fr_timer *timer)
{
    struct fr_stream *stream = FR_CONTAINER_OF(timer, struct fr_stream, slow);
    fr_http_loop_touch(stream->home);
    if (fr_outqueue_deadline_ms(&stream->waiting, stream->rule) > fr_clock_monotonic_ms())
        watch_speed(stream);
    else
        stream->verbs->too_slow(stream);
}

/* The timer is left alone when the deadline moves away: it looks again when it fires. */
static void watch_speed(struct fr_stream *stream)
{
    int64_t deadline = fr_outqueue_deadline_ms(&stream->waiting, stream->rule);
    if (deadline == INT64_MAX || stream->state != FR_STREAM_OPEN || fr_timer_is_queued(&stream->slow))
        return;
    fr_timer_start(stream->home->state.loop, &stream->slow, deadline - fr_clock_monotonic_ms(), on_slow);
}

/* ---- the client goes ---- */

static void on_client_end(struct fr_watch *watch, unsigned events)
{
    struct fr_stream *stream = FR_CONTAINER_OF(watch, struct fr_stream, client);
    fr_http_loop_touch(stream->home);
    fr_watch_stop(watch);
    stream->verbs->left(stream);
}

/* While h2o answers a request of HTTP/1 it does not read, and what came behind the request has to stay
 * unread, since that is how clients are held back who ask faster than they are answered. So it is not reading
 * that tells us of the client's end. */
static void watch_client(struct fr_stream *stream)
{
    struct fr_error error;
    int fd = h2o_socket_get_fd(fr_stream_socket(stream));
    if (fr_watch_start(stream->home->state.loop, &stream->client, fd, FR_WATCH_HANGUP, on_client_end,
                       &error) != FR_OK)
        FR_LOG_DEBUG("a stream's client is not watched: heartbeats will tell", FR_KV_ERROR(&error));
}

/* ---- sending ---- */

static void flush_later(struct fr_stream *stream)
{
    fr_task_defer(stream->home->state.loop, &stream->flush, on_flush);
    fr_http_loop_touch(stream->home);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct fr_stream *stream = FR_CONTAINER_OF(generator, struct fr_stream, generator);
    for (; stream->in_flight > 0; stream->in_flight--)
        drop_first(stream);
    stream->sending = false;
    count_waiting(stream);
    if (stream->queue != NULL || stream->state == FR_STREAM_ENDING)
        flush_later(stream);
}

static size_t put_piece(const struct fr_stream *stream, const struct fr_stream_piece *piece,
                        h2o_iovec_t *vectors)
{
    size_t count = 0;
    if (piece->len > 0)
        vectors[count++] = h2o_iovec_init(piece->bytes, piece->len);
    if (piece->body != NULL) {
        struct fr_str body = fr_frame_payload(piece->body);
        vectors[count++] = h2o_iovec_init(body.data, body.len);
    }
    if (piece->terminated && stream->format->behind.len > 0)
        vectors[count++] = h2o_iovec_init(stream->format->behind.data, stream->format->behind.len);
    return count;
}

/* One send for all that is queued; never two at a time. The stream may be gone afterwards. */
static void on_flush(struct fr_task *task)
{
    struct fr_stream *stream = FR_CONTAINER_OF(task, struct fr_stream, flush);
    if (stream->req == NULL || stream->sending || stream->final_sent) {
        count_waiting(stream);
        return;
    }
    /* Sending nothing would mean the end to HTTP/1; only a head may go alone. */
    if (stream->queue == NULL && stream->begun && stream->state != FR_STREAM_ENDING)
        return;
    h2o_iovec_t vectors[3 * FR_STREAM_SEND_PIECES];
    size_t count = 0;
    struct fr_stream_piece *piece = stream->queue;
    for (; piece != NULL && stream->in_flight < FR_STREAM_SEND_PIECES; piece = piece->next) {
        count += put_piece(stream, piece, vectors + count);
        stream->in_flight++;
    }
    stream->begun = true;
    stream->sending = true;
    stream->final_sent = stream->state == FR_STREAM_ENDING && piece == NULL;
    if (stream->in_flight > 0)
        fr_outqueue_write(&stream->waiting, fr_clock_monotonic_ms());
    h2o_send(stream->req, vectors, count,
             stream->final_sent ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void push(struct fr_stream *stream, struct fr_stream_piece *piece)
{
    fr_outqueue_add(&stream->waiting, stream->rule, weight_of(piece), fr_clock_monotonic_ms());
    *stream->queue_end = piece;
    stream->queue_end = &piece->next;
    flush_later(stream);
    watch_speed(stream);
}

/* Bytes that are no envelope. */
static void push_note(struct fr_stream *stream, struct fr_str note)
{
    struct fr_stream_piece *piece = fr_alloc(sizeof *piece + note.len);
    piece->len = (uint16_t)note.len;
    memcpy(piece->bytes, note.data, note.len);
    push(stream, piece);
}

enum fr_status fr_stream_send(struct fr_stream *stream, const struct fr_message *message)
{
    assert(message->head.len <= FR_ENVELOPE_HEAD_MAX);
    if (stream->state != FR_STREAM_OPEN)
        return FR_CANCELLED;
    char prefix[FR_STREAM_PREFIX_MAX];
    size_t shared = shared_len(message->body);
    size_t prefix_len = fr_stream_prefix(prefix, stream->format, message->type, message->cursor,
                                         message->reconnect_after_ms, message->head.len + shared);
    size_t own = prefix_len + message->head.len;
    if (message->type != FR_ENVELOPE_BYE &&
        !fr_outqueue_has_room(&stream->waiting, stream->rule, sizeof(struct fr_stream_piece) + own + shared))
        return FR_FULL;
    struct fr_stream_piece *piece = fr_alloc(sizeof *piece + own);
    memcpy(piece->bytes, prefix, prefix_len);
    if (message->head.len > 0)
        memcpy(piece->bytes + prefix_len, message->head.data, message->head.len);
    piece->len = (uint16_t)own;
    piece->body = message->body != NULL ? fr_frame_hold(message->body) : NULL;
    piece->terminated = true;
    push(stream, piece);
    return FR_OK;
}

/* ---- its end ---- */

void fr_stream_drop(struct fr_stream *stream)
{
    struct fr_stream_piece **at = &stream->queue;
    for (unsigned i = 0; i < stream->in_flight; i++)
        at = &(*at)->next;
    struct fr_stream_piece *waiting = *at;
    *at = NULL;
    stream->queue_end = at;
    while (waiting != NULL) {
        struct fr_stream_piece *piece = waiting;
        waiting = piece->next;
        fr_outqueue_dropped(&stream->waiting, stream->rule, free_piece(piece));
    }
}

void fr_stream_end(struct fr_stream *stream)
{
    if (stream->state != FR_STREAM_OPEN)
        return;
    happen(stream, END);
    flush_later(stream);
}

void fr_stream_abort(struct fr_stream *stream)
{
    fr_http_loop_touch(stream->home);
    h2o_req_t *req = stream->req;
    if (req == NULL) {
        happen(stream, OVER);
        return;
    }
    /* Its end comes by on_request_over(). */
    fr_timer_stop(&stream->timer);
    if (req->version >= 0x200) {
        fr_http2_reset(req);
        return;
    }
    req->http1_is_persistent = 0;
    shutdown(h2o_socket_get_fd(fr_stream_socket(stream)), SHUT_RDWR);
    /* Only a write finds that out. */
    happen(stream, END);
    flush_later(stream);
}

static void on_abort(struct fr_timer *timer)
{
    fr_stream_abort(FR_CONTAINER_OF(timer, struct fr_stream, timer));
}

void fr_stream_abort_later(struct fr_stream *stream)
{
    if (stream->state != FR_STREAM_GONE)
        fr_timer_start(stream->home->state.loop, &stream->timer, 0, on_abort);
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_stream *stream = FR_CONTAINER_OF(timer, struct fr_stream, timer);
    if (stream->state != FR_STREAM_OPEN) {
        fr_stream_abort(stream);
        return;
    }
    /* What waits already will tell the client as well that we are there. */
    if (stream->queue == NULL)
        push_note(stream, stream->format->heartbeat);
    fr_timer_start(stream->home->state.loop, timer, heartbeat_ms(), on_timer);
}

/* ---- its beginning ---- */

/* In the request's pool; goes with it. */
struct request_over {
    struct fr_stream *stream;
};

static void on_request_over(void *block)
{
    struct fr_stream *stream = ((struct request_over *)block)->stream;
    fr_http_loop_touch(stream->home);
    happen(stream, OVER);
}

void fr_stream_init(struct fr_stream *stream, struct fr_http_loop *home,
                    const struct fr_stream_format *format, const struct fr_stream_verbs *verbs)
{
    *stream = (struct fr_stream){
        .verbs = verbs, .format = format, .rule = &home->server->outqueue_rule, .home = home};
    stream->queue_end = &stream->queue;
    stream->generator.proceed = on_proceed;
    fr_timer_start(home->state.loop, &stream->timer, FR_STREAM_WAITING_MS, on_timer);
}

void fr_stream_begin(struct fr_stream *stream, struct fr_call *call)
{
    h2o_req_t *req = fr_call_begin_stream(call, stream->format->content_type);
    stream->req = req;
    struct request_over *over = h2o_mem_alloc_shared(&req->pool, sizeof *over, on_request_over);
    over->stream = stream;
    h2o_start_response(req, &stream->generator);
    happen(stream, BEGUN);
    if (req->version < 0x200)
        watch_client(stream);
    if (stream->format->opening.len > 0)
        push_note(stream, stream->format->opening);
    flush_later(stream); /* the head, whatever is behind it */
}

h2o_socket_t *fr_stream_socket(const struct fr_stream *stream)
{
    return stream->req != NULL ? stream->req->conn->callbacks->get_socket(stream->req->conn) : NULL;
}
