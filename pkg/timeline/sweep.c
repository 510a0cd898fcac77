#include "timeline/sweep.h"

#include <stdlib.h>

#include "base/fault.h"
#include "metrics/metrics.h"
#include "store/store.h"

enum {
    SLICE_ROWS = 20000, /* of feed_grown, in one look */
    CUT_USERS = 50,     /* feeds of one transaction: some twenty thousand items */
};

int fr_sweep_rows_enough(int feed_cap)
{
    int rows = feed_cap / (2 * FR_FEED_GROWTH_SAMPLE);

    return rows > 1 ? rows : 1;
}

static enum fr_status cut_in_transaction(struct fr_session *session, struct fr_param users, int feed_cap,
                                         int64_t *ret_feeds, int64_t *ret_items, struct fr_error *error)
{
    const struct fr_query queries[] = {
        FR_QUERY(FR_SQL_SWEEP_TAKE, users),
        FR_QUERY(FR_SQL_SWEEP_RAISE, users, FR_P_I32(feed_cap)),
    };
    struct fr_result *results[FR_COUNT_OF(queries)] = {NULL}, *cut = NULL;
    int64_t over[CUT_USERS];
    size_t count = 0;
    enum fr_status status = fr_session_query_all(session, queries, FR_COUNT_OF(queries), results, error);

    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(results[1]); row++)
        over[count++] = fr_result_i64(results[1], row, 0);
    fr_result_free(results[0]);
    fr_result_free(results[1]);
    fr_fault_point("sweep_raised");
    if (count > 0) {
        const struct fr_query query = FR_QUERY(FR_SQL_SWEEP_CUT, FR_P_I64S(over, count));
        status = fr_session_query(session, &query, &cut, error);
    }
    if (status == FR_OK && cut != NULL)
        *ret_items = fr_result_affected(cut);
    *ret_feeds = (int64_t)count;
    fr_result_free(cut);
    return status;
}

static enum fr_status cut(struct fr_session *session, const int64_t *users, size_t count, int feed_cap,
                          struct fr_error *error)
{
    int64_t feeds = 0, items = 0;
    enum fr_status status = fr_session_begin(session, error);

    if (status != FR_OK)
        return status;
    status = cut_in_transaction(session, FR_P_I64S(users, count), feed_cap, &feeds, &items, error);
    if (status == FR_OK)
        status = fr_session_commit(session, error);
    if (status != FR_OK) {
        fr_session_rollback(session);
        return status;
    }
    fr_metric_add(FR_METRIC_FEEDS_CUT, feeds);
    fr_metric_add(FR_METRIC_FEED_ITEMS_CUT, items);
    return FR_OK;
}

/* Feeds whose locks somebody else holds are left for the next walk: a hung transaction must not keep the
 * sweep from all others. */
static enum fr_status cut_due(struct fr_session *session, const struct fr_result *row, int feed_cap,
                              struct fr_error *error)
{
    size_t due = fr_result_array_count(row, 0, 0);
    enum fr_status worst = FR_OK;

    for (size_t done = 0; done < due;) {
        struct fr_error failure = {0};
        int64_t users[CUT_USERS];
        size_t count = 0;
        enum fr_status status;

        while (count < CUT_USERS && done < due)
            users[count++] = fr_result_array_i64(row, 0, 0, done++);
        status = cut(session, users, count, feed_cap, &failure);
        if (status == FR_OK)
            continue;
        worst = status;
        if (error != NULL)
            *error = failure;
        if (!fr_session_alive(session))
            break;
    }
    return worst;
}

enum fr_status fr_sweep_step(struct fr_sweep *sweep, struct fr_session *session, int feed_cap, bool *ret_more,
                             struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_SWEEP_DUE, FR_P_I64(sweep->from_user), FR_P_I32(SLICE_ROWS),
                                           FR_P_I32(fr_sweep_rows_enough(feed_cap)));
    struct fr_result *row = NULL;
    enum fr_status status = fr_session_query(session, &query, &row, error);

    if (status != FR_OK)
        return status;
    sweep->from_user = fr_result_i64(row, 0, 1); /* NULL reads as 0: from the beginning */
    status = cut_due(session, row, feed_cap, error);
    if (status == FR_OK)
        *ret_more = sweep->from_user != 0;
    fr_result_free(row);
    return status;
}
