#include "timeline/housekeeping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/account.h"
#include "timeline/sweep.h"
#include "timeline/timeline_internal.h"

/* The advisory lock of whoever keeps house ("KEEP"). */
#define LOCK_CLASS 0x4b454550

enum {
    STATEMENT_TIMEOUT_MS = 30000,
    LOCK_TIMEOUT_MS = 500, /* below deadlock_timeout: in a ring this side gives up first */
    IDLE_GRACE_MS = 60000, /* a holder that is silent for so long beyond its longest rest has stalled */
    TAKE_OVER_MS = 5000,   /* how often the others look whether it has gone */
    SESSION_REST_MAX_MS = 10000,
    MORE_REST_MS = 20, /* between the pieces of a long job, for the others' sake */
    MINUTE_MS = 60000,
    HOUR_MS = 60 * MINUTE_MS,
    COUNT_INTERVAL_MS = 10000,
    EXPIRED_ROWS = 2000, /* of one delete */
    /* A drop waits for its lock: ever longer, while new readers wait behind it, so never for long. */
    DROP_PATIENCE_MS = 50,
    DROP_PATIENCE_MAX_MS = 800,
    RETRY_MS = 1000,
    RETRY_MAX_MS = MINUTE_MS,
    QUIET_FAILURES = 10, /* to find a lock taken so often in a row is no news */
};

struct job;
typedef enum fr_status (*job_fn)(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                 struct fr_error *error);

struct job {
    const char *name; /* in the log */
    job_fn run;
    int64_t interval_ms; /* 0: sweep_interval */
    enum fr_sql expired; /* of delete_expired() */
};

struct job_state {
    int64_t due_ms; /* monotonic */
    int failures;   /* in a row */
    bool told;      /* of them */
};

static enum fr_status make_partitions(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                      struct fr_error *error);
static enum fr_status drop_partition(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                     struct fr_error *error);
static enum fr_status sweep_feeds(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                  struct fr_error *error);
static enum fr_status empty_account(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                    struct fr_error *error);
static enum fr_status delete_expired(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                     struct fr_error *error);

static enum fr_status count_celebrities(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                        struct fr_error *error);

/* Partitions are made before the first is dropped: there is always one left. */
static const struct job jobs[] = {
    {"make feed partitions", make_partitions, HOUR_MS, 0},
    {"drop old feed partitions", drop_partition, HOUR_MS, 0},
    {"cut feeds to the cap", sweep_feeds, 0, 0},
    {"take deleted accounts apart", empty_account, 1000, 0},
    {"count celebrities", count_celebrities, COUNT_INTERVAL_MS, 0},
    {"delete expired presence", delete_expired, MINUTE_MS, FR_SQL_RETENTION_ONLINE},
    {"delete old idempotency keys", delete_expired, MINUTE_MS, FR_SQL_RETENTION_IDEMPOTENCY},
    {"delete expired revocations", delete_expired, MINUTE_MS, FR_SQL_RETENTION_REVOCATIONS},
    {"delete used tickets", delete_expired, MINUTE_MS, FR_SQL_RETENTION_USED_TICKETS},
    {"delete old changes of pages", delete_expired, MINUTE_MS, FR_SQL_RETENTION_PAGE_CHANGES},
};
enum { JOBS = FR_COUNT_OF(jobs) };

struct fr_housekeeping {
    struct fr_housekeeping_options options;
    struct fr_wake *wake; /* for stopping only */
    struct fr_session *session;
    bool held; /* the lock, by this session */
    int session_failures;
    struct job_state states[JOBS];
    struct fr_sweep sweep;
    uint64_t jitter;
};

struct fr_housekeeping *fr_housekeeping_new(const struct fr_housekeeping_options *options)
{
    struct fr_housekeeping *h = FR_NEW(struct fr_housekeeping);

    h->options = *options;
    h->wake = fr_wake_new();
    h->jitter = (uint64_t)fr_clock_monotonic_ns() | 1;
    return h;
}

void fr_housekeeping_stop(struct fr_housekeeping *h)
{
    fr_wake_stop(h->wake);
}

void fr_housekeeping_free(struct fr_housekeeping *h)
{
    if (h == NULL)
        return;
    fr_session_close(h->session);
    fr_wake_release(h->wake);
    free(h);
}

