/* What all live connections have in common: their place in the hub, the end of their token, the drain. */
#include "http/live.h"

#include "config/config.h"
#include "http/user_counts.h"
#include "http/ws_frame.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum {
    DRAIN_STEP_SHARE = 90, /* live connections are closed within this share, in percent, of the drain time */
    EXPIRY_STEP_MS = 3600000, /* timers run on the monotonic clock: look again at the wall's now and then */
    BYE_MAX = 512,
};

static struct fr_live *live_of(struct fr_subscriber *subscriber)
{
    return FR_CONTAINER_OF(subscriber, struct fr_live, subscriber);
}

static void count(struct fr_live *live, int change)
{
    struct fr_http_loop *home = live->home;
    home->live_count = (size_t)((long long)home->live_count + change);
    home->live_by_carrier[live->carrier] = (size_t)((long long)home->live_by_carrier[live->carrier] + change);
    fr_metric_add_by(FR_METRIC_LIVE_SUBSCRIBERS, live->carrier, change);
}

/* ---- goodbye ---- */

/* When to come back. At random where many are told at once, so that they don't come back at once. */
static int64_t reconnect_after_ms(struct fr_http_loop *home, int code)
{
    switch (code) {
    case FR_WS_CODE_GOING_AWAY: {
        /* The others take them: it need not wait for the end of this gateway. */
        int64_t time = home->drain_until_ms - home->drain_started_ms;
        return fr_random_within(&home->random, 0, time > 0 ? time : 0);
    }
    case FR_WS_CODE_TOO_SLOW:
        return fr_random_within(&home->random, 100, 1000);
    case FR_WS_CODE_TOO_MANY:
        return fr_random_within(&home->random, 5000, 10000);
    case FR_WS_CODE_TRY_LATER:
        return fr_random_within(&home->random, 1000, 5000);
    default:
        return 0; /* a new token, or another way to behave, is wanted, not patience */
    }
}

static enum fr_status send_bye(struct fr_live *live, int code, const char *reason)
{
    enum fr_encoding encoding = live->subscriber.encoding;
    struct fr_buf head, body;
    fr_buf_init(&head, FR_ENVELOPE_HEAD_MAX);
    fr_buf_init(&body, BYE_MAX);
    fr_wire_envelope_head(&head, encoding, FR_ENVELOPE_BYE, FR_STR_NONE, false);
    struct fr_message message = {.type = FR_ENVELOPE_BYE, .head = fr_buf_str(&head)};
    message.reconnect_after_ms = reconnect_after_ms(live->home, code);
    fr_wire_envelope_bye(&body, encoding, code, reason, message.reconnect_after_ms);
    message.body = fr_frame_new(fr_buf_str(&body));
    enum fr_status status = live->verbs->send(live, &message);
    fr_frame_release(message.body);
    fr_buf_release(&body);
    fr_buf_release(&head);
    return status;
}

static void say_bye(struct fr_live *live, int code, const char *reason, bool *drop_queued)
{
    if (live->subscriber.encoding == FR_ENCODING_PLAIN)
        return;
    if (*drop_queued && live->verbs->drop != NULL)
        live->verbs->drop(live);
    if (send_bye(live, code, reason) == FR_FULL && !*drop_queued && live->verbs->drop != NULL) {
        /* What it does not get, its cursor brings back. */
        *drop_queued = true;
        live->verbs->drop(live);
        if (send_bye(live, code, reason) != FR_OK)
            FR_LOG_DEBUG("a live connection has no room for a bye");
    }
    *drop_queued = *drop_queued && live->verbs->drop == NULL;
}

static void leave_hub(struct fr_live *live)
{
    live->ended = true;
    fr_ring_remove(&live->ring);
    fr_timer_stop(&live->expiry);
    fr_hub_leave(live->home->state.hub, &live->subscriber);
    fr_http_loop_touch(live->home);
}

void fr_live_end(struct fr_live *live, int code, const char *reason, bool drop_queued)
{
    if (live->ended)
        return;
    leave_hub(live);
    if (!live->accepted) {
        live->verbs->abort(live);
        return;
    }
    say_bye(live, code, reason, &drop_queued);
    live->verbs->close(live, code, reason, drop_queued);
}

void fr_live_left(struct fr_live *live)
{
    if (live->ended)
        return;
    leave_hub(live);
    if (live->verbs->drop != NULL)
        live->verbs->drop(live);
    live->verbs->close(live, FR_WS_CODE_NORMAL, "", true);
}

/* ---- the token's end ---- */

static void end_with_token(struct fr_live *live, enum fr_metric metric, const char *reason)
{
    if (live->ended)
        return;
    fr_metric_add(metric, 1);
    live->token_is_ended = true;
    fr_live_end(live, FR_WS_CODE_TOKEN_ENDED, reason, false);
}

