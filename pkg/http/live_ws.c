/* GET /post/feed/posted: the live feed over a WebSocket.
 *
 * The 101 is sent when the flow has started, not before: whoever sees the socket open gets every post made
 * after that. Until then the call waits; what arrives meanwhile is queued.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "config/config.h"
#include "http/live.h"
#include "http/origin.h"
#include "http/ws_conn.h"
#include "http/ws_handshake.h"

enum {
    SEND_BUFFER_BYTES = 64 * 1024, /* the kernel makes twice that of it, for its own keeping */
    RECEIVE_BUFFER_BYTES = 64 * 1024,
};

/* A message of the client that is not complete yet. */
struct inbound {
    size_t len;
    char bytes[FR_LIVE_MESSAGE_MAX];
};

struct live_ws {
    struct fr_live live;
    struct fr_ws ws;
    struct inbound *inbound; /* NULL between messages */
};

static struct live_ws *socket_of(struct fr_live *live)
{
    return FR_CONTAINER_OF(live, struct live_ws, live);
}

/* ---- the connection's side ---- */

static void drop_inbound(struct live_ws *socket)
{
    if (socket->inbound != NULL)
        explicit_bzero(socket->inbound->bytes, socket->inbound->len);
    free(socket->inbound);
    socket->inbound = NULL;
}

static void on_ws_closed(struct fr_ws *ws)
{
    struct live_ws *socket = FR_CONTAINER_OF(ws, struct live_ws, ws);
    drop_inbound(socket);
    fr_live_gone(&socket->live);
    free(socket);
}

static void on_ws_slow(struct fr_ws *ws)
{
    fr_live_too_slow(&FR_CONTAINER_OF(ws, struct live_ws, ws)->live);
}

static void take_message(struct live_ws *socket, enum fr_ws_opcode opcode, struct fr_str bytes)
{
    struct fr_live *live = &socket->live;
    struct fr_wire_client_message message = {0};
    struct fr_error error = {0};
    enum fr_encoding encoding = live->subscriber.encoding;
    bool right_opcode = (opcode == FR_WS_BINARY) == (encoding == FR_ENCODING_PROTOBUF);
    if (right_opcode && fr_wire_decode_client_message(bytes, encoding, &message, &error) == FR_OK)
        fr_live_authenticate(live, fr_str_of(message.auth_token));
    else
        fr_live_end(live, FR_WS_CODE_POLICY, "only an auth message may be sent here", false);
    fr_wire_client_message_release(&message);
}

static void on_ws_data(struct fr_ws *ws, const struct fr_ws_piece *piece)
{
    struct live_ws *socket = FR_CONTAINER_OF(ws, struct live_ws, ws);
    if (socket->live.subscriber.encoding == FR_ENCODING_PLAIN) {
        fr_live_end(&socket->live, FR_WS_CODE_POLICY, "this connection takes no messages", false);
        return;
    }
    if (piece->first && piece->last) {
        take_message(socket, piece->message, piece->payload);
        return;
    }
    if (socket->inbound == NULL)
        socket->inbound = FR_NEW(struct inbound);
    struct inbound *inbound = socket->inbound;
    /* The parser has refused what is longer than the whole. */
    if (piece->payload.len > 0)
        memcpy(inbound->bytes + inbound->len, piece->payload.data, piece->payload.len);
    inbound->len += piece->payload.len;
    if (piece->last) {
        take_message(socket, piece->message, (struct fr_str){inbound->bytes, inbound->len});
        drop_inbound(socket);
    }
}

static const struct fr_ws_verbs ws_verbs = {.data = on_ws_data, .slow = on_ws_slow, .closed = on_ws_closed};

/* The kernel's buffers are no queue of ours to count, and by themselves grow to megabytes: a client that does
 * not read must be noticed, and must not cost more than the rule says. What it sends is next to nothing. */
static void bound_buffers(h2o_socket_t *sock)
{
    int fd = h2o_socket_get_fd(sock), to_client = SEND_BUFFER_BYTES, from_client = RECEIVE_BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &to_client, sizeof to_client);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &from_client, sizeof from_client);
}

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t request_len)
{
    struct live_ws *socket = arg;
    if (sock != NULL)
        bound_buffers(sock);
    fr_ws_attach(&socket->ws, sock, request_len);
}

/* ---- the handshake ---- */

