/* store: PostgreSQL. The only user of libpq.
 *
 * Statements live in the folder sql, embedded at build: sql/post_create.sql is FR_SQL_POST_CREATE. The
 * comment at the top of a file has a line `-- params: bigint author_id, text body` (or none) from which the
 * build makes the parameter types, and a line `-- result: bigint id, text body` (or none), against which each
 * result is checked before a caller sees it: number of columns and type of each. Types: smallint, integer,
 * bigint, boolean, text, date, timestamptz, bytea, bigint[], smallint[], text[]; of
 * parameters also bytea[]. Statements are prepared by
 * name, on first use of each connection.
 *
 * Two kinds of connection:
 *   struct fr_session  blocking, one thread at a time: the materializer's workers and freshetctl
 *   struct fr_store    pipelined connections inside one event loop: the gateway. Belongs to the loop's
 * thread.
 *
 * Errors: a refused statement is told with its SQLSTATE. Which status a SQLSTATE becomes: class 08, 57P, 53,
 * 25006 (the server became a standby) and a lost connection FR_UNAVAILABLE; 57014 (statement_timeout) and
 * 55P03 (lock_timeout) FR_TIMEOUT, 57014 after fr_session_cancel() FR_CANCELLED; 40001, 40P01 FR_UNAVAILABLE
 * after the module's own retries; 23505 FR_CONFLICT; the rest FR_INTERNAL. FR_PROTOCOL: the result is not of
 * the declared types; the statement has run, and outside a transaction is committed: its file is wrong, not
 * the row. Parameters that do not match the declared types are FR_INTERNAL, before anything is sent.
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
    FR_PARAM_TIME_MS, /* timestamptz, Unix time in milliseconds */
    FR_PARAM_BYTES,   /* bytea */
    FR_PARAM_BYTES_ARRAY,
};
#define FR_PARAM_KINDS (FR_PARAM_BYTES_ARRAY + 1)

struct fr_param {
    enum fr_param_kind kind;
    union {
        int64_t i64;
        struct fr_str text; /* also bytea */
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
        } texts; /* also bytea[] */
    };
};

#define FR_P_NULL ((struct fr_param){.kind = FR_PARAM_NULL})
#define FR_P_I16(v) ((struct fr_param){.kind = FR_PARAM_I16, .i64 = (v)})
#define FR_P_I32(v) ((struct fr_param){.kind = FR_PARAM_I32, .i64 = (v)})
#define FR_P_I64(v) ((struct fr_param){.kind = FR_PARAM_I64, .i64 = (v)})
#define FR_P_BOOL(v) ((struct fr_param){.kind = FR_PARAM_BOOL, .i64 = (v)})
#define FR_P_DATE(v) ((struct fr_param){.kind = FR_PARAM_DATE, .i64 = (v)})
#define FR_P_TIME_MS(v) ((struct fr_param){.kind = FR_PARAM_TIME_MS, .i64 = (v)})
#define FR_P_BYTES(v) ((struct fr_param){.kind = FR_PARAM_BYTES, .text = (v)})
#define FR_P_TEXT(v) ((struct fr_param){.kind = FR_PARAM_TEXT, .text = (v)})
#define FR_P_TEXT_OR_NULL(v) ((v).len > 0 ? FR_P_TEXT(v) : FR_P_NULL) /* an empty text is none */
#define FR_P_I64S(v, n) ((struct fr_param){.kind = FR_PARAM_I64_ARRAY, .i64s = {(v), (n)}})
#define FR_P_I16S(v, n) ((struct fr_param){.kind = FR_PARAM_I16_ARRAY, .i16s = {(v), (n)}})
#define FR_P_TEXTS(v, n) ((struct fr_param){.kind = FR_PARAM_TEXT_ARRAY, .texts = {(v), (n)}})
#define FR_P_BYTESES(v, n) ((struct fr_param){.kind = FR_PARAM_BYTES_ARRAY, .texts = {(v), (n)}})

/* A statement with its parameters. What the parameters point to is borrowed during the call that takes it: it
 * is encoded before the call returns. */
struct fr_query {
    enum fr_sql sql;
    size_t param_count;
    struct fr_param params[FR_PARAMS_MAX];
};
#define FR_QUERY(statement, ...) \
    ((struct fr_query){          \
        (statement), sizeof((struct fr_param[]){__VA_ARGS__}) / sizeof(struct fr_param), {__VA_ARGS__}})
