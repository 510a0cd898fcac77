/* The thread's side of a feed: keeps GET /post/feed/stream open, turns envelopes into events, and connects
 * anew when it ends (docs/protocol.md). */
#include <stdlib.h>

#include "feed_internal.h"
#include "problem.h"

enum {
    LIVED_MS = 10000, /* a stream that was live for so long was a success, and waits begin anew */
    CLOSE_CODE_TOKEN = 4001,
    CLOSE_CODE_CURSOR = 4004,
};

static struct freshet_feed *feed_of(struct exchange *exchange)
{
    return FR_CONTAINER_OF(exchange, struct freshet_feed, exchange);
}

static struct freshet_feed *feed_in(struct fr_ring *in)
{
    return FR_CONTAINER_OF(in, struct freshet_feed, in);
}

/* ---- telling the reader ---- */

static struct feed_item *new_item(struct freshet_feed *feed, freshet_event_type type)
{
    struct feed_item *item = FR_NEW(struct feed_item);
    memcpy(item->cursor, feed->received, sizeof item->cursor);
    item->event =
        (freshet_event){.type = type, .state = feed->state, .post.text = "", .cursor = item->cursor};
    return item;
}

/* The one place where a feed gets another state. `error` may be NULL. */
static void move(struct freshet_feed *feed, enum feed_step step, const freshet_error *error, int64_t wait_ms)
{
    freshet_state after = feed_state_after(feed->state, step); /* written by this thread alone */
    if (after == feed->state && error == NULL)
        return;
    struct feed_item *item = new_item(feed, FRESHET_EVENT_STATE);
    item->event.state = after;
    item->event.retry_in_ms = wait_ms;
    if (error != NULL) {
        item->error = *error;
        item->event.error = &item->error;
    }
    feed_queue_put(feed, item);
}

void feed_stream_begin(struct freshet_feed *feed)
{
    feed_queue_put(feed, new_item(feed, FRESHET_EVENT_STATE));
}

static void end(struct freshet_feed *feed, const freshet_error *why)
{
    exchange_drop(&feed->exchange);
    move(feed, FEED_ENDED, why, 0);
    feed_queue_end(feed, why);
}

/* ---- envelopes ---- */

static void note_cursor(struct freshet_feed *feed, const char *cursor)
{
    if (cursor[0] == '\0')
        return;
    memcpy(feed->received, cursor, strlen(cursor) + 1);
    feed_queue_note_cursor(feed, cursor);
}

/* Takes ownership of `envelope`. */
static void tell(struct freshet_feed *feed, freshet_event_type type, struct envelope *envelope)
{
    if (envelope->cursor[0] != '\0')
        memcpy(feed->received, envelope->cursor, sizeof feed->received);
    struct feed_item *item = new_item(feed, type);
    item->envelope = envelope;
    item->event.snapshot = envelope->snapshot;
    item->event.resumed = envelope->resumed;
    item->event.user_id = envelope->user_id;
    item->event.post = envelope->post;
    item->event.wire = envelope->wire.data;
    item->event.wire_size = envelope->wire.len;
    feed_queue_put(feed, item);
}

/* The same, unless it was told already: then there is only the place to note. */
static void tell_once(struct freshet_feed *feed, freshet_event_type type, struct envelope *envelope)
{
    struct seen_key key = {
        .id = envelope->post.id, .edited_at_ms = envelope->post.edited_at_ms, .type = (int)type};
    if (seen_add(&feed->seen, key)) {
        tell(feed, type, envelope);
        return;
    }
    note_cursor(feed, envelope->cursor);
    free(envelope);
}

static void on_ready(struct freshet_feed *feed)
{
    feed->live_ms = fr_clock_monotonic_ms();
    feed->renewed = false;
    move(feed, FEED_READY, NULL, 0);
}

static void on_reset(struct freshet_feed *feed)
{
    seen_clear(&feed->seen);
    feed->received[0] = '\0';
}

static void on_bye(struct freshet_feed *feed, const struct envelope *envelope)
{
    feed->said_bye = true;
    feed->bye_code = envelope->code;
    feed->bye_wait_ms = envelope->reconnect_after_ms;
    problem_copy(feed->bye_reason, sizeof feed->bye_reason, envelope->reason);
}

/* Takes ownership. */
static void on_envelope(struct freshet_feed *feed, struct envelope *envelope)
{
    switch (envelope->type) {
    case ENVELOPE_READY:
        on_ready(feed);
        tell(feed, FRESHET_EVENT_READY, envelope);
        return;
    case ENVELOPE_POST:
        tell_once(feed, FRESHET_EVENT_POST, envelope);
        return;
    case ENVELOPE_EDIT:
        tell_once(feed, FRESHET_EVENT_EDIT, envelope);
        return;
    case ENVELOPE_DELETE:
        tell_once(feed, FRESHET_EVENT_DELETE, envelope);
        return;
    case ENVELOPE_RESET:
        on_reset(feed);
        tell(feed, FRESHET_EVENT_RESET, envelope);
        return;
    case ENVELOPE_SNAPSHOT_END:
        tell(feed, FRESHET_EVENT_SNAPSHOT_END, envelope);
        return;
    case ENVELOPE_BYE:
        on_bye(feed, envelope);
        break;
    case ENVELOPE_CURSOR:
    case ENVELOPE_UNKNOWN:
        note_cursor(feed, envelope->cursor);
        break;
    }
    free(envelope);
}

