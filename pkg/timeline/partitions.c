#include "timeline/partitions.h"

#include <stdlib.h>

#include "bus/bus.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"

/* First half of the two numbers of each advisory lock: "FEED" and the partition, "FEEM" and the member. */
#define LOCK_CLASS 0x46454544
#define MEMBER_CLASS 0x4645454d
#define LOOK_INTERVAL_MS 1000
/* Another member was quicker with one that was free. */
#define LOOK_AGAIN_MS 50
/* A partition whose events are not acked leaves after this: the next owner repeats them. */
#define LEAVE_MAX_MS 3000

enum partition_event {
    SEEN_HELD,
    SEEN_FREE,
    LOCKED,
    SURPLUS, /* is handed over */
    UNLOCKED,
    LOST,
};
enum { PARTITION_EVENTS = LOST + 1 };

#define ELSEWHERE FR_PARTITION_ELSEWHERE
#define FREE FR_PARTITION_FREE
#define OWNED FR_PARTITION_OWNED
#define LEAVING FR_PARTITION_LEAVING
static const enum fr_partition_state transitions[FR_PARTITION_STATES][PARTITION_EVENTS] = {
    /*               seen held  seen free  locked     surplus    unlocked   lost */
    [ELSEWHERE] = {ELSEWHERE, FREE, OWNED, ELSEWHERE, ELSEWHERE, ELSEWHERE},
    [FREE] = {ELSEWHERE, FREE, OWNED, FREE, FREE, ELSEWHERE},
    [OWNED] = {OWNED, ELSEWHERE, OWNED, LEAVING, ELSEWHERE, ELSEWHERE}, /* seen free: see look() */
    [LEAVING] = {LEAVING, ELSEWHERE, LEAVING, LEAVING, ELSEWHERE, ELSEWHERE},
};

/* Added, not set: another worker of the process may have the partition before this one notices its loss. */
static void show_owned(int p, int more)
{
    fr_metric_add(FR_METRIC_OUTBOX_PARTITIONS, more);
    fr_metric_add_by(FR_METRIC_OUTBOX_OWNED, p, more);
}

/* The one place where a partition changes its state. */
static void move(struct fr_partitions *partitions, int p, enum partition_event event)
{
    enum fr_partition_state before = partitions->states[p], after = transitions[before][event];

    if (before == after)
        return;
    partitions->states[p] = after;
    if (before == OWNED)
        partitions->owned--;
    if (before == LEAVING)
        partitions->leaving = -1;
    if (before == OWNED && after != LEAVING)
        fr_intake_leave(partitions->intake, p);
    switch (after) {
    case FR_PARTITION_OWNED:
        partitions->owned++;
        show_owned(p, 1);
        fr_intake_adopt(partitions->intake, p);
        fr_tell_adopt(partitions->tell, p);
        break;
    case FR_PARTITION_LEAVING:
        partitions->leaving = p;
        partitions->leaving_since_ms = fr_clock_monotonic_ms();
        fr_intake_leave(partitions->intake, p);
        fr_tell_leave(partitions->tell, p);
        break;
    case FR_PARTITION_ELSEWHERE:
    case FR_PARTITION_FREE:
        if (before == OWNED || before == LEAVING)
            show_owned(p, -1);
        break;
    }
    fr_wake_set_interest(partitions->wake, fr_partitions_mask(partitions));
}

static bool holds(const struct fr_partitions *partitions, int p)
{
    return partitions->states[p] == OWNED || partitions->states[p] == LEAVING;
}

unsigned fr_partitions_mask(const struct fr_partitions *partitions)
{
    unsigned mask = 0;

    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if (partitions->states[p] == OWNED)
            mask |= 1U << p;
    return mask;
}

size_t fr_partitions_held(const struct fr_partitions *partitions)
{
    size_t count = 0;

    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        count += holds(partitions, p);
    return count;
}

void fr_partitions_init(struct fr_partitions *partitions, int worker, struct fr_intake *intake,
                        struct fr_tell *tell, struct fr_wake *wake, struct fr_bus *bus)
{
    *partitions = (struct fr_partitions){
        .intake = intake, .tell = tell, .wake = wake, .bus = bus, .worker = worker, .leaving = -1};
}