/* ---- the jobs ---- */
static enum fr_status make_partitions(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                      struct fr_error *error)
{
    (void)job;
    *ret_more = false;
    return fr_session_query(h->session, &FR_QUERY_NO_PARAMS(FR_SQL_FANOUT_MAKE_PARTITIONS), NULL, error);
}

static enum fr_status drop_partition(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                     struct fr_error *error)
{
    int failures = h->states[job - jobs].failures;
    int patience_ms = failures < 4 ? DROP_PATIENCE_MS << failures : DROP_PATIENCE_MAX_MS;
    const struct fr_query query =
        FR_QUERY(FR_SQL_RETENTION_DROP, FR_P_I64(h->options.feed_retention_ms), FR_P_I32(patience_ms));
    struct fr_result *row = NULL;
    enum fr_status status = fr_session_query(h->session, &query, &row, error);

    if (status != FR_OK)
        return status;
    *ret_more = fr_result_bool(row, 0, 0);
    fr_result_free(row);
    if (*ret_more) {
        fr_metric_add(FR_METRIC_FEED_PARTITIONS_DROPPED, 1);
        FR_LOG_INFO("old feed partition dropped");
    }
    return FR_OK;
}

static enum fr_status sweep_feeds(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                  struct fr_error *error)
{
    (void)job;
    return fr_sweep_step(&h->sweep, h->session, h->options.feed_cap, ret_more, error);
}

static enum fr_status empty_account(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                    struct fr_error *error)
{
    (void)job;
    return fr_account_step(h->session, h->options.account_settle_ms, ret_more, error);
}

static enum fr_status delete_expired(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                     struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(job->expired, FR_P_I64(EXPIRED_ROWS));
    struct fr_result *gone = NULL;
    enum fr_status status = fr_session_query(h->session, &query, &gone, error);

    if (status != FR_OK)
        return status;
    *ret_more = fr_result_affected(gone) == EXPIRED_ROWS;
    fr_result_free(gone);
    return FR_OK;
}

static enum fr_status count_celebrities(struct fr_housekeeping *h, const struct job *job, bool *ret_more,
                                        struct fr_error *error)
{
    const struct fr_query query = FR_QUERY_NO_PARAMS(FR_SQL_CELEBRITIES_COUNT);
    struct fr_result *row = NULL;
    enum fr_status status = fr_session_query(h->session, &query, &row, error);

    (void)job;
    if (status != FR_OK)
        return status;
    fr_metric_set(FR_METRIC_CELEBRITIES, fr_result_i64(row, 0, 0));
    fr_result_free(row);
    *ret_more = false;
    return FR_OK;
}

/* ---- the session ---- */
/* Doubled with each failure, each time between half and the whole of it, so that processes don't march in
 * step. */
static int64_t rest_ms(struct fr_housekeeping *h, int failures, int64_t first_ms, int64_t max_ms)
{
    int64_t rest = failures > 16 ? max_ms : first_ms << failures;

    if (rest > max_ms)
        rest = max_ms;
    h->jitter ^= h->jitter << 13;
    h->jitter ^= h->jitter >> 7;
    h->jitter ^= h->jitter << 17;
    return rest / 2 + (int64_t)(h->jitter % (uint64_t)(rest / 2 + 1));
}

static void lose_session(struct fr_housekeeping *h)
{
    fr_session_close(h->session);
    h->session = NULL;
    h->held = false;
    fr_metric_set(FR_METRIC_CELEBRITIES, 0); /* whoever keeps house now tells */
}

/* Tries the lock: `h->held` says whether it was free. */
static enum fr_status try_lock(struct fr_housekeeping *h, struct fr_error *error)
{
    char idle[32];
    struct fr_result *row = NULL;
    int64_t longest_ms = h->options.sweep_interval_ms > MINUTE_MS ? h->options.sweep_interval_ms : MINUTE_MS;

    snprintf(idle, sizeof(idle), "%lldms", (long long)(longest_ms + IDLE_GRACE_MS));
    const struct fr_query query =
        FR_QUERY(FR_SQL_HOUSEKEEPING_BEGIN, FR_P_I32(LOCK_CLASS), FR_P_TEXT(fr_str_of(idle)));
    enum fr_status status = fr_session_query(h->session, &query, &row, error);
    if (status != FR_OK)
        return status;
    h->held = fr_result_bool(row, 0, 0);
    fr_result_free(row);
    if (h->held) {
        FR_LOG_INFO("keeping house");
        memset(h->states, 0, sizeof(h->states));
        h->sweep = (struct fr_sweep){0};
    }
    return FR_OK;
}