/* ---- the stream ---- */

static void read_frames(struct freshet_feed *feed, struct fr_str bytes)
{
    for (;;) {
        struct fr_str frame;
        enum frames_status status = frames_next(&feed->frames, &bytes, &frame);
        if (status == FRAMES_MORE)
            return;
        struct envelope *envelope = NULL;
        if (status == FRAMES_FRAME && frame.len == 0)
            continue; /* the server is there, and has nothing to say */
        if (status == FRAMES_FRAME)
            envelope = codec_envelope(frame);
        if (envelope == NULL) {
            feed->mangled = true;
            exchange_refuse(&feed->exchange);
            return;
        }
        on_envelope(feed, envelope);
    }
}

static bool on_data(struct exchange *exchange, struct fr_str bytes)
{
    struct freshet_feed *feed = feed_of(exchange);
    feed->heard_ms = fr_clock_monotonic_ms();
    if (exchange_status(exchange) != 200 || !exchange_is_protobuf(exchange)) {
        fr_buf_append_str(&feed->problem, bytes);
        if (feed->problem.full)
            exchange_refuse(exchange);
        return true;
    }
    if (!feed_queue_has_room(feed))
        return false;
    read_frames(feed, bytes);
    return true;
}

/* Why it ended, in words. */
static void judge(struct freshet_feed *feed, CURLcode code, freshet_error *error)
{
    const struct exchange *exchange = &feed->exchange;
    long status = exchange_status(exchange);
    bool is_protobuf = exchange_is_protobuf(exchange);
    if (feed->said_bye)
        problem_set(error, feed->bye_code == CLOSE_CODE_TOKEN ? FRESHET_UNAUTHENTICATED : FRESHET_UNAVAILABLE,
                    NULL, "the server ended the stream with %d: %s", feed->bye_code, feed->bye_reason);
    else if (feed->mangled)
        problem_set(error, FRESHET_PROTOCOL, NULL, "what came on the stream is no envelope");
    else if (code != CURLE_OK)
        problem_of_transport(error, code, exchange->error_text);
    else if (status != 200)
        problem_of_answer(error, status, is_protobuf, fr_buf_str(&feed->problem));
    else if (!is_protobuf)
        problem_set(error, FRESHET_PROTOCOL, NULL,
                    "the answer is not in protobuf: is this a Freshet gateway?");
    else
        problem_set(error, FRESHET_UNAVAILABLE, NULL, "the stream ended without a word");
    if (code == CURLE_OK)
        error->retry_after_ms = problem_retry_after(exchange_header(exchange, "Retry-After"));
    const char *request_id = exchange_header(exchange, "X-Request-ID");
    if (error->request_id[0] == '\0' && request_id != NULL)
        problem_copy(error->request_id, sizeof error->request_id, request_id);
}

static void try_again(struct freshet_feed *feed, const freshet_error *error, int64_t wait_ms)
{
    enum feed_step step = feed->live_ms != 0 ? FEED_BROKEN : FEED_FAILED;
    feed->live_ms = 0;
    feed->again_ms = fr_clock_monotonic_ms() + wait_ms;
    feed->client->look_again = true;
    move(feed, step, error, wait_ms);
}

static bool has_lived(const struct freshet_feed *feed)
{
    return feed->live_ms != 0 && fr_clock_monotonic_ms() - feed->live_ms >= LIVED_MS;
}

/* As long as the server says, else as jitter says. */
static void try_again_later(struct freshet_feed *feed, const freshet_error *error)
{
    if (has_lived(feed))
        backoff_reset(&feed->backoff);
    int64_t wait_ms = backoff_next(&feed->backoff);
    if (feed->said_bye && feed->bye_wait_ms > 0)
        wait_ms = feed->bye_wait_ms;
    if (error->retry_after_ms > wait_ms)
        wait_ms = error->retry_after_ms;
    feed->said_bye = false;
    try_again(feed, error, wait_ms);
}

static void token_refused(struct freshet_feed *feed, const freshet_error *error)
{
    struct tokens *tokens = &feed->client->tokens;
    if (!tokens_refused(tokens, feed->token_generation) || feed->renewed) {
        end(feed, error);
        return;
    }
    feed->renewed = true;
    bool has_another = tokens->text != NULL && tokens->generation != feed->token_generation;
    if (has_another || feed->live_ms == 0)
        try_again(feed, error, 0);
    else /* not over and over again at once */
        try_again_later(feed, error);
}

