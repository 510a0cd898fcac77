#include "graph/graph.h"

#include <stdlib.h>

#include "store/store.h"

/* A question on its way: who is to be told. */
struct ask {
    union {
        fr_graph_done_fn done;
        fr_graph_credentials_fn credentials;
        fr_graph_users_fn users;
        fr_graph_profile_fn profile;
    };
    void *arg;
};

static void on_registered(void *arg, enum fr_status status, struct fr_result *const *results,
                          const struct fr_error *error)
{
    struct ask *ask = arg;
    ask->done(ask->arg, status, error);
    free(ask);
}

void fr_graph_register(struct fr_store *store, const struct fr_user *user, const char *password_hash,
                       fr_graph_done_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    struct fr_query query =
        FR_QUERY(FR_SQL_USER_REGISTER, FR_P_I64(user->id), FR_P_TEXT(user->first_name),
                 FR_P_TEXT(user->second_name), user->has_birthdate ? FR_P_DATE(user->birthdate) : FR_P_NULL,
                 FR_P_TEXT(user->biography), FR_P_TEXT(user->city), FR_P_TEXT(fr_str_of(password_hash)));
    fr_store_ask(store, (uint64_t)user->id, &query, 1, on_registered, ask);
}

static enum fr_status unknown_user(struct fr_error *ret_error)
{
    return fr_error_set(ret_error, FR_NOT_FOUND, NULL, "there is no such user");
}

static void on_credentials(void *arg, enum fr_status status, struct fr_result *const *results,
                           const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error unknown;
    char *hash = NULL;
    if (status == FR_OK && fr_result_rows(results[0]) == 0) {
        status = unknown_user(&unknown);
        error = &unknown;
    } else if (status == FR_OK) {
        struct fr_str stored = fr_result_text(results[0], 0, 0);
        hash = fr_strndup(stored.data != NULL ? stored.data : "", stored.len);
    }
    ask->credentials(ask->arg, status, hash, error);
    free(hash);
    free(ask);
}

void fr_graph_credentials(struct fr_store *store, int64_t user_id, fr_graph_credentials_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->credentials = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_USER_CREDENTIALS, FR_P_I64(user_id));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_credentials, ask);
}

static void on_deleted(void *arg, enum fr_status status, struct fr_result *const *results,
                       const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error gone;
    if (status == FR_OK && !fr_result_bool(results[0], 0, 0)) {
        status = fr_error_set(&gone, FR_UNAUTHENTICATED, NULL, "the account is gone");
        error = &gone;
    }
    ask->done(ask->arg, status, error);
    free(ask);
}

void fr_graph_delete_account(struct fr_store *store, int64_t user_id, const struct fr_origin *origin,
                             fr_graph_done_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_ACCOUNT_DELETE, FR_P_I64(user_id),
                                     FR_P_I16(fr_partition_of(user_id, FR_AUTHOR_PARTITIONS)),
                                     FR_P_TEXT_OR_NULL(origin->request_id),
                                     FR_P_TEXT_OR_NULL(origin->traceparent), FR_P_I64(FR_TOKEN_TTL_MAX_MS));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_deleted, ask);
}

/* All statements that give users have the same columns; a profile has more behind them. */
enum {
    COL_ID,
    COL_FIRST_NAME,
    COL_SECOND_NAME,
    COL_BIRTHDATE,
    COL_BIOGRAPHY,
    COL_CITY,
    COL_FOLLOWER_COUNT,
    COL_FOLLOWING_COUNT,
    COL_CELEBRITY,
    COL_FOLLOWED,
};

static struct fr_user user_of(const struct fr_result *result, int row)
{
    return (struct fr_user){
        .id = fr_result_i64(result, row, COL_ID),
        .first_name = fr_result_text(result, row, COL_FIRST_NAME),
        .second_name = fr_result_text(result, row, COL_SECOND_NAME),
        .biography = fr_result_text(result, row, COL_BIOGRAPHY),
        .city = fr_result_text(result, row, COL_CITY),
        .has_birthdate = !fr_result_is_null(result, row, COL_BIRTHDATE),
        .birthdate = fr_result_date(result, row, COL_BIRTHDATE),
    };
}

static void tell_users(struct ask *ask, const struct fr_result *result)
{
    size_t count = (size_t)fr_result_rows(result);
    struct fr_user *users = fr_alloc_array(count + 1, sizeof(*users));
    for (size_t i = 0; i < count; i++)
        users[i] = user_of(result, (int)i);
    ask->users(ask->arg, FR_OK, users, count, NULL);
    free(users);
}