static void on_expiry(struct fr_timer *timer)
{
    struct fr_live *live = FR_CONTAINER_OF(timer, struct fr_live, expiry);
    int64_t left = live->expires_ms - fr_clock_wall_ms();
    if (left > 0)
        fr_timer_start(live->home->state.loop, timer, left < EXPIRY_STEP_MS ? left : EXPIRY_STEP_MS,
                       on_expiry);
    else
        end_with_token(live, FR_METRIC_LIVE_EXPIRED, "token expired");
}

static void on_revoked(struct fr_live *live)
{
    end_with_token(live, FR_METRIC_LIVE_REVOKED, "token revoked");
}

void fr_live_revoke(struct fr_http_loop *home, const struct fr_revocation *revocation)
{
    fr_live_find_revoked(home, revocation, on_revoked);
}

static void take_token(struct fr_live *live, const struct fr_token *token)
{
    fr_live_unindex(live);
    live->issued_ms = token->issued_ms;
    live->expires_ms = token->expires_ms;
    if (fr_token_key_parse(fr_str_of(token->id), &live->token) == FR_OK)
        fr_live_index(live);
}

void fr_live_authenticate(struct fr_live *live, struct fr_str text)
{
    struct fr_server *server = live->home->server;
    int64_t now_ms = fr_clock_wall_ms();
    struct fr_token token;
    struct fr_error error = {0};
    if (live->ended)
        return;
    if (fr_token_read(live->home->state.keyring, text, now_ms, &token, &error) != FR_OK)
        fr_live_end(live, FR_WS_CODE_POLICY, error.message, false);
    else if (token.user_id != live->subscriber.user_id)
        fr_live_end(live, FR_WS_CODE_POLICY, "the token is another user's", false);
    else if (token.expires_ms <= now_ms)
        end_with_token(live, FR_METRIC_LIVE_EXPIRED, "token expired");
    else if (fr_revocations_cover(server->revocations, &token))
        end_with_token(live, FR_METRIC_LIVE_REVOKED, "token revoked");
    else {
        take_token(live, &token);
        on_expiry(&live->expiry);
    }
}

/* ---- slow clients ---- */

enum { SLOW_HARD, SLOW_SOFT }; /* labels of the metric */

static void close_slow(struct fr_live *live, int bound)
{
    if (live->ended)
        return;
    fr_metric_add_by(FR_METRIC_LIVE_SLOW_CLOSED, bound, 1);
    fr_live_end(live, FR_WS_CODE_TOO_SLOW, "too slow: resume with your cursor", true);
}

void fr_live_too_slow(struct fr_live *live)
{
    close_slow(live, SLOW_SOFT);
}

/* ---- the hub's side ---- */

static void let_in(struct fr_live *live)
{
    struct fr_call *call = live->call;
    live->call = NULL;
    live->accepted = true;
    live->phase = FR_LIVE_FLOWING;
    count(live, 1);
    live->verbs->accept(live, call);
}

static void on_started(struct fr_subscriber *subscriber)
{
    struct fr_live *live = live_of(subscriber);
    fr_pages_feed_start(live->home->state.pages, &live->page_feed, subscriber->user_id, !live->resumes);
    if (live->call != NULL) /* else the flow goes on after an interruption */
        let_in(live);
}

/* Until it goes on his page would lack what is published: it is read instead. */
static void on_interrupted(struct fr_subscriber *subscriber)
{
    struct fr_live *live = live_of(subscriber);
    fr_pages_feed_stop(live->home->state.pages, &live->page_feed);
}

/* What is read for the snapshot is the user's first page, and what comes behind it keeps it current. */
static void on_read_page(struct fr_subscriber *subscriber, const struct fr_page_request *request,
                         fr_timeline_posts_fn done, void *arg)
{
    struct fr_live *live = live_of(subscriber);
    struct fr_pages *pages = live->home->state.pages;
    live->page_was_read = true;
    fr_pages_feed_stop(pages, &live->page_feed);
    fr_pages_feed_start(pages, &live->page_feed, subscriber->user_id, true);
    fr_pages_read_through(pages, request, done, arg);
}

static void keep_page_current(struct fr_live *live, const struct fr_message *message)
{
    struct fr_pages *pages = live->home->state.pages;
    if (message->type == FR_ENVELOPE_POST)
        fr_pages_feed_post(pages, &live->page_feed, message->post_id);
    if (message->type != FR_ENVELOPE_RESET)
        return;
    if (!live->page_was_read)
        fr_pages_feed_doubt(pages, &live->page_feed);
    live->page_was_read = false;
}

static enum fr_status on_send(struct fr_subscriber *subscriber, const struct fr_message *message)
{
    struct fr_live *live = live_of(subscriber);
    /* Far away in memory: it comes while the message is written. */
    __builtin_prefetch(live->page_feed.reader);
    enum fr_status status = live->verbs->send(live, message);
    keep_page_current(live, message);
    if (status != FR_OK)
        return status;
    fr_metric_add(FR_METRIC_LIVE_FRAMES, 1);
    live->frames++;
    if (message->type == FR_ENVELOPE_RESET)
        live->phase = FR_LIVE_SNAPSHOT;
    else if (message->type == FR_ENVELOPE_SNAPSHOT_END)
        live->phase = FR_LIVE_FLOWING;
    return FR_OK;
}