static void on_end(struct exchange *exchange, CURLcode code)
{
    struct freshet_feed *feed = feed_of(exchange);
    freshet_error error;
    judge(feed, code, &error);
    exchange_drop(exchange);
    if (feed->said_bye && feed->bye_code == CLOSE_CODE_CURSOR)
        feed->received[0] = '\0';
    if (error.status == 401 || (feed->said_bye && feed->bye_code == CLOSE_CODE_TOKEN)) {
        token_refused(feed, &error);
    } else if (error.status == 403) {
        end(feed, &error);
    } else if (error.status == 400 && strcmp(error.field, "cursor") == 0 && feed->received[0] != '\0') {
        /* It is somebody else's, or damaged; without one the server begins with a reset. */
        feed->received[0] = '\0';
        try_again(feed, &error, 0);
    } else {
        try_again_later(feed, &error);
    }
}

static const struct exchange_verbs verbs = {.data = on_data, .end = on_end};

static void open_stream(struct freshet_feed *feed, const char *token, int64_t now_ms)
{
    char name[CLIENT_NAME_SIZE];
    struct fr_buf buf;
    fr_buf_init(&buf, 1024);
    fr_buf_printf(&buf, "/post/feed/stream?snapshot=%d", feed->snapshot);
    if (feed->received[0] != '\0') {
        char *escaped = curl_easy_escape(NULL, feed->received, 0);
        if (escaped == NULL)
            abort(); /* no memory: see base/memory.h */
        fr_buf_printf(&buf, "&cursor=%s", escaped);
        curl_free(escaped);
    }
    client_make_name(name);
    struct exchange_ask ask = {.method = "GET", .path = buf.data, .token = token, .request_id = name};
    feed->heard_ms = now_ms;
    feed->mangled = feed->said_bye = false;
    feed->bye_code = 0;
    feed->bye_wait_ms = 0;
    frames_reset(&feed->frames);
    fr_buf_reset(&feed->problem);
    exchange_begin(&feed->exchange, &feed->client->transport, &verbs, &ask, now_ms);
    fr_buf_release(&buf);
}

/* With a token, if there is one. */
static void open_with_token(struct freshet_feed *feed, int64_t now_ms)
{
    struct tokens *tokens = &feed->client->tokens;
    freshet_error error;
    switch (tokens_want(tokens, now_ms, &feed->token_awaited, &error)) {
    case TOKENS_HERE:
        feed->token_generation = tokens->generation;
        open_stream(feed, tokens->text, now_ms);
        return;
    case TOKENS_COME:
        return;
    case TOKENS_NONE:
        if (error.kind == FRESHET_UNAUTHENTICATED || error.kind == FRESHET_FORBIDDEN)
            end(feed, &error);
        else
            try_again_later(feed, &error);
        return;
    }
}

/* ---- the thread ---- */

static void let_go(struct freshet_feed *feed)
{
    struct freshet_client *client = feed->client;
    exchange_drop(&feed->exchange);
    fr_ring_remove(&feed->in);
    pthread_mutex_lock(&client->lock);
    feed->gone = true;
    pthread_cond_broadcast(&client->feed_gone);
    pthread_mutex_unlock(&client->lock);
}

static void cancel(struct freshet_feed *feed)
{
    freshet_error error;
    problem_set(&error, FRESHET_CANCELLED, NULL, "the feed was cancelled");
    end(feed, &error);
}

void feed_abandon(struct fr_ring *in)
{
    struct freshet_feed *feed = feed_in(in);
    if (!feed->ended)
        cancel(feed);
    let_go(feed);
}

/* The stream is open: reads on when there is room, and gives it up when it is silent. */
static void watch(struct freshet_feed *feed, int64_t now_ms, int64_t *due_ms)
{
    struct freshet_client *client = feed->client;
    if (feed->paused) { /* written by this thread alone */
        if (!feed_queue_has_room(feed))
            return;
        feed->heard_ms = now_ms;
        exchange_go_on(&feed->exchange);
        if (feed->paused)
            return;
    }
    int64_t over_ms = feed->heard_ms + client->silence_ms;
    if (now_ms < over_ms) {
        due_at(due_ms, over_ms);
        return;
    }
    /* If nothing else came either, it is the connection that is dead. */
    if (client->transport.heard_ms <= feed->heard_ms)
        transport_give_up(&client->transport);
    freshet_error error;
    problem_set(&error, FRESHET_UNAVAILABLE, NULL, "the stream was silent for too long");
    exchange_drop(&feed->exchange);
    try_again_later(feed, &error);
}

void feed_step(struct fr_ring *in, int64_t now_ms, int64_t *due_ms)
{
    struct freshet_feed *feed = feed_in(in);
    if (atomic_load(&feed->closing)) {
        let_go(feed);
        return;
    }
    if (feed->ended) /* written by this thread alone */
        return;
    if (atomic_load(&feed->cancelled) || canceller_is_set(feed->canceller) ||
        atomic_load(&feed->client->cancelled))
        cancel(feed);
    else if (!exchange_is_idle(&feed->exchange))
        watch(feed, now_ms, due_ms);
    else if (now_ms < feed->again_ms)
        due_at(due_ms, feed->again_ms);
    else if (feed_queue_has_room(feed))
        open_with_token(feed, now_ms);
}
