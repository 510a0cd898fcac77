#include "http/ws_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "delivery/delivery.h"

/* ---- states ---- */

enum happening {
    ATTACHED,    /* the socket is ours */
    WE_CLOSE,    /* our close frame is queued, the peer's has not come */
    WE_FAIL,     /* the same, and what the peer sends means nothing any more (RFC 6455 section 7.1.7) */
    PEER_CLOSES, /* its close frame came */
    LOST,        /* the socket failed, or a deadline passed */
    DONE,        /* nothing is left to write and both have closed */
};
enum { HAPPENINGS = DONE + 1, STATES = FR_WS_CLOSED + 1 };

static const enum fr_ws_state transitions[STATES][HAPPENINGS] = {
    [FR_WS_OPENING] = {FR_WS_OPEN, FR_WS_CLOSING, FR_WS_FAILING, FR_WS_OPENING, FR_WS_CLOSED, FR_WS_OPENING},
    [FR_WS_OPEN] = {FR_WS_OPEN, FR_WS_CLOSING, FR_WS_FAILING, FR_WS_FLUSHING, FR_WS_CLOSED, FR_WS_OPEN},
    [FR_WS_CLOSING] = {FR_WS_CLOSING, FR_WS_CLOSING, FR_WS_FAILING, FR_WS_FLUSHING, FR_WS_CLOSED,
                       FR_WS_CLOSING},
    [FR_WS_FAILING] = {FR_WS_FAILING, FR_WS_FAILING, FR_WS_FAILING, FR_WS_FAILING, FR_WS_CLOSED,
                       FR_WS_FAILING},
    [FR_WS_FLUSHING] = {FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_CLOSED,
                        FR_WS_CLOSED},
    [FR_WS_CLOSED] = {FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED},
};

static void on_timer(struct fr_timer *timer);
static void on_flush(struct fr_task *task);

static size_t shared_len(const struct fr_frame *frame)
{
    return frame != NULL ? fr_frame_payload(frame).len : 0;
}

static void free_entry(struct fr_ws *ws, struct fr_ws_entry *entry)
{
    ws->queue_bytes -= sizeof *entry + entry->len + shared_len(entry->frame);
    fr_frame_release(entry->frame);
    free(entry);
}

static void drop_first(struct fr_ws *ws)
{
    struct fr_ws_entry *entry = ws->queue;
    ws->queue = entry->next;
    if (ws->queue == NULL)
        ws->queue_end = &ws->queue;
    free_entry(ws, entry);
}

static void enter_closed(struct fr_ws *ws)
{
    fr_timer_stop(&ws->timer);
    fr_task_cancel(&ws->flush);
    if (ws->upgrading)
        return; /* fr_ws_attach() comes back to this */
    h2o_socket_t *sock = ws->sock;
    ws->sock = NULL;
    /* Closing first: a write in progress refers to the frames. */
    if (sock != NULL)
        h2o_socket_close(sock);
    while (ws->queue != NULL)
        drop_first(ws);
    ws->verbs->closed(ws);
}

static void happen(struct fr_ws *ws, enum happening what)
{
    enum fr_ws_state before = ws->state;
    ws->state = transitions[before][what];
    if (ws->state == before)
        return;
    switch (ws->state) {
    case FR_WS_OPENING:
        return;
    case FR_WS_OPEN:
        fr_timer_start(ws->home->state.loop, &ws->timer, FR_WS_PING_MS, on_timer);
        return;
    case FR_WS_CLOSING:
    case FR_WS_FAILING:
    case FR_WS_FLUSHING:
        fr_timer_start(ws->home->state.loop, &ws->timer, FR_WS_CLOSE_MS, on_timer);
        return;
    case FR_WS_CLOSED:
        enter_closed(ws);
        return;
    }
}

/* ---- writing ---- */

/* Half closed, so that the peer reads our close frame and then our end, whatever it still has on its way:
 * closing the socket with that unread would be a reset, which can take the frame along. */
static void end_writing_if_failing(struct fr_ws *ws)
{
    if (ws->state == FR_WS_FAILING && ws->queue == NULL)
        shutdown(h2o_socket_get_fd(ws->sock), SHUT_WR);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct fr_ws *ws = sock->data;
    fr_http_loop_touch(ws->home);
    if (err != NULL) {
        happen(ws, LOST);
        return;
    }
    for (; ws->in_flight > 0; ws->in_flight--)
        drop_first(ws);
    if (ws->queue != NULL) {
        fr_task_defer(ws->home->state.loop, &ws->flush, on_flush);
        return;
    }
    end_writing_if_failing(ws);
    happen(ws, DONE);
}

