/* What all live connections have in common: their place in the hub, the end of their token, the drain. */
#include "http/live.h"

#include "http/ws_frame.h"
#include "log/log.h"
#include "metrics/metrics.h"

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

static void close_live(struct fr_live *live, int code, const char *reason, bool drop_queued)
{
    if (live->call != NULL)
        live->verbs->abort(live);
    else
        live->verbs->close(live, code, reason, drop_queued);
}

/* ---- the token's end ---- */

static void on_expiry(struct fr_timer *timer)
{
    struct fr_live *live = FR_CONTAINER_OF(timer, struct fr_live, expiry);
    int64_t left = live->expires_ms - fr_clock_wall_ms();
    fr_http_loop_touch(live->home);
    if (left > 0)
        fr_timer_start(live->home->state.loop, timer, left < EXPIRY_STEP_MS ? left : EXPIRY_STEP_MS,
                       on_expiry);
    else
        close_live(live, FR_WS_CODE_TOKEN_ENDED, "token expired", false);
}

/* ---- the hub's side ---- */

static void on_started(struct fr_subscriber *subscriber)
{
    struct fr_live *live = live_of(subscriber);
    struct fr_call *call = live->call;
    if (call == NULL)
        return; /* the flow goes on after an interruption */
    live->call = NULL;
    count(live->home, 1);
    fr_pages_feed_start(live->home->state.pages, &live->page_feed, subscriber->user_id, !live->resumes);
    live->verbs->accept(live, call);
}

static enum fr_status on_send(struct fr_subscriber *subscriber, const struct fr_message *message)
{
    struct fr_live *live = live_of(subscriber);
    if (message->type == FR_ENVELOPE_POST)
        fr_pages_feed_post(live->home->state.pages, &live->page_feed, message->post_id);
    else if (message->type == FR_ENVELOPE_RESET)
        fr_pages_feed_doubt(live->home->state.pages, &live->page_feed);
    enum fr_status status = live->verbs->send(live, message);
    if (status == FR_OK)
        fr_metric_add(FR_METRIC_LIVE_FRAMES, 1);
    return status;
}

static void on_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct fr_live *live = live_of(subscriber);
    fr_pages_feed_stop(live->home->state.pages, &live->page_feed);
    switch (why) {
    case FR_SUBSCRIBER_TOO_SLOW:
        fr_metric_add(FR_METRIC_LIVE_SLOW_CLOSED, 1);
        close_live(live, FR_WS_CODE_TOO_SLOW, "too slow: resume with your cursor", true);
        return;
    case FR_SUBSCRIBER_GAP:
        close_live(live, FR_WS_CODE_GAP, "posts may be missing: read the feed and connect again", false);
        return;
    case FR_SUBSCRIBER_UNAVAILABLE:
        close_live(live, FR_WS_CODE_TRY_LATER, "the live flow is away: try again later", false);
        return;
    }
}

static const struct fr_subscriber_verbs subscriber_verbs = {
    .started = on_started,
    .send = on_send,
    .ended = on_ended,
};

/* ---- its life ---- */

/* FR_NOT_FOUND if there is none. */
static enum fr_status read_cursor(struct fr_call *call, struct fr_str last_event_id, struct fr_cursor *ret,
                                  struct fr_error *error)
{
    struct fr_str text = last_event_id;
    enum fr_status status = FR_OK;
    if (text.len == 0)
        status = fr_call_query(call, "cursor", &text, error);
    if (status != FR_OK)
        return status;
    return fr_cursor_parse(fr_call_loop(call)->keyring, fr_call_user_id(call), text, ret, error);
}

bool fr_live_read_join(struct fr_call *call, struct fr_str last_event_id, struct fr_join *ret,
                       struct fr_cursor *ret_cursor)
{
    struct fr_error error = {0};
    int64_t snapshot = 0;
    ret->user_id = fr_call_user_id(call);
    enum fr_status status =
        fr_call_query_i64(call, "snapshot", FR_SNAPSHOT_DEFAULT, 0, FR_SNAPSHOT_MAX, &snapshot, &error);
    ret->snapshot = (int)snapshot;
    if (status == FR_OK) {
        status = read_cursor(call, last_event_id, ret_cursor, &error);
        ret->cursor = status == FR_OK ? ret_cursor : NULL;
        if (status == FR_NOT_FOUND)
            status = FR_OK;
    }
    if (status == FR_OK)
        return true;
    fr_call_fail(call, status, &error);
    return false;
}

enum fr_status fr_live_begin(struct fr_live *live, struct fr_call *call, const struct fr_live_verbs *verbs,
                             const struct fr_join *join)
{
    struct fr_error error = {0};
    live->verbs = verbs;
    live->home = call->home;
    live->call = call;
    live->expires_ms = fr_call_token(call)->expires_ms;
    live->resumes = join->cursor != NULL;
    fr_ring_add(&live->home->lives, &live->ring);
    enum fr_status status =
        fr_hub_join(live->home->state.hub, &live->subscriber, join, &subscriber_verbs, &error);
    if (status != FR_OK)
        FR_LOG_DEBUG("live subscriber refused", FR_KV_ERROR(&error));
    else
        on_expiry(&live->expiry);
    return status;
}

void fr_live_gone(struct fr_live *live)
{
    fr_hub_leave(live->home->state.hub, &live->subscriber);
    fr_pages_feed_stop(live->home->state.pages, &live->page_feed);
    fr_timer_stop(&live->expiry);
    fr_ring_remove(&live->ring);
    struct fr_call *call = live->call;
    live->call = NULL;
    if (call != NULL)
        fr_call_problem(call, FR_PROBLEM_UNAVAILABLE, NULL, NULL);
    else
        count(live->home, -1);
}

/* ---- draining ---- */

static void close_first(struct fr_http_loop *home)
{
    struct fr_live *live = FR_CONTAINER_OF(home->lives.next, struct fr_live, ring);
    /* Out of the ring: what is in it has not been told yet. */
    fr_ring_remove(&live->ring);
    close_live(live, FR_WS_CODE_GOING_AWAY, "the gateway is stopping", false);
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
