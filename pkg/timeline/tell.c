#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "bus/bus.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/timeline_internal.h"
#include "wire/wire.h"

/* The live part. Authors are told of side by side, the events of one author one after the other: the next is
 * sent when every publish of the previous one is acked, so that a repeat cannot overtake. What to send and to
 * whom is read just before it is sent, for a wave of authors in one round trip and at most SLICE recipients
 * at a time. */

#define EVENTS_MAX 2048 /* in memory; the rest waits in the table */
#define BUCKETS 1024
#define WAVE_MAX 128    /* authors sent to side by side */
#define SLICE 16384     /* recipients read at a time */
#define TOLD_ENOUGH 256 /* events removed in one statement, while there is other work */
#define REST_FIRST_MS 200
#define REST_MAX_MS 5000
#define FINISH_MS 500
#define ROOM_POLL_MS 5 /* others may have filled the bus: their acks don't wake us */

enum author_state {
    AUTHOR_READY,   /* its first event is to be sent */
    AUTHOR_SENDING, /* in the wave */
    AUTHOR_FLYING,  /* sent, not all acked */
    AUTHOR_RESTING, /* a publish failed: again after a while */
    AUTHOR_TOLD,    /* all acked, or nothing to publish: the event is to be removed */
};
enum { AUTHOR_STATES = AUTHOR_TOLD + 1 };

static const bool may_move[AUTHOR_STATES][AUTHOR_STATES] = {
    [AUTHOR_READY] = {[AUTHOR_SENDING] = true, [AUTHOR_TOLD] = true},
    [AUTHOR_SENDING] = {[AUTHOR_FLYING] = true, [AUTHOR_TOLD] = true},
    [AUTHOR_FLYING] = {[AUTHOR_RESTING] = true, [AUTHOR_TOLD] = true},
    [AUTHOR_RESTING] = {[AUTHOR_READY] = true},
    [AUTHOR_TOLD] = {[AUTHOR_READY] = true},
};

struct item {
    struct item *next;
    struct fr_outbox_event event;
};

struct author {
    int64_t author_id;
    enum author_state state;
    struct item *first, **last; /* events, the one at hand first; never empty */
    struct author *bucket_next;
    struct author *list_next; /* in the list of its state: ready or resting */
    int64_t rest_until_ms;
    int failures; /* in a row */
};

struct author_list {
    struct author *first, **last;
};

struct sending {
    struct author *author;
    struct fr_flight *flight;
    struct fr_buf payload;
    bool celebrity; /* one message for all */
    int row, end;   /* its recipients: rows of the wave's result */
    bool whole;     /* no more recipients behind these */
};

struct fr_tell {
    struct fr_bus *bus;
    struct fr_wake *wake;
    uint64_t generation;
    struct author *buckets[BUCKETS];
    struct author_list ready, resting;
    size_t events, flying;
    size_t of_partition[FR_AUTHOR_PARTITIONS]; /* events in memory */
    unsigned backlog; /* bit p: the table may hold committed events of p that are not in memory */
    struct sending wave[WAVE_MAX];
    size_t wave_count, wave_at;
    struct fr_result *recipients; /* of the wave: place, user */
    struct author *told[EVENTS_MAX];
    size_t told_count;
    bool failing, blocked;
    struct fr_outbox_event scratch[FR_BATCH_EVENTS_MAX];
};

struct fr_tell *fr_tell_new(struct fr_bus *bus, struct fr_wake *wake)
{
    struct fr_tell *tell = FR_NEW(struct fr_tell);

    tell->bus = bus;
    tell->wake = wake;
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

/* ---- authors and their events ---- */
static void append(struct author_list *list, struct author *author)
{
    author->list_next = NULL;
    *list->last = author;
    list->last = &author->list_next;
}

static struct author *take_first(struct author_list *list)
{
    struct author *author = list->first;

