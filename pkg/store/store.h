/* store: PostgreSQL. The only user of libpq.
 *
 * Statements live in sql/*.sql, embedded at build: sql/post_create.sql is FR_SQL_POST_CREATE. The first line of a
 * file is a comment `-- params: bigint, text, …` from which the build makes the parameter types, and the second
 * `-- result: bigint id, text body, …` (or `-- result: none`), against which each result is checked before a caller
 * sees it: number of columns and type of each. They are prepared by name, on first use of each connection.
 *
 * Two kinds of connection:
 *   struct fr_session  blocking, one thread at a time: the materializer's workers and freshetctl
 *   struct fr_store    pipelined connections inside one event loop: the gateway. Belongs to the loop's thread.
 *
 * Errors: a refused statement is told with its SQLSTATE. Which status a SQLSTATE becomes: class 08, 57P, 53 and a
 * lost connection FR_UNAVAILABLE; 57014 (statement_timeout) FR_TIMEOUT; 40001, 40P01 FR_UNAVAILABLE after the
 * module's own retries; 23505 FR_CONFLICT; the rest FR_INTERNAL. Row values that break what was agreed: FR_PROTOCOL.
 */
#ifndef FR_STORE_H
#define FR_STORE_H

#include "base/base.h"
#include "store/sql_table.h" /* generated: enum fr_sql { FR_SQL_…, FR_SQL_COUNT } */

struct fr_loop;

/* ---- parameters ---- */
#define FR_PARAMS_MAX 16

enum fr_param_kind {
    FR_PARAM_NULL,
    FR_PARAM_I16,
    FR_PARAM_I32,
    FR_PARAM_I64,
    FR_PARAM_BOOL,
    FR_PARAM_TEXT,
    FR_PARAM_DATE,      /* days since 1970-01-01 */
    FR_PARAM_I64_ARRAY, /* bigint[] */
    FR_PARAM_I16_ARRAY,
    FR_PARAM_TEXT_ARRAY,
};

struct fr_param {
    enum fr_param_kind kind;
    union {
        int64_t i64;
        struct fr_str text;
        struct {
            const int64_t *items;
            size_t count;
        } i64s;
        struct {
            const int16_t *items;
            size_t count;
        } i16s;
        struct {
            const struct fr_str *items;
            size_t count;
        } texts;
    };
};

#define FR_P_NULL ((struct fr_param){.kind = FR_PARAM_NULL})
#define FR_P_I16(v) ((struct fr_param){.kind = FR_PARAM_I16, .i64 = (v)})
#define FR_P_I32(v) ((struct fr_param){.kind = FR_PARAM_I32, .i64 = (v)})
#define FR_P_I64(v) ((struct fr_param){.kind = FR_PARAM_I64, .i64 = (v)})
#define FR_P_BOOL(v) ((struct fr_param){.kind = FR_PARAM_BOOL, .i64 = (v)})
#define FR_P_DATE(v) ((struct fr_param){.kind = FR_PARAM_DATE, .i64 = (v)})
#define FR_P_TEXT(v) ((struct fr_param){.kind = FR_PARAM_TEXT, .text = (v)})
#define FR_P_I64S(v, n) ((struct fr_param){.kind = FR_PARAM_I64_ARRAY, .i64s = {(v), (n)}})
#define FR_P_I16S(v, n) ((struct fr_param){.kind = FR_PARAM_I16_ARRAY, .i16s = {(v), (n)}})
#define FR_P_TEXTS(v, n) ((struct fr_param){.kind = FR_PARAM_TEXT_ARRAY, .texts = {(v), (n)}})

/* A statement with its parameters. What the parameters point to is borrowed during the call that takes it: it is
 * encoded before the call returns. */
struct fr_query {
    enum fr_sql sql;
    size_t param_count;
    struct fr_param params[FR_PARAMS_MAX];
};
#define FR_QUERY(statement, ...)                                                                               \
    ((struct fr_query){(statement), sizeof((struct fr_param[]){__VA_ARGS__}) / sizeof(struct fr_param),         \
                       {__VA_ARGS__}})
#define FR_QUERY_NO_PARAMS(statement) ((struct fr_query){.sql = (statement)})

/* ---- results ---- */
struct fr_result; /* rows of one statement; binary */

int fr_result_rows(const struct fr_result *result);
/* Rows that an INSERT, UPDATE or DELETE touched. */
int64_t fr_result_affected(const struct fr_result *result);
bool fr_result_is_null(const struct fr_result *result, int row, int column);
/* The column has the declared type (checked before); a NULL reads as 0, false, or an empty text. */
int64_t fr_result_i64(const struct fr_result *result, int row, int column); /* smallint, integer, bigint */
bool fr_result_bool(const struct fr_result *result, int row, int column);
struct fr_str fr_result_text(const struct fr_result *result, int row, int column); /* borrowed from the result */
int64_t fr_result_time_ms(const struct fr_result *result, int row, int column);    /* timestamptz as Unix time */
int32_t fr_result_date(const struct fr_result *result, int row, int column);       /* days since 1970-01-01 */
void fr_result_free(struct fr_result *result);