static void on_user(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error unknown;
    if (status == FR_OK && fr_result_rows(results[0]) == 0) {
        status = unknown_user(&unknown);
        error = &unknown;
    }
    if (status == FR_OK)
        tell_users(ask, results[0]);
    else
        ask->users(ask->arg, status, NULL, 0, error);
    free(ask);
}

void fr_graph_get(struct fr_store *store, int64_t user_id, fr_graph_users_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->users = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_USER_GET, FR_P_I64(user_id));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_user, ask);
}

static void on_profile(void *arg, enum fr_status status, struct fr_result *const *results,
                       const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error unknown;
    if (status == FR_OK && fr_result_rows(results[0]) == 0) {
        status = unknown_user(&unknown);
        error = &unknown;
    }
    if (status == FR_OK)
        ask->profile(ask->arg, FR_OK,
                     &(struct fr_profile){
                         .user = user_of(results[0], 0),
                         .follower_count = fr_result_i64(results[0], 0, COL_FOLLOWER_COUNT),
                         .following_count = fr_result_i64(results[0], 0, COL_FOLLOWING_COUNT),
                         .celebrity = fr_result_bool(results[0], 0, COL_CELEBRITY),
                         .followed = fr_result_bool(results[0], 0, COL_FOLLOWED),
                     },
                     NULL);
    else
        ask->profile(ask->arg, status, NULL, error);
    free(ask);
}

void fr_graph_profile(struct fr_store *store, int64_t user_id, int64_t caller_id, fr_graph_profile_fn done,
                      void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->profile = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_USER_PROFILE, FR_P_I64(user_id), FR_P_I64(caller_id));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_profile, ask);
}

static void on_found(void *arg, enum fr_status status, struct fr_result *const *results,
                     const struct fr_error *error)
{
    struct ask *ask = arg;
    if (status == FR_OK)
        tell_users(ask, results[0]);
    else
        ask->users(ask->arg, status, NULL, 0, error);
    free(ask);
}

void fr_graph_search(struct fr_store *store, struct fr_str first_name, struct fr_str last_name,
                     int64_t after_id, int limit, fr_graph_users_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->users = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_USER_SEARCH, FR_P_TEXT(first_name), FR_P_TEXT(last_name),
                                     FR_P_I64(after_id), FR_P_I32(limit));
    /* Any connection will do; the same question goes to the same one. */
    fr_store_ask(store, fr_fnv1a32(last_name.data, last_name.len), &query, 1, on_found, ask);
}

void fr_graph_get_many(struct fr_store *store, const int64_t *ids, size_t count, fr_graph_users_fn done,
                       void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->users = done;
    ask->arg = arg;
    struct fr_query query = FR_QUERY(FR_SQL_USER_LIST, FR_P_I64S(ids, count));
    fr_store_ask(store, count > 0 ? (uint64_t)ids[0] : 0, &query, 1, on_found, ask);
}

/* The second statement has the list, the first whether there is such a user. */
static void on_listed(void *arg, enum fr_status status, struct fr_result *const *results,
                      const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_error unknown;
    if (status == FR_OK && !fr_result_bool(results[0], 0, 0)) {
        status = unknown_user(&unknown);
        error = &unknown;
    }
    if (status == FR_OK)
        tell_users(ask, results[1]);
    else
        ask->users(ask->arg, status, NULL, 0, error);
    free(ask);
}

static void list(struct fr_store *store, enum fr_sql statement, int64_t user_id, int64_t after_id, int limit,
                 fr_graph_users_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->users = done;
    ask->arg = arg;
    struct fr_query queries[] = {
        FR_QUERY(FR_SQL_USER_EXISTS, FR_P_I64(user_id)),
        FR_QUERY(statement, FR_P_I64(user_id), FR_P_I64(after_id), FR_P_I32(limit)),
    };
    fr_store_ask(store, (uint64_t)user_id, queries, FR_COUNT_OF(queries), on_listed, ask);
}

void fr_graph_followers(struct fr_store *store, int64_t user_id, int64_t after_id, int limit,
                        fr_graph_users_fn done, void *arg)
{
    list(store, FR_SQL_USER_FOLLOWERS, user_id, after_id, limit, done, arg);
}

void fr_graph_following(struct fr_store *store, int64_t user_id, int64_t after_id, int limit,
                        fr_graph_users_fn done, void *arg)
{
    list(store, FR_SQL_USER_FOLLOWING, user_id, after_id, limit, done, arg);
}
