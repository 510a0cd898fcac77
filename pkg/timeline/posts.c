#include "timeline/timeline.h"

#include <stdlib.h>

#include "store/store.h"

static struct fr_param partition_of(int64_t author_id)
{
    return FR_P_I16(fr_partition_of(author_id, FR_AUTHOR_PARTITIONS));
}

/* A change of a post on its way: who is to be told, and what to look up if the post is not the user's. */
struct ask {
    fr_timeline_done_fn done;
    void *arg;
    struct fr_store *store;
    int64_t user_id, post_id;
};

static struct ask *ask_new(struct fr_store *store, int64_t user_id, int64_t post_id, fr_timeline_done_fn done,
                           void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    *ask = (struct ask){.done = done, .arg = arg, .store = store, .user_id = user_id, .post_id = post_id};
    return ask;
}

static void answer(struct ask *ask, enum fr_status status, const struct fr_error *error)
{
    ask->done(ask->arg, status, status == FR_OK ? NULL : error);
    free(ask);
}

/* The post is not the user's: is it anybody's? */
static void on_author(void *arg, enum fr_status status, struct fr_result *const *results,
                      const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error refused;
    if (status == FR_OK) {
        bool others = fr_result_rows(results[0]) > 0 && fr_result_i64(results[0], 0, 0) != ask->user_id;
        if (others)
            status = fr_error_set(&refused, FR_FORBIDDEN, "id", "the post is somebody else's");
        else
            status = fr_error_set(&refused, FR_NOT_FOUND, "id", "there is no such post");
        error = &refused;
    }
    answer(ask, status, error);
}

static void refuse(struct ask *ask)
{
    struct fr_query query = FR_QUERY(FR_SQL_POST_AUTHOR, FR_P_I64(ask->post_id));
    fr_store_ask(ask->store, (uint64_t)ask->user_id, &query, 1, on_author, ask);
}

/* post_update and post_delete both say first whether the post was the user's. */
static void on_changed(void *arg, enum fr_status status, struct fr_result *const *results,
                       const struct fr_error *error)
{
    enum { COL_MINE };
    struct ask *ask = arg;
    if (status == FR_OK && !fr_result_bool(results[0], 0, COL_MINE))
        refuse(ask);
    else
        answer(ask, status, error);
}

void fr_timeline_update_post(struct fr_store *store, int64_t user_id, int64_t post_id, struct fr_str text,
                             const struct fr_origin *origin, fr_timeline_done_fn done, void *arg)
{
    struct fr_query query = FR_QUERY(
        FR_SQL_POST_UPDATE, FR_P_I64(user_id), FR_P_I64(post_id), FR_P_TEXT(text), partition_of(user_id),
        FR_P_TEXT_OR_NULL(origin->request_id), FR_P_TEXT_OR_NULL(origin->traceparent));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_changed,
                 ask_new(store, user_id, post_id, done, arg));
}

void fr_timeline_delete_post(struct fr_store *store, int64_t user_id, int64_t post_id,
                             const struct fr_origin *origin, fr_timeline_done_fn done, void *arg)
{
    struct fr_query query =
        FR_QUERY(FR_SQL_POST_DELETE, FR_P_I64(user_id), FR_P_I64(post_id), partition_of(user_id),
                 FR_P_TEXT_OR_NULL(origin->request_id), FR_P_TEXT_OR_NULL(origin->traceparent));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_changed,
                 ask_new(store, user_id, post_id, done, arg));
}
