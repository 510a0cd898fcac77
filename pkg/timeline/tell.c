#include <stdlib.h>
#include <time.h>

#include "base/fault.h"
#include "bus/bus.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "timeline/tell_internal.h"

#define TOLD_ENOUGH 256 /* events removed in one statement, while there is other work */
#define REST_FIRST_MS 200
#define REST_MAX_MS 5000
#define FINISH_MS 500
#define ROOM_POLL_MS 5 /* others may have filled the bus: their acks don't wake us */

struct fr_tell *fr_tell_new(struct fr_bus *bus, struct fr_wake *wake, const struct fr_tell_options *options)
{
    struct fr_tell *tell = FR_NEW(struct fr_tell);

    tell->bus = bus;
    tell->wake = wake;
    tell->options = *options;
    tell->online = INT64_MAX; /* not known yet */
    tell->ready.last = &tell->ready.first;
    tell->resting.last = &tell->resting.first;
    return tell;
}

void fr_tell_free(struct fr_tell *tell)
{
    if (tell == NULL)
        return;
    fr_tell_forget(tell);
    free(tell);
}

/* What is forgotten is not known to fail any more: else a worker that gives its partitions away would keep
 * the process from ever telling of an outage again. */
static void forget_health(struct fr_tell *tell)
{
    if (tell->failing)
        fr_outages_note(tell->options.outages, FR_OUTAGE_ACKS, false);
    if (tell->outward_failing)
        fr_outages_note(tell->options.outages, FR_OUTAGE_FIREHOSE, false);
    tell->failing = tell->outward_failing = false;
}

void fr_tell_forget(struct fr_tell *tell)
{
    forget_health(tell);
    fr_wave_forget(tell);
    fr_authors_forget(tell);
    tell->generation++; /* acks of what is in the air find nobody any more */
    tell->backlog = tell->owned = 0;
    tell->blocked = false;
    tell->flips = (struct fr_flips){0};
}

void fr_tell_adopt(struct fr_tell *tell, int partition)
{
    tell->backlog |= 1U << partition;
    tell->owned |= 1U << partition;
    tell->flips.look_due_ms = 0;
}

void fr_tell_leave(struct fr_tell *tell, int partition)
{
    tell->backlog &= ~(1U << partition);
    tell->owned &= ~(1U << partition);
    fr_flips_leave(tell, partition);
}

size_t fr_tell_count(const struct fr_tell *tell, int partition)
{
    return tell->of_partition[partition];
}

void fr_tell_offer(struct fr_tell *tell, const struct fr_outbox_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned bit = 1U << events[i].partition;
        /* Once one is left in the table all later ones of the partition are, or they would overtake it. */
        if (tell->events == FR_TELL_EVENTS_MAX)
            tell->backlog |= bit;
        if ((tell->backlog & bit) == 0)
            fr_author_add_event(tell, &events[i]);
    }
}

