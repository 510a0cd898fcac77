#include <stdlib.h>

#include "base/fault.h"
#include "bus/bus.h"
#include "store/store.h"
#include "timeline/tell_internal.h"
#include "wire/wire.h"

/* What to send and to whom is read just before it is sent, for a wave of authors in one round trip and at
 * most so many recipients at a time. */
#define SLICE 16384
#define ALL_FOLLOWERS 0 /* instead of the one whom an event is about */
#define EVERYBODY 0     /* instead of a recipient: the author is a celebrity */
/* A wave of so many events reads everybody who is online, if that is not more than so many for each event;
 * else each follower is looked up. Measured to be about even for authors with 20 followers. */
#define MANY_EVENTS 32
#define MANY_ONLINE_EACH 100
#define ONLINE_INTERVAL_MS 5000

static void end_sending(struct fr_sending *sending)
{
    fr_buf_release(&sending->payload);
    *sending = (struct fr_sending){0};
}

/* of fanout_told */
enum { PLACE, IS_CELEBRITY, FOLLOWS, HAS_POST, BODY, REVISION, CREATED_AT, EDITED_AT, DELETED };

/* What a post is now. False if there is nothing to tell: one that is gone is told of by its delete alone. */
static bool describe_post(enum fr_outbox_kind kind, const struct fr_result *now, int row,
                          struct fr_event *message)
{
    bool deleted = fr_result_bool(now, row, DELETED);

    if (!fr_result_bool(now, row, HAS_POST) || deleted != (kind == FR_OUTBOX_DELETE))
        return false;
    message->revision = (int32_t)fr_result_i64(now, row, REVISION);
    message->created_at_ms = fr_result_time_ms(now, row, CREATED_AT);
    if (!fr_result_is_null(now, row, EDITED_AT))
        message->edited_at_ms = fr_result_time_ms(now, row, EDITED_AT);
    if (deleted)
        message->kind = FR_EVENT_DELETE;
    else
        message->kind = kind == FR_OUTBOX_EDIT ? FR_EVENT_EDIT : FR_EVENT_POST;
    if (!deleted)
        message->text = fr_result_text(now, row, BODY);
    return true;
}

/* What is told is what is now, not what the event says: then the last telling is right whatever is repeated
 * or came late, and whoever listens needs no more than to believe it. False if there is nothing to tell. */
static bool describe(const struct fr_outbox_event *event, const struct fr_result *now, int row,
                     struct fr_event *message)
{
    switch ((enum fr_outbox_kind)event->kind) {
    case FR_OUTBOX_POST:
    case FR_OUTBOX_EDIT:
    case FR_OUTBOX_DELETE:
        message->post_id = event->subject_id;
        return describe_post((enum fr_outbox_kind)event->kind, now, row, message);
    case FR_OUTBOX_FOLLOW:
    case FR_OUTBOX_UNFOLLOW:
        message->follower_id = event->subject_id;
        message->kind = fr_result_bool(now, row, FOLLOWS) ? FR_EVENT_FOLLOW : FR_EVENT_UNFOLLOW;
        return true;
    case FR_OUTBOX_FLIP:
        message->kind = fr_result_bool(now, row, IS_CELEBRITY) ? FR_EVENT_CELEBRITY : FR_EVENT_ORDINARY;
        return true;
    case FR_OUTBOX_ACCOUNT:
        message->kind = FR_EVENT_ACCOUNT;
        return true;
    }
    return false; /* of a later version, and committed by it: what it did to the tables stands */
}

static bool encode(const struct fr_outbox_event *event, const struct fr_result *now, int row,
                   struct fr_buf *out)
{
    struct fr_event message = {
        .author_id = event->author_id,
        .request_id = fr_str_of(event->request_id),
        .traceparent = fr_str_of(event->traceparent),
    };

