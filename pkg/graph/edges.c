#include "graph/graph.h"

#include <stdlib.h>

#include "store/store.h"

/* A change of an edge on its way: how its row is read, and who is to be told. */
struct ask {
    enum fr_status (*judge)(const struct fr_result *row, bool *ret_changed, struct fr_error *error);
    fr_graph_edge_fn done;
    void *arg;
};

/* Both changes are two statements of one transaction: the lock, then the change, which sees what the previous
 * holder of the lock did. */
enum { STATEMENT_LOCK, STATEMENT_CHANGE, STATEMENT_COUNT };

static enum fr_status judge_follow(const struct fr_result *result, bool *ret_changed, struct fr_error *error)
{
    enum { COL_FOLLOWER_EXISTS, COL_FOLLOWED_EXISTS, COL_FULL, COL_CHANGED };
    if (fr_result_rows(result) != 1)
        return fr_error_set(error, FR_PROTOCOL, NULL, "graph_follow gave no row");
    if (!fr_result_bool(result, 0, COL_FOLLOWER_EXISTS))
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the account is gone");
    if (!fr_result_bool(result, 0, COL_FOLLOWED_EXISTS))
        return fr_error_set(error, FR_NOT_FOUND, "user_id", "there is no such user");
    if (fr_result_bool(result, 0, COL_FULL))
        return fr_error_set(error, FR_FULL, "user_id", "nobody may follow more than %d users",
                            FR_FOLLOWS_MAX);
    *ret_changed = fr_result_bool(result, 0, COL_CHANGED);
    return FR_OK;
}

static void on_changed(void *arg, enum fr_status status, struct fr_result *const *results,
                       const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error refused;
    bool changed = false;
    if (status == FR_OK) {
        status = ask->judge(results[STATEMENT_CHANGE], &changed, &refused);
        error = status == FR_OK ? NULL : &refused;
    }
    ask->done(ask->arg, status, changed, error);
    free(ask);
}

static void on_self(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error refused;
    if (status == FR_OK) {
        status = fr_error_set(&refused, FR_INVALID, "user_id", "nobody can follow themselves");
        error = &refused;
    }
    ask->done(ask->arg, status, false, error);
    free(ask);
}

void fr_graph_follow(struct fr_store *store, int64_t follower_id, int64_t followed_id,
                     const struct fr_origin *origin, fr_graph_edge_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->judge = judge_follow;
    ask->done = done;
    ask->arg = arg;
    struct fr_query queries[STATEMENT_COUNT] = {
        [STATEMENT_LOCK] = FR_QUERY(FR_SQL_GRAPH_LOCK_FOLLOWER, FR_P_I64(follower_id)),
        [STATEMENT_CHANGE] =
            FR_QUERY(FR_SQL_GRAPH_FOLLOW, FR_P_I64(follower_id), FR_P_I64(followed_id),
                     FR_P_I32(FR_FOLLOWS_MAX), FR_P_I16(fr_partition_of(followed_id, FR_AUTHOR_PARTITIONS)),
                     FR_P_TEXT_OR_NULL(origin->request_id), FR_P_TEXT_OR_NULL(origin->traceparent)),
    };
    /* Oneself is refused without a change; the lock alone is asked for, so that the answer comes as all
     * others. */
    bool self = follower_id == followed_id;
    fr_store_ask(store, (uint64_t)follower_id, queries, self ? 1 : STATEMENT_COUNT,
                 self ? on_self : on_changed, ask);
}

static enum fr_status judge_unfollow(const struct fr_result *result, bool *ret_changed,
                                     struct fr_error *error)
{
    enum { COL_FOLLOWER_EXISTS, COL_FOLLOWED_EXISTS, COL_CHANGED };
    if (fr_result_rows(result) != 1)
        return fr_error_set(error, FR_PROTOCOL, NULL, "graph_unfollow gave no row");
    if (!fr_result_bool(result, 0, COL_FOLLOWER_EXISTS))
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the account is gone");
    *ret_changed = fr_result_bool(result, 0, COL_CHANGED);
    /* An edge to somebody who is gone may be taken out like any other. */
    if (!*ret_changed && !fr_result_bool(result, 0, COL_FOLLOWED_EXISTS))
        return fr_error_set(error, FR_NOT_FOUND, "user_id", "there is no such user");
    return FR_OK;
}

void fr_graph_unfollow(struct fr_store *store, int64_t follower_id, int64_t followed_id,
                       const struct fr_origin *origin, fr_graph_edge_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->judge = judge_unfollow;
    ask->done = done;
    ask->arg = arg;
    struct fr_query queries[STATEMENT_COUNT] = {
        [STATEMENT_LOCK] = FR_QUERY(FR_SQL_GRAPH_LOCK_FOLLOWER, FR_P_I64(follower_id)),
        [STATEMENT_CHANGE] =
            FR_QUERY(FR_SQL_GRAPH_UNFOLLOW, FR_P_I64(follower_id), FR_P_I64(followed_id),
                     FR_P_I16(fr_partition_of(followed_id, FR_AUTHOR_PARTITIONS)),
                     FR_P_TEXT_OR_NULL(origin->request_id), FR_P_TEXT_OR_NULL(origin->traceparent)),
    };
    fr_store_ask(store, (uint64_t)follower_id, queries, STATEMENT_COUNT, on_changed, ask);
}