#define FR_QUERY_NO_PARAMS(statement) ((struct fr_query){.sql = (statement)})

/* ---- results ---- */
struct fr_result; /* rows of one statement; binary */

int fr_result_rows(const struct fr_result *result);
/* Rows that an INSERT, UPDATE or DELETE touched. */
int64_t fr_result_affected(const struct fr_result *result);
bool fr_result_is_null(const struct fr_result *result, int row, int column);
/* The column has the declared type (checked before); a NULL reads as 0, false, or an empty text or array. To
 * read a column as something else than its type is a programmer's mistake and aborts. */
int64_t fr_result_i64(const struct fr_result *result, int row, int column); /* smallint, integer, bigint */
bool fr_result_bool(const struct fr_result *result, int row, int column);
struct fr_str fr_result_text(const struct fr_result *result, int row,
                             int column); /* borrowed from the result */
struct fr_str fr_result_bytes(const struct fr_result *result, int row, int column); /* bytea; likewise */
/* timestamptz as Unix time, rounded down; 'infinity' is INT64_MAX, '-infinity' INT64_MIN. */
int64_t fr_result_time_ms(const struct fr_result *result, int row, int column);
int32_t fr_result_date(const struct fr_result *result, int row, int column); /* days since 1970-01-01 */
/* Arrays of one dimension; an element that is NULL reads as 0 or an empty text. `index` from 0. */
size_t fr_result_array_count(const struct fr_result *result, int row, int column);
int64_t fr_result_array_i64(const struct fr_result *result, int row, int column, size_t index);
struct fr_str fr_result_array_text(const struct fr_result *result, int row, int column, size_t index);
void fr_result_free(struct fr_result *result);

/* ---- blocking sessions ---- */
struct fr_session;

struct fr_session_options {
    const char *conninfo;         /* "": the PG* environment */
    const char *application_name; /* shown in pg_stat_activity */
    int64_t statement_timeout_ms; /* 0: none */
    int64_t lock_timeout_ms;      /* 0: none */
    /* Each statement is planned once, for whatever parameters (plan_cache_mode), and by its indexes even
     * while the tables are small (enable_seqscan), unless the connection string or PGOPTIONS say otherwise.
     */
    bool generic_plans;
};

/* FR_INVALID: the connection string is malformed. FR_UNAVAILABLE: no connection, the message says why. */
FR_WARN_UNUSED enum fr_status fr_session_open(const struct fr_session_options *options,
                                              struct fr_session **ret, struct fr_error *error);
void fr_session_close(struct fr_session *session);
/* False once the connection is lost: close it and open another. */
bool fr_session_alive(const struct fr_session *session);
int fr_session_backend_pid(const struct fr_session *session);
/* Milliseconds since the server was surely there: since the last round trip that it answered began. Time in
 * which the process or the machine stood still counts. Costs no system call worth the name. */
int64_t fr_session_quiet_ms(const struct fr_session *session);
/* `ret` may be NULL when no rows are wanted; else the caller frees it. 40001 and 40P01 are repeated by
 * whoever owns the transaction, not here. */
FR_WARN_UNUSED enum fr_status fr_session_query(struct fr_session *session, const struct fr_query *query,
                                               struct fr_result **ret, struct fr_error *error);
/* Several statements in one pipelined round trip and one transaction (unless one is open already); `ret` has
 * `count` places or is NULL. The first error is told; nothing of `ret` is set then. */
FR_WARN_UNUSED enum fr_status fr_session_query_all(struct fr_session *session, const struct fr_query *queries,
                                                   size_t count, struct fr_result **ret,
                                                   struct fr_error *error);
/* The same in two halves, so that the caller has something to do while the server works: every send must be
 * collected before anything else is asked of the session (else FR_INTERNAL). A failed send needs no collect.
 * `ret` has a place for each statement and is filled on FR_OK. */
