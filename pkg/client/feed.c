/* The reader's side of a feed: opened, read, cancelled, closed; and the queue between both sides. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "feed_internal.h"
#include "problem.h"

enum {
    QUEUE_MAX = 1024,
    QUEUE_MAX_MAX = 1 << 20,
    SNAPSHOT_MAX = 100,
    SNAPSHOT = 20,
    ENVELOPE_MAX = 64 * 1024
};

/* ---- the queue ---- */

static struct feed_item *item_in(struct fr_ring *in)
{
    return FR_CONTAINER_OF(in, struct feed_item, in);
}

static void free_item(struct feed_item *item)
{
    if (item != NULL)
        free(item->envelope);
    free(item);
}

static void take_out(struct freshet_feed *feed, struct feed_item *item)
{
    fr_ring_remove(&item->in);
    feed->count--;
}

void feed_queue_put(struct freshet_feed *feed, struct feed_item *item)
{
    struct feed_item *overtaken = NULL;
    pthread_mutex_lock(&feed->lock);
    if (item->event.type == FRESHET_EVENT_STATE) {
        feed->state = item->event.state;
        struct feed_item *last = item_in(feed->queue.prev);
        if (feed->count > 0 && last->event.type == FRESHET_EVENT_STATE &&
            last->event.state == item->event.state) {
            overtaken = last;
            take_out(feed, last);
        }
    }
    fr_ring_add(&feed->queue, &item->in);
    feed->count++;
    pthread_cond_signal(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
    free_item(overtaken);
}

bool feed_queue_has_room(struct freshet_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    /* Once it was full, half of it has to be read before the stream goes on: not event by event. */
    bool room = feed->count < (feed->paused ? (feed->queue_max + 1) / 2 : feed->queue_max);
    feed->paused = !room;
    pthread_mutex_unlock(&feed->lock);
    return room;
}

void feed_queue_note_cursor(struct freshet_feed *feed, const char *cursor)
{
    pthread_mutex_lock(&feed->lock);
    char *behind = feed->count > 0 ? item_in(feed->queue.prev)->cursor : feed->cursor;
    memcpy(behind, cursor, strlen(cursor) + 1);
    pthread_mutex_unlock(&feed->lock);
}

void feed_queue_end(struct freshet_feed *feed, const freshet_error *why)
{
    pthread_mutex_lock(&feed->lock);
    feed->state = FRESHET_STATE_CLOSED;
    feed->ended = true;
    feed->end = *why;
    pthread_cond_signal(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

/* ---- opening and closing ---- */

static void free_feed(struct freshet_feed *feed)
{
    while (!fr_ring_is_empty(&feed->queue)) {
        struct feed_item *item = item_in(feed->queue.next);
        take_out(feed, item);
        free_item(item);
    }
    free_item(feed->read);
    frames_release(&feed->frames);
    fr_buf_release(&feed->problem);
    pthread_cond_destroy(&feed->changed);
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

static struct freshet_feed *new_feed(struct freshet_client *client, const freshet_feed_options *options)
{
    struct freshet_feed *feed = FR_NEW(struct freshet_feed);
    feed->client = client;
    feed->canceller = options->canceller;
    feed->queue_max = options->queue_max != 0 ? options->queue_max : QUEUE_MAX;
    feed->snapshot = options->snapshot == 0 ? SNAPSHOT : options->snapshot < 0 ? 0 : options->snapshot;
    feed->state = FRESHET_STATE_CONNECTING;
    fr_ring_init(&feed->queue);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    frames_init(&feed->frames, ENVELOPE_MAX);
    fr_buf_init(&feed->problem, ENVELOPE_MAX);
    backoff_init(&feed->backoff, client->backoff_min_ms, client->backoff_max_ms, client_random());
    if (options->cursor != NULL) {
        memcpy(feed->cursor, options->cursor, strlen(options->cursor) + 1);
        memcpy(feed->received, options->cursor, strlen(options->cursor) + 1);
    }
    return feed;
}

static freshet_kind check_options(const freshet_feed_options *options, freshet_error *error)
{
    const char *cursor = options->cursor != NULL ? options->cursor : "";
    if (strlen(cursor) >= CODEC_CURSOR_SIZE || !fr_str_is_graphic(fr_str_of(cursor)))
        return problem_set(error, FRESHET_INVALID, "cursor", "cursor is none");
    if (options->snapshot > SNAPSHOT_MAX)
        return problem_set(error, FRESHET_INVALID, "snapshot", "snapshot is more than %d", SNAPSHOT_MAX);
    if (options->queue_max > QUEUE_MAX_MAX)
        return problem_set(error, FRESHET_INVALID, "queue_max", "queue_max is more than %d", QUEUE_MAX_MAX);
    return FRESHET_OK;
}

freshet_kind freshet_feed_open(freshet_client *client, const freshet_feed_options *given,
                               freshet_feed **ret_feed, freshet_error *error)
{
    freshet_feed_options options;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = client_read_struct(&options, sizeof options, given, "options", error);
    if (kind == FRESHET_OK)
        kind = check_options(&options, error);
    if (kind != FRESHET_OK)
        return kind;
    struct freshet_feed *feed = new_feed(client, &options);
    feed_stream_begin(feed);
    pthread_mutex_lock(&client->lock);
    bool room = client->feed_count < CLIENT_FEEDS_MAX;
    if (room) {
        client->feed_count++;
        fr_ring_add(&client->new_feeds, &feed->in);
    }
    pthread_mutex_unlock(&client->lock);
    if (!room) {
        free_feed(feed);
        return problem_set(error, FRESHET_INVALID, "feed", "the client has %d feeds already",
                           CLIENT_FEEDS_MAX);
    }
    io_thread_wake(client);
    *ret_feed = feed;
    return FRESHET_OK;
}

void freshet_feed_close(freshet_feed *feed)
{
    if (feed == NULL)
        return;
    struct freshet_client *client = feed->client;
    if (client_check(client, NULL) == FRESHET_OK) {
        atomic_store(&feed->closing, true);
        io_thread_wake(client);
        pthread_mutex_lock(&client->lock);
        while (!feed->gone)
            pthread_cond_wait(&client->feed_gone, &client->lock);
        client->feed_count--;
        pthread_mutex_unlock(&client->lock);
    }
    free_feed(feed);
}

void freshet_feed_cancel(freshet_feed *feed)
{
    atomic_store(&feed->cancelled, true);
    io_thread_wake(feed->client);
}

/* ---- reading ---- */

static bool is_cancelled(struct freshet_feed *feed)
{
    return atomic_load(&feed->cancelled) || canceller_is_set(feed->canceller) ||
           atomic_load(&feed->client->cancelled);
}

/* True when there is something to say; under the lock. */
static bool wait_for_news(struct freshet_feed *feed, int64_t timeout_ms)
{
    int64_t now_ms = fr_clock_monotonic_ms();
    bool forever = timeout_ms < 0 || timeout_ms > CLIENT_TIME_NONE - now_ms;
    int64_t until_ms = forever ? 0 : now_ms + timeout_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    while (feed->count == 0 && !feed->ended && !is_cancelled(feed)) {
        int failed = forever ? pthread_cond_wait(&feed->changed, &feed->lock)
                             : pthread_cond_timedwait(&feed->changed, &feed->lock, &until);
        if (failed == ETIMEDOUT)
            break;
    }
    return feed->count > 0 || feed->ended || is_cancelled(feed);
}

freshet_kind freshet_feed_next(freshet_feed *feed, int64_t timeout_ms, const freshet_event **ret_event,
                               freshet_error *error)
{
    freshet_kind kind = client_check(feed->client, error);
    if (kind != FRESHET_OK)
        return kind;
    bool make_room = false;
    pthread_mutex_lock(&feed->lock);
    if (!wait_for_news(feed, timeout_ms)) {
        kind = problem_set(error, FRESHET_TIMEOUT, NULL, "nothing came in the time that was given");
    } else if (is_cancelled(feed)) {
        kind = problem_set(error, FRESHET_CANCELLED, NULL, "the feed was cancelled");
    } else if (feed->count == 0) {
        kind = problem_give(error, &feed->end);
    } else {
        struct feed_item *item = item_in(feed->queue.next);
        take_out(feed, item);
        memcpy(feed->cursor, item->cursor, sizeof feed->cursor);
        make_room = feed->paused && feed->count < (feed->queue_max + 1) / 2;
        free_item(feed->read);
        feed->read = item;
        *ret_event = &item->event;
    }
    pthread_mutex_unlock(&feed->lock);
    if (make_room)
        io_thread_wake(feed->client);
    return kind;
}

freshet_kind freshet_feed_run(freshet_feed *feed, freshet_event_fn on_event, void *data, freshet_error *error)
{
    const freshet_event *event;
    freshet_kind kind;
    do
        kind = freshet_feed_next(feed, FRESHET_FOREVER, &event, error);
    while (kind == FRESHET_OK && on_event(data, event));
    return kind;
}

freshet_state freshet_feed_state(freshet_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    freshet_state state = feed->state;
    pthread_mutex_unlock(&feed->lock);
    return state;
}

const char *freshet_feed_cursor(freshet_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    memcpy(feed->cursor_told, feed->cursor, sizeof feed->cursor_told);
    pthread_mutex_unlock(&feed->lock);
    return feed->cursor_told;
}
