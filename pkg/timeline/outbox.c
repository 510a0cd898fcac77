#include <string.h>

#include "store/store.h"
#include "timeline/timeline_internal.h"

enum {
    AUTHOR_ID,
    EVENT_ID,
    PARTITION,
    KIND,
    SUBJECT_ID,
    TRIES,
    AGE_MS,
    IS_CELEBRITY,
    REQUEST_ID,
    TRACEPARENT
};

/* What is longer than the contract allows was not written by us; log lines can do without its end. */
static void copy_text(char *out, size_t size, struct fr_str text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

static void decode_event(const struct fr_result *rows, int row, int64_t now_ms, struct fr_outbox_event *ret)
{
    *ret = (struct fr_outbox_event){
        .author_id = fr_result_i64(rows, row, AUTHOR_ID),
        .event_id = fr_result_i64(rows, row, EVENT_ID),
        .subject_id = fr_result_i64(rows, row, SUBJECT_ID),
        .accepted_ms = now_ms - fr_result_i64(rows, row, AGE_MS),
        .partition = (int16_t)fr_result_i64(rows, row, PARTITION),
        .kind = (int16_t)fr_result_i64(rows, row, KIND),
        .tries = (int16_t)fr_result_i64(rows, row, TRIES),
        .celebrity = fr_result_bool(rows, row, IS_CELEBRITY),
    };
    copy_text(ret->request_id, sizeof(ret->request_id), fr_result_text(rows, row, REQUEST_ID));
    copy_text(ret->traceparent, sizeof(ret->traceparent), fr_result_text(rows, row, TRACEPARENT));
}

enum fr_status fr_outbox_read(struct fr_session *session, enum fr_outbox_state state,
                              struct fr_outbox_slice *slices, size_t count, struct fr_outbox_event *events,
                              size_t *ret_count, struct fr_error *error)
{
    struct fr_query queries[FR_AUTHOR_PARTITIONS];
    struct fr_result *results[FR_AUTHOR_PARTITIONS] = {0};
    int64_t now_ms;
    size_t total = 0;
    enum fr_status status;

    for (size_t i = 0; i < count; i++)
        queries[i] = FR_QUERY(FR_SQL_OUTBOX_READ, FR_P_I16(slices[i].partition), FR_P_I16(state),
                              FR_P_I64(slices[i].after), FR_P_I64S(slices[i].held, slices[i].held_count),
                              FR_P_I32((int64_t)slices[i].limit));
    if (count == 1)
        status = fr_session_query(session, queries, results, error);
    else
        status = fr_session_query_all(session, queries, count, results, error);
    if (status != FR_OK)
        return status;
    now_ms = fr_clock_monotonic_ms();
    for (size_t i = 0; i < count; i++) {
        slices[i].found = (size_t)fr_result_rows(results[i]);
        for (size_t row = 0; row < slices[i].found; row++)
            decode_event(results[i], (int)row, now_ms, &events[total++]);
        fr_result_free(results[i]);
    }
    *ret_count = total;
    return FR_OK;
}

enum fr_status fr_outbox_delete(struct fr_session *session, const int64_t *authors, const int64_t *events,
                                size_t count, struct fr_error *error)
{
    /* Not waiting for the disk is safe: a removal that a crash undoes is told once more. */
    const struct fr_query queries[] = {
        FR_QUERY_NO_PARAMS(FR_SQL_OUTBOX_LAZY_COMMIT),
        FR_QUERY(FR_SQL_OUTBOX_DELETE, FR_P_I64S(authors, count), FR_P_I64S(events, count)),
    };

    return fr_session_query_all(session, queries, FR_COUNT_OF(queries), NULL, error);
}

/* Far below the time after which the server ends the session of an owner that stands still. */
#define PROOF_MS 2000

enum fr_status fr_outbox_prove(struct fr_session *session, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY_NO_PARAMS(FR_SQL_HEALTH);

    if (fr_session_quiet_ms(session) < PROOF_MS)
        return FR_OK;
    return fr_session_query(session, &query, NULL, error);
}

enum fr_status fr_outbox_fail(struct fr_session *session, const struct fr_outbox_event *event,
                              const struct fr_error *reason, bool *ret_dead, struct fr_error *error)
{
    struct fr_buf text;
    struct fr_query query;
    struct fr_result *row = NULL;
    enum fr_status status;

    fr_buf_init(&text, sizeof(reason->message) + 64);
    fr_buf_printf(&text, "%s: %s",
                  reason->sqlstate[0] != '\0' ? reason->sqlstate : fr_status_name(reason->status),
                  reason->message);
    query = FR_QUERY(FR_SQL_OUTBOX_FAIL, FR_P_I64(event->author_id), FR_P_I64(event->event_id),
                     FR_P_TEXT(fr_buf_str(&text)), FR_P_I16(FR_EVENT_TRIES_MAX));
    status = fr_session_query(session, &query, &row, error);
    fr_buf_release(&text);
    if (status != FR_OK)
        return status;
    *ret_dead = fr_result_rows(row) == 0 || fr_result_i64(row, 0, 1) == FR_OUTBOX_DEAD;
    fr_result_free(row);
    return FR_OK;
}