static enum fr_status open_session(struct fr_housekeeping *h, struct fr_error *error)
{
    const struct fr_session_options options = {
        .conninfo = h->options.conninfo,
        .application_name = h->options.application_name,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .lock_timeout_ms = LOCK_TIMEOUT_MS,
    };

    return h->session != NULL ? FR_OK : fr_session_open(&options, &h->session, error);
}

/* ---- the loop ---- */
static bool is_lock_taken(const struct fr_error *error)
{
    return strcmp(error->sqlstate, "55P03") == 0 || strcmp(error->sqlstate, "40P01") == 0;
}

static void note_failure(struct fr_housekeeping *h, size_t index, const struct fr_error *error)
{
    struct job_state *state = &h->states[index];

    state->failures++;
    if (state->told || (is_lock_taken(error) && state->failures < QUIET_FAILURES))
        return;
    state->told = true;
    FR_LOG_WARN("housekeeping fails, trying again", FR_KV_TEXT("job", jobs[index].name), FR_KV_ERROR(error));
}

static void note_success(struct fr_housekeeping *h, size_t index)
{
    if (h->states[index].told)
        FR_LOG_INFO("housekeeping works again", FR_KV_TEXT("job", jobs[index].name));
    h->states[index].failures = 0;
    h->states[index].told = false;
}

/* False: the session is of no use any more. */
static bool run_job(struct fr_housekeeping *h, size_t index)
{
    const struct job *job = &jobs[index];
    struct job_state *state = &h->states[index];
    struct fr_error error = {0};
    bool more = false;
    int64_t wait_ms;

    if (job->run(h, job, &more, &error) == FR_OK) {
        note_success(h, index);
        wait_ms = job->interval_ms != 0 ? job->interval_ms : h->options.sweep_interval_ms;
        if (more)
            wait_ms = MORE_REST_MS;
    } else {
        /* 25006: the server became a standby; another address may be the primary now. */
        if (!fr_session_alive(h->session) || strcmp(error.sqlstate, "25006") == 0)
            return false;
        wait_ms = rest_ms(h, state->failures, is_lock_taken(&error) ? RETRY_MS / 4 : RETRY_MS, RETRY_MAX_MS);
        note_failure(h, index, &error);
    }
    state->due_ms = fr_clock_monotonic_ms() + wait_ms;
    return true;
}

static int64_t next_due_ms(const struct fr_housekeeping *h)
{
    int64_t due_ms = h->states[0].due_ms;

    for (size_t i = 1; i < JOBS; i++)
        if (h->states[i].due_ms < due_ms)
            due_ms = h->states[i].due_ms;
    return due_ms;
}

/* One round; how long to rest after it. */
static int64_t work(struct fr_housekeeping *h)
{
    int64_t wait_ms;

    for (size_t i = 0; i < JOBS && !fr_wake_is_stopped(h->wake); i++)
        if (h->states[i].due_ms <= fr_clock_monotonic_ms() && !run_job(h, i)) {
            lose_session(h);
            return rest_ms(h, 0, RETRY_MS, RETRY_MS);
        }
    wait_ms = next_due_ms(h) - fr_clock_monotonic_ms();
    return wait_ms > 0 ? wait_ms : 0;
}

void fr_housekeeping_run(struct fr_housekeeping *h)
{
    while (!fr_wake_is_stopped(h->wake)) {
        struct fr_error error = {0};
        enum fr_status status = open_session(h, &error);

        if (status == FR_OK && !h->held)
            status = try_lock(h, &error);
        if (status != FR_OK) {
            lose_session(h);
            if (h->session_failures++ == 0)
                FR_LOG_WARN("housekeeping has no database session", FR_KV_ERROR(&error));
            fr_wake_rest(h->wake, rest_ms(h, h->session_failures, RETRY_MS / 2, SESSION_REST_MAX_MS));
            continue;
        }
        if (h->session_failures > 0)
            FR_LOG_INFO("housekeeping has a database session again");
        h->session_failures = 0;
        fr_wake_rest(h->wake, h->held ? work(h) : rest_ms(h, 0, TAKE_OVER_MS, TAKE_OVER_MS));
    }
    lose_session(h);
}
