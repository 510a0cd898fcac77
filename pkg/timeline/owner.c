#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/timeline_internal.h"

/* First half of the two numbers of each advisory lock ("FEED"); the second is the partition. */
#define LOCK_CLASS 0x46454544
#define CLAIM_INTERVAL_MS 1000
/* A partition that is free so long has no worker that would take it as part of its share. */
#define FREE_GRACE_MS 3000
#define TELL_BUDGET_MS 50
#define STATEMENT_TIMEOUT_MS 30000
#define LOCK_TIMEOUT_MS 5000
/* A worker asks for something every CLAIM_INTERVAL_MS; one that does not has stalled and must lose its locks.
 */
#define STALL_TIMEOUT FR_STR("8s")
#define REST_FIRST_MS 100
#define REST_MAX_MS 2000

enum partition_state {
    PARTITION_ELSEWHERE, /* somebody has it, or nobody looked yet */
    PARTITION_FREE,
    PARTITION_OWNED, /* its lock is held by our session */
};
enum partition_event { PARTITION_SEEN_HELD, PARTITION_SEEN_FREE, PARTITION_LOCKED, PARTITION_LOST };
enum { PARTITION_STATES = PARTITION_OWNED + 1, PARTITION_EVENTS = PARTITION_LOST + 1 };

static const enum partition_state transitions[PARTITION_STATES][PARTITION_EVENTS] = {
    [PARTITION_ELSEWHERE] =
        {
            [PARTITION_SEEN_HELD] = PARTITION_ELSEWHERE,
            [PARTITION_SEEN_FREE] = PARTITION_FREE,
            [PARTITION_LOCKED] = PARTITION_OWNED,
            [PARTITION_LOST] = PARTITION_ELSEWHERE,
        },
    [PARTITION_FREE] =
        {
            [PARTITION_SEEN_HELD] = PARTITION_ELSEWHERE,
            [PARTITION_SEEN_FREE] = PARTITION_FREE,
            [PARTITION_LOCKED] = PARTITION_OWNED,
            [PARTITION_LOST] = PARTITION_ELSEWHERE,
        },
    [PARTITION_OWNED] =
        {
            [PARTITION_SEEN_HELD] = PARTITION_OWNED,
            [PARTITION_SEEN_FREE] = PARTITION_ELSEWHERE, /* released behind our back: see claim() */
            [PARTITION_LOCKED] = PARTITION_OWNED,
            [PARTITION_LOST] = PARTITION_ELSEWHERE,
        },
};

struct partition {
    enum partition_state state;
    int64_t since_ms;
};

struct fr_owner {
    struct fr_owner_options options; /* its texts are copies */
    struct fr_wake *wake;
    struct fr_intake *intake;
    struct fr_tell *tell;
    struct fr_session *session;
    atomic_bool ready;
    struct partition partitions[FR_AUTHOR_PARTITIONS];
    int owned;
    int64_t claim_due_ms, poll_due_ms;
    int failures; /* in a row, of connecting or of working */
    uint64_t jitter;
};

struct fr_owner *fr_owner_new(const struct fr_owner_options *options)
{
    const struct fr_tell_options tell_options = {
        .firehose = options->firehose,
        .celebrity_threshold = options->celebrity_threshold,
        .celebrity_quiet_ms = options->celebrity_quiet_ms,
    };
    struct fr_owner *owner = FR_NEW(struct fr_owner);

    owner->options = *options;
    owner->options.conninfo = fr_strdup(options->conninfo);
    owner->options.application_name = fr_strdup(options->application_name);
    owner->wake = fr_wake_new();
    owner->intake = fr_intake_new(options->batch_events, options->celebrity_threshold);
    owner->tell = fr_tell_new(options->bus, owner->wake, &tell_options);
    atomic_init(&owner->ready, false);
    owner->jitter = (uint64_t)fr_clock_monotonic_ns() | 1;
    return owner;
}

void fr_owner_free(struct fr_owner *owner)
{
    if (owner == NULL)
        return;
    fr_tell_free(owner->tell);
    fr_intake_free(owner->intake);
    fr_wake_release(owner->wake);
    fr_session_close(owner->session);
    free((void *)(uintptr_t)owner->options.conninfo);
    free((void *)(uintptr_t)owner->options.application_name);
    free(owner);
}

void fr_owner_stop(struct fr_owner *owner)
{
    fr_wake_stop(owner->wake);
}

bool fr_owner_ready(const struct fr_owner *owner)
{
    return atomic_load(&owner->ready);
}

void fr_owner_nudge(struct fr_owner *owner, int partition)
{
    if (partition >= 0 && partition < FR_AUTHOR_PARTITIONS)
        fr_wake_nudge(owner->wake, partition);
}

