#include "store/session.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

/* Goes on while the machine sleeps, which the monotonic clock does not. */
static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum fr_status fr_session_open(const struct fr_session_options *options, struct fr_session **ret,
                               struct fr_error *error)
{
    enum fr_status status = fr_pq_check_conninfo(options->conninfo, error);
    if (status != FR_OK)
        return status;
    PGconn *pg = fr_pq_connect(options);
    if (PQstatus(pg) != CONNECTION_OK) {
        fr_pq_connection_error(pg, "no database connection", error);
        PQfinish(pg);
        return FR_UNAVAILABLE;
    }
    struct fr_session *session = FR_NEW(struct fr_session);
    session->pg = pg;
    session->cancel = PQgetCancel(pg);
    session->heard_ms = clock_ms();
    fr_buf_init(&session->encoded, SESSION_ENCODE_MAX);
    *ret = session;
    return FR_OK;
}

void fr_session_close(struct fr_session *session)
{
    if (session == NULL)
        return;
    PQfreeCancel(session->cancel);
    PQfinish(session->pg);
    fr_buf_release(&session->encoded);
    free(session->sent.encoded);
    free(session);
}

bool fr_session_alive(const struct fr_session *session)
{
    return PQstatus(session->pg) == CONNECTION_OK;
}

int64_t fr_session_quiet_ms(const struct fr_session *session)
{
    return clock_ms() - session->heard_ms;
}

int fr_session_backend_pid(const struct fr_session *session)
{
    return PQbackendPID(session->pg);
}

void fr_session_cancel(struct fr_session *session)
{
    char reason[128];
    atomic_store(&session->cancelled, true);
    /* A request that does not get through leaves the statement to its timeout. */
    (void)PQcancel(session->cancel, reason, sizeof reason);
}

enum fr_status fr_session_result_error(struct fr_session *session, const PGresult *result, const char *what,
                                       struct fr_error *error)
{
    enum fr_status status = fr_pq_result_error(result, what, error);
    if (fr_pq_sqlstate_is(result, "57014") && atomic_exchange(&session->cancelled, false)) {
        status = FR_CANCELLED;
        if (error != NULL)
            error->status = status;
    }
    return status;
}

void fr_session_abandon(struct fr_session *session)
{
    PQfinish(session->pg);
    session->pg = NULL; /* which libpq takes for a connection that is bad */
    session->copy = NULL;
}

/* ---- statements: one pipeline with one synchronisation point, also for a single one ---- */

