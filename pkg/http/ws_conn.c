#include "http/ws_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fault.h"
#include "delivery/delivery.h"
#include "metrics/metrics.h"

/* ---- states ---- */

enum happening {
    ATTACHED,  /* the socket is ours */
    WE_CLOSE,  /* our close frame is queued, the peer's has not come */
    PEER_DONE, /* the peer's close frame came, or it broke the protocol (RFC 6455 section 7.1.7), or it sends
                  no more: our close frame is the last that matters */
    WRITTEN,   /* our close frame is */
    OVER,      /* the socket failed, a deadline passed, or there is nothing left to wait for */
};
enum { HAPPENINGS = OVER + 1, STATES = FR_WS_CLOSED + 1 };

static const enum fr_ws_state transitions[STATES][HAPPENINGS] = {
    [FR_WS_OPENING] = {FR_WS_OPEN, FR_WS_CLOSING, FR_WS_FLUSHING, FR_WS_OPENING, FR_WS_CLOSED},
    [FR_WS_OPEN] = {FR_WS_OPEN, FR_WS_CLOSING, FR_WS_FLUSHING, FR_WS_OPEN, FR_WS_CLOSED},
    [FR_WS_CLOSING] = {FR_WS_CLOSING, FR_WS_CLOSING, FR_WS_FLUSHING, FR_WS_CLOSING, FR_WS_CLOSED},
    [FR_WS_FLUSHING] = {FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_ENDING, FR_WS_CLOSED},
    [FR_WS_ENDING] = {FR_WS_ENDING, FR_WS_ENDING, FR_WS_ENDING, FR_WS_ENDING, FR_WS_CLOSED},
    [FR_WS_CLOSED] = {FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED},
};

static void on_timer(struct fr_timer *timer);
static void on_flush(struct fr_task *task);
static void on_read(h2o_socket_t *sock, const char *err);

static void start_timer(struct fr_ws *ws, int64_t delay_ms)
{
    fr_timer_start(ws->home->loop, &ws->timer, delay_ms, on_timer);
}

/* FRESHET_FAULT=websocket_hurry: tests need not wait a minute for a silent peer's end. */
static int64_t hurried(int64_t ms)
{
    return fr_fault_armed("websocket_hurry") ? ms / 4 : ms;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* While open: for whatever is due first. */
static void start_watch(struct fr_ws *ws, int64_t now_ms)
{
    int64_t due_ms = earlier(ws->ping_ms, ws->heard_ms + hurried(FR_WS_SILENCE_MS));
    if (ws->verbs->slow != NULL)
        due_ms = earlier(due_ms, fr_outqueue_deadline_ms(&ws->waiting, ws->rule));
    start_timer(ws, due_ms - now_ms);
}

static size_t shared_len(const struct fr_frame *frame)
{
    return frame != NULL ? fr_frame_payload(frame).len : 0;
}

static size_t free_entry(struct fr_ws_entry *entry)
{
    size_t size = sizeof *entry + entry->len + shared_len(entry->frame);
    fr_frame_release(entry->frame);
    free(entry);
    return size;
}

/* Those behind the first `kept`. */
static void drop_behind(struct fr_ws *ws, unsigned kept)
{
    struct fr_ws_entry **at = &ws->queue;
    for (unsigned i = 0; i < kept; i++)
        at = &(*at)->next;
    struct fr_ws_entry *dropped = *at;
    *at = NULL;
    ws->queue_end = at;
    while (dropped != NULL) {
        struct fr_ws_entry *entry = dropped;
        dropped = entry->next;
        fr_outqueue_dropped(&ws->waiting, ws->rule, free_entry(entry));
    }
}

/* Only what a write has left over is worth counting: of most frames nothing is. */
static void count_waiting(struct fr_ws *ws)
{
    if (ws->counted == ws->waiting.bytes)
        return;
    fr_metric_add(FR_METRIC_LIVE_QUEUE_BYTES, (int64_t)ws->waiting.bytes - (int64_t)ws->counted);
    ws->counted = ws->waiting.bytes;
}

static void enter_closed(struct fr_ws *ws)
{
    fr_timer_stop(&ws->timer);
    fr_task_cancel(&ws->flush);
    if (ws->upgrading)
        return; /* fr_ws_attach() comes back to this */
    h2o_socket_t *sock = ws->sock;
    ws->sock = NULL;
    ws->fd = -1;
    /* Closing first: a write in progress refers to the frames. */
    if (sock != NULL)
        h2o_socket_close(sock);
    drop_behind(ws, 0);
    count_waiting(ws);
    free(ws->parser);
    ws->parser = NULL;
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
        start_watch(ws, ws->heard_ms);
        return;
    case FR_WS_CLOSING:
    case FR_WS_FLUSHING:
        start_timer(ws, FR_WS_CLOSE_MS);
        return;
    case FR_WS_ENDING:
        /* Half closed, so that the peer reads our close frame and then our end, whatever it still has on its
         * way: closing the socket with that unread would be a reset, which can take the frame along. */
        shutdown(h2o_socket_get_fd(ws->sock), SHUT_WR);
        start_timer(ws, FR_WS_END_MS);
        return;
    case FR_WS_CLOSED:
        enter_closed(ws);
        return;
    }
}

