#include <stdlib.h>

#include "base/fault.h"
#include "bus/bus.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/tell_internal.h"

/* An author becomes a celebrity, or ceases to be one, by an event of its own that is handled apart from the
 * others: it waits in the table until everything of the author that is committed has been acked for a while,
 * because from then on the author's messages take another way to the receivers, and on two ways there is no
 * order. See docs/adr/0006-celebrity-flips.md. */
#define LOOK_INTERVAL_MS 1000
#define RETRY_FIRST_MS 100

static bool is_known(const struct fr_flips *flips, int64_t author_id, int64_t event_id)
{
    for (size_t i = 0; i < flips->count; i++)
        if (flips->waiting[i].author_id == author_id && flips->waiting[i].event_id == event_id)
            return true;
    return false;
}

static bool is_listed(const struct fr_flip *flip, const struct fr_result *rows)
{
    for (int row = 0; row < fr_result_rows(rows); row++)
        if (fr_result_i64(rows, row, 0) == flip->author_id && fr_result_i64(rows, row, 1) == flip->event_id)
            return true;
    return false;
}

/* The author's events are read again. */
static void let_go(struct fr_flips *flips, struct fr_flip *flip)
{
    if (flip->held)
        flips->released |= 1U << flip->partition;
    flip->held = false;
}

static void drop(struct fr_flips *flips, size_t at)
{
    let_go(flips, &flips->waiting[at]);
    flips->waiting[at] = flips->waiting[--flips->count];
}

void fr_flips_leave(struct fr_tell *tell, int partition)
{
    for (size_t i = tell->flips.count; i-- > 0;)
        if (tell->flips.waiting[i].partition == partition)
            drop(&tell->flips, i);
}

/* Finds those that wait in the table. Those that are not there any more were taken out by somebody. */
static enum fr_status look(struct fr_tell *tell, struct fr_session *session, int64_t now_ms,
                           struct fr_error *error)
{
    struct fr_flips *flips = &tell->flips;
    int16_t partitions[FR_AUTHOR_PARTITIONS];
    size_t count = 0;
    struct fr_query query;
    struct fr_result *rows = NULL;
    enum fr_status status;

    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if ((tell->owned & 1U << p) != 0)
            partitions[count++] = (int16_t)p;
    query = FR_QUERY(FR_SQL_FLIP_WAITING, FR_P_I16S(partitions, count), FR_P_I32(FR_FLIPS_MAX),
                     FR_P_I64(tell->options.celebrity_threshold), FR_P_I32(FR_CELEBRITY_STAYS_PERCENT));
    status = fr_session_query(session, &query, &rows, error);
    if (status != FR_OK)
        return status;
    for (size_t i = flips->count; i-- > 0;)
        if (!is_listed(&flips->waiting[i], rows))
            drop(flips, i);
    for (int row = 0; row < fr_result_rows(rows) && flips->count < FR_FLIPS_MAX; row++) {
        int64_t author_id = fr_result_i64(rows, row, 0), event_id = fr_result_i64(rows, row, 1);
        if (!is_known(flips, author_id, event_id))
            flips->waiting[flips->count++] = (struct fr_flip){
                .author_id = author_id,
                .event_id = event_id,
                .partition = (int16_t)fr_result_i64(rows, row, 2),
                .tries = (int16_t)fr_result_i64(rows, row, 3),
                .wanted = fr_result_bool(rows, row, 4),
                .since_ms = now_ms,
                .acked_ms = now_ms,
            };
    }
    fr_result_free(rows);
    flips->look_due_ms = now_ms + LOOK_INTERVAL_MS;
    return FR_OK;
}

/* An author who never falls quiet is held back. Not while nothing is acked: nobody falls quiet then, and
 * pages must go on. */
