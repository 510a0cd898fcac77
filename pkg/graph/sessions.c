#include "graph/graph.h"

#include <stdlib.h>

#include "store/store.h"

/* A question on its way: who is to be told. */
struct ask {
    union {
        fr_graph_done_fn done;
        fr_graph_revocations_fn revocations;
    };
    void *arg;
};

static struct ask *ask_new(fr_graph_done_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->done = done;
    ask->arg = arg;
    return ask;
}

static void on_done(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct ask *ask = arg;
    ask->done(ask->arg, status, error);
    free(ask);
}

void fr_graph_revoke_token(struct fr_store *store, const char *token_id, int64_t until_ms,
                           fr_graph_done_fn done, void *arg)
{
    struct fr_str id = fr_str_of(token_id);
    struct fr_query query = FR_QUERY(FR_SQL_SESSION_REVOKE, FR_P_TEXT(id), FR_P_TIME_MS(until_ms));
    fr_store_ask(store, fr_fnv1a32(id.data, id.len), &query, 1, on_done, ask_new(done, arg));
}

/* The statement's answer is one boolean; false becomes `otherwise`. */
static void tell_whether(struct ask *ask, enum fr_status status, struct fr_result *const *results,
                         const struct fr_error *error, enum fr_status otherwise, const char *message)
{
    struct fr_error no = {0};
    if (status == FR_OK && !fr_result_bool(results[0], 0, 0)) {
        status = fr_error_set(&no, otherwise, NULL, "%s", message);
        error = &no;
    }
    ask->done(ask->arg, status, error);
    free(ask);
}

static void on_account(void *arg, enum fr_status status, struct fr_result *const *results,
                       const struct fr_error *error)
{
    tell_whether(arg, status, results, error, FR_UNAUTHENTICATED, "The account is gone.");
}

void fr_graph_check_account(struct fr_store *store, int64_t user_id, fr_graph_done_fn done, void *arg)
{
    struct fr_query query = FR_QUERY(FR_SQL_SESSION_ACCOUNT, FR_P_I64(user_id));
    fr_store_ask(store, (uint64_t)user_id, &query, 1, on_account, ask_new(done, arg));
}

static void on_ticket(void *arg, enum fr_status status, struct fr_result *const *results,
                      const struct fr_error *error)
{
    tell_whether(arg, status, results, error, FR_CONFLICT, "the ticket was used before");
}

void fr_graph_use_ticket(struct fr_store *store, const char *ticket_id, int64_t until_ms,
                         fr_graph_done_fn done, void *arg)
{
    struct fr_str id = fr_str_of(ticket_id);
    struct fr_query query = FR_QUERY(FR_SQL_SESSION_USE_TICKET, FR_P_TEXT(id), FR_P_TIME_MS(until_ms));
    fr_store_ask(store, fr_fnv1a32(id.data, id.len), &query, 1, on_ticket, ask_new(done, arg));
}

/* ---- revocations ---- */

enum { COL_TOKEN_ID, COL_UNTIL, COL_REVOKED_AT, COL_REVOKED_US, COL_NOW_US };

static void on_revocations(void *arg, enum fr_status status, struct fr_result *const *results,
                           const struct fr_error *error)
{
    struct ask *ask = arg;
    if (status != FR_OK) {
        ask->revocations(ask->arg, status, NULL, 0, 0, error);
        free(ask);
        return;
    }
    const struct fr_result *result = results[0];
    size_t count = fr_result_is_null(result, 0, COL_TOKEN_ID) ? 0 : (size_t)fr_result_rows(result);
    struct fr_graph_revocation *rows = fr_alloc_array(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        rows[i] = (struct fr_graph_revocation){
            .name = fr_result_text(result, row, COL_TOKEN_ID),
            .until_ms = fr_result_time_ms(result, row, COL_UNTIL),
            .revoked_ms = fr_result_time_ms(result, row, COL_REVOKED_AT),
            .revoked_us = fr_result_i64(result, row, COL_REVOKED_US),
        };
    }
    ask->revocations(ask->arg, FR_OK, rows, count, fr_result_i64(result, 0, COL_NOW_US), NULL);
    free(rows);
    free(ask);
}

void fr_graph_revocations(struct fr_store *store, int64_t after_us, struct fr_str after_name, int most,
                          fr_graph_revocations_fn done, void *arg)
{
    struct ask *ask = FR_NEW(struct ask);
    ask->revocations = done;
    ask->arg = arg;
    struct fr_query query =
        FR_QUERY(FR_SQL_SESSION_REVOCATIONS, FR_P_I64(after_us), FR_P_TEXT(after_name), FR_P_I32(most));
    fr_store_ask(store, 0, &query, 1, on_revocations, ask);
}