/* ---- reading, or not ---- */

static void read_as_wanted(struct fr_ws *ws)
{
    if (ws->sock == NULL)
        return;
    /* Behind our close frame nothing is answered, so that there is no need to wait. */
    bool paused = ws->state == FR_WS_OPEN && ws->waiting.bytes > ws->rule->soft;
    if (ws->paused && !paused)
        ws->heard_ms = fr_clock_monotonic_ms(); /* it may have spoken; we did not listen */
    ws->paused = paused;
    bool wanted = !paused && !ws->peer_ended, reading = h2o_socket_is_reading(ws->sock);
    if (wanted && !reading)
        h2o_socket_read_start(ws->sock, on_read);
    else if (!wanted && reading)
        h2o_socket_read_stop(ws->sock);
}

/* ---- writing ---- */

/* Over TLS the half-close would look like a cut: there the connection is ended as soon as a peer that closed
 * in good form has no reason to send more. */
static void end_if_written(struct fr_ws *ws)
{
    if (ws->state != FR_WS_FLUSHING || ws->queue != NULL || ws->sock == NULL)
        return;
    happen(ws, ws->peer_ended || (ws->peer_closed && ws->sock->ssl != NULL) ? OVER : WRITTEN);
}

/* The system has taken the first so many entries. */
static void forget_written(struct fr_ws *ws, unsigned frames)
{
    for (; frames > 0; frames--) {
        struct fr_ws_entry *entry = ws->queue;
        ws->queue = entry->next;
        fr_outqueue_wrote(&ws->waiting, ws->rule, free_entry(entry));
    }
    if (ws->queue == NULL)
        ws->queue_end = &ws->queue;
    count_waiting(ws);
    if (ws->queue != NULL || ws->paused)
        fr_task_defer(ws->home->loop, &ws->flush, on_flush);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct fr_ws *ws = sock->data;
    fr_nested_loop_touch(ws->home);
    if (err != NULL) {
        happen(ws, OVER);
        return;
    }
    unsigned frames = ws->in_flight;
    ws->in_flight = 0;
    forget_written(ws, frames);
    end_if_written(ws);
}

static void take_input(struct fr_ws *ws);

/* FRESHET_FAULT=websocket_short_writes: systems seldom take a part of what is short. */
static size_t some_of(size_t all)
{
    return fr_fault_armed("websocket_short_writes") ? (all + 1) / 2 : all;
}

/* What the system takes of it without libh2o; the vectors keep the rest, of which there may be all. Returns
 * how many of them are written. An error is libh2o's to find again, and to tell in its own time. */
static size_t write_directly(const struct fr_ws *ws, h2o_iovec_t *vectors, size_t count)
{
    if (ws->fd < 0)
        return 0;
    ssize_t wrote = writev(ws->fd, (struct iovec *)vectors, (int)some_of(count));
    size_t left = wrote > 0 ? (size_t)wrote : 0, done = 0;
    while (done < count && left >= vectors[done].len)
        left -= vectors[done++].len;
    if (done < count) {
        vectors[done].base += left;
        vectors[done].len -= left;
    }
    return done;
}