    list->first = author->list_next;
    if (list->first == NULL)
        list->last = &list->first;
    return author;
}

/* The one place where an author changes its state. Leaving a list is the caller's part: lists are taken from
 * the front. */
static void move(struct fr_tell *tell, struct author *author, enum author_state to)
{
    if (!may_move[author->state][to])
        abort();
    if (author->state == AUTHOR_FLYING)
        tell->flying--;
    author->state = to;
    switch (to) {
    case AUTHOR_READY:
        append(&tell->ready, author);
        break;
    case AUTHOR_SENDING:
        break;
    case AUTHOR_FLYING:
        tell->flying++;
        break;
    case AUTHOR_RESTING:
        append(&tell->resting, author);
        break;
    case AUTHOR_TOLD:
        author->failures = 0;
        tell->told[tell->told_count++] = author;
        break;
    }
}

static struct author **find_author(struct fr_tell *tell, int64_t author_id)
{
    struct author **place = &tell->buckets[fr_fnv1a32(&author_id, sizeof(author_id)) % BUCKETS];

    while (*place != NULL && (*place)->author_id != author_id)
        place = &(*place)->bucket_next;
    return place;
}

static void add_event(struct fr_tell *tell, const struct fr_outbox_event *event)
{
    struct author **place = find_author(tell, event->author_id);
    struct item *item = FR_NEW(struct item);
    struct author *author = *place;

    item->event = *event;
    if (author == NULL) {
        author = *place = FR_NEW(struct author);
        author->author_id = event->author_id;
        author->state = AUTHOR_READY;
        author->last = &author->first;
        append(&tell->ready, author);
    }
    *author->last = item;
    author->last = &item->next;
    tell->events++;
    tell->of_partition[event->partition]++;
}

/* The event at hand is over. The author's next one is its turn, or the author goes. */
static void drop_event(struct fr_tell *tell, struct author *author)
{
    struct item *item = author->first;

    tell->events--;
    tell->of_partition[item->event.partition]--;
    author->first = item->next;
    free(item);
    if (author->first != NULL) {
        move(tell, author, AUTHOR_READY);
        return;
    }
    *find_author(tell, author->author_id) = author->bucket_next;
    free(author);
}

static void end_sending(struct sending *sending)
{
    fr_buf_release(&sending->payload);
    *sending = (struct sending){0};
}

void fr_tell_forget(struct fr_tell *tell)
{
    for (size_t i = tell->wave_at; i < tell->wave_count; i++) {
        if (tell->wave[i].flight != NULL)
            fr_flight_seal(tell->wave[i].flight, FR_CANCELLED);
        end_sending(&tell->wave[i]);
    }
    fr_result_free(tell->recipients);
    tell->recipients = NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        while (tell->buckets[i] != NULL) {
            struct author *author = tell->buckets[i];
            tell->buckets[i] = author->bucket_next;
            while (author->first != NULL) {
                struct item *item = author->first;
                author->first = item->next;
                free(item);
            }
            free(author);
        }
    tell->generation++; /* acks of what is in the air find nobody any more */
    tell->ready = (struct author_list){NULL, &tell->ready.first};
    tell->resting = (struct author_list){NULL, &tell->resting.first};
    tell->events = tell->flying = tell->wave_count = tell->wave_at = tell->told_count = 0;
    memset(tell->of_partition, 0, sizeof(tell->of_partition));
    tell->backlog = 0;
    tell->blocked = false;
}

void fr_tell_adopt(struct fr_tell *tell, int partition)
{
    tell->backlog |= 1U << partition;
}

void fr_tell_offer(struct fr_tell *tell, const struct fr_outbox_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned bit = 1U << events[i].partition;
        /* Once one is left in the table all later ones of the partition are, or they would overtake it. */
        if (tell->events == EVENTS_MAX)
            tell->backlog |= bit;
        if ((tell->backlog & bit) == 0)
            add_event(tell, &events[i]);
    }
}

