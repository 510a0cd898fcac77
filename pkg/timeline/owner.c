#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus.h"
#include "log/log.h"
#include "store/store.h"
#include "timeline/measure.h"
#include "timeline/partitions.h"
#include "timeline/timeline_internal.h"

#define TELL_BUDGET_MS 50
#define STATEMENT_TIMEOUT_MS 30000
#define LOCK_TIMEOUT_MS 5000
/* A worker looks at the locks every second; one that does not has stalled and must lose its own. */
#define STALL_TIMEOUT FR_STR("8s")
#define REST_FIRST_MS 100
#define REST_MAX_MS 2000

enum outage { OUTAGE_NONE, OUTAGE_DATABASE, OUTAGE_OUTBOX };

static const enum fr_outage outage_kinds[] = {
    [OUTAGE_DATABASE] = FR_OUTAGE_DATABASE,
    [OUTAGE_OUTBOX] = FR_OUTAGE_OUTBOX,
};

struct fr_owner {
    struct fr_owner_options options; /* its texts are copies */
    struct fr_wake *wake;
    struct fr_intake *intake;
    struct fr_tell *tell;
    struct fr_session *session;
    atomic_bool ready;
    struct fr_partitions partitions;
    struct fr_measure measure;
    int64_t poll_due_ms;
    int failures; /* in a row, of connecting or of working */
    enum outage outage;
    uint64_t jitter;
};

struct fr_owner *fr_owner_new(const struct fr_owner_options *options)
{
    const struct fr_tell_options tell_options = {
        .firehose = options->firehose,
        .celebrity_threshold = options->celebrity_threshold,
        .celebrity_quiet_ms = options->celebrity_quiet_ms,
        .outages = options->outages,
    };
    struct fr_owner *owner = FR_NEW(struct fr_owner);

    owner->options = *options;
    owner->options.conninfo = fr_strdup(options->conninfo);
    owner->options.application_name = fr_strdup(options->application_name);
    owner->wake = fr_wake_new();
    owner->intake =
        fr_intake_new(options->batch_events, options->batch_linger_ms, options->celebrity_threshold);
    owner->tell = fr_tell_new(options->bus, owner->wake, &tell_options);
    fr_partitions_init(&owner->partitions, options->worker, owner->intake, owner->tell, owner->wake,
                       options->bus);
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

void fr_owner_nudge_free(struct fr_owner *owner)
{
    fr_wake_nudge_free(owner->wake);
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
    fr_session_close(owner->session);
    owner->session = NULL;
    atomic_store(&owner->ready, false);
    fr_measure_clear(&owner->measure);
    fr_partitions_lose(&owner->partitions);
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
    if (status == FR_OK)
        status = fr_partitions_join(&owner->partitions, owner->session, error);
    if (status != FR_OK) {
        fr_session_close(owner->session);
        owner->session = NULL;
        return status;
    }
    owner->poll_due_ms = 0;
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
    unsigned nudges = fr_wake_take_nudges(owner->wake);
    int64_t now_ms;
    enum fr_status status =
        fr_partitions_step(&owner->partitions, owner->session, (nudges & FR_WAKE_FREE) != 0, error);

    if (status == FR_OK)
        status =
            fr_measure_step(&owner->measure, owner->session, fr_partitions_mask(&owner->partitions), error);
    if (status != FR_OK)
        return status;
    now_ms = fr_clock_monotonic_ms();
    fr_intake_news(owner->intake, nudges);
    if (now_ms >= owner->poll_due_ms) {
        fr_intake_news(owner->intake, fr_partitions_mask(&owner->partitions));
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
    *ret_wait_ms = fr_partitions_wait_ms(&owner->partitions, now_ms);
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

/* Moves the worker from one state of outage to another; a line for the first of the process's workers that is
 * in it and for the last that is in none. `error` is NULL for OUTAGE_NONE. */
static void set_outage(struct fr_owner *owner, enum outage outage, const char *what,
                       const struct fr_error *error)
{
    enum outage before = owner->outage;

    owner->failures = outage == OUTAGE_NONE ? 0 : owner->failures + 1;
    if (outage == before)
        return;
    owner->outage = outage;
    if (before != OUTAGE_NONE && fr_outages_note(owner->options.outages, outage_kinds[before], false) &&
        outage == OUTAGE_NONE)
        FR_LOG_INFO("outbox is worked off again", FR_KV_I64("worker", owner->options.worker));
    if (outage != OUTAGE_NONE && fr_outages_note(owner->options.outages, outage_kinds[outage], true))
        FR_LOG_WARN(what, FR_KV_I64("worker", owner->options.worker), FR_KV_ERROR(error));
}

static void leave(struct fr_owner *owner)
{
    const struct fr_query unlock = FR_QUERY_NO_PARAMS(FR_SQL_OUTBOX_UNLOCK);
    struct fr_error error = {0};
    size_t held = fr_partitions_held(&owner->partitions);
    enum fr_status status;

    if (owner->session == NULL)
        return;
    status = fr_tell_finish(owner->tell, owner->session, &error);
    if (status == FR_OK)
        status = fr_session_query(owner->session, &unlock, NULL, &error);
    /* A session that would not unlock does so by closing. */
    lose_session(owner);
    if (held > 0)
        fr_bus_nudge_free(owner->options.bus);
    if (status != FR_OK)
        FR_LOG_WARN("stopped without a word to the database", FR_KV_I64("worker", owner->options.worker),
                    FR_KV_ERROR(&error));
    else
        FR_LOG_INFO("partitions given back", FR_KV_I64("worker", owner->options.worker),
                    FR_KV_I64("given", (int64_t)held));
}

void fr_owner_run(struct fr_owner *owner)
{
    while (!fr_wake_is_stopped(owner->wake)) {
        struct fr_error error = {0};
        int64_t wait_ms = 0;

        if (owner->session == NULL && open_session(owner, &error) != FR_OK) {
            set_outage(owner, OUTAGE_DATABASE, "database is away", &error);
            fr_wake_rest(owner->wake, rest_ms(owner));
            continue;
        }
        if (work(owner, &wait_ms, &error) == FR_OK) {
            set_outage(owner, OUTAGE_NONE, NULL, NULL);
            if (wait_ms > 0)
                fr_wake_wait(owner->wake, wait_ms);
            continue;
        }
        if (is_session_useless(owner, &error)) {
            set_outage(owner, OUTAGE_DATABASE, "database session lost", &error);
            lose_session(owner);
        } else {
            set_outage(owner, OUTAGE_OUTBOX, "outbox cannot be worked off", &error);
        }
        fr_wake_rest(owner->wake, rest_ms(owner));
    }
    leave(owner);
}