static void on_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct fr_live *live = live_of(subscriber);
    fr_pages_feed_stop(live->home->state.pages, &live->page_feed);
    switch (why) {
    case FR_SUBSCRIBER_TOO_SLOW:
        close_slow(live, SLOW_HARD);
        return;
    case FR_SUBSCRIBER_GAP:
        fr_live_end(live, FR_WS_CODE_GAP, "posts may be missing: read the feed and connect again", false);
        return;
    case FR_SUBSCRIBER_UNAVAILABLE:
        fr_live_end(live, FR_WS_CODE_TRY_LATER, "the live flow is away: try again later", false);
        return;
    }
}

static const struct fr_subscriber_verbs subscriber_verbs = {
    .started = on_started,
    .interrupted = on_interrupted,
    .send = on_send,
    .read_page = on_read_page,
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
    status = fr_cursor_parse(fr_call_loop(call)->keyring, fr_call_user_id(call), text, ret, error);
    if (status != FR_OK && last_event_id.len > 0)
        snprintf(error->field, sizeof error->field, "Last-Event-ID");
    return status;
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

/* The user has too many: the handshake succeeds all the same, since only an open connection can be told why.
 */
static void on_refusal(struct fr_timer *timer)
{
    struct fr_live *live = FR_CONTAINER_OF(timer, struct fr_live, expiry);
    fr_metric_add(FR_METRIC_LIVE_TOO_MANY, 1);
    if (!fr_call_gone(live->call))
        let_in(live);
    fr_live_end(live, FR_WS_CODE_TOO_MANY, "too many connections of this user", false);
}

static enum fr_status join_hub(struct fr_live *live, const struct fr_join *join)
{
    struct fr_error error = {0};
    enum fr_status status =
        fr_hub_join(live->home->state.hub, &live->subscriber, join, &subscriber_verbs, &error);
    if (status != FR_OK)
        FR_LOG_DEBUG("live subscriber refused", FR_KV_ERROR(&error));
    else
        on_expiry(&live->expiry);
    return status;
}

enum fr_status fr_live_begin(struct fr_live *live, struct fr_call *call, const struct fr_live_verbs *verbs,
                             const struct fr_join *join)
{
    struct fr_server *server = call->home->server;
    live->verbs = verbs;
    live->home = call->home;
    live->client = *fr_call_client(call);
    live->call = call;
    live->number = atomic_fetch_add(&server->lives_begun, 1) + 1;
    live->since_ms = fr_clock_monotonic_ms();
    live->subscriber.user_id = join->user_id;
    live->subscriber.encoding = join->encoding;
    live->resumes = join->cursor != NULL;
    fr_ring_add(&live->home->lives, &live->ring);
    take_token(live, fr_call_token(call));
    /* It may have been revoked since it was checked. From here on the index finds it. */
    if (fr_revocations_cover(server->revocations, fr_call_token(call))) {
        live->token_is_ended = true;
        return FR_UNAUTHENTICATED;
    }
    live->counted = fr_user_counts_take(server->user_counts, join->user_id,
                                        live->home->state.settings->connections_per_user);
    if (live->counted)
        return join_hub(live, join);
    fr_timer_start(live->home->state.loop, &live->expiry, 0, on_refusal);
    return FR_OK;
}

void fr_live_gone(struct fr_live *live)
{
    fr_hub_leave(live->home->state.hub, &live->subscriber);
    fr_pages_feed_stop(live->home->state.pages, &live->page_feed);
    fr_timer_stop(&live->expiry);
    fr_ring_remove(&live->ring);
    fr_live_unindex(live);
    if (live->counted)
        fr_user_counts_give_back(live->home->server->user_counts, live->subscriber.user_id);
    if (live->accepted)
        count(live, -1);
    struct fr_call *call = live->call;
    live->call = NULL;
    if (call == NULL)
        return;
    if (live->token_is_ended)
        fr_call_problem(call, FR_PROBLEM_UNAUTHENTICATED, NULL, "The token has ended.");
    else
        fr_call_problem(call, FR_PROBLEM_UNAVAILABLE, NULL, NULL);
}

/* ---- draining ---- */

static void close_first(struct fr_http_loop *home)
{
    struct fr_live *live = FR_CONTAINER_OF(home->lives.next, struct fr_live, ring);
    fr_metric_add(FR_METRIC_LIVE_DRAINED, 1);
    fr_live_end(live, FR_WS_CODE_GOING_AWAY, "the gateway is stopping", false);
}

/* Evenly over the time: as many are due as the part of it that has passed. */
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