/* Reads events left in the table, of partitions that have none in memory: so none is read twice. */
static enum fr_status load_backlog(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    struct fr_outbox_slice slices[FR_AUTHOR_PARTITIONS];
    size_t count = 0, found = 0, room = EVENTS_MAX - tell->events;
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
        add_event(tell, &tell->scratch[i]);
    return FR_OK;
}

/* ---- what came back ---- */
static void note_health(struct fr_tell *tell, enum fr_status status)
{
    if (tell->failing == (status != FR_OK))
        return;
    tell->failing = status != FR_OK;
    if (tell->failing)
        FR_LOG_WARN("live events are not acked, will be sent again",
                    FR_KV_TEXT("status", fr_status_name(status)));
    else
        FR_LOG_INFO("live events are acked again");
}

static int64_t rest_time(const struct author *author, int64_t now_ms)
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
        enum fr_status worst = (enum fr_status)flight->worst;

        if (flight->generation == tell->generation) {
            struct author *author = flight->owner;
            const struct fr_outbox_event *event = &author->first->event;
            note_health(tell, worst);
            if (worst == FR_OK) {
                if (event->kind == FR_OUTBOX_POST)
                    fr_metric_observe(FR_METRIC_ACCEPTED_TO_PUBLISHED,
                                      (double)(now_ms - event->accepted_ms) / 1000);
                move(tell, author, AUTHOR_TOLD);
            } else {
                author->rest_until_ms = now_ms + rest_time(author, now_ms);
                author->failures++;
                move(tell, author, AUTHOR_RESTING);
            }
        }
        free(flight);
        flight = next;
    }
}

static enum fr_status remove_told(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    size_t count = tell->told_count;
    int64_t *ids;
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
    for (size_t i = 0; i < count; i++)
        drop_event(tell, tell->told[i]);
    fr_metric_add(FR_METRIC_OUTBOX_EVENTS, (int64_t)count);
    return FR_OK;
}

static void wake_rested(struct fr_tell *tell, int64_t now_ms)
{
    struct author *author = tell->resting.first;

    tell->resting = (struct author_list){NULL, &tell->resting.first};
    while (author != NULL) {
        struct author *next = author->list_next;
        if (author->rest_until_ms <= now_ms)
            move(tell, author, AUTHOR_READY);
        else
            append(&tell->resting, author);
        author = next;
    }
}

/* ---- sending ---- */
enum { PLACE, BODY, REVISION, CREATED_AT, EDITED_AT, DELETED, IS_CELEBRITY }; /* of fanout_told_posts */

/* False if there is nothing to tell. */
static bool encode(const struct fr_outbox_event *event, const struct fr_result *posts, int row,
                   struct fr_buf *out)
{
    bool deleted = fr_result_bool(posts, row, DELETED);
    struct fr_event message = {
        .post_id = event->subject_id,
        .author_id = event->author_id,
        .revision = (int32_t)fr_result_i64(posts, row, REVISION),
        .created_at_ms = fr_result_time_ms(posts, row, CREATED_AT),
        .edited_at_ms =
            fr_result_is_null(posts, row, EDITED_AT) ? 0 : fr_result_time_ms(posts, row, EDITED_AT),
        .request_id = fr_str_of(event->request_id),
        .traceparent = fr_str_of(event->traceparent),
    };