/* One write for all that is queued, or for the first of it if that is much. */
static void write_queue(struct fr_ws *ws)
{
    /* libh2o 2.2.5 takes an empty vector at the end for a write that is not complete: none is given. */
    h2o_iovec_t vectors[2 * FR_WS_WRITE_FRAMES];
    size_t count = 0, bytes = 0;
    unsigned frames = 0;
    const struct fr_ws_entry *entry = ws->queue;
    for (; entry != NULL && frames < FR_WS_WRITE_FRAMES && bytes < FR_WS_WRITE_BYTES; entry = entry->next) {
        vectors[count++] = h2o_iovec_init(entry->bytes, entry->len);
        bytes += entry->len;
        if (shared_len(entry->frame) > 0) {
            struct fr_str payload = fr_frame_payload(entry->frame);
            vectors[count++] = h2o_iovec_init(payload.data, payload.len);
            bytes += payload.len;
        }
        frames++;
    }
    size_t done = write_directly(ws, vectors, count);
    if (done < count || entry != NULL)
        fr_outqueue_write(&ws->waiting, fr_clock_monotonic_ms());
    if (done == count) {
        forget_written(ws, frames);
        return;
    }
    ws->in_flight = frames;
    h2o_socket_write(ws->sock, vectors + done, count - done, on_written);
}

/* The end of the tick. */
static void on_flush(struct fr_task *task)
{
    struct fr_ws *ws = FR_CONTAINER_OF(task, struct fr_ws, flush);
    if (ws->sock == NULL)
        return;
    if (ws->in_flight > 0)
        count_waiting(ws);
    else if (ws->queue != NULL)
        write_queue(ws);
    bool was_paused = ws->paused;
    if (was_paused)
        read_as_wanted(ws);
    if (was_paused && !ws->paused)
        take_input(ws); /* what was left unread in the buffer */
    else
        end_if_written(ws);
}

static void append(struct fr_ws *ws, struct fr_ws_entry *entry)
{
    *ws->queue_end = entry;
    ws->queue_end = &entry->next;
    bool was_over = ws->waiting.over_ms != 0;
    int64_t now_ms = fr_clock_monotonic_ms();
    fr_outqueue_add(&ws->waiting, ws->rule, sizeof *entry + entry->len + shared_len(entry->frame), now_ms);
    if (!was_over && ws->waiting.over_ms != 0 && ws->state == FR_WS_OPEN)
        start_watch(ws, now_ms);
    fr_task_defer(ws->home->loop, &ws->flush, on_flush);
    fr_nested_loop_touch(ws->home);
}

/* Takes over the caller's hold of `frame`. */
static void push(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head, struct fr_frame *frame)
{
    uint8_t header[FR_WS_HEADER_MAX];
    size_t header_len = fr_ws_write_header(header, opcode, head.len + shared_len(frame));
    struct fr_ws_entry *entry = fr_alloc(sizeof *entry + header_len + head.len);
    entry->next = NULL;
    entry->frame = frame;
    entry->len = (uint16_t)(header_len + head.len);
    memcpy(entry->bytes, header, header_len);
    if (head.len > 0)
        memcpy(entry->bytes + header_len, head.data, head.len);
    append(ws, entry);
}

static void push_control(struct fr_ws *ws, enum fr_ws_opcode opcode, const void *payload, size_t len)
{
    push(ws, opcode, (struct fr_str){payload, len}, NULL);
}

/* The rest of a frame whose beginning is on its way: nothing may come between, nor drop it. */
static void write_rest(struct fr_ws *ws, const uint8_t *rest, size_t len)
{
    struct fr_ws_entry *entry = fr_alloc(sizeof *entry + len);
    entry->next = NULL;
    entry->frame = NULL;
    entry->len = (uint16_t)len;
    memcpy(entry->bytes, rest, len);
    append(ws, entry);
    h2o_iovec_t vector = h2o_iovec_init(entry->bytes, len);
    ws->in_flight = 1;
    fr_outqueue_write(&ws->waiting, fr_clock_monotonic_ms());
    h2o_socket_write(ws->sock, &vector, 1, on_written);
}

/* A frame behind which nothing is known to come needs no piece of memory, no task, and no second look at the
 * connection: to ten thousand of them these cost as much as the rest of the way. False: nothing is written,
 * and it is to be queued, as what the system does not take always is. */