/* The generation of the plan is the running one of the session. */
static bool send_all(struct fr_session *session, const struct fr_encoded *encoded, size_t count)
{
    bool sent_prepare[FR_SQL_COUNT] = {false};
    for (size_t i = 0; i < count; i++) {
        enum fr_sql sql = encoded[i].sql;
        unsigned generation = session->prepared[sql].generation;
        if (!session->prepared[sql].ready && !sent_prepare[sql]) {
            /* A synchronisation point of its own: a statement that fails must not take the next one's plan
             * with it, nor does preparing belong to the transaction. */
            if (!fr_pq_send_prepare(session->pg, sql, generation) || !fr_pq_send_sync(session->pg))
                return false;
            sent_prepare[sql] = true;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (!fr_pq_send_execute(session->pg, &encoded[i], session->encoded.data,
                                session->prepared[encoded[i].sql].generation))
            return false;
    return fr_pq_send_sync(session->pg);
}

/* Writes what libpq holds and waits until a result can be had: reading meanwhile, since a server that cannot
 * get rid of its answers stops taking questions. */
static bool wait_for_result(PGconn *pg)
{
    for (;;) {
        int left = PQflush(pg);
        if (left < 0)
            return false;
        if (!PQisBusy(pg))
            return true;
        struct pollfd fd = {.fd = PQsocket(pg), .events = (short)(POLLIN | (left > 0 ? POLLOUT : 0))};
        if (poll(&fd, 1, -1) < 0 && errno != EINTR)
            return false;
        if ((fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(pg) != 1)
            return false;
    }
}

/* The next result, NULL when the connection broke. The NULL with which libpq ends each statement is skipped.
 */
static PGresult *next_result(PGconn *pg)
{
    for (int nulls = 0; nulls < 2; nulls++) {
        PGresult *result;
        if (!wait_for_result(pg))
            return NULL;
        result = PQgetResult(pg);
        if (result != NULL)
            return result;
    }
    return NULL;
}

struct collected {
    struct fr_result **results;
    enum fr_status status; /* the first failure's */
    struct fr_error error;
    bool stale_plan; /* the failure is one that a new plan mends */
};

static void collect_failure(struct fr_session *session, struct collected *all, const PGresult *pg,
                            enum fr_sql sql)
{
    if (all->status != FR_OK || PQresultStatus(pg) == PGRES_PIPELINE_ABORTED)
        return;
    all->status = fr_session_result_error(session, pg, fr_sql_statements[sql].name, &all->error);
    all->stale_plan = fr_pq_sqlstate_is(pg, "26000") || fr_pq_sqlstate_is(pg, "0A000");
    if (all->stale_plan) {
        session->prepared[sql].ready = false;
        session->prepared[sql].generation++;
    }
}

/* False when the connection broke. */
static bool collect_prepares(struct fr_session *session, const struct fr_encoded *encoded, size_t count,
                             struct collected *all)
{
    bool seen[FR_SQL_COUNT] = {false};
    for (size_t i = 0; i < count; i++) {
        enum fr_sql sql = encoded[i].sql;
        if (session->prepared[sql].ready || seen[sql])
            continue;
        seen[sql] = true;
        for (bool synced = false; !synced;) {
            PGresult *pg = next_result(session->pg);
            if (pg == NULL)
                return false;
            synced = PQresultStatus(pg) == PGRES_PIPELINE_SYNC;
            if (fr_pq_is_error(pg))
                collect_failure(session, all, pg, sql);
            else if (!synced)
                session->prepared[sql].ready = true;
            PQclear(pg);
        }
    }
    return true;
}

static bool collect_results(struct fr_session *session, const struct fr_encoded *encoded, size_t count,
                            struct collected *all)
{
    for (size_t i = 0;;) {
        PGresult *pg = next_result(session->pg);
        if (pg == NULL)
            return false;
        if (PQresultStatus(pg) == PGRES_PIPELINE_SYNC) {
            PQclear(pg);
            return true;
        }
        /* What fails behind the last statement is the commit. */
        enum fr_sql sql = encoded[i < count ? i : count - 1].sql;
        if (fr_pq_is_error(pg)) {
            collect_failure(session, all, pg, sql);
        } else if (i < count) {
            enum fr_status status =
                fr_result_wrap(pg, sql, &all->results[i], all->status == FR_OK ? &all->error : NULL);
            if (status == FR_OK)
                pg = NULL;
            else if (all->status == FR_OK)
                all->status = status;
        }
        PQclear(pg);
        i++;
    }
}

static void free_results(struct fr_result **results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fr_result_free(results[i]);
        results[i] = NULL;
    }
}

static bool start_pipeline(struct fr_session *session, const struct fr_encoded *encoded, size_t count)
{
    session->began_ms = clock_ms();
    return PQenterPipelineMode(session->pg) == 1 && PQsetnonblocking(session->pg, 1) == 0 &&
           send_all(session, encoded, count) && PQflush(session->pg) >= 0;
}

static bool finish_pipeline(struct fr_session *session, const struct fr_encoded *encoded, size_t count,
                            struct collected *all)
{
    bool ok = collect_prepares(session, encoded, count, all);
    ok = ok && collect_results(session, encoded, count, all);
    if (ok) {
        PGresult *rest = PQgetResult(session->pg);
        PQclear(rest);
        ok = rest == NULL && PQexitPipelineMode(session->pg) == 1 && PQsetnonblocking(session->pg, 0) == 0;
    }
    if (ok)
        session->heard_ms = session->began_ms;
    return ok;
}

/* `started`: the first try is under way. `inside`: of a transaction, which a failure has ended. */
static enum fr_status run_encoded(struct fr_session *session, const struct fr_encoded *encoded, size_t count,
                                  bool started, bool inside, struct fr_result **results,
                                  struct fr_error *error)
{
    struct collected all;
    for (int tries = 0;; tries++) {
        all = (struct collected){.results = results};
        if (!((started && tries == 0) || start_pipeline(session, encoded, count)) ||
            !finish_pipeline(session, encoded, count, &all)) {
            free_results(results, count);
            /* What the server said last is better than that it hung up. */
            if (all.status == FR_OK)
                fr_pq_connection_error(session->pg, "database connection lost", &all.error);
            else
                all.error.status = FR_UNAVAILABLE;
            if (error != NULL)
                *error = all.error;
            fr_session_abandon(session);
            return FR_UNAVAILABLE;
        }
        if (all.status == FR_OK)
            return FR_OK;
        free_results(results, count);
        if (!all.stale_plan || inside || tries == 1)
            break;
    }
    if (error != NULL)
        *error = all.error;
    return all.status;
}

static enum fr_status check_usable(const struct fr_session *session, struct fr_error *error)
{
    if (!fr_session_alive(session))
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "the database connection is lost");
    if (session->copy != NULL)
        return fr_error_set(error, FR_INTERNAL, NULL, "%s is still copying", session->copy->name);
    if (session->sent.encoded != NULL)
        return fr_error_set(error, FR_INTERNAL, NULL, "answers are still to be collected");
    return FR_OK;
}

static enum fr_status encode_all(struct fr_session *session, const struct fr_query *queries, size_t count,
                                 struct fr_encoded **ret, struct fr_error *error)
{
    struct fr_encoded *encoded = fr_alloc_array(count, sizeof *encoded);
    enum fr_status status = FR_OK;
    fr_buf_reset(&session->encoded);
    for (size_t i = 0; i < count && status == FR_OK; i++)
        status = fr_query_encode(&session->encoded, &queries[i], &encoded[i], error);
    if (status == FR_OK)
        *ret = encoded;
    else
        free(encoded);
    return status;
}

static bool in_transaction(const struct fr_session *session)
{
    return PQtransactionStatus(session->pg) != PQTRANS_IDLE;
}

enum fr_status fr_session_query_all(struct fr_session *session, const struct fr_query *queries, size_t count,
                                    struct fr_result **ret, struct fr_error *error)
{
    if (count == 0)
        return FR_OK;
    enum fr_status status = check_usable(session, error);
    if (status != FR_OK)
        return status;
    struct fr_encoded *encoded = NULL;
    status = encode_all(session, queries, count, &encoded, error);
    if (status != FR_OK)
        return status;
    struct fr_result **results = fr_alloc_array(count, sizeof *results);
    status = run_encoded(session, encoded, count, false, in_transaction(session), results, error);
    if (status == FR_OK && ret != NULL)
        memcpy(ret, results, count * sizeof(struct fr_result *));
    else
        free_results(results, count);
    free(results);
    free(encoded);
    return status;
}

enum fr_status fr_session_send(struct fr_session *session, const struct fr_query *queries, size_t count,
                               struct fr_error *error)
{
    enum fr_status status = check_usable(session, error);
    struct fr_encoded *encoded = NULL;
    if (status == FR_OK)
        status = encode_all(session, queries, count, &encoded, error);
    if (status != FR_OK)
        return status;
    session->sent.in_transaction = in_transaction(session);
    if (!start_pipeline(session, encoded, count)) {
        fr_pq_connection_error(session->pg, "database connection lost", error);
        fr_session_abandon(session);
        free(encoded);
        return FR_UNAVAILABLE;
    }
    session->sent.encoded = encoded;
    session->sent.count = count;
    return FR_OK;
}

enum fr_status fr_session_collect(struct fr_session *session, struct fr_result **ret, struct fr_error *error)
{
    struct fr_encoded *encoded = session->sent.encoded;
    size_t count = session->sent.count;
    struct fr_result **results = fr_alloc_array(count, sizeof *results);
    session->sent.encoded = NULL;
    enum fr_status status =
        run_encoded(session, encoded, count, true, session->sent.in_transaction, results, error);
    if (status == FR_OK)
        memcpy(ret, results, count * sizeof(struct fr_result *));
    free(results);
    free(encoded);
    return status;
}

enum fr_status fr_session_query(struct fr_session *session, const struct fr_query *query,
                                struct fr_result **ret, struct fr_error *error)
{
    return fr_session_query_all(session, query, 1, ret, error);
}

/* ---- transactions ---- */

enum fr_status fr_session_begin(struct fr_session *session, struct fr_error *error)
{
    return fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_TRANSACTION_BEGIN), NULL, error);
}