static void hold(struct fr_tell *tell, struct fr_flip *flip, int64_t now_ms)
{
    const struct fr_author *author = fr_author_find(tell, flip->author_id);

    if (!fr_bus_connected(tell->bus) || (author != NULL && author->failures > 0)) {
        let_go(&tell->flips, flip);
        flip->since_ms = now_ms;
    } else if (!flip->held &&
               now_ms - flip->since_ms >= FR_FLIP_PATIENCE * tell->options.celebrity_quiet_ms) {
        FR_LOG_INFO("author is never quiet, held back for a change of celebrity",
                    FR_KV_I64("author", flip->author_id));
        flip->held = true;
    }
}

static struct fr_outbox_event event_of(const struct fr_flip *flip)
{
    return (struct fr_outbox_event){
        .author_id = flip->author_id,
        .event_id = flip->event_id,
        .subject_id = flip->author_id,
        .accepted_ms = flip->since_ms,
        .partition = flip->partition,
        .kind = FR_OUTBOX_FLIP,
        .tries = flip->tries,
    };
}

/* In one transaction, alone. `ret_done` false: something of the author is in the table that is not in memory
 * and must be told first; an author who is held back is let go for that. */
static enum fr_status apply(struct fr_tell *tell, struct fr_session *session, struct fr_flip *flip,
                            bool *ret_done, struct fr_error *error)
{
    const struct fr_param author = FR_P_I64(flip->author_id), event_id = FR_P_I64(flip->event_id);
    const struct fr_query check = FR_QUERY(FR_SQL_FLIP_CHECK, author, event_id);
    const struct fr_query queries[] = {
        FR_QUERY(FR_SQL_OUTBOX_COMMIT, FR_P_I64S(&flip->author_id, 1), FR_P_I64S(&flip->event_id, 1)),
        FR_QUERY(FR_SQL_FLIP_APPLY, author, FR_P_I64(tell->options.celebrity_threshold),
                 FR_P_I32(FR_CELEBRITY_STAYS_PERCENT)),
        FR_QUERY(FR_SQL_FLIP_REMEMBER, author),
    };
    size_t count = flip->wanted ? FR_COUNT_OF(queries) : 1;
    struct fr_result *results[FR_COUNT_OF(queries)] = {0}, *checked = NULL;
    struct fr_outbox_event event = event_of(flip);
    bool waits, untold;
    enum fr_status status = fr_session_query(session, &check, &checked, error);

    if (status != FR_OK)
        return status;
    waits = fr_result_bool(checked, 0, 0);
    untold = fr_result_bool(checked, 0, 1);
    fr_result_free(checked);
    *ret_done = !waits;
    if (waits && flip->wanted && untold) {
        flip->due_ms = fr_clock_monotonic_ms() + LOOK_INTERVAL_MS;
        flip->since_ms = fr_clock_monotonic_ms();
        let_go(&tell->flips, flip);
    }
    if (!waits || (flip->wanted && untold))
        return FR_OK;
    fr_fault_point("before_flip");
    status = fr_session_query_all(session, queries, count, results, error);
    if (status != FR_OK)
        return status;
    fr_fault_point("after_flip");
    *ret_done = true;
    if (results[1] != NULL && fr_result_rows(results[1]) > 0) {
        bool celebrity = fr_result_bool(results[1], 0, 0);
        fr_metric_add(FR_METRIC_FLIPS, 1);
        FR_LOG_INFO(celebrity ? "author became a celebrity" : "author is no celebrity any more",
                    FR_KV_I64("author", flip->author_id));
    }
    for (size_t i = 0; i < count; i++)
        fr_result_free(results[i]);
    fr_tell_offer(tell, &event, 1);
    return FR_OK;
}

