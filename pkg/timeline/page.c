#include "timeline/timeline.h"

#include <stdlib.h>

#include "store/store.h"

/* A question on its way: who is to be told. */
struct ask {
    fr_timeline_posts_fn done;
    void *arg;
};

/* All statements that list posts have the same columns. */
enum { COL_ID, COL_AUTHOR_ID, COL_BODY, COL_REVISION, COL_CREATED_AT, COL_EDITED_AT };

static void tell_posts(struct ask *ask, const struct fr_result *result)
{
    size_t count = (size_t)fr_result_rows(result);
    struct fr_post *posts = fr_alloc_array(count + 1, sizeof(*posts));
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        posts[i] = (struct fr_post){
            .id = fr_result_i64(result, row, COL_ID),
            .author_id = fr_result_i64(result, row, COL_AUTHOR_ID),
            .text = fr_result_text(result, row, COL_BODY),
            .revision = (int32_t)fr_result_i64(result, row, COL_REVISION),
            .created_at_ms = fr_result_time_ms(result, row, COL_CREATED_AT),
            .edited_at_ms = fr_result_is_null(result, row, COL_EDITED_AT)
                                ? 0
                                : fr_result_time_ms(result, row, COL_EDITED_AT),
        };
    }
    ask->done(ask->arg, FR_OK, posts, count, NULL);
    free(posts);
}

static void on_page(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct ask *ask = arg;
    if (status == FR_OK)
        tell_posts(ask, results[0]);
    else
        ask->done(ask->arg, status, NULL, 0, error);
    free(ask);
}

void fr_timeline_page(struct fr_store *store, const struct fr_page_request *request,
                      fr_timeline_posts_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    struct fr_query query =
        FR_QUERY(FR_SQL_PAGE_HOME, FR_P_I64(request->user_id), FR_P_I64(request->before_id),
                 FR_P_I32(request->offset), FR_P_I32(request->limit));
    fr_store_ask(store, (uint64_t)request->user_id, &query, 1, on_page, ask);
}

static void on_post(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error unknown;
    if (status == FR_OK && fr_result_rows(results[0]) == 0) {
        status = fr_error_set(&unknown, FR_NOT_FOUND, "id", "there is no such post");
        error = &unknown;
    }
    if (status == FR_OK)
        tell_posts(ask, results[0]);
    else
        ask->done(ask->arg, status, NULL, 0, error);
    free(ask);
}

void fr_timeline_get_post(struct fr_store *store, int64_t post_id, fr_timeline_posts_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_POST_GET, FR_P_I64(post_id));
    fr_store_ask(store, (uint64_t)post_id, &query, 1, on_post, ask);
}

/* The second statement has the posts, the first whether there is such a user. */
static void on_user_posts(void *arg, enum fr_status status, struct fr_result *const *results,
                          const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error unknown;
    if (status == FR_OK && !fr_result_bool(results[0], 0, 0)) {
        status = fr_error_set(&unknown, FR_NOT_FOUND, "id", "there is no such user");
        error = &unknown;
    }
    if (status == FR_OK)
        tell_posts(ask, results[1]);
    else
        ask->done(ask->arg, status, NULL, 0, error);
    free(ask);
}

void fr_timeline_user_posts(struct fr_store *store, int64_t author_id, int64_t before_id, int limit,
                            fr_timeline_posts_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    struct fr_query queries[] = {
        FR_QUERY(FR_SQL_USER_EXISTS, FR_P_I64(author_id)),
        FR_QUERY(FR_SQL_USER_POSTS, FR_P_I64(author_id), FR_P_I64(before_id), FR_P_I32(limit)),
    };
    fr_store_ask(store, (uint64_t)author_id, queries, FR_COUNT_OF(queries), on_user_posts, ask);
}