/* One write for all that is queued. */
static void on_flush(struct fr_task *task)
{
    struct fr_ws *ws = FR_CONTAINER_OF(task, struct fr_ws, flush);
    if (ws->sock == NULL || h2o_socket_is_writing(ws->sock) || ws->queue == NULL)
        return;
    h2o_iovec_t vectors[2 * FR_WS_WRITE_FRAMES];
    size_t count = 0;
    unsigned frames = 0;
    for (struct fr_ws_entry *entry = ws->queue; entry != NULL && frames < FR_WS_WRITE_FRAMES;
         entry = entry->next) {
        vectors[count++] = h2o_iovec_init(entry->bytes, entry->len);
        if (entry->frame != NULL) {
            struct fr_str payload = fr_frame_payload(entry->frame);
            vectors[count++] = h2o_iovec_init(payload.data, payload.len);
        }
        frames++;
    }
    ws->in_flight = frames;
    h2o_socket_write(ws->sock, vectors, count, on_written);
}

/* Takes over the caller's hold of `frame`. */
static void push(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head, struct fr_frame *frame)
{
    uint8_t header[FR_WS_HEADER_MAX];
    size_t header_len = fr_ws_write_header(header, opcode, head.len + shared_len(frame));
    struct fr_ws_entry *entry = fr_alloc(sizeof *entry + header_len + head.len);
    entry->frame = frame;
    entry->len = (uint16_t)(header_len + head.len);
    memcpy(entry->bytes, header, header_len);
    if (head.len > 0)
        memcpy(entry->bytes + header_len, head.data, head.len);
    *ws->queue_end = entry;
    ws->queue_end = &entry->next;
    ws->queue_bytes += sizeof *entry + entry->len + shared_len(frame);
    fr_task_defer(ws->home->state.loop, &ws->flush, on_flush);
    fr_http_loop_touch(ws->home);
}

static void push_control(struct fr_ws *ws, enum fr_ws_opcode opcode, const void *payload, size_t len)
{
    push(ws, opcode, (struct fr_str){payload, len}, NULL);
}

enum fr_status fr_ws_send(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                          struct fr_frame *frame)
{
    assert(head.len <= FR_WS_MESSAGE_HEAD_MAX);
    if (ws->close_queued || ws->state > FR_WS_OPEN)
        return FR_CANCELLED;
    /* A write is begun at the end of a tick, and is over by the next one if the socket took it all. */
    bool blocked = ws->sock == NULL || h2o_socket_is_writing(ws->sock);
    size_t bound = blocked ? FR_CONNECTION_QUEUE_BYTES : FR_WS_BURST_BYTES;
    if (ws->queue_bytes + head.len + shared_len(frame) + sizeof(struct fr_ws_entry) > bound)
        return FR_FULL;
    push(ws, opcode, head, frame != NULL ? fr_frame_hold(frame) : NULL);
    return FR_OK;
}

/* ---- closing ---- */

void fr_ws_drop_queued(struct fr_ws *ws)
{
    struct fr_ws_entry **at = &ws->queue;
    for (unsigned i = 0; i < ws->in_flight; i++)
        at = &(*at)->next;
    struct fr_ws_entry *waiting = *at;
    *at = NULL;
    ws->queue_end = at;
    while (waiting != NULL) {
        struct fr_ws_entry *entry = waiting;
        waiting = entry->next;
        free_entry(ws, entry);
    }
}

static void queue_close(struct fr_ws *ws, int code, const char *reason)
{
    if (ws->close_queued)
        return;
    uint8_t payload[FR_WS_CONTROL_MAX];
    size_t len = code != FR_WS_CODE_NO_STATUS ? fr_ws_write_close(payload, code, reason) : 0;
    push_control(ws, FR_WS_CLOSE, payload, len);
    ws->close_queued = true;
}

void fr_ws_close(struct fr_ws *ws, int code, const char *reason, bool drop_queued)
{
    if (ws->state > FR_WS_OPEN)
        return;
    if (drop_queued)
        fr_ws_drop_queued(ws);
    queue_close(ws, code, reason);
    happen(ws, WE_CLOSE);
}

void fr_ws_abort(struct fr_ws *ws)
{
    happen(ws, LOST);
}

static void on_abort(struct fr_timer *timer)
{
    happen(FR_CONTAINER_OF(timer, struct fr_ws, timer), LOST);
}