/* As a bad event of a batch: tried again, at last dead. */
static enum fr_status note_failure(struct fr_flip *flip, struct fr_session *session, int64_t now_ms,
                                   const struct fr_error *reason, bool *ret_dead, struct fr_error *error)
{
    struct fr_outbox_event event = event_of(flip);
    enum fr_status status = fr_outbox_fail(session, &event, reason, ret_dead, error);

    if (status != FR_OK)
        return status;
    flip->due_ms = now_ms + ((int64_t)RETRY_FIRST_MS << (2 * flip->tries));
    flip->tries++;
    if (*ret_dead) {
        fr_metric_add(FR_METRIC_OUTBOX_DEAD, 1);
        FR_LOG_ERROR("outbox event is dead", FR_KV_I64("event", flip->event_id),
                     FR_KV_I64("author", flip->author_id), FR_KV_I64("kind", FR_OUTBOX_FLIP),
                     FR_KV_ERROR(reason));
    } else {
        FR_LOG_WARN("outbox event failed", FR_KV_I64("event", flip->event_id),
                    FR_KV_I64("author", flip->author_id), FR_KV_I64("tries", flip->tries),
                    FR_KV_ERROR(reason));
    }
    return FR_OK;
}

/* One that is not wanted any more, or that somebody did already, changes nothing: it is told at once. */
static bool is_due(struct fr_tell *tell, struct fr_flip *flip, int64_t now_ms)
{
    if (now_ms < flip->due_ms)
        return false;
    if (!flip->wanted)
        return true;
    hold(tell, flip, now_ms);
    return fr_author_find(tell, flip->author_id) == NULL && fr_flip_quiet_ms(tell, flip, now_ms) == 0;
}

enum fr_status fr_flips_step(struct fr_tell *tell, struct fr_session *session, struct fr_error *error)
{
    struct fr_flips *flips = &tell->flips;
    int64_t now_ms = fr_clock_monotonic_ms();
    enum fr_status status = FR_OK;

    if (tell->owned != 0 && now_ms >= flips->look_due_ms)
        status = look(tell, session, now_ms, error);
    for (size_t i = flips->count; i-- > 0 && status == FR_OK;) {
        struct fr_flip *flip = &flips->waiting[i];
        struct fr_error reason = {0};
        bool done = false;
        if (!is_due(tell, flip, now_ms))
            continue;
        status = apply(tell, session, flip, &done, &reason);
        if (status != FR_OK && fr_batch_is_permanent(&reason))
            status = note_failure(flip, session, now_ms, &reason, &done, error);
        else if (status != FR_OK && error != NULL)
            *error = reason;
        if (status == FR_OK && done)
            drop(flips, i);
    }
    return status;
}

void fr_flips_note_acked(struct fr_tell *tell, int64_t author_id, int64_t now_ms)
{
    for (size_t i = 0; i < tell->flips.count; i++)
        if (tell->flips.waiting[i].author_id == author_id)
            tell->flips.waiting[i].acked_ms = now_ms;
}

int64_t fr_flip_quiet_ms(const struct fr_tell *tell, const struct fr_flip *flip, int64_t now_ms)
{
    int64_t due_ms = flip->acked_ms + tell->options.celebrity_quiet_ms;

    return due_ms > now_ms ? due_ms - now_ms : 0;
}

int64_t fr_flips_wait_ms(const struct fr_tell *tell, int64_t now_ms)
{
    int64_t wait = -1;

    for (size_t i = 0; i < tell->flips.count; i++) {
        const struct fr_flip *flip = &tell->flips.waiting[i];
        int64_t left = flip->wanted ? fr_flip_quiet_ms(tell, flip, now_ms) : 0;
        /* While something of the author is in the air its ack wakes us. */
        if (flip->wanted && fr_author_find(tell, flip->author_id) != NULL)
            continue;
        if (flip->due_ms - now_ms > left)
            left = flip->due_ms - now_ms;
        if (wait < 0 || left < wait)
            wait = left;
    }
    return wait;
}

size_t fr_tell_held_authors(const struct fr_tell *tell, int64_t authors[static FR_FLIPS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < tell->flips.count; i++)
        if (tell->flips.waiting[i].held)
            authors[count++] = tell->flips.waiting[i].author_id;
    return count;
}

unsigned fr_tell_take_released(struct fr_tell *tell)
{
    unsigned released = tell->flips.released;

    tell->flips.released = 0;
    return released;
}