enum fr_status fr_session_commit(struct fr_session *session, struct fr_error *error)
{
    struct fr_result *result = NULL;
    enum fr_status status =
        fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_TRANSACTION_COMMIT), &result, error);
    if (status != FR_OK)
        return status;
    if (strcmp(fr_result_tag(result), "COMMIT") != 0)
        status = fr_error_set(error, FR_CONFLICT, NULL,
                              "the transaction was rolled back, because a statement in it had failed");
    fr_result_free(result);
    return status;
}

void fr_session_rollback(struct fr_session *session)
{
    if (session->copy != NULL)
        fr_session_copy_abort(session);
    if (!fr_session_alive(session) || PQtransactionStatus(session->pg) == PQTRANS_IDLE)
        return;
    if (fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_TRANSACTION_ROLLBACK), NULL, NULL) != FR_OK)
        fr_session_abandon(session);
}

enum fr_status fr_session_run_script(struct fr_session *session, const char *what, const char *script,
                                     struct fr_error *error)
{
    enum fr_status status = check_usable(session, error);
    if (status != FR_OK)
        return status;
    PGresult *pg = PQexec(session->pg, script);
    if (PQstatus(session->pg) != CONNECTION_OK)
        status = fr_pq_connection_error(session->pg, what, error);
    else if (fr_pq_is_error(pg))
        status = fr_session_result_error(session, pg, what, error);
    PQclear(pg);
    return status;
}