void fr_ws_abort_later(struct fr_ws *ws)
{
    if (ws->state != FR_WS_CLOSED)
        fr_timer_start(ws->home->state.loop, &ws->timer, 0, on_abort);
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_ws *ws = FR_CONTAINER_OF(timer, struct fr_ws, timer);
    fr_http_loop_touch(ws->home);
    if (ws->state != FR_WS_OPEN || fr_clock_monotonic_ms() - ws->heard_ms >= FR_WS_SILENCE_MS) {
        happen(ws, LOST);
        return;
    }
    push_control(ws, FR_WS_PING, NULL, 0);
    /* The silence is noticed when it is 60 s long, not at the next ping after it. */
    int64_t left = FR_WS_SILENCE_MS - (fr_clock_monotonic_ms() - ws->heard_ms);
    fr_timer_start(ws->home->state.loop, &ws->timer, left < FR_WS_PING_MS ? left : FR_WS_PING_MS, on_timer);
}

/* ---- reading ---- */

static void on_event(struct fr_ws *ws, enum fr_ws_event event, const struct fr_ws_piece *piece)
{
    switch (event) {
    case FR_WS_EVENT_NONE:
    case FR_WS_EVENT_PONG:
        return;
    case FR_WS_EVENT_DATA:
        if (ws->state != FR_WS_OPEN)
            return; /* on its way before the peer saw our close */
        if (ws->verbs->data != NULL)
            ws->verbs->data(ws, piece);
        else
            fr_ws_close(ws, FR_WS_CODE_POLICY, "this connection takes no messages", false);
        return;
    case FR_WS_EVENT_PING:
        /* A peer that pings faster than it reads is cut like any slow one. */
        if (ws->close_queued)
            return;
        if (ws->queue_bytes > FR_CONNECTION_QUEUE_BYTES)
            fr_ws_close(ws, FR_WS_CODE_TOO_SLOW, "too slow", true);
        else
            push_control(ws, FR_WS_PONG, piece->payload.data, piece->payload.len);
        return;
    case FR_WS_EVENT_CLOSE:
        queue_close(ws, piece->code, NULL);
        happen(ws, PEER_CLOSES);
        return;
    case FR_WS_EVENT_ERROR:
        queue_close(ws, piece->code, piece->reason);
        happen(ws, WE_FAIL);
        end_writing_if_failing(ws); /* a close of ours may be out already */
        return;
    }
}

static void take_input(struct fr_ws *ws)
{
    while (ws->state != FR_WS_CLOSED && ws->sock->input->size > 0) {
        if (ws->state == FR_WS_FAILING) {
            h2o_buffer_consume(&ws->sock->input, ws->sock->input->size);
            return;
        }
        struct fr_ws_piece piece;
        size_t used;
        enum fr_ws_event event =
            fr_ws_parse(&ws->parser, (uint8_t *)ws->sock->input->bytes, ws->sock->input->size, &used, &piece);
        /* The piece points into the input, which is consumed after it is told; the event may end the
         * connection. */
        h2o_socket_t *sock = ws->sock;
        on_event(ws, event, &piece);
        if (ws->sock == sock)
            h2o_buffer_consume(&sock->input, used);
    }
    /* Both closes are exchanged and the queue may be empty already. */
    if (ws->state == FR_WS_FLUSHING && ws->queue == NULL)
        happen(ws, DONE);
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct fr_ws *ws = sock->data;
    fr_http_loop_touch(ws->home);
    if (err != NULL) {
        happen(ws, LOST);
        return;
    }
    ws->heard_ms = fr_clock_monotonic_ms();
    take_input(ws);
}

/* ---- life ---- */

void fr_ws_init(struct fr_ws *ws, struct fr_http_loop *home, const struct fr_ws_verbs *verbs,
                uint64_t message_max)
{
    *ws = (struct fr_ws){.verbs = verbs, .home = home, .state = FR_WS_OPENING};
    ws->queue_end = &ws->queue;
    fr_ws_parser_init(&ws->parser, message_max);
    fr_timer_start(home->state.loop, &ws->timer, FR_WS_OPENING_MS, on_timer);
}

void fr_ws_expect_attach(struct fr_ws *ws)
{
    ws->upgrading = true;
}

void fr_ws_attach(struct fr_ws *ws, h2o_socket_t *sock, size_t request_len)
{
    fr_http_loop_touch(ws->home);
    ws->upgrading = false;
    ws->sock = sock;
    if (ws->state == FR_WS_CLOSED) {
        enter_closed(ws);
        return;
    }
    if (sock == NULL) {
        happen(ws, LOST);
        return;
    }
    sock->data = ws;
    ws->heard_ms = fr_clock_monotonic_ms();
    h2o_buffer_consume(&sock->input, request_len);
    happen(ws, ATTACHED);
    h2o_socket_read_start(sock, on_read);
    if (ws->queue != NULL)
        fr_task_defer(ws->home->state.loop, &ws->flush, on_flush);
    take_input(ws);
}