/* Reads events left in the table, of partitions that have none in memory: so none is read twice. */
static enum fr_status load_backlog(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    struct fr_outbox_slice slices[FR_AUTHOR_PARTITIONS];
    size_t count = 0, found = 0, room = FR_TELL_EVENTS_MAX - tell->events;
    enum fr_status status;

    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if ((tell->backlog & 1U << p) != 0 && tell->of_partition[p] == 0)
            slices[count++] = (struct fr_outbox_slice){.partition = p};
    if (room > FR_BATCH_EVENTS_MAX)
        room = FR_BATCH_EVENTS_MAX;
    if (count == 0 || room < count)
        return FR_OK;
    for (size_t i = 0; i < count; i++)
        slices[i].limit = room / count;
    status = fr_outbox_read(session, FR_OUTBOX_COMMITTED, slices, count, tell->scratch, &found, error);
    if (status != FR_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (slices[i].found < slices[i].limit)
            tell->backlog &= ~(1U << slices[i].partition);
    for (size_t i = 0; i < found; i++)
        fr_author_add_event(tell, &tell->scratch[i]);
    return FR_OK;
}

/* ---- what came back ---- */
static void note_health(struct fr_tell *tell, enum fr_outage kind, bool *failing, enum fr_status status,
                        const char *bad, const char *good)
{
    if (*failing == (status != FR_OK))
        return;
    *failing = status != FR_OK;
    if (!fr_outages_note(tell->options.outages, kind, *failing))
        return;
    if (*failing)
        FR_LOG_WARN(bad, FR_KV_TEXT("status", fr_status_name(status)));
    else
        FR_LOG_INFO(good);
}

static void note_live(struct fr_tell *tell, struct fr_author *author, const struct fr_flight *flight)
{
    const struct fr_outbox_event *event = &author->first->event;
    enum fr_status status = (enum fr_status)flight->worst;

    if (status != FR_OK || author->messages > 0)
        note_health(tell, FR_OUTAGE_ACKS, &tell->failing, status,
                    "live events are not acked, will be sent again", "live events are acked again");
    author->told_live = status == FR_OK;
    if (status == FR_OK && event->kind == FR_OUTBOX_POST && author->messages > 0)
        fr_metric_observe(FR_METRIC_ACCEPTED_TO_PUBLISHED,
                          (double)(flight->live_acked_ms - event->accepted_ms) / 1000);
}

static void note_outward(struct fr_tell *tell, struct fr_author *author, const struct fr_flight *flight)
{
    enum fr_status status = (enum fr_status)flight->outward;

    note_health(tell, FR_OUTAGE_FIREHOSE, &tell->outward_failing, status,
                "events are not acked by POSTS, will be sent again", "events are acked by POSTS again");
    fr_metric_add(status == FR_OK ? FR_METRIC_FIREHOSE_PUBLISHED : FR_METRIC_FIREHOSE_ERRORS, 1);
    author->told_outward = status == FR_OK;
}

static int64_t rest_time(const struct fr_author *author, int64_t now_ms)
{
    int64_t rest = REST_MAX_MS;

    if (author->failures < 5)
        rest = (int64_t)REST_FIRST_MS << author->failures;
    /* Spread over authors, so that they don't all come back in one moment. */
    return rest + (author->author_id ^ now_ms) % (rest / 4);
}

static void take_completed(struct fr_tell *tell)
{
    struct fr_flight *flight = fr_wake_take_completed(tell->wake);
    int64_t now_ms = fr_clock_monotonic_ms();

    while (flight != NULL) {
        struct fr_flight *next = flight->next;

        if (flight->generation == tell->generation) {
            struct fr_author *author = flight->owner;
            if (!author->told_live)
                note_live(tell, author, flight);
            if (tell->options.firehose && !author->told_outward)
                note_outward(tell, author, flight);
            if (author->told_live && (author->told_outward || !tell->options.firehose)) {
                fr_author_move(tell, author, FR_AUTHOR_TOLD);
            } else {
                author->rest_until_ms = now_ms + rest_time(author, now_ms);
                author->failures++;
                fr_author_move(tell, author, FR_AUTHOR_RESTING);
            }
        }
        free(flight);
        flight = next;
    }
}

static enum fr_status remove_told(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    size_t count = tell->told_count;
    int64_t *ids, now_ms = fr_clock_monotonic_ms();
    enum fr_status status;

    if (count == 0)
        return FR_OK;
    fr_fault_point("before_delete");
    ids = fr_alloc_array(2 * count, sizeof(*ids));
    for (size_t i = 0; i < count; i++) {
        ids[i] = tell->told[i]->author_id;
        ids[count + i] = tell->told[i]->first->event.event_id;
    }
    status = fr_outbox_delete(session, ids, ids + count, count, error);
    free(ids);
    if (status != FR_OK)
        return status;
    tell->told_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct fr_author *author = tell->told[i];
        const struct fr_outbox_event *event = &author->first->event;
        FR_LOG_DEBUG("event told", FR_KV_I64("event", event->event_id),
                     FR_KV_I64("author", author->author_id), FR_KV_I64("messages", author->messages),
                     FR_KV_TEXT("request_id", event->request_id),
                     FR_KV_TEXT("traceparent", event->traceparent));
        fr_flips_note_acked(tell, author->author_id, now_ms);
        if (event->kind == FR_OUTBOX_POST) {
            fr_metric_add(FR_METRIC_POSTS_TOLD, 1);
            fr_metric_add(FR_METRIC_POST_MESSAGES, author->messages);
        }
        fr_author_drop_event(tell, author);
    }
    fr_metric_add(FR_METRIC_OUTBOX_EVENTS, (int64_t)count);
    return FR_OK;
}