    if (!describe(event, now, row, &message))
        return false;
    fr_buf_init(out, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(out, &message);
    return true;
}

/* A flip is told to all gateways, whatever the author is now. */
static bool is_for_all_gateways(const struct fr_outbox_event *event)
{
    return event->kind == FR_OUTBOX_FLIP;
}

/* The one follower of whom an event is to be told live; that of a flip is nobody. */
static int64_t follower_of(const struct fr_outbox_event *event)
{
    switch ((enum fr_outbox_kind)event->kind) {
    case FR_OUTBOX_FOLLOW:
    case FR_OUTBOX_UNFOLLOW:
    case FR_OUTBOX_FLIP:
        return event->subject_id;
    case FR_OUTBOX_POST:
    case FR_OUTBOX_EDIT:
    case FR_OUTBOX_DELETE:
    case FR_OUTBOX_ACCOUNT:
        break;
    }
    return ALL_FOLLOWERS;
}

/* What a wave is made of, in the order of the ready authors. */
struct reading {
    int64_t authors[FR_TELL_WAVE_MAX], subjects[FR_TELL_WAVE_MAX], followers[FR_TELL_WAVE_MAX];
    int16_t kinds[FR_TELL_WAVE_MAX];
    size_t count;                 /* places */
    struct fr_result *results[3]; /* recipients, what is told, how many are online */
    int recipient_row;
};

static enum fr_sql look_up_for(const struct fr_tell *tell, size_t events)
{
    bool many = events >= MANY_EVENTS && tell->online <= (int64_t)events * MANY_ONLINE_EACH;

    return many ? FR_SQL_FANOUT_RECIPIENTS_MANY : FR_SQL_FANOUT_RECIPIENTS;
}

static enum fr_status read_wave(struct fr_tell *tell, struct fr_session *session, struct reading *reading,
                                struct fr_error *error)
{
    struct fr_query queries[FR_COUNT_OF(reading->results)];
    int64_t now_ms = fr_clock_monotonic_ms();
    bool asks_online = now_ms >= tell->online_due_ms;
    enum fr_status status;

    for (const struct fr_author *author = tell->ready.first;
         author != NULL && reading->count < FR_TELL_WAVE_MAX; author = author->list_next) {
        const struct fr_outbox_event *event = &author->first->event;
        reading->authors[reading->count] = event->author_id;
        reading->subjects[reading->count] = event->subject_id;
        reading->kinds[reading->count] = event->kind;
        reading->followers[reading->count++] = follower_of(event);
    }
    queries[0] = FR_QUERY(look_up_for(tell, reading->count), FR_P_I64S(reading->authors, reading->count),
                          FR_P_I64S(reading->followers, reading->count), FR_P_I32(SLICE),
                          FR_P_I32(FR_PRESENCE_GRACE_MS));
    queries[1] =
        FR_QUERY(FR_SQL_FANOUT_TOLD, FR_P_I64S(reading->authors, reading->count),
                 FR_P_I64S(reading->subjects, reading->count), FR_P_I16S(reading->kinds, reading->count));
    queries[2] = FR_QUERY_NO_PARAMS(FR_SQL_ONLINE_ESTIMATE);
    status = fr_session_query_all(session, queries, asks_online ? 3 : 2, reading->results, error);
    if (status == FR_OK && asks_online) {
        tell->online = fr_result_i64(reading->results[2], 0, 0);
        tell->online_due_ms = now_ms + ONLINE_INTERVAL_MS;
    }
    return status;
}

/* Recipients of this place, from `row`: they are sorted by place. */
static int end_of_place(const struct fr_result *rows, int row, int64_t place)
{
    while (row < fr_result_rows(rows) && fr_result_i64(rows, row, PLACE) == place)
        row++;
    return row;
}

/* Takes an author into the wave, or, if there is nothing to publish, past it. `place` from 0. */
static void begin_sending(struct fr_tell *tell, struct fr_author *author, struct reading *reading, int place)
{
    const struct fr_result *recipients = reading->results[0];
    const struct fr_outbox_event *event = &author->first->event;
    int row = reading->recipient_row, end = end_of_place(recipients, row, place + 1);
    struct fr_sending sending = {
        .author = author,
        .row = row,
        .end = end,
        .whole = end < SLICE,
        .outward = tell->options.firehose && !author->told_outward,
        .for_all =
            is_for_all_gateways(event) || (row < end && fr_result_i64(recipients, row, 1) == EVERYBODY),
    };

    reading->recipient_row = end;
    if (!author->told_live)
        author->messages = 0;
    if (sending.for_all) {
        sending.end = row + 1;
        sending.whole = true;
    }
    if (author->told_live) {
        sending.end = row;
        sending.whole = true;
    }
    if ((!sending.outward && sending.row == sending.end) ||
        !encode(event, reading->results[1], place, &sending.payload)) {
        fr_author_move(tell, author, FR_AUTHOR_TOLD);
        return;
    }
    sending.flight = fr_flight_new(tell->wake, author, tell->generation);
    tell->wave[tell->wave_count++] = sending;
    fr_author_move(tell, author, FR_AUTHOR_SENDING);
}

enum fr_status fr_wave_start(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    struct reading reading = {.count = 0};
    enum fr_status status = read_wave(tell, session, &reading, error);

    if (status != FR_OK)
        return status;
    tell->wave_count = tell->wave_at = 0;
    fr_result_free(tell->recipients);
    tell->recipients = reading.results[0];
    /* Where the slice of recipients ends the wave does: those behind it stay ready. */
    for (size_t place = 0; place < reading.count && reading.recipient_row < SLICE; place++)
        begin_sending(tell, fr_author_take_first(&tell->ready), &reading, (int)place);
    fr_result_free(reading.results[1]);
    fr_result_free(reading.results[2]);
    return FR_OK;
}

/* One live message. FR_FULL: the bus has no room now. Any other failure is the flight's. */
static enum fr_status publish(struct fr_tell *tell, struct fr_sending *sending)
{
    struct fr_str data = fr_buf_str(&sending->payload);
    struct fr_error error;
    enum fr_status status;

