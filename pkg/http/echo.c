#include "http/echo.h"

#include <h2o/http1.h>
#include <stdlib.h>

#include "delivery/delivery.h"
#include "http/http_loop.h"
#include "http/ws_conn.h"
#include "http/ws_handshake.h"

/* What a peer may leave unread before it is not listened to any more. Nothing is refused: while that waits no
 * message can come. */
static const struct fr_outqueue_rule echo_rule = {.hard = UINT32_MAX, .soft = 64 * 1024};

struct echo {
    struct fr_ws ws;
    struct fr_buf message; /* that is not complete yet */
};

static void send_back(struct echo *echo, enum fr_ws_opcode opcode, struct fr_str bytes)
{
    struct fr_frame *frame = fr_frame_new(bytes);
    if (fr_ws_send(&echo->ws, opcode, FR_STR_NONE, frame, false) == FR_FULL)
        fr_ws_close(&echo->ws, FR_WS_CODE_TOO_SLOW, "too slow", true);
    fr_frame_release(frame);
}

static void on_data(struct fr_ws *ws, const struct fr_ws_piece *piece)
{
    struct echo *echo = FR_CONTAINER_OF(ws, struct echo, ws);
    if (piece->first && piece->last) {
        send_back(echo, piece->message, piece->payload);
        return;
    }
    fr_buf_append_str(&echo->message, piece->payload);
    if (piece->last) {
        send_back(echo, piece->message, fr_buf_str(&echo->message));
        fr_buf_release(&echo->message);
    }
}

static void on_closed(struct fr_ws *ws)
{
    struct echo *echo = FR_CONTAINER_OF(ws, struct echo, ws);
    fr_buf_release(&echo->message);
    free(echo);
}

static const struct fr_ws_verbs verbs = {.data = on_data, .closed = on_closed};

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t request_len)
{
    struct echo *echo = arg;
    fr_ws_attach(&echo->ws, sock, request_len);
}

static void put_header(h2o_req_t *req, const char *name, const char *value)
{
    h2o_iovec_t kept = h2o_strdup(&req->pool, value, strlen(value));
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, kept.base, kept.len);
}

static void upgrade(struct fr_nested_loop *home, h2o_req_t *req, struct fr_str key)
{
    char accept[FR_WS_ACCEPT_SIZE];
    fr_ws_accept_value(key, accept);
    req->res.status = 101;
    req->res.reason = "Switching Protocols";
    put_header(req, "upgrade", "websocket");
    put_header(req, "sec-websocket-accept", accept);
    struct echo *echo = FR_NEW(struct echo);
    fr_buf_init(&echo->message, FR_ECHO_MESSAGE_MAX);
    fr_ws_init(&echo->ws, home, &verbs, &echo_rule, FR_ECHO_MESSAGE_MAX);
    fr_ws_expect_attach(&echo->ws);
    fr_nested_loop_touch(home);
    h2o_http1_upgrade(req, NULL, 0, on_upgraded, echo);
}

static int refuse_upgrade(h2o_req_t *req, const char **ret_why)
{
    put_header(req, "sec-websocket-version", "13");
    *ret_why = "a WebSocket of version 13 is here\n";
    return 426;
}

int fr_echo_answer(struct fr_nested_loop *home, h2o_req_t *req, const char **ret_why)
{
    struct fr_ws_handshake handshake;
    bool get = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("GET"));
    if (!get || req->version != 0x101)
        return refuse_upgrade(req, ret_why);
    switch (fr_ws_handshake_read(fr_http_head(req), &handshake)) {
    case FR_WS_WELCOME:
        upgrade(home, req, handshake.key);
        return 101;
    case FR_WS_NO_UPGRADE:
    case FR_WS_BAD_VERSION:
        return refuse_upgrade(req, ret_why);
    case FR_WS_MALFORMED:
    case FR_WS_BAD_KEY:
    case FR_WS_BAD_ORIGIN:
        break;
    }
    *ret_why = "Host, Sec-WebSocket-Key or Origin is not right\n";
    return 400;
}