    /* A post that is gone is told of by its delete alone. */
    if (deleted != (event->kind == FR_OUTBOX_DELETE))
        return false;
    if (deleted)
        message.kind = FR_EVENT_DELETE;
    else
        message.kind = event->kind == FR_OUTBOX_EDIT ? FR_EVENT_EDIT : FR_EVENT_POST;
    if (!deleted)
        message.text = fr_result_text(posts, row, BODY);
    fr_buf_init(out, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(out, &message);
    return true;
}

static bool has_message(const struct fr_outbox_event *event)
{
    return event->kind == FR_OUTBOX_POST || event->kind == FR_OUTBOX_EDIT || event->kind == FR_OUTBOX_DELETE;
}

/* What a wave is made of, in the order of the ready authors. */
struct reading {
    int64_t authors[WAVE_MAX], posts[WAVE_MAX];
    size_t count;                 /* places: authors that have something to tell */
    struct fr_result *results[2]; /* posts, recipients */
    int post_row, recipient_row;
};

static enum fr_status read_wave(struct fr_tell *tell, struct fr_session *session, struct reading *reading,
                                struct fr_error *error)
{
    size_t looked = 0;
    struct fr_query queries[2];

    for (const struct author *author = tell->ready.first; author != NULL && looked < WAVE_MAX;
         author = author->list_next, looked++)
        if (has_message(&author->first->event)) {
            reading->authors[reading->count] = author->author_id;
            reading->posts[reading->count++] = author->first->event.subject_id;
        }
    if (reading->count == 0)
        return FR_OK;
    queries[0] = FR_QUERY(FR_SQL_FANOUT_TOLD_POSTS, FR_P_I64S(reading->authors, reading->count),
                          FR_P_I64S(reading->posts, reading->count));
    queries[1] =
        FR_QUERY(FR_SQL_FANOUT_RECIPIENTS, FR_P_I64S(reading->authors, reading->count), FR_P_I32(SLICE));
    return fr_session_query_all(session, queries, FR_COUNT_OF(queries), reading->results, error);
}

/* Rows of this place, from `row`; both results are sorted by place. */
static int end_of_place(const struct fr_result *rows, int row, int64_t place)
{
    while (row < fr_result_rows(rows) && fr_result_i64(rows, row, PLACE) == place)
        row++;
    return row;
}

/* Takes an author into the wave, or, if there is nothing to publish, past it. */
static void begin_sending(struct fr_tell *tell, struct author *author, struct reading *reading, int64_t place)
{
    const struct fr_result *posts = reading->results[0], *recipients = reading->results[1];
    int post_row = reading->post_row, row = reading->recipient_row;
    struct sending sending = {.author = author, .row = row, .end = end_of_place(recipients, row, place)};

    reading->post_row = end_of_place(posts, post_row, place);
    reading->recipient_row = sending.end;
    if (post_row == reading->post_row || !encode(&author->first->event, posts, post_row, &sending.payload)) {
        move(tell, author, AUTHOR_TOLD);
        return;
    }
    sending.celebrity = fr_result_bool(posts, post_row, IS_CELEBRITY);
    sending.whole = sending.celebrity || sending.end < SLICE;
    sending.flight = fr_flight_new(tell->wake, author, tell->generation);
    tell->wave[tell->wave_count++] = sending;
    move(tell, author, AUTHOR_SENDING);
}

static enum fr_status start_wave(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    struct reading reading = {.count = 0};
    int64_t place = 0;
    enum fr_status status = read_wave(tell, session, &reading, error);

    if (status != FR_OK)
        return status;
    tell->wave_count = tell->wave_at = 0;
    fr_result_free(tell->recipients);
    tell->recipients = reading.results[1];
    /* Where the slice of recipients ends the wave does: those behind it stay ready. */
    for (size_t looked = 0; looked < WAVE_MAX && tell->ready.first != NULL; looked++) {
        struct author *author = tell->ready.first;
        if (has_message(&author->first->event) &&
            (place == (int64_t)reading.count || reading.recipient_row == SLICE))
            break;
        take_first(&tell->ready);
        if (has_message(&author->first->event))
            begin_sending(tell, author, &reading, ++place);
        else
            move(tell, author, AUTHOR_TOLD);
    }
    fr_result_free(reading.results[0]);
    return FR_OK;
}

/* FR_FULL: the bus has no room now. Any other failure is the flight's. */
static enum fr_status publish(struct fr_tell *tell, struct sending *sending)
{
    struct fr_str data = fr_buf_str(&sending->payload);
    struct fr_error error;
    enum fr_status status;