    fr_flight_add(sending->flight);
    if (sending->for_all)
        status = fr_bus_publish_celebrity(tell->bus, sending->author->author_id, data, fr_flight_acked,
                                          sending->flight, &error);
    else
        status = fr_bus_publish_feed(tell->bus, fr_result_i64(tell->recipients, sending->row, 1), data,
                                     fr_flight_acked, sending->flight, &error);
    if (status != FR_OK)
        fr_flight_take_back(sending->flight);
    else
        sending->author->messages++;
    return status;
}

/* The message to the firehose. FR_FULL: the bus has no room now. */
static enum fr_status publish_outward(struct fr_tell *tell, struct fr_sending *sending)
{
    const struct fr_outbox_event *event = &sending->author->first->event;
    struct fr_error error;
    enum fr_status status;

    fr_flight_add(sending->flight);
    status = fr_bus_publish_post(tell->bus, event->author_id, event->event_id, fr_buf_str(&sending->payload),
                                 fr_flight_outward_acked, sending->flight, &error);
    if (status == FR_FULL) {
        fr_flight_take_back(sending->flight);
        return status;
    }
    sending->outward = false;
    if (status != FR_OK)
        fr_flight_outward_acked(sending->flight, status);
    return FR_OK;
}

/* Only the last of a wave can have more recipients than were read. */
static enum fr_status read_more(struct fr_tell *tell, struct fr_sending *sending, struct fr_session *session,
                                struct fr_error *error)
{
    int64_t after = fr_result_i64(tell->recipients, sending->end - 1, 1);
    const struct fr_query query =
        FR_QUERY(FR_SQL_FANOUT_MORE_RECIPIENTS, FR_P_I64(sending->author->author_id), FR_P_I64(after),
                 FR_P_I32(SLICE), FR_P_I32(FR_PRESENCE_GRACE_MS));
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

static void seal(struct fr_tell *tell, struct fr_sending *sending, enum fr_status status)
{
    struct fr_flight *flight = sending->flight;

    fr_author_move(tell, sending->author, FR_AUTHOR_FLYING);
    end_sending(sending);
    fr_flight_seal(flight, status);
    fr_fault_point("after_publish");
}

/* Sends to everybody of one event. FR_FULL: call again later. Another failure is the session's. */
static enum fr_status send_event(struct fr_tell *tell, struct fr_sending *sending, struct fr_session *session,
                                 struct fr_error *error)
{
    enum fr_status status = fr_outbox_prove(session, error);

    if (status != FR_OK)
        return status;
    /* First, because a file is slower to ack than memory. */
    if (sending->outward && publish_outward(tell, sending) == FR_FULL)
        return FR_FULL;
    for (;;) {
        for (; sending->row < sending->end && status == FR_OK; sending->row += status == FR_OK) {
            enum fr_status proven = fr_outbox_prove(session, error);
            if (proven != FR_OK)
                return proven;
            status = publish(tell, sending);
            fr_fault_stall("stall_in_wave");
        }
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

static enum fr_status send_events(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
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

enum fr_status fr_wave_send(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    bool sends = !fr_wave_is_over(tell);
    enum fr_status status = send_events(tell, session, error);

    if (sends)
        fr_bus_flush(tell->bus);
    return status;
}

void fr_wave_forget(struct fr_tell *tell)
{
    for (size_t i = tell->wave_at; i < tell->wave_count; i++) {
        if (tell->wave[i].flight != NULL)
            fr_flight_seal(tell->wave[i].flight, FR_CANCELLED);
        end_sending(&tell->wave[i]);
    }
    fr_result_free(tell->recipients);
    tell->recipients = NULL;
    tell->wave_count = tell->wave_at = 0;
}