/* ---- partitions ---- */
/* The one place where a partition changes its state. */
static void move(struct fr_owner *owner, int p, enum partition_event event, int64_t now_ms)
{
    struct partition *partition = &owner->partitions[p];
    enum partition_state before = partition->state, after = transitions[before][event];

    if (before == after)
        return;
    partition->state = after;
    partition->since_ms = now_ms;
    if (after == PARTITION_OWNED) {
        owner->owned++;
        fr_metric_add(FR_METRIC_OUTBOX_PARTITIONS, 1);
        fr_intake_adopt(owner->intake, p);
        fr_tell_adopt(owner->tell, p);
    } else if (before == PARTITION_OWNED) {
        owner->owned--;
        fr_metric_add(FR_METRIC_OUTBOX_PARTITIONS, -1);
    }
}

static unsigned owned_mask(const struct fr_owner *owner)
{
    unsigned mask = 0;

    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if (owner->partitions[p].state == PARTITION_OWNED)
            mask |= 1U << p;
    return mask;
}

static enum fr_status look_at_locks(struct fr_owner *owner, int64_t now_ms, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_OUTBOX_LOCKS_SEEN, FR_P_I32(LOCK_CLASS));
    struct fr_result *rows = NULL;
    unsigned held = 0, owned = owned_mask(owner);
    enum fr_status status = fr_session_query(owner->session, &query, &rows, error);

    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++)
        held |= 1U << fr_result_i64(rows, row, 0);
    fr_result_free(rows);
    if ((owned & ~held) != 0)
        return fr_error_set(error, FR_PROTOCOL, NULL,
                            "locks of this session are gone: is there a connection pooler in between?");
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        move(owner, p, (held & 1U << p) != 0 ? PARTITION_SEEN_HELD : PARTITION_SEEN_FREE, now_ms);
    return FR_OK;
}

/* Takes free partitions: up to this worker's share at once, beyond it what nobody else wants. Workers of a
 * process begin at different places, so that they seldom try for the same one. */
static enum fr_status claim(struct fr_owner *owner, int64_t now_ms, struct fr_error *error)
{
    int workers = owner->options.workers, share = (FR_AUTHOR_PARTITIONS + workers - 1) / workers;
    int begin = owner->options.worker * FR_AUTHOR_PARTITIONS / workers, before = owner->owned;
    int16_t wanted[FR_AUTHOR_PARTITIONS];
    size_t count = 0;
    struct fr_query query;
    struct fr_result *rows = NULL;
    enum fr_status status = look_at_locks(owner, now_ms, error);

    if (status != FR_OK)
        return status;
    for (int i = 0; i < FR_AUTHOR_PARTITIONS; i++) {
        int p = (begin + i) % FR_AUTHOR_PARTITIONS;
        const struct partition *partition = &owner->partitions[p];
        if (partition->state == PARTITION_FREE &&
            (owner->owned + (int)count < share || now_ms - partition->since_ms >= FREE_GRACE_MS))
            wanted[count++] = (int16_t)p;
    }
    if (count == 0)
        return FR_OK;
    query = FR_QUERY(FR_SQL_OUTBOX_LOCK, FR_P_I32(LOCK_CLASS), FR_P_I16S(wanted, count));
    status = fr_session_query(owner->session, &query, &rows, error);
    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++)
        move(owner, (int)fr_result_i64(rows, row, 0), PARTITION_LOCKED, now_ms);
    fr_result_free(rows);
    if (owner->owned != before) {
        fr_wake_set_interest(owner->wake, owned_mask(owner));
        FR_LOG_INFO("partitions taken", FR_KV_I64("worker", owner->options.worker),
                    FR_KV_I64("taken", owner->owned - before), FR_KV_I64("owned", owner->owned));
    }
    return FR_OK;
}

/* ---- the session ---- */
static int64_t rest_ms(struct fr_owner *owner)
{
    int64_t rest = REST_MAX_MS;

    if (owner->failures < 5)
        rest = (int64_t)REST_FIRST_MS << owner->failures;
    /* xorshift64: only to spread the workers of all processes over time. */
    owner->jitter ^= owner->jitter << 13;
    owner->jitter ^= owner->jitter >> 7;
    owner->jitter ^= owner->jitter << 17;
    return rest / 2 + (int64_t)(owner->jitter % (uint64_t)(rest / 2));
}

/* The session is gone, and with it all locks: whatever is known of the partitions is somebody else's now. */
static void lose_session(struct fr_owner *owner)
{
    int64_t now_ms = fr_clock_monotonic_ms();

    fr_session_close(owner->session);
    owner->session = NULL;
    atomic_store(&owner->ready, false);
    fr_wake_set_interest(owner->wake, 0);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        move(owner, p, PARTITION_LOST, now_ms);
    fr_intake_forget(owner->intake);
    fr_tell_forget(owner->tell);
}

static enum fr_status open_session(struct fr_owner *owner, struct fr_error *error)
{
    const struct fr_session_options options = {
        .conninfo = owner->options.conninfo,
        .application_name = owner->options.application_name,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .lock_timeout_ms = LOCK_TIMEOUT_MS,
    };
    const struct fr_query query =
        FR_QUERY(FR_SQL_OUTBOX_SESSION, FR_P_TEXT(STALL_TIMEOUT), FR_P_TEXT(STALL_TIMEOUT));
    enum fr_status status = fr_session_open(&options, &owner->session, error);