static bool write_alone(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                        const struct fr_frame *frame)
{
    size_t payload_len = head.len + shared_len(frame);
    if (ws->queue != NULL || ws->fd < 0 || ws->state != FR_WS_OPEN || payload_len > FR_WS_ALONE_BYTES)
        return false;
    uint8_t bytes[FR_WS_HEADER_MAX + FR_WS_ALONE_BYTES];
    size_t len = fr_ws_write_header(bytes, opcode, payload_len);
    const struct fr_str parts[] = {head, frame != NULL ? fr_frame_payload(frame) : FR_STR_NONE};
    for (size_t i = 0; i < FR_COUNT_OF(parts); i++) {
        if (parts[i].len > 0)
            memcpy(bytes + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    ssize_t wrote = send(ws->fd, bytes, some_of(len), MSG_NOSIGNAL);
    if (wrote <= 0)
        return false; /* no room; or an error, which is found again when the queue is written */
    if ((size_t)wrote < len)
        write_rest(ws, bytes + wrote, len - (size_t)wrote);
    return true;
}

enum fr_status fr_ws_send(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                          struct fr_frame *frame, bool alone)
{
    assert(head.len <= FR_WS_MESSAGE_HEAD_MAX);
    if (ws->close_queued || ws->state > FR_WS_OPEN)
        return FR_CANCELLED;
    if (alone && write_alone(ws, opcode, head, frame))
        return FR_OK;
    size_t size = sizeof(struct fr_ws_entry) + FR_WS_HEADER_MAX + head.len + shared_len(frame);
    if (!fr_outqueue_has_room(&ws->waiting, ws->rule, size))
        return FR_FULL;
    push(ws, opcode, head, frame != NULL ? fr_frame_hold(frame) : NULL);
    return FR_OK;
}

/* ---- closing ---- */

void fr_ws_drop_queued(struct fr_ws *ws)
{
    drop_behind(ws, ws->in_flight);
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
    /* Not at once: this may be called by whoever is being told of input. */
    if (ws->paused)
        fr_task_defer(ws->home->loop, &ws->flush, on_flush);
}

void fr_ws_abort(struct fr_ws *ws)
{
    happen(ws, OVER);
}

static void on_abort(struct fr_timer *timer)
{
    happen(FR_CONTAINER_OF(timer, struct fr_ws, timer), OVER);
}

void fr_ws_abort_later(struct fr_ws *ws)
{
    if (ws->state != FR_WS_CLOSED)
        fr_timer_start(ws->home->loop, &ws->timer, 0, on_abort);
}

/* ---- pings, silence, slowness ---- */

/* It has not answered two pings: it gets our close frame if it is there at all, and is not waited for. */
static void end_silent(struct fr_ws *ws)
{
    fr_metric_add(FR_METRIC_LIVE_SILENT_CLOSED, 1);
    fr_ws_drop_queued(ws);
    queue_close(ws, FR_WS_CODE_POLICY, "no sign of life for 60 s");
    happen(ws, PEER_DONE);
}

static void watch(struct fr_ws *ws, int64_t now_ms)
{
    if (ws->verbs->slow != NULL && now_ms >= fr_outqueue_deadline_ms(&ws->waiting, ws->rule)) {
        ws->verbs->slow(ws);
        return;
    }
    if (now_ms - ws->heard_ms >= hurried(FR_WS_SILENCE_MS)) {
        if (!ws->paused || ws->verbs->slow == NULL) {
            end_silent(ws);
            return;
        }
        ws->heard_ms = now_ms; /* we did not listen; the soft bound decides about it */
    }
    if (now_ms >= ws->ping_ms) {
        push_control(ws, FR_WS_PING, NULL, 0);
        ws->ping_ms = now_ms + hurried(FR_WS_PING_MS);
    }
    start_watch(ws, now_ms);
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_ws *ws = FR_CONTAINER_OF(timer, struct fr_ws, timer);
    fr_nested_loop_touch(ws->home);
    if (ws->state == FR_WS_OPEN)
        watch(ws, fr_clock_monotonic_ms());
    else
        happen(ws, OVER);
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
        if (!ws->close_queued)
            push_control(ws, FR_WS_PONG, piece->payload.data, piece->payload.len);
        return;
    case FR_WS_EVENT_CLOSE:
        ws->peer_closed = true;
        queue_close(ws, piece->code, NULL);
        happen(ws, PEER_DONE);
        return;
    case FR_WS_EVENT_ERROR:
        queue_close(ws, piece->code, piece->reason);
        happen(ws, PEER_DONE);
        return;
    }
}

static bool is_listening(const struct fr_ws *ws)
{
    return ws->state == FR_WS_CLOSING || (ws->state == FR_WS_OPEN && ws->waiting.bytes <= ws->rule->soft);
}

/* Most messages come whole: for those nothing is allocated. */
static void resume_parser(const struct fr_ws *ws, struct fr_ws_parser *ret)
{
    if (ws->parser != NULL)
        *ret = *ws->parser;
    else
        fr_ws_parser_init(ret, ws->message_max);
}

static void keep_parser(struct fr_ws *ws, const struct fr_ws_parser *parser)
{
    if (fr_ws_parser_is_at_rest(parser) || ws->state >= FR_WS_FLUSHING) {
        free(ws->parser);
        ws->parser = NULL;
        return;
    }
    if (ws->parser == NULL)
        ws->parser = FR_NEW(struct fr_ws_parser);
    *ws->parser = *parser;
}

static void take_input(struct fr_ws *ws)
{
    h2o_socket_t *sock = ws->sock;
    struct fr_ws_parser parser;
    resume_parser(ws, &parser);
    while (is_listening(ws) && sock->input->size > 0) {
        struct fr_ws_piece piece;
        size_t used;
        enum fr_ws_event event =
            fr_ws_parse(&parser, (uint8_t *)sock->input->bytes, sock->input->size, &used, &piece);
        /* The piece points into the input: that is consumed after it is told. */
        on_event(ws, event, &piece);
        h2o_buffer_consume(&sock->input, used);
    }
    keep_parser(ws, &parser);
    if (ws->state >= FR_WS_FLUSHING)
        h2o_buffer_consume(&sock->input, sock->input->size);
    read_as_wanted(ws);
    end_if_written(ws);
}

static void end_input(struct fr_ws *ws, bool in_order)
{
    ws->peer_ended = true;
    if (!in_order || ws->state < FR_WS_CLOSING || ws->state == FR_WS_ENDING) {
        happen(ws, OVER);
        return;
    }
    /* Whoever only stopped sending still reads our goodbye. */
    read_as_wanted(ws);
    happen(ws, PEER_DONE);
    end_if_written(ws);
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct fr_ws *ws = sock->data;
    fr_nested_loop_touch(ws->home);
    if (err != NULL) {
        end_input(ws, err == h2o_socket_error_closed);
        return;
    }
    ws->heard_ms = fr_clock_monotonic_ms();
    take_input(ws);
}

/* ---- life ---- */

void fr_ws_init(struct fr_ws *ws, struct fr_nested_loop *home, const struct fr_ws_verbs *verbs,
                const struct fr_outqueue_rule *rule, uint32_t message_max)
{
    *ws = (struct fr_ws){.verbs = verbs,
                         .home = home,
                         .rule = rule,
                         .fd = -1,
                         .state = FR_WS_OPENING,
                         .message_max = message_max};
    ws->queue_end = &ws->queue;
    start_timer(ws, FR_WS_OPENING_MS);
}

void fr_ws_expect_attach(struct fr_ws *ws)
{
    ws->upgrading = true;
}

/* The first ping comes after half of the time and up to the whole: connections that were opened together are
 * not pinged together. Descriptors are small numbers in a row, and multiples of the golden ratio lie evenly.
 */
static int64_t first_ping_delay_ms(int fd)
{
    uint32_t fraction = (uint32_t)fd * UINT32_C(0x9e3779b9);
    return FR_WS_PING_MS / 2 + (int64_t)((uint64_t)fraction * (FR_WS_PING_MS / 2) >> 32);
}

void fr_ws_attach(struct fr_ws *ws, h2o_socket_t *sock, size_t request_len)
{
    fr_nested_loop_touch(ws->home);
    ws->upgrading = false;
    ws->sock = sock;
    if (ws->state == FR_WS_CLOSED) {
        enter_closed(ws);
        return;
    }
    if (sock == NULL) {
        happen(ws, OVER);
        return;
    }
    sock->data = ws;
    ws->fd = sock->ssl == NULL ? h2o_socket_get_fd(sock) : -1;
    ws->heard_ms = fr_clock_monotonic_ms();
    ws->ping_ms = ws->heard_ms + hurried(first_ping_delay_ms(h2o_socket_get_fd(sock)));
    h2o_buffer_consume(&sock->input, request_len);
    happen(ws, ATTACHED);
    if (ws->queue != NULL)
        fr_task_defer(ws->home->loop, &ws->flush, on_flush);
    take_input(ws);
}
