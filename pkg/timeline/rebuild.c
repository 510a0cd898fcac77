#include "timeline/rebuild.h"

#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "store/store.h"

enum {
    TRIES_MAX = 20,
    REST_MS = 20, /* more with each try */
};

static bool is_lock_taken(const struct fr_error *error)
{
    static const char *const states[] = {"55P03", "40P01", "40001"};

    for (size_t i = 0; i < FR_COUNT_OF(states); i++)
        if (strcmp(error->sqlstate, states[i]) == 0)
            return true;
    return false;
}

static void rest(int64_t ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* What every step begins with: the horizon before the user's row, as the materializer takes them. Each
 * statement sees what was committed before its own lock was there. */
enum { LOCK_HORIZON, LOCK_USER, STEP, STEP_QUERIES };

static enum fr_status run_step(struct fr_session *session, int64_t user_id, struct fr_query query,
                               struct fr_result **ret, struct fr_error *error)
{
    struct fr_query queries[STEP_QUERIES] = {
        [LOCK_HORIZON] = FR_QUERY(FR_SQL_REBUILD_LOCK, FR_P_I64(user_id)),
        [LOCK_USER] = FR_QUERY(FR_SQL_GRAPH_LOCK_FOLLOWER, FR_P_I64(user_id)),
    };
    struct fr_result *results[STEP_QUERIES] = {NULL};
    enum fr_status status = FR_INTERNAL;

    queries[STEP] = query;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        if (tries > 0)
            rest((int64_t)tries * REST_MS);
        status = fr_session_query_all(session, queries, STEP_QUERIES, results, error);
        if (status == FR_OK || !fr_session_alive(session) || !is_lock_taken(error))
            break;
    }
    if (status != FR_OK)
        return status;
    if (fr_result_rows(results[LOCK_USER]) == 1) {
        *ret = results[STEP];
        results[STEP] = NULL;
    } else {
        status = fr_error_set(error, FR_NOT_FOUND, NULL, "there is no user %lld", (long long)user_id);
    }
    for (int i = 0; i < STEP_QUERIES; i++)
        fr_result_free(results[i]);
    return status;
}

static enum fr_status take_in(struct fr_session *session, int64_t user_id, int feed_cap,
                              struct fr_rebuild_counts *counts, struct fr_error *error)
{
    struct fr_result *row = NULL;
    enum fr_status status =
        run_step(session, user_id, FR_QUERY(FR_SQL_REBUILD_TAKE_IN, FR_P_I64(user_id), FR_P_I32(feed_cap)),
                 &row, error);

    if (status != FR_OK)
        return status;
    counts->taken_in = fr_result_i64(row, 0, 0);
    counts->horizon = fr_result_i64(row, 0, 1);
    fr_result_free(row);
    return FR_OK;
}

static enum fr_status take_out(struct fr_session *session, int64_t user_id, struct fr_rebuild_counts *counts,
                               struct fr_error *error)
{
    const struct fr_query find = FR_QUERY(FR_SQL_REBUILD_FIND_OUT, FR_P_I64(user_id));
    struct fr_result *row = NULL;
    bool found;
    enum fr_status status = fr_session_query(session, &find, &row, error);

    if (status != FR_OK)
        return status;
    found = fr_result_bool(row, 0, 0);
    fr_result_free(row);
    if (!found)
        return FR_OK;
    status = run_step(session, user_id, FR_QUERY(FR_SQL_REBUILD_TAKE_OUT, FR_P_I64(user_id)), &row, error);
    if (status != FR_OK)
        return status;
    counts->taken_out = fr_result_i64(row, 0, 0);
    fr_result_free(row);
    return FR_OK;
}

enum fr_status fr_rebuild_user(struct fr_session *session, int64_t user_id, int feed_cap,
                               struct fr_rebuild_counts *ret, struct fr_error *error)
{
    struct fr_rebuild_counts counts = {0};
    enum fr_status status = take_in(session, user_id, feed_cap, &counts, error);

    if (status != FR_OK)
        return status;
    fr_fault_point("rebuild_taken_in");
    status = take_out(session, user_id, &counts, error);
    if (status == FR_OK)
        *ret = counts;
    return status;
}
