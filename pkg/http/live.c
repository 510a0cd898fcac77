/* GET /post/feed/posted: the live feed over a WebSocket.
 *
 * The 101 is sent when the flow has started, not before: whoever sees the socket open gets every post made
 * after that. Until then the call waits; what arrives meanwhile is queued.
 */
#include <stdlib.h>

#include "delivery/delivery.h"
#include "http/ws_conn.h"
#include "http/ws_handshake.h"
#include "log/log.h"
#include "metrics/metrics.h"

struct fr_live {
    struct fr_subscriber subscriber;
    struct fr_ws ws;
    struct fr_ring ring; /* home->lives */
    struct fr_timer expiry;
    struct fr_call *call; /* until the 101 or its refusal */
    int64_t expires_ms;   /* of the token; Unix time */
};

enum {
    DRAIN_STEP_SHARE = 90, /* live connections are closed within this share, in percent, of the drain time */
    EXPIRY_STEP_MS = 3600000, /* timers run on the monotonic clock: look again at the wall's now and then */
};

static struct fr_live *live_of(struct fr_subscriber *subscriber)
{
    return FR_CONTAINER_OF(subscriber, struct fr_live, subscriber);
}

static void count(struct fr_http_loop *home, int change)
{
    home->live_count = (size_t)((long long)home->live_count + change);
    fr_metric_add(FR_METRIC_LIVE_SUBSCRIBERS, change);
}

/* ---- the token's end ---- */

static void on_expiry(struct fr_timer *timer)
{
    struct fr_live *live = FR_CONTAINER_OF(timer, struct fr_live, expiry);
    int64_t left = live->expires_ms - fr_clock_wall_ms();
    fr_http_loop_touch(live->ws.home);
    if (left > 0)
        fr_timer_start(live->ws.home->state.loop, timer, left < EXPIRY_STEP_MS ? left : EXPIRY_STEP_MS,
                       on_expiry);
    else
        fr_ws_close(&live->ws, FR_WS_CODE_TOKEN_ENDED, "token expired", false);
}

/* ---- the connection's side ---- */

static void on_ws_closed(struct fr_ws *ws)
{
    struct fr_live *live = FR_CONTAINER_OF(ws, struct fr_live, ws);
    fr_hub_leave(ws->home->state.hub, &live->subscriber);
    fr_timer_stop(&live->expiry);
    if (live->call != NULL)
        fr_call_problem(live->call, FR_PROBLEM_UNAVAILABLE, NULL, NULL);
    else
        count(ws->home, -1);
    fr_ring_remove(&live->ring);
    free(live);
}

static const struct fr_ws_verbs ws_verbs = {.data = NULL, .closed = on_ws_closed};

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t request_len)
{
    struct fr_live *live = arg;
    fr_ws_attach(&live->ws, sock, request_len);
}

/* ---- the hub's side ---- */

static void on_started(struct fr_subscriber *subscriber)
{
    struct fr_live *live = live_of(subscriber);
    struct fr_call *call = live->call;
    if (call == NULL)
        return; /* the flow goes on after an interruption */
    live->call = NULL;
    count(live->ws.home, 1);
    if (fr_call_gone(call)) {
        fr_call_answer_empty(call, 204); /* to nobody */
        fr_ws_abort_later(&live->ws);
        return;
    }
    fr_ws_expect_attach(&live->ws);
    fr_call_upgrade(call, on_upgraded, live);
}

static enum fr_status on_send(struct fr_subscriber *subscriber, struct fr_frame *frame)
{
    enum fr_status status = fr_ws_send(&live_of(subscriber)->ws, FR_WS_TEXT, frame);
    if (status == FR_OK)
        fr_metric_add(FR_METRIC_LIVE_FRAMES, 1);
    /* A connection that is closing already takes nothing more, and that is no reason to end it otherwise. */
    return status == FR_CANCELLED ? FR_OK : status;
}

static void on_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct fr_live *live = live_of(subscriber);
    if (live->call != NULL) {
        fr_ws_abort_later(&live->ws);
        return;
    }
    switch (why) {
    case FR_SUBSCRIBER_TOO_SLOW:
        fr_metric_add(FR_METRIC_LIVE_SLOW_CLOSED, 1);
        fr_ws_close(&live->ws, FR_WS_CODE_TOO_SLOW, "too slow: resume with your cursor", true);
        return;
    case FR_SUBSCRIBER_GAP:
        fr_ws_close(&live->ws, FR_WS_CODE_GAP, "posts may be missing: read the feed and connect again",
                    false);
        return;
    case FR_SUBSCRIBER_UNAVAILABLE:
        fr_ws_close(&live->ws, FR_WS_CODE_TRY_LATER, "the live flow is away: try again later", false);
        return;
    }
}

static const struct fr_subscriber_verbs subscriber_verbs = {
    .started = on_started,
    .send = on_send,
    .ended = on_ended,
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
    if (!fr_ws_origin_same(fr_call_header(call, "origin"), fr_call_authority(call))) {
        fr_call_problem(call, FR_PROBLEM_ORIGIN_REFUSED, "Origin", NULL);
        return false;
    }
    return true;
}

void fr_handle_live(struct fr_call *call)
{
    if (!check_handshake(call))
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

    struct fr_error error = {0};
    struct fr_live *live = FR_NEW(struct fr_live);
    live->call = call;
    live->expires_ms = fr_call_token(call)->expires_ms;
    fr_ring_add(&home->lives, &live->ring);
    fr_ws_init(&live->ws, home, &ws_verbs, FR_REQUEST_BODY_MAX);
    int64_t user_id = fr_call_user_id(call);
    if (fr_hub_join(home->state.hub, &live->subscriber, user_id, &subscriber_verbs, &error) != FR_OK) {
        FR_LOG_DEBUG("live subscriber refused", FR_KV_ERROR(&error));
        fr_ws_abort(&live->ws);
        return;
    }
    on_expiry(&live->expiry);
}

/* ---- draining ---- */

static void close_first(struct fr_http_loop *home)
{
    struct fr_live *live = FR_CONTAINER_OF(home->lives.next, struct fr_live, ring);
    /* Out of the ring: what is in it has not been told yet. */
    fr_ring_remove(&live->ring);
    if (live->call != NULL)
        fr_ws_abort(&live->ws);
    else
        fr_ws_close(&live->ws, FR_WS_CODE_GOING_AWAY, "the gateway is stopping", false);
}

void fr_live_drain_some(struct fr_http_loop *home, int64_t now_ms)
{
    int64_t time = (home->drain_until_ms - home->drain_started_ms) * DRAIN_STEP_SHARE / 100;
    int64_t passed = now_ms - home->drain_started_ms;
    if (home->drain_lives == 0)
        home->drain_lives = home->live_count;
    size_t due = passed >= time ? SIZE_MAX : (size_t)((int64_t)home->drain_lives * passed / time) + 1;
    while (!fr_ring_is_empty(&home->lives) && home->drained_lives < due) {
        close_first(home);
        home->drained_lives++;
    }
}

void fr_live_close_all(struct fr_http_loop *home)
{
    while (!fr_ring_is_empty(&home->lives))
        close_first(home);
}