    fr_flight_add(sending->flight);
    if (sending->celebrity)
        status = fr_bus_publish_celebrity(tell->bus, sending->author->author_id, data, fr_flight_acked,
                                          sending->flight, &error);
    else
        status = fr_bus_publish_feed(tell->bus, fr_result_i64(tell->recipients, sending->row, 1), data,
                                     fr_flight_acked, sending->flight, &error);
    if (status != FR_OK)
        fr_flight_take_back(sending->flight);
    return status;
}

/* Only the last of a wave can have more recipients than were read. */
static enum fr_status read_more(struct fr_tell *tell, struct sending *sending, struct fr_session *session,
                                struct fr_error *error)
{
    int64_t after = fr_result_i64(tell->recipients, sending->end - 1, 1);
    const struct fr_query query =
        FR_QUERY(FR_SQL_FANOUT_MORE_RECIPIENTS, FR_P_I64(sending->author->author_id), FR_P_I64(after),
                 FR_P_I32(SLICE));
    struct fr_result *rows = NULL;
    enum fr_status status = fr_session_query(session, &query, &rows, error);

    if (status != FR_OK)
        return status;
    fr_result_free(tell->recipients);
    tell->recipients = rows;
    sending->row = 0;
    sending->end = fr_result_rows(rows);
    sending->whole = sending->end < SLICE;
    return FR_OK;
}

static void seal(struct fr_tell *tell, struct sending *sending, enum fr_status status)
{
    struct fr_flight *flight = sending->flight;

    move(tell, sending->author, AUTHOR_FLYING);
    end_sending(sending);
    fr_flight_seal(flight, status);
    fr_fault_point("after_publish");
}

/* Sends to everybody of one event. FR_FULL: call again later. Another failure is the session's. */
static enum fr_status send_event(struct fr_tell *tell, struct sending *sending, struct fr_session *session,
                                 struct fr_error *error)
{
    enum fr_status status = FR_OK;

    if (sending->celebrity)
        sending->end = sending->row + 1;
    for (;;) {
        for (; sending->row < sending->end && status == FR_OK; sending->row += status == FR_OK)
            status = publish(tell, sending);
        if (status == FR_FULL)
            return status;
        if (status != FR_OK || sending->whole) {
            seal(tell, sending, status);
            return FR_OK;
        }
        status = read_more(tell, sending, session, error);
        if (status != FR_OK)
            return status;
    }
}

static enum fr_status send_wave(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    for (; tell->wave_at < tell->wave_count; tell->wave_at++) {
        enum fr_status status = send_event(tell, &tell->wave[tell->wave_at], session, error);
        tell->blocked = status == FR_FULL;
        if (tell->blocked)
            return FR_OK;
        if (status != FR_OK)
            return status;
    }
    return FR_OK;
}

/* ---- steps ---- */
static enum fr_status take_answers(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    take_completed(tell);
    return remove_told(tell, session, error);
}

enum fr_status fr_tell_step(struct fr_tell *tell, struct fr_session *session, int64_t budget_ms,
                            bool *ret_more, struct fr_error *error)
{
    int64_t until_ms = fr_clock_monotonic_ms() + budget_ms;
    enum fr_status status;

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
        if (tell->wave_at == tell->wave_count) {
            if (!fr_bus_connected(tell->bus))
                break;
            status = load_backlog(tell, session, error);
            if (status != FR_OK)
                return status;
            if (tell->ready.first == NULL)
                break;
            status = start_wave(tell, session, error);
            if (status != FR_OK)
                return status;
        }
        status = send_wave(tell, session, error);
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
    int64_t wait = tell->blocked ? ROOM_POLL_MS : -1;

    for (const struct author *author = tell->resting.first; author != NULL; author = author->list_next) {
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
