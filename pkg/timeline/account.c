#include "timeline/account.h"

#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"

/* Rows of one piece: some tens of thousands of feed items at most, so that nobody waits long for its locks.
 */
enum { POSTS = 50, EDGES = 500, ITEMS = 5000 };

struct piece {
    struct fr_session *session;
    int64_t id;
    bool last_pass;
};

typedef enum fr_status (*piece_fn)(const struct piece *piece, int64_t *ret_done, struct fr_error *error);

/* One row with a number. */
static enum fr_status run_counted(const struct piece *piece, enum fr_sql sql, int64_t most, int64_t *ret_done,
                                  struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(sql, FR_P_I64(piece->id), FR_P_I64(most));
    struct fr_result *row = NULL;
    enum fr_status status = fr_session_query(piece->session, &query, &row, error);

    if (status != FR_OK)
        return status;
    *ret_done = fr_result_i64(row, 0, 0);
    fr_result_free(row);
    return FR_OK;
}

static enum fr_status delete_posts(const struct piece *piece, int64_t *ret_done, struct fr_error *error)
{
    return run_counted(piece, FR_SQL_ACCOUNT_POSTS, POSTS, ret_done, error);
}

static enum fr_status empty_feed(const struct piece *piece, int64_t *ret_done, struct fr_error *error)
{
    return run_counted(piece, FR_SQL_ACCOUNT_FEED, ITEMS, ret_done, error);
}

/* Edges found in the last pass may have brought items of deleted posts with them. */
static enum fr_status drop_followers(const struct piece *piece, int64_t *ret_done, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_ACCOUNT_FOLLOWERS, FR_P_I64(piece->id), FR_P_I64(EDGES));
    struct fr_result *row = NULL;
    int64_t followers[EDGES];
    size_t count;
    enum fr_status status = fr_session_begin(piece->session, error);

    if (status != FR_OK)
        return status;
    status = fr_session_query(piece->session, &query, &row, error);
    if (status != FR_OK)
        goto out;
    count = fr_result_array_count(row, 0, 0);
    for (size_t i = 0; i < count; i++)
        followers[i] = fr_result_array_i64(row, 0, 0, i);
    fr_result_free(row);
    if (piece->last_pass && count > 0) {
        const struct fr_query items =
            FR_QUERY(FR_SQL_ACCOUNT_ITEMS, FR_P_I64(piece->id), FR_P_I64S(followers, count));
        status = fr_session_query(piece->session, &items, NULL, error);
    }
    if (status == FR_OK)
        status = fr_session_commit(piece->session, error);
    if (status == FR_OK)
        *ret_done = (int64_t)count;
out:
    if (status != FR_OK)
        fr_session_rollback(piece->session);
    return status;
}

static enum fr_status drop_followees(const struct piece *piece, int64_t *ret_done, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_ACCOUNT_FOLLOWEES, FR_P_I64(piece->id), FR_P_I64(EDGES));
    struct fr_result *rows = NULL;
    int64_t followed[EDGES];
    int16_t partitions[EDGES];
    size_t count;
    enum fr_status status = fr_session_query(piece->session, &query, &rows, error);

    if (status != FR_OK)
        return status;
    count = (size_t)fr_result_rows(rows);
    for (size_t i = 0; i < count; i++) {
        followed[i] = fr_result_i64(rows, (int)i, 0);
        partitions[i] = (int16_t)fr_partition_of(followed[i], FR_AUTHOR_PARTITIONS);
    }
    fr_result_free(rows);
    if (count > 0) {
        const struct fr_query unfollow = FR_QUERY(FR_SQL_ACCOUNT_UNFOLLOW, FR_P_I64(piece->id),
                                                  FR_P_I64S(followed, count), FR_P_I16S(partitions, count));
        status = fr_session_query(piece->session, &unfollow, NULL, error);
    }
    if (status == FR_OK)
        *ret_done = (int64_t)count;
    return status;
}

/* Posts before followers: their items are found by them. */
static const piece_fn pieces[] = {delete_posts, drop_followers, drop_followees, empty_feed};

static enum fr_status finish(const struct piece *piece, struct fr_error *error)
{
    const struct fr_query query =
        FR_QUERY(piece->last_pass ? FR_SQL_ACCOUNT_DONE : FR_SQL_ACCOUNT_EMPTIED, FR_P_I64(piece->id));
    enum fr_status status = fr_session_query(piece->session, &query, NULL, error);

    if (status == FR_OK && !piece->last_pass) {
        fr_metric_add(FR_METRIC_ACCOUNTS_EMPTIED, 1);
        FR_LOG_INFO("deleted account is taken apart", FR_KV_I64("user", piece->id));
    }
    return status;
}

enum fr_status fr_account_step(struct fr_session *session, int64_t settle_ms, bool *ret_more,
                               struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_ACCOUNT_NEXT, FR_P_I64(settle_ms));
    struct piece piece = {.session = session};
    struct fr_result *row = NULL;
    int64_t done = 0;
    bool found;
    enum fr_status status = fr_session_query(session, &query, &row, error);

    if (status != FR_OK)
        return status;
    found = fr_result_rows(row) == 1;
    if (found) {
        piece.id = fr_result_i64(row, 0, 0);
        piece.last_pass = fr_result_bool(row, 0, 1);
    }
    fr_result_free(row);
    for (size_t i = 0; found && status == FR_OK && done == 0 && i < FR_COUNT_OF(pieces); i++)
        status = pieces[i](&piece, &done, error);
    if (found && status == FR_OK && done == 0)
        status = finish(&piece, error);
    if (status == FR_OK)
        *ret_more = found;
    return status;
}