enum fr_status fr_partitions_join(struct fr_partitions *partitions, struct fr_session *session,
                                  struct fr_error *error)
{
    int32_t number = fr_share_number(partitions->worker, fr_session_backend_pid(session));
    const struct fr_query query = FR_QUERY(FR_SQL_OUTBOX_JOIN, FR_P_I32(MEMBER_CLASS), FR_P_I32(number));
    struct fr_result *row = NULL;
    bool joined;
    enum fr_status status = fr_session_query(session, &query, &row, error);

    if (status != FR_OK)
        return status;
    joined = fr_result_bool(row, 0, 0);
    fr_result_free(row);
    if (!joined)
        return fr_error_set(error, FR_CONFLICT, NULL, "somebody else has this worker's number %d", number);
    partitions->number = number;
    partitions->share = (struct fr_share){.count = 0};
    partitions->look_due_ms = 0;
    return FR_OK;
}

void fr_partitions_lose(struct fr_partitions *partitions)
{
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        move(partitions, p, LOST);
}

/* ---- looking ---- */
static enum fr_status look(struct fr_partitions *partitions, struct fr_session *session, int64_t now_ms,
                           struct fr_error *error)
{
    const struct fr_query query =
        FR_QUERY(FR_SQL_OUTBOX_LOCKS_SEEN, FR_P_I32(LOCK_CLASS), FR_P_I32(MEMBER_CLASS));
    struct fr_result *rows = NULL;
    int32_t *members;
    size_t count = 0;
    unsigned held = 0;
    bool intact = false;
    enum fr_status status = fr_session_query(session, &query, &rows, error);

    if (status != FR_OK)
        return status;
    members = fr_alloc_array((size_t)fr_result_rows(rows) + 1, sizeof(*members));
    for (int row = 0; row < fr_result_rows(rows); row++) {
        int32_t number = (int32_t)fr_result_i64(rows, row, 1);
        if (fr_result_bool(rows, row, 0)) {
            members[count++] = number;
            intact = intact || number == partitions->number;
        } else {
            held |= 1U << number;
        }
    }
    fr_result_free(rows);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        intact = intact && (!holds(partitions, p) || (held & 1U << p) != 0);
    if (intact) {
        for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
            move(partitions, p, (held & 1U << p) != 0 ? SEEN_HELD : SEEN_FREE);
        fr_share_see(&partitions->share, partitions->number, members, count, now_ms);
    }
    free(members);
    if (!intact)
        return fr_error_set(error, FR_PROTOCOL, NULL,
                            "locks of this session are gone: is there a connection pooler in between?");
    return FR_OK;
}

/* ---- taking ---- */
/* Free partitions, up to the share. Members begin at different places, so that they seldom try for the same
 * one. `ret_lost`: others were quicker. */
static enum fr_status take(struct fr_partitions *partitions, struct fr_session *session, bool *ret_lost,
                           struct fr_error *error)
{
    const struct fr_share *share = &partitions->share;
    size_t before = partitions->owned, count = 0;
    size_t begin = share->count > 0 ? share->rank * FR_AUTHOR_PARTITIONS / share->count : 0;
    int16_t wanted[FR_AUTHOR_PARTITIONS];
    struct fr_query query;
    struct fr_result *rows = NULL;
    enum fr_status status;

    for (size_t i = 0; i < FR_AUTHOR_PARTITIONS && partitions->owned + count < share->target; i++) {
        size_t p = (begin + i) % FR_AUTHOR_PARTITIONS;
        if (partitions->states[p] == FREE)
            wanted[count++] = (int16_t)p;
    }
    *ret_lost = false;
    if (count == 0)
        return FR_OK;
    query = FR_QUERY(FR_SQL_OUTBOX_LOCK, FR_P_I32(LOCK_CLASS), FR_P_I16S(wanted, count));
    status = fr_session_query(session, &query, &rows, error);
    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++)
        move(partitions, (int)fr_result_i64(rows, row, 0), LOCKED);
    fr_result_free(rows);
    *ret_lost = partitions->owned < before + count;
    if (partitions->owned != before)
        FR_LOG_INFO("partitions taken", FR_KV_I64("worker", partitions->worker),
                    FR_KV_I64("taken", (int64_t)(partitions->owned - before)),
                    FR_KV_I64("owned", (int64_t)partitions->owned),
                    FR_KV_I64("members", (int64_t)share->count));
    return FR_OK;
}

