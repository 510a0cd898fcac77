/* GET /post/feed/posted: the live feed over a WebSocket.
 *
 * The 101 is sent when the flow has started, not before: whoever sees the socket open gets every post made
 * after that. Until then the call waits; what arrives meanwhile is queued.
 */
#include <stdlib.h>

#include "config/config.h"
#include "http/live.h"
#include "http/origin.h"
#include "http/ws_conn.h"
#include "http/ws_handshake.h"

struct live_ws {
    struct fr_live live;
    struct fr_ws ws;
};

static struct live_ws *socket_of(struct fr_live *live)
{
    return FR_CONTAINER_OF(live, struct live_ws, live);
}

/* ---- the connection's side ---- */

static void on_ws_closed(struct fr_ws *ws)
{
    struct live_ws *socket = FR_CONTAINER_OF(ws, struct live_ws, ws);
    fr_live_gone(&socket->live);
    free(socket);
}

static const struct fr_ws_verbs ws_verbs = {.data = NULL, .closed = on_ws_closed};

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t request_len)
{
    struct live_ws *socket = arg;
    fr_ws_attach(&socket->ws, sock, request_len);
}

/* ---- the live connection's side ---- */

static void on_accept(struct fr_live *live, struct fr_call *call)
{
    struct live_ws *socket = socket_of(live);
    if (fr_call_gone(call)) {
        fr_call_answer_empty(call, 204); /* to nobody */
        fr_ws_abort_later(&socket->ws);
        return;
    }
    fr_ws_expect_attach(&socket->ws);
    fr_call_upgrade(call, on_upgraded, socket);
}

static enum fr_status on_send(struct fr_live *live, const struct fr_message *message)
{
    enum fr_ws_opcode opcode = live->subscriber.encoding == FR_ENCODING_PROTOBUF ? FR_WS_BINARY : FR_WS_TEXT;
    return fr_ws_send(&socket_of(live)->ws, opcode, message->head, message->body);
}

static void on_close(struct fr_live *live, int code, const char *reason, bool drop_queued)
{
    fr_ws_close(&socket_of(live)->ws, code, reason, drop_queued);
}

static void on_drop(struct fr_live *live)
{
    fr_ws_drop_queued(&socket_of(live)->ws);
}

static void on_abort(struct fr_live *live)
{
    fr_ws_abort_later(&socket_of(live)->ws);
}

static void on_describe(struct fr_live *live, struct fr_live_carriage *ret)
{
    const struct fr_ws *ws = &socket_of(live)->ws;
    *ret = (struct fr_live_carriage){.sock = ws->sock, .bytes_queued = ws->queue_bytes};
}

static const struct fr_live_verbs live_verbs = {
    .accept = on_accept,
    .send = on_send,
    .drop = on_drop,
    .close = on_close,
    .abort = on_abort,
    .describe = on_describe,
};

/* ---- the call ---- */

static bool lists_upgrade(struct fr_str connection)
{
    struct fr_str token;
    while (fr_str_next(&connection, ',', &token)) {
        if (fr_str_equal_nocase(fr_str_trim(token), FR_STR("upgrade")))
            return true;
    }
    return false;
}

static void refuse_upgrade(struct fr_call *call)
{
    fr_call_add_header(call, "sec-websocket-version", FR_STR("13"));
    if (fr_call_is_http11(call)) {
        fr_call_add_header(call, "upgrade", FR_STR("websocket"));
        fr_call_add_header(call, "connection", FR_STR("upgrade"));
    }
    fr_call_problem(call, FR_PROBLEM_UPGRADE_REQUIRED, NULL, NULL);
}

/* Answers the call itself unless it may become a WebSocket. */
static bool check_handshake(struct fr_call *call)
{
    if (!fr_str_equal(fr_call_method(call), FR_STR("GET")) ||
        !lists_upgrade(fr_call_header(call, "connection")) ||
        !fr_call_asks_upgrade(call, FR_STR("websocket")) ||
        !fr_str_equal(fr_call_header(call, "sec-websocket-version"), FR_STR("13"))) {
        refuse_upgrade(call);
        return false;
    }
    if (!fr_ws_key_valid(fr_call_header(call, "sec-websocket-key"))) {
        fr_call_problem(call, FR_PROBLEM_INVALID_FIELD, "Sec-WebSocket-Key",
                        "Sec-WebSocket-Key must be 16 bytes in base64.");
        return false;
    }
    struct fr_str allowed = fr_str_of(call->home->server->options.settings->allowed_origins);
    if (!fr_origin_allowed(allowed, fr_call_header(call, "origin"), fr_call_authority(call))) {
        fr_call_problem(call, FR_PROBLEM_ORIGIN_REFUSED, "Origin", NULL);
        return false;
    }
    return true;
}

/* The first of the client's subprotocols that we speak; none: plain. */
static enum fr_encoding choose_protocol(struct fr_call *call)
{
    static const struct {
        struct fr_str name;
        enum fr_encoding encoding;
    } known[] = {
        {FR_STR("freshet.v1.json"), FR_ENCODING_JSON},
        {FR_STR("freshet.v1.protobuf"), FR_ENCODING_PROTOBUF},
    };
    struct fr_str offered = fr_call_header(call, "sec-websocket-protocol"), name;
    while (fr_str_next(&offered, ',', &name)) {
        for (size_t i = 0; i < FR_COUNT_OF(known); i++) {
            if (!fr_str_equal(fr_str_trim(name), known[i].name))
                continue;
            fr_call_add_header(call, "sec-websocket-protocol", known[i].name);
            return known[i].encoding;
        }
    }
    return FR_ENCODING_PLAIN;
}

void fr_handle_live(struct fr_call *call)
{
    struct fr_join join = {0};
    struct fr_cursor cursor;
    if (!check_handshake(call) || !fr_live_read_join(call, FR_STR_NONE, &join, &cursor))
        return;
    struct fr_http_loop *home = call->home;
    if (home->phase != HTTP_SERVING) {
        fr_call_problem(call, FR_PROBLEM_UNAVAILABLE, NULL, "The gateway is stopping.");
        return;
    }
    char accept[FR_WS_ACCEPT_SIZE];
    fr_ws_accept_value(fr_call_header(call, "sec-websocket-key"), accept);
    fr_call_add_header(call, "upgrade", FR_STR("websocket"));
    fr_call_add_header(call, "sec-websocket-accept", fr_str_of(accept));
    join.encoding = choose_protocol(call);

    struct live_ws *socket = FR_NEW(struct live_ws);
    fr_ws_init(&socket->ws, home, &ws_verbs, FR_REQUEST_BODY_MAX);
    if (fr_live_begin(&socket->live, call, &live_verbs, &join) != FR_OK)
        fr_ws_abort(&socket->ws);
}
