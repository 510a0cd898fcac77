/* Who is online, and whose live posts they get by way of celebrities: what gateways write and read. */
#include <stdlib.h>

#include "graph/graph.h"
#include "store/store.h"

struct ask {
    fr_graph_pairs_fn done;
    void *arg;
    bool one_column;
    int64_t author_id; /* of answers with one column */
};

static void answer(void *arg, enum fr_status status, struct fr_result *const *results,
                   const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_graph_pair *pairs = NULL;
    size_t count = 0;
    if (status == FR_OK) {
        count = (size_t)fr_result_rows(results[0]);
        pairs = fr_alloc_array(count > 0 ? count : 1, sizeof *pairs);
        for (size_t i = 0; i < count; i++) {
            pairs[i].follower_id = fr_result_i64(results[0], (int)i, 0);
            pairs[i].followed_id = ask->one_column ? ask->author_id : fr_result_i64(results[0], (int)i, 1);
        }
    }
    ask->done(ask->arg, status, pairs, count, error);
    free(pairs);
    free(ask);
}

static struct ask *new_ask(fr_graph_pairs_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    return ask;
}

void fr_graph_followed_celebrities(struct fr_store *store, const int64_t *user_ids, size_t count,
                                   fr_graph_pairs_fn done, void *arg)
{
    const struct fr_query query = FR_QUERY(FR_SQL_GRAPH_FOLLOWED_CELEBRITIES, FR_P_I64S(user_ids, count));
    fr_store_ask(store, (uint64_t)user_ids[0], &query, 1, answer, new_ask(done, arg));
}

void fr_graph_followers_among(struct fr_store *store, int64_t author_id, const int64_t *user_ids,
                              size_t count, fr_graph_pairs_fn done, void *arg)
{
    struct ask *ask = new_ask(done, arg);
    ask->one_column = true;
    ask->author_id = author_id;
    const struct fr_query query =
        FR_QUERY(FR_SQL_GRAPH_FOLLOWERS_AMONG, FR_P_I64(author_id), FR_P_I64S(user_ids, count));
    fr_store_ask(store, (uint64_t)author_id, &query, 1, answer, ask);
}

struct announcement {
    fr_graph_online_fn done;
    void *arg;
};

static void on_announced(void *arg, enum fr_status status, struct fr_result *const *results,
                         const struct fr_error *error)
{
    enum { COL_USER_ID, COL_SINCE, COL_CONFIRMED_AT };
    struct announcement *announcement = arg;
    struct fr_graph_online *rows = NULL;
    size_t count = 0;
    if (status == FR_OK) {
        count = (size_t)fr_result_rows(results[0]);
        rows = fr_alloc_array(count > 0 ? count : 1, sizeof *rows);
        for (size_t i = 0; i < count; i++) {
            rows[i].user_id = fr_result_i64(results[0], (int)i, COL_USER_ID);
            rows[i].since_ms = fr_result_time_ms(results[0], (int)i, COL_SINCE);
            rows[i].confirmed_ms = fr_result_time_ms(results[0], (int)i, COL_CONFIRMED_AT);
        }
    }
    announcement->done(announcement->arg, status, rows, count, error);
    free(rows);
    free(announcement);
}

void fr_graph_announce(struct fr_store *store, const int64_t *user_ids, size_t count, int64_t lasts_ms,
                       fr_graph_online_fn done, void *arg)
{
    struct announcement *announcement = FR_NEW(struct announcement);
    announcement->done = done;
    announcement->arg = arg;
    const struct fr_query query =
        FR_QUERY(FR_SQL_PRESENCE_ANNOUNCE, FR_P_I64S(user_ids, count), FR_P_I64(lasts_ms));
    fr_store_ask(store, (uint64_t)user_ids[0], &query, 1, on_announced, announcement);
}