static void wake_rested(struct fr_tell *tell, int64_t now_ms)
{
    struct fr_author *author = tell->resting.first;

    tell->resting = (struct fr_author_list){NULL, &tell->resting.first};
    while (author != NULL) {
        struct fr_author *next = author->list_next;
        if (author->rest_until_ms <= now_ms)
            fr_author_move(tell, author, FR_AUTHOR_READY);
        else
            fr_author_append(&tell->resting, author);
        author = next;
    }
}

static enum fr_status take_answers(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    take_completed(tell);
    return remove_told(tell, session, error);
}

enum fr_status fr_tell_look_up(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    enum fr_status status;

    if (!fr_wave_is_over(tell) || !fr_bus_connected(tell->bus))
        return FR_OK;
    status = load_backlog(tell, session, error);
    if (status != FR_OK || tell->ready.first == NULL)
        return status;
    return fr_wave_start(tell, session, error);
}

void fr_tell_meanwhile(struct fr_tell *tell, struct fr_session *session)
{
    /* Where it would have to ask the session it stops, and so it does if the session was not heard of for
     * too long: fr_tell_step() goes on at the same place. */
    enum fr_status status = fr_wave_send(tell, session, NULL);
    (void)status;
}

enum fr_status fr_tell_step(struct fr_tell *tell, struct fr_session *session, int64_t budget_ms,
                            bool *ret_more, struct fr_error *error)
{
    int64_t until_ms = fr_clock_monotonic_ms() + budget_ms;
    enum fr_status status = fr_flips_step(tell, session, error);

    if (status != FR_OK)
        return status;
    for (;;) {
        int64_t now_ms = fr_clock_monotonic_ms();

        take_completed(tell);
        wake_rested(tell, now_ms);
        if (tell->told_count >= TOLD_ENOUGH || tell->ready.first == NULL) {
            status = remove_told(tell, session, error);
            if (status != FR_OK)
                return status;
        }
        if (now_ms >= until_ms) {
            *ret_more = true;
            return FR_OK;
        }
        status = fr_tell_look_up(tell, session, error);
        if (status != FR_OK)
            return status;
        if (fr_wave_is_over(tell) &&
            (!fr_bus_connected(tell->bus) || (tell->ready.first == NULL && tell->told_count == 0)))
            break;
        status = fr_wave_send(tell, session, error);
        if (status != FR_OK)
            return status;
        if (tell->blocked) {
            fr_wake_want_room(tell->wake);
            break;
        }
    }
    *ret_more = false;
    return remove_told(tell, session, error);
}

int64_t fr_tell_wait_ms(const struct fr_tell *tell, int64_t now_ms)
{
    int64_t wait = tell->blocked ? ROOM_POLL_MS : fr_flips_wait_ms(tell, now_ms);

    for (const struct fr_author *author = tell->resting.first; author != NULL; author = author->list_next) {
        int64_t left = author->rest_until_ms > now_ms ? author->rest_until_ms - now_ms : 0;
        if (wait < 0 || left < wait)
            wait = left;
    }
    return wait;
}

enum fr_status fr_tell_finish(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    const struct timespec moment = {0, 2000000};
    int64_t until_ms = fr_clock_monotonic_ms() + FINISH_MS;
    enum fr_status status = take_answers(tell, session, error);

    while (status == FR_OK && tell->flying > 0 && fr_clock_monotonic_ms() < until_ms) {
        nanosleep(&moment, NULL);
        status = take_answers(tell, session, error);
    }
    return status;
}