/* The first of the client's subprotocols that we speak; none: plain. */
static enum fr_encoding choose_protocol(struct fr_call *call, struct fr_str *ret_name)
{
    static const struct fr_str names[] = {FR_STR("freshet.v1.json"), FR_STR("freshet.v1.protobuf")};
    static const enum fr_encoding encodings[] = {FR_ENCODING_JSON, FR_ENCODING_PROTOBUF};
    int chosen = fr_ws_handshake_choose(fr_http_head(call->req), names, FR_COUNT_OF(names));
    *ret_name = chosen < 0 ? FR_STR_NONE : names[chosen];
    return chosen < 0 ? FR_ENCODING_PLAIN : encodings[chosen];
}

/* With the 101 and not before: whatever else the call is answered with is no handshake. */
static void put_handshake(struct fr_call *call)
{
    char accept[FR_WS_ACCEPT_SIZE];
    struct fr_str protocol;
    fr_ws_accept_value(fr_call_header(call, "sec-websocket-key"), accept);
    fr_call_add_header(call, "upgrade", FR_STR("websocket"));
    fr_call_add_header(call, "sec-websocket-accept", fr_str_of(accept));
    if (choose_protocol(call, &protocol) != FR_ENCODING_PLAIN)
        fr_call_add_header(call, "sec-websocket-protocol", protocol);
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
    put_handshake(call);
    fr_ws_expect_attach(&socket->ws);
    fr_call_upgrade(call, on_upgraded, socket);
}

static enum fr_status on_send(struct fr_live *live, const struct fr_message *message)
{
    enum fr_ws_opcode opcode = live->subscriber.encoding == FR_ENCODING_PROTOBUF ? FR_WS_BINARY : FR_WS_TEXT;
    return fr_ws_send(&socket_of(live)->ws, opcode, message->head, message->body, message->alone);
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
    *ret = (struct fr_live_carriage){
        .sock = ws->sock, .bytes_queued = ws->waiting.bytes, .slow_since_ms = ws->waiting.over_ms};
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
static bool check_handshake(struct fr_call *call, struct fr_ws_handshake *ret)
{
    if (!fr_str_equal(fr_call_method(call), FR_STR("GET")) || !fr_call_is_http11(call)) {
        refuse_upgrade(call);
        return false;
    }
    switch (fr_ws_handshake_read(fr_http_head(call->req), ret)) {
    case FR_WS_WELCOME:
        break;
    case FR_WS_MALFORMED:
        fr_call_problem(call, FR_PROBLEM_INVALID_FIELD, "Host",
                        "There must be one Host, and no folded line.");
        return false;
    case FR_WS_NO_UPGRADE:
    case FR_WS_BAD_VERSION:
        refuse_upgrade(call);
        return false;
    case FR_WS_BAD_KEY:
        fr_call_problem(call, FR_PROBLEM_INVALID_FIELD, "Sec-WebSocket-Key",
                        "There must be one Sec-WebSocket-Key, 16 bytes in base64.");
        return false;
    case FR_WS_BAD_ORIGIN:
        fr_call_problem(call, FR_PROBLEM_ORIGIN_REFUSED, "Origin", NULL);
        return false;
    }
    if (fr_http_allows_origin(call->req, fr_call_loop(call)->settings, ret->origin))
        return true;
    fr_call_problem(call, FR_PROBLEM_ORIGIN_REFUSED, "Origin", NULL);
    return false;
}

void fr_handle_live(struct fr_call *call)
{
    struct fr_join join = {0};
    struct fr_cursor cursor;
    struct fr_ws_handshake handshake;
    if (!check_handshake(call, &handshake) || !fr_live_read_join(call, FR_STR_NONE, &join, &cursor))
        return;
    struct fr_http_loop *home = call->home;
    if (home->phase != HTTP_SERVING) {
        fr_call_problem(call, FR_PROBLEM_UNAVAILABLE, NULL, "The gateway is stopping.");
        return;
    }
    struct fr_str unused;
    join.encoding = choose_protocol(call, &unused);

    struct live_ws *socket = FR_NEW(struct live_ws);
    fr_ws_init(&socket->ws, &home->nested, &ws_verbs, &home->server->outqueue_rule,
               join.encoding == FR_ENCODING_PLAIN ? FR_REQUEST_BODY_MAX : FR_LIVE_MESSAGE_MAX);
    if (fr_live_begin(&socket->live, call, &live_verbs, &join) != FR_OK)
        fr_ws_abort(&socket->ws);
}