    if (status == FR_OK)
        status = fr_session_query(owner->session, &query, NULL, error);
    if (status != FR_OK) {
        fr_session_close(owner->session);
        owner->session = NULL;
        return status;
    }
    owner->claim_due_ms = owner->poll_due_ms = 0;
    atomic_store(&owner->ready, true);
    return FR_OK;
}

/* ---- the loop ---- */
static int64_t earlier(int64_t wait_ms, int64_t other_ms)
{
    return other_ms >= 0 && other_ms < wait_ms ? other_ms : wait_ms;
}

/* One round. `ret_wait_ms`: how long there will be nothing to do unless something comes in. */
static enum fr_status work(struct fr_owner *owner, int64_t *ret_wait_ms, struct fr_error *error)
{
    bool more_in = false, more_out = false;
    int64_t now_ms = fr_clock_monotonic_ms();
    enum fr_status status;

    if (now_ms >= owner->claim_due_ms) {
        status = claim(owner, now_ms, error);
        if (status != FR_OK)
            return status;
        owner->claim_due_ms = now_ms + CLAIM_INTERVAL_MS;
    }
    fr_intake_news(owner->intake, fr_wake_take_nudges(owner->wake));
    if (now_ms >= owner->poll_due_ms) {
        fr_intake_news(owner->intake, owned_mask(owner));
        owner->poll_due_ms = now_ms + owner->options.poll_interval_ms;
    }
    status = fr_intake_step(owner->intake, owner->session, owner->tell, &more_in, error);
    if (status == FR_OK)
        status = fr_tell_step(owner->tell, owner->session, TELL_BUDGET_MS, &more_out, error);
    if (status != FR_OK)
        return status;
    now_ms = fr_clock_monotonic_ms();
    *ret_wait_ms = 0;
    if (more_in || more_out)
        return FR_OK;
    *ret_wait_ms = owner->claim_due_ms > now_ms ? owner->claim_due_ms - now_ms : 0;
    *ret_wait_ms = earlier(*ret_wait_ms, owner->poll_due_ms > now_ms ? owner->poll_due_ms - now_ms : 0);
    *ret_wait_ms = earlier(*ret_wait_ms, fr_intake_wait_ms(owner->intake, now_ms));
    *ret_wait_ms = earlier(*ret_wait_ms, fr_tell_wait_ms(owner->tell, now_ms));
    return FR_OK;
}

static bool is_session_useless(const struct fr_owner *owner, const struct fr_error *error)
{
    /* 25006: the server became a standby; another address of the connection string may be the primary now. */
    return !fr_session_alive(owner->session) || error->status == FR_PROTOCOL ||
           strcmp(error->sqlstate, "25006") == 0;
}

static void note_failure(struct fr_owner *owner, const char *what, const struct fr_error *error)
{
    if (owner->failures++ == 0)
        FR_LOG_WARN(what, FR_KV_I64("worker", owner->options.worker), FR_KV_ERROR(error));
}

static void note_success(struct fr_owner *owner)
{
    if (owner->failures > 0)
        FR_LOG_INFO("outbox is worked off again", FR_KV_I64("worker", owner->options.worker));
    owner->failures = 0;
}

static void leave(struct fr_owner *owner)
{
    const struct fr_query unlock = FR_QUERY_NO_PARAMS(FR_SQL_OUTBOX_UNLOCK);
    struct fr_error error = {0};
    int owned = owner->owned;
    enum fr_status status;

    if (owner->session == NULL)
        return;
    status = fr_tell_finish(owner->tell, owner->session, &error);
    if (status == FR_OK)
        status = fr_session_query(owner->session, &unlock, NULL, &error);
    /* A session that would not unlock does so by closing. */
    lose_session(owner);
    if (status != FR_OK)
        FR_LOG_WARN("stopped without a word to the database", FR_KV_I64("worker", owner->options.worker),
                    FR_KV_ERROR(&error));
    else
        FR_LOG_INFO("partitions given back", FR_KV_I64("worker", owner->options.worker),
                    FR_KV_I64("given", owned));
}

void fr_owner_run(struct fr_owner *owner)
{
    while (!fr_wake_is_stopped(owner->wake)) {
        struct fr_error error = {0};
        int64_t wait_ms = 0;

        if (owner->session == NULL && open_session(owner, &error) != FR_OK) {
            note_failure(owner, "database is away", &error);
            fr_wake_rest(owner->wake, rest_ms(owner));
            continue;
        }
        if (work(owner, &wait_ms, &error) == FR_OK) {
            note_success(owner);
            if (wait_ms > 0)
                fr_wake_wait(owner->wake, wait_ms);
            continue;
        }
        if (is_session_useless(owner, &error)) {
            note_failure(owner, "database session lost", &error);
            lose_session(owner);
        } else {
            note_failure(owner, "outbox cannot be worked off", &error);
        }
        fr_wake_rest(owner->wake, rest_ms(owner));
    }
    leave(owner);
}