/* ---- blocking sessions ---- */
struct fr_session;

struct fr_session_options {
    const char *conninfo;         /* "": the PG* environment */
    const char *application_name; /* shown in pg_stat_activity */
    int64_t statement_timeout_ms; /* 0: none */
    int64_t lock_timeout_ms;      /* 0: none */
};

FR_WARN_UNUSED enum fr_status fr_session_open(const struct fr_session_options *options, struct fr_session **ret,
                                              struct fr_error *error);
void fr_session_close(struct fr_session *session);
/* False once the connection is lost: close it and open another. */
bool fr_session_alive(const struct fr_session *session);
int fr_session_backend_pid(const struct fr_session *session);
/* `ret` may be NULL when no rows are wanted; else the caller frees it. */
FR_WARN_UNUSED enum fr_status fr_session_query(struct fr_session *session, const struct fr_query *query,
                                               struct fr_result **ret, struct fr_error *error);
/* Several statements in one pipelined round trip and one transaction (unless one is open already); `ret` has `count`
 * places or is NULL. */
FR_WARN_UNUSED enum fr_status fr_session_query_all(struct fr_session *session, const struct fr_query *queries,
                                                   size_t count, struct fr_result **ret, struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_begin(struct fr_session *session, struct fr_error *error);
/* FR_TIMEOUT or FR_UNAVAILABLE: not known whether it was committed. */
FR_WARN_UNUSED enum fr_status fr_session_commit(struct fr_session *session, struct fr_error *error);
/* Never fails; closes the connection if it must. */
void fr_session_rollback(struct fr_session *session);
/* COPY … FROM STDIN (FORMAT binary) as the statement says; then any number of rows, then end. A row's values must
 * have the columns' types. Abort, or an end that failed, leaves nothing behind. */
FR_WARN_UNUSED enum fr_status fr_session_copy_begin(struct fr_session *session, enum fr_sql copy, struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_copy_row(struct fr_session *session, const struct fr_param *values,
                                                  size_t count, struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_copy_end(struct fr_session *session, int64_t *ret_rows, struct fr_error *error);
void fr_session_copy_abort(struct fr_session *session);
/* Any thread: asks the server to cancel what the session runs. */
void fr_session_cancel(struct fr_session *session);

/* ---- migrations ---- */
struct fr_migration_report {
    int applied, version;
};
/* Applies what is missing of schema/, in order, each file in a transaction, all under one advisory lock; then makes
 * the feed partitions of the next eight weeks. FR_CONFLICT if the database is newer than this program. */
FR_WARN_UNUSED enum fr_status fr_store_migrate(struct fr_session *session,
                                               void (*progress)(void *arg, int version, const char *name), void *arg,
                                               struct fr_migration_report *ret, struct fr_error *error);
/* FR_OK if the database's schema is this program's; else FR_CONFLICT and a sentence that says which is older and
 * what to do. */
FR_WARN_UNUSED enum fr_status fr_store_check_schema(struct fr_session *session, struct fr_error *error);

/* ---- pipelined connections in a loop ---- */
struct fr_store;

struct fr_store_options {
    const char *conninfo;
    const char *application_name;
    int connections;              /* 1..32 */
    size_t queue_max;             /* groups waiting or running; past it FR_FULL */
    int64_t statement_timeout_ms; /* set on the server for each connection */
    int64_t group_timeout_ms;     /* a group not answered by then gets FR_TIMEOUT */
};

/* Called once for each accepted group, on the loop's thread, never from within fr_store_submit(). `results` has one
 * entry for each statement when status is FR_OK and is borrowed until the callback returns; otherwise `error` says
 * why and nothing of the group is committed (FR_TIMEOUT and FR_UNAVAILABLE after the group was sent: unknown). */
typedef void (*fr_store_done_fn)(void *arg, enum fr_status status, struct fr_result *const *results,
                                 const struct fr_error *error);

/* Connects in the background and reconnects for ever, with back-off; one log line per change of state. */
struct fr_store *fr_store_new(struct fr_loop *loop, const struct fr_store_options *options);
/* Groups not answered get FR_CANCELLED before it returns. */
void fr_store_free(struct fr_store *store);
/* Sends `count` statements as one transaction; they share a write with whatever else is submitted in this tick.
 * `key` chooses the connection: groups of the same key run in order of submission. FR_FULL or FR_UNAVAILABLE (no
 * connection up): `done` is not called. */
FR_WARN_UNUSED enum fr_status fr_store_submit(struct fr_store *store, uint64_t key, const struct fr_query *queries,
                                              size_t count, fr_store_done_fn done, void *arg, struct fr_error *error);
/* At least one connection is up. */
bool fr_store_ready(const struct fr_store *store);

#endif
