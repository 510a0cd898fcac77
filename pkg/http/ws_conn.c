#include "http/ws_internal.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "delivery/delivery.h"
#include "metrics/metrics.h"

/* ---- states ---- */

enum { HAPPENINGS = FR_WS_OVER + 1, STATES = FR_WS_CLOSED + 1 };

static const enum fr_ws_state transitions[STATES][HAPPENINGS] = {
    [FR_WS_OPENING] = {FR_WS_OPEN, FR_WS_CLOSING, FR_WS_FLUSHING, FR_WS_OPENING, FR_WS_CLOSED},
    [FR_WS_OPEN] = {FR_WS_OPEN, FR_WS_CLOSING, FR_WS_FLUSHING, FR_WS_OPEN, FR_WS_CLOSED},
    [FR_WS_CLOSING] = {FR_WS_CLOSING, FR_WS_CLOSING, FR_WS_FLUSHING, FR_WS_CLOSING, FR_WS_CLOSED},
    [FR_WS_FLUSHING] = {FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_FLUSHING, FR_WS_ENDING, FR_WS_CLOSED},
    [FR_WS_ENDING] = {FR_WS_ENDING, FR_WS_ENDING, FR_WS_ENDING, FR_WS_ENDING, FR_WS_CLOSED},
    [FR_WS_CLOSED] = {FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED, FR_WS_CLOSED},
};

static void on_timer(struct fr_timer *timer);
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
void fr_ws_start_watch(struct fr_ws *ws, int64_t now_ms)
{
    int64_t due_ms = earlier(ws->ping_ms, ws->heard_ms + hurried(FR_WS_SILENCE_MS));
    if (ws->verbs->slow != NULL)
        due_ms = earlier(due_ms, fr_outqueue_deadline_ms(&ws->waiting, ws->rule));
    start_timer(ws, due_ms - now_ms);
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
    fr_ws_forget_queue(ws);
    free(ws->parser);
    ws->parser = NULL;
    ws->verbs->closed(ws);
}

void fr_ws_happen(struct fr_ws *ws, enum fr_ws_happening what)
{
    enum fr_ws_state before = ws->state;
    ws->state = transitions[before][what];
    if (ws->state == before)
        return;
    switch (ws->state) {
    case FR_WS_OPENING:
        return;
    case FR_WS_OPEN:
        fr_ws_start_watch(ws, ws->heard_ms);
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

/* ---- when something is written ---- */

/* Over TLS the half-close would look like a cut: there the connection is ended as soon as a peer that closed
 * in good form has no reason to send more. */
void fr_ws_end_if_written(struct fr_ws *ws)
{
    if (ws->state != FR_WS_FLUSHING || ws->queue != NULL || ws->sock == NULL)
        return;
    fr_ws_happen(ws,
                 ws->peer_ended || (ws->peer_closed && ws->sock->ssl != NULL) ? FR_WS_OVER : FR_WS_WRITTEN);
}

/* ---- closing ---- */

static void queue_close(struct fr_ws *ws, int code, const char *reason)
{
    if (ws->close_queued)
        return;
    uint8_t payload[FR_WS_CONTROL_MAX];
    size_t len = code != FR_WS_CODE_NO_STATUS ? fr_ws_write_close(payload, code, reason) : 0;
    fr_ws_push_control(ws, FR_WS_CLOSE, payload, len);
    ws->close_queued = true;
}

void fr_ws_close(struct fr_ws *ws, int code, const char *reason, bool drop_queued)
{
    if (ws->state > FR_WS_OPEN)
        return;
    if (drop_queued)
        fr_ws_drop_queued(ws);
    queue_close(ws, code, reason);
    fr_ws_happen(ws, FR_WS_WE_CLOSE);
    /* Not at once: this may be called by whoever is being told of input. */
    if (ws->paused)
        fr_ws_flush_later(ws);
}

void fr_ws_abort(struct fr_ws *ws)
{
    fr_ws_happen(ws, FR_WS_OVER);
}

static void on_abort(struct fr_timer *timer)
{
    fr_ws_happen(FR_CONTAINER_OF(timer, struct fr_ws, timer), FR_WS_OVER);
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
    fr_ws_happen(ws, FR_WS_PEER_DONE);
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
        fr_ws_push_control(ws, FR_WS_PING, NULL, 0);
        ws->ping_ms = now_ms + hurried(FR_WS_PING_MS);
    }
    fr_ws_start_watch(ws, now_ms);
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_ws *ws = FR_CONTAINER_OF(timer, struct fr_ws, timer);
    fr_nested_loop_touch(ws->home);
    if (ws->state == FR_WS_OPEN)
        watch(ws, fr_clock_monotonic_ms());
    else
        fr_ws_happen(ws, FR_WS_OVER);
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
            fr_ws_push_control(ws, FR_WS_PONG, piece->payload.data, piece->payload.len);
        return;
    case FR_WS_EVENT_CLOSE:
        ws->peer_closed = true;
        queue_close(ws, piece->code, NULL);
        fr_ws_happen(ws, FR_WS_PEER_DONE);
        return;
    case FR_WS_EVENT_ERROR:
        queue_close(ws, piece->code, piece->reason);
        fr_ws_happen(ws, FR_WS_PEER_DONE);
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
    fr_ws_end_if_written(ws);
}

void fr_ws_go_on(struct fr_ws *ws)
{
    bool was_paused = ws->paused;
    if (was_paused)
        read_as_wanted(ws);
    if (was_paused && !ws->paused)
        take_input(ws); /* what was left unread in the buffer */
    else
        fr_ws_end_if_written(ws);
}

static void end_input(struct fr_ws *ws, bool in_order)
{
    ws->peer_ended = true;
    if (!in_order || ws->state < FR_WS_CLOSING || ws->state == FR_WS_ENDING) {
        fr_ws_happen(ws, FR_WS_OVER);
        return;
    }
    /* Whoever only stopped sending still reads our goodbye. */
    read_as_wanted(ws);
    fr_ws_happen(ws, FR_WS_PEER_DONE);
    fr_ws_end_if_written(ws);
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
        fr_ws_happen(ws, FR_WS_OVER);
        return;
    }
    sock->data = ws;
    ws->fd = sock->ssl == NULL ? h2o_socket_get_fd(sock) : -1;
    ws->heard_ms = fr_clock_monotonic_ms();
    ws->ping_ms = ws->heard_ms + hurried(first_ping_delay_ms(h2o_socket_get_fd(sock)));
    h2o_buffer_consume(&sock->input, request_len);
    fr_ws_happen(ws, FR_WS_ATTACHED);
    if (ws->queue != NULL)
        fr_ws_flush_later(ws);
    take_input(ws);
}