FR_WARN_UNUSED enum fr_status fr_session_send(struct fr_session *session, const struct fr_query *queries,
                                              size_t count, struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_collect(struct fr_session *session, struct fr_result **ret,
                                                 struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_begin(struct fr_session *session, struct fr_error *error);
/* FR_TIMEOUT or FR_UNAVAILABLE: not known whether it was committed. FR_CONFLICT: a statement of the
 * transaction had failed, and it was rolled back. */
FR_WARN_UNUSED enum fr_status fr_session_commit(struct fr_session *session, struct fr_error *error);
/* Never fails; closes the connection if it must. */
void fr_session_rollback(struct fr_session *session);
/* COPY … FROM STDIN (FORMAT binary) as the statement says; then any number of rows, then end. A row's values
 * must have the columns' types, which are the statement's params. Abort, or an end that failed, leaves
 * nothing behind. */
FR_WARN_UNUSED enum fr_status fr_session_copy_begin(struct fr_session *session, enum fr_sql copy,
                                                    struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_copy_row(struct fr_session *session, const struct fr_param *values,
                                                  size_t count, struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_session_copy_end(struct fr_session *session, int64_t *ret_rows,
                                                  struct fr_error *error);
void fr_session_copy_abort(struct fr_session *session);
/* Any thread: asks the server to cancel what the session runs. */
void fr_session_cancel(struct fr_session *session);

/* ---- migrations ---- */
struct fr_migration_report {
    int applied, version;
};
/* Applies what is missing of schema/, in order, each file in a transaction, all under one advisory lock; then
 * makes the feed partitions of the next eight weeks. `progress` (may be NULL) is called before each file.
 * FR_CONFLICT if the database is newer than this program. */
FR_WARN_UNUSED enum fr_status fr_store_migrate(struct fr_session *session,
                                               void (*progress)(void *arg, int version, const char *name),
                                               void *arg, struct fr_migration_report *ret,
                                               struct fr_error *error);
/* FR_OK if the database's schema is this program's; else FR_CONFLICT and a sentence that says which is older
 * and what to do. */
FR_WARN_UNUSED enum fr_status fr_store_check_schema(struct fr_session *session, struct fr_error *error);

/* ---- pipelined connections in a loop ---- */
struct fr_store;

struct fr_store_options {
    const char
        *conninfo; /* "": the PG* environment. Host names are resolved in the loop: name a near resolver */
    const char *application_name; /* shown in pg_stat_activity */
    int connections;              /* 1..32 */
    size_t queue_max;             /* groups waiting or running; past it FR_FULL */
    int64_t statement_timeout_ms; /* set on the server for each connection; 0: none */
    int64_t
        group_timeout_ms; /* a group not answered by then gets FR_TIMEOUT, and its connection is replaced */
};

/* Called once for each accepted group, on the loop's thread, never from within fr_store_submit(). `results`
 * has one entry for each statement when status is FR_OK and is borrowed until the callback returns; otherwise
 * `error` says why and nothing of the group is committed (FR_TIMEOUT and FR_UNAVAILABLE after the group was
 * sent: unknown; FR_PROTOCOL: committed). It may submit; it must not free the store. */
typedef void (*fr_store_done_fn)(void *arg, enum fr_status status, struct fr_result *const *results,
                                 const struct fr_error *error);

/* Connects in the background and reconnects for ever, with back-off; one log line per change of state. */
struct fr_store *fr_store_new(struct fr_loop *loop, const struct fr_store_options *options);
/* Groups not answered get FR_CANCELLED before it returns. NULL is fine. */
void fr_store_free(struct fr_store *store);
/* Sends `count` statements (1..FR_STORE_STATEMENTS_MAX) as one transaction; they share a write with whatever
 * else is submitted in this tick. `key` chooses the connection: groups of the same key are sent in order of
 * submission on one connection. A group that met a deadlock or a serialization failure is repeated up to
 * three times, after what was sent behind it. FR_FULL (queue, or parameters past FR_STORE_GROUP_BYTES_MAX),
 * FR_UNAVAILABLE (no connection for a second or longer; a shorter gap is waited out) or FR_INTERNAL
 * (parameters): `done` is not called. */
FR_WARN_UNUSED enum fr_status fr_store_submit(struct fr_store *store, uint64_t key,
                                              const struct fr_query *queries, size_t count,
                                              fr_store_done_fn done, void *arg, struct fr_error *error);
/* As fr_store_submit(), for callers that want one way to be told: a refusal comes through `done` too, at the
 * end of this tick or the next, or from fr_store_free(). */
void fr_store_ask(struct fr_store *store, uint64_t key, const struct fr_query *queries, size_t count,
                  fr_store_done_fn done, void *arg);
/* Keys of one lane share a connection, and the order of what is sent over it: 0..fr_store_lanes() - 1. */
size_t fr_store_lanes(const struct fr_store *store);
size_t fr_store_lane(const struct fr_store *store, uint64_t key);
struct fr_loop *fr_store_loop(const struct fr_store *store);
/* At least one connection is up. */
bool fr_store_ready(const struct fr_store *store);

#endif