/* ---- handing over ---- */
static void begin_to_leave(struct fr_partitions *partitions, int64_t now_ms)
{
    const struct fr_share *share = &partitions->share;

    if (partitions->leaving >= 0 || !fr_share_may_hand_over(share, now_ms))
        return;
    if (partitions->owned <= share->target) {
        if (partitions->handed_over > 0)
            FR_LOG_INFO("partitions handed over", FR_KV_I64("worker", partitions->worker),
                        FR_KV_I64("given", (int64_t)partitions->handed_over),
                        FR_KV_I64("owned", (int64_t)partitions->owned),
                        FR_KV_I64("members", (int64_t)share->count));
        partitions->handed_over = 0;
        return;
    }
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if (partitions->states[p] == OWNED) {
            move(partitions, p, SURPLUS);
            return;
        }
}

/* What cannot be told now is forgotten, with all else that is in memory: it is in the table, where this
 * worker finds its own part again and the next owner finds the rest. */
static void forget_untold(struct fr_partitions *partitions)
{
    fr_tell_forget(partitions->tell);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if (partitions->states[p] == OWNED) {
            fr_tell_adopt(partitions->tell, p);
            fr_intake_adopt(partitions->intake, p);
        }
}

static enum fr_status end_leaving(struct fr_partitions *partitions, struct fr_session *session,
                                  int64_t now_ms, bool *ret_left, struct fr_error *error)
{
    int p = partitions->leaving;
    const struct fr_query query = FR_QUERY(FR_SQL_OUTBOX_HAND_OVER, FR_P_I32(LOCK_CLASS), FR_P_I32(p));
    enum fr_status status;

    *ret_left = false;
    if (p < 0)
        return FR_OK;
    if (fr_tell_count(partitions->tell, p) > 0) {
        if (fr_bus_connected(partitions->bus) && now_ms - partitions->leaving_since_ms < LEAVE_MAX_MS)
            return FR_OK;
        forget_untold(partitions);
    }
    fr_tell_leave(partitions->tell, p);
    status = fr_session_query(session, &query, NULL, error);
    if (status != FR_OK)
        return status;
    move(partitions, p, UNLOCKED);
    partitions->handed_over++;
    fr_bus_nudge_free(partitions->bus);
    *ret_left = true;
    return FR_OK;
}

/* ---- a round ---- */
static int64_t next_look_ms(const struct fr_partitions *partitions, bool lost, int64_t now_ms)
{
    int64_t open = fr_share_wait_ms(&partitions->share, now_ms);

    if (lost)
        return LOOK_AGAIN_MS;
    return open >= 0 && open < LOOK_INTERVAL_MS ? open : LOOK_INTERVAL_MS;
}

enum fr_status fr_partitions_step(struct fr_partitions *partitions, struct fr_session *session, bool look_now,
                                  struct fr_error *error)
{
    int64_t now_ms = fr_clock_monotonic_ms();
    enum fr_status status = FR_OK;
    bool lost = false, left = true;

    if (look_now || now_ms >= partitions->look_due_ms) {
        status = look(partitions, session, now_ms, error);
        if (status == FR_OK && fr_share_may_take(&partitions->share, now_ms))
            status = take(partitions, session, &lost, error);
        if (status != FR_OK)
            return status;
        partitions->look_due_ms = now_ms + next_look_ms(partitions, lost, now_ms);
    }
    /* Those that have nothing in memory leave at once, in a round trip each. */
    while (status == FR_OK && left) {
        begin_to_leave(partitions, now_ms);
        status = end_leaving(partitions, session, now_ms, &left, error);
    }
    return status;
}

int64_t fr_partitions_wait_ms(const struct fr_partitions *partitions, int64_t now_ms)
{
    return partitions->look_due_ms > now_ms ? partitions->look_due_ms - now_ms : 0;
}
