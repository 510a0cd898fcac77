#include <stdlib.h>

#include "base/fault.h"
#include "bus/bus.h"
#include "store/store.h"
#include "timeline/tell_internal.h"
#include "wire/wire.h"

/* What to send and to whom is read just before it is sent, for a wave of authors in one round trip and at
 * most so many recipients at a time. */
#define SLICE 16384

static void end_sending(struct fr_sending *sending)
{
    fr_buf_release(&sending->payload);
    *sending = (struct fr_sending){0};
}

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
    int64_t authors[FR_TELL_WAVE_MAX], posts[FR_TELL_WAVE_MAX];
    size_t count;                 /* places: authors that have something to tell */
    struct fr_result *results[2]; /* posts, recipients */
    int post_row, recipient_row;
};

static enum fr_status read_wave(struct fr_tell *tell, struct fr_session *session, struct reading *reading,
                                struct fr_error *error)
{
    size_t looked = 0;
    struct fr_query queries[2];

    for (const struct fr_author *author = tell->ready.first; author != NULL && looked < FR_TELL_WAVE_MAX;
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
static void begin_sending(struct fr_tell *tell, struct fr_author *author, struct reading *reading,
                          int64_t place)
{
    const struct fr_result *posts = reading->results[0], *recipients = reading->results[1];
    int post_row = reading->post_row, row = reading->recipient_row;
    struct fr_sending sending = {.author = author, .row = row, .end = end_of_place(recipients, row, place)};

    reading->post_row = end_of_place(posts, post_row, place);
    reading->recipient_row = sending.end;
    if (post_row == reading->post_row || !encode(&author->first->event, posts, post_row, &sending.payload)) {
        fr_author_move(tell, author, FR_AUTHOR_TOLD);
        return;
    }
    sending.celebrity = fr_result_bool(posts, post_row, IS_CELEBRITY);
    sending.whole = sending.celebrity || sending.end < SLICE;
    sending.flight = fr_flight_new(tell->wake, author, tell->generation);
    tell->wave[tell->wave_count++] = sending;
    fr_author_move(tell, author, FR_AUTHOR_SENDING);
}

enum fr_status fr_wave_start(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
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
    for (size_t looked = 0; looked < FR_TELL_WAVE_MAX && tell->ready.first != NULL; looked++) {
        struct fr_author *author = tell->ready.first;
        if (has_message(&author->first->event) &&
            (place == (int64_t)reading.count || reading.recipient_row == SLICE))
            break;
        fr_author_take_first(&tell->ready);
        if (has_message(&author->first->event))
            begin_sending(tell, author, &reading, ++place);
        else
            fr_author_move(tell, author, FR_AUTHOR_TOLD);
    }
    fr_result_free(reading.results[0]);
    return FR_OK;
}

/* FR_FULL: the bus has no room now. Any other failure is the flight's. */
static enum fr_status publish(struct fr_tell *tell, struct fr_sending *sending)
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
static enum fr_status read_more(struct fr_tell *tell, struct fr_sending *sending, struct fr_session *session,
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
    enum fr_status status = FR_OK;

    if (sending->celebrity)
        sending->end = sending->row + 1;
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

enum fr_status fr_wave_send(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
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
