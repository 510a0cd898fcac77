#include <assert.h>
#include <stdlib.h>

#include "log/log.h"
#include "metrics/metrics.h"
#include "store/pipeline.h"

enum {
    DIAL_LIMIT_MS = 5000,
    FIRST_REST_MS = 50,
    LONGEST_REST_MS = 5000,
};

/* ---- state ---- */

static const bool may_move[CONNECTION_STATES][CONNECTION_STATES] = {
    [CONNECTION_RESTING] = {[CONNECTION_DIALING] = true},
    [CONNECTION_DIALING] = {[CONNECTION_UP] = true, [CONNECTION_RESTING] = true},
    [CONNECTION_UP] = {[CONNECTION_RESTING] = true},
};

/* The one function that changes the state, and so the one that logs it: a line when a connection comes up, a
 * line when it goes down or, at first, cannot come up; none for the attempts after that. */
static void move(struct connection *connection, enum connection_state to, const struct fr_error *reason)
{
    enum connection_state from = connection->state;
    if (!may_move[from][to]) { /* a defect of ours, and no state to go on from */
        FR_LOG_ERROR("database connection in a wrong state", FR_KV_I64("from", from), FR_KV_I64("to", to));
        abort();
    }
    connection->state = to;
    if (to == CONNECTION_UP) {
        connection->failures = 0;
        connection->told_down = false;
        FR_LOG_INFO("database connection up", FR_KV_I64("connection", connection->index),
                    FR_KV_I64("backend", PQbackendPID(connection->pg)));
        store_connection_up(connection->store);
    } else if (to == CONNECTION_RESTING) {
        if (!connection->told_down)
            FR_LOG_WARN(from == CONNECTION_UP ? "database connection lost"
                                              : "database connection cannot be made",
                        FR_KV_I64("connection", connection->index), FR_KV_ERROR(reason));
        connection->told_down = true;
        if (from == CONNECTION_UP)
            store_connection_down(connection->store);
    }
}

/* ---- dialing ---- */

static void on_ready(struct fr_watch *watch, unsigned events);

static void fail_dialing(struct connection *connection)
{
    struct fr_error error = {0};
    if (fr_pq_check_conninfo(connection->store->conninfo, &error) == FR_OK)
        fr_pq_connection_error(connection->pg, "no database connection", &error);
    connection_lose(connection, &error);
}

static void on_dial_limit(struct fr_timer *timer)
{
    struct connection *connection = FR_CONTAINER_OF(timer, struct connection, timer);
    struct fr_error error = {0};
    fr_error_set(&error, FR_UNAVAILABLE, NULL, "no database connection: not made within %d ms",
                 DIAL_LIMIT_MS);
    connection_lose(connection, &error);
}

static bool watch_socket(struct connection *connection, unsigned events)
{
    struct fr_error error = {0};
    enum fr_status status = fr_watch_start(connection->store->loop, &connection->watch,
                                           PQsocket(connection->pg), events, on_ready, &error);
    if (status != FR_OK)
        connection_lose(connection, &error);
    return status == FR_OK;
}

static void finish_dialing(struct connection *connection)
{
    fr_timer_stop(&connection->timer);
    if (PQsetnonblocking(connection->pg, 1) != 0 || PQenterPipelineMode(connection->pg) != 1) {
        fail_dialing(connection);
        return;
    }
    if (!watch_socket(connection, FR_WATCH_READ))
        return;
    move(connection, CONNECTION_UP, NULL);
    store_want_pump(connection->store);
}

static void dial_on(struct connection *connection)
{
    /* libpq may close this socket and open another one, of the next address or without TLS, under the same
     * number. */
    fr_watch_stop(&connection->watch);
    switch (PQconnectPoll(connection->pg)) {
    case PGRES_POLLING_READING:
        (void)watch_socket(connection, FR_WATCH_READ);
        return;
    case PGRES_POLLING_WRITING:
    case PGRES_POLLING_ACTIVE:
        (void)watch_socket(connection, FR_WATCH_WRITE);
        return;
    case PGRES_POLLING_OK:
        finish_dialing(connection);
        return;
    case PGRES_POLLING_FAILED:
        fail_dialing(connection);
        return;
    }
}

static void dial(struct connection *connection)
{
    move(connection, CONNECTION_DIALING, NULL);
    fr_timer_start(connection->store->loop, &connection->timer, DIAL_LIMIT_MS, on_dial_limit);
    connection->pg = fr_pq_connect_start(&connection->store->connect_options);
    if (PQstatus(connection->pg) == CONNECTION_BAD)
        fail_dialing(connection);
    else
        (void)watch_socket(connection, FR_WATCH_WRITE);
}

static void on_rest_over(struct fr_timer *timer)
{
    dial(FR_CONTAINER_OF(timer, struct connection, timer));
}

/* Doubled with each failure, and anything between half and the whole of it: a thousand connections that were
 * lost at once must not come back at once. */
static void rest(struct connection *connection)
{
    unsigned doublings = connection->failures < 8 ? connection->failures : 8;
    int64_t longest = (int64_t)FIRST_REST_MS << doublings;
    if (longest > LONGEST_REST_MS)
        longest = LONGEST_REST_MS;
    connection->failures++;
    fr_timer_start(connection->store->loop, &connection->timer,
                   store_random_between(connection->store, longest / 2, longest), on_rest_over);
}

/* ---- lifecycle ---- */

static void forget_plans(struct connection *connection)
{
    for (size_t i = 0; i < FR_SQL_COUNT; i++)
        free(connection->prepared[i].error);
    memset(connection->prepared, 0, sizeof connection->prepared);
}

static void hang_up(struct connection *connection)
{
    fr_watch_stop(&connection->watch);
    fr_timer_stop(&connection->timer);
    PQfinish(connection->pg);
    connection->pg = NULL;
    connection->unflushed = false;
    forget_plans(connection);
}

void connection_start(struct connection *connection, struct fr_store *store, int index)
{
    *connection = (struct connection){.store = store, .index = index};
    link_init(&connection->units);
    fr_timer_start(store->loop, &connection->timer, 0, on_rest_over);
}

static struct unit *first_unit(struct connection *connection)
{
    return link_is_empty(&connection->units) ? NULL
                                             : FR_CONTAINER_OF(connection->units.next, struct unit, link);
}

/* Off the wire; a unit that only prepared is gone then, a group's is told by the caller. */
static struct fr_group *remove_unit(struct connection *connection, struct unit *unit)
{
    struct fr_group *group = unit->group;
    link_remove(&unit->link);
    connection->unit_count--;
    if (group == NULL)
        free(unit);
    else
        group->connection = NULL;
    return group;
}

void connection_stop(struct connection *connection)
{
    for (struct unit *unit; (unit = first_unit(connection)) != NULL;)
        (void)remove_unit(connection, unit);
    hang_up(connection);
}

void connection_lose(struct connection *connection, const struct fr_error *error)
{
    hang_up(connection);
    move(connection, CONNECTION_RESTING, error);
    rest(connection);
    for (struct unit *unit; (unit = first_unit(connection)) != NULL;) {
        struct fr_group *group = remove_unit(connection, unit);
        if (group == NULL)
            continue;
        group_fail(group, FR_UNAVAILABLE, error);
        store_group_finished(connection->store, group);
    }
    store_want_pump(connection->store);
}

/* ---- sending ---- */

static bool send_prepare(struct connection *connection, enum fr_sql sql)
{
    unsigned generation = connection->prepared[sql].generation;
    if (!fr_pq_send_prepare(connection->pg, sql, generation) || !fr_pq_send_sync(connection->pg))
        return false;
    struct unit *unit = FR_NEW(struct unit);
    unit->sql = sql;
    unit->generation = generation;
    link_append(&connection->units, &unit->link);
    connection->unit_count++;
    connection->prepared[sql].sent = true;
    return true;
}

static bool send_all(struct connection *connection, struct fr_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (!connection->prepared[group->encoded[i].sql].sent &&
            !send_prepare(connection, group->encoded[i].sql))
            return false;
    for (size_t i = 0; i < group->count; i++) {
        group->generations[i] = connection->prepared[group->encoded[i].sql].generation;
        if (!fr_pq_send_execute(connection->pg, &group->encoded[i], group->data, group->generations[i]))
            return false;
    }
    return fr_pq_send_sync(connection->pg);
}

bool connection_send(struct connection *connection, struct fr_group *group, struct fr_error *error)
{
    assert(connection->state == CONNECTION_UP);
    if (!send_all(connection, group)) {
        fr_pq_connection_error(connection->pg, "database connection lost", error);
        return false;
    }
    group->connection = connection;
    link_append(&connection->units, &group->unit.link);
    connection->unit_count++;
    connection->unflushed = true;
    return true;
}

void connection_flush(struct connection *connection)
{
    struct fr_error error = {0};
    if (!connection->unflushed)
        return;
    int left = PQflush(connection->pg);
    if (left < 0) {
        fr_pq_connection_error(connection->pg, "database connection lost", &error);
        connection_lose(connection, &error);
        return;
    }
    connection->unflushed = left > 0;
    unsigned events = left > 0 ? FR_WATCH_READ | FR_WATCH_WRITE : FR_WATCH_READ;
    if (connection->watch.events != events)
        fr_watch_change(&connection->watch, events);
}

/* ---- receiving ---- */

static void take_prepare_result(struct connection *connection, const struct unit *unit,
                                const PGresult *result)
{
    free(connection->prepared[unit->sql].error);
    connection->prepared[unit->sql].error = NULL;
    if (!fr_pq_is_error(result))
        return;
    struct fr_error *error = FR_NEW(struct fr_error);
    fr_pq_result_error(result, fr_sql_statements[unit->sql].name, error);
    connection->prepared[unit->sql].error = error;
    if (connection->prepared[unit->sql].generation == unit->generation)
        connection->prepared[unit->sql].sent = false;
    fr_metric_add(FR_METRIC_STORE_ERRORS, 1);
}

/* Takes ownership. */
static void take_result(struct connection *connection, struct unit *unit, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        struct fr_group *group = remove_unit(connection, unit);
        PQclear(result);
        if (group != NULL)
            store_group_finished(connection->store, group);
        store_want_pump(connection->store); /* there is room for one more */
    } else if (unit->group != NULL) {
        group_take_result(unit->group, result);
    } else {
        take_prepare_result(connection, unit, result);
        PQclear(result);
    }
}

/* False when libpq and we disagree about what is on its way. */
static bool take_results(struct connection *connection)
{
    int nulls = 0; /* in a row: one ends each statement, two mean that libpq waits for nothing */
    for (struct unit *unit; (unit = first_unit(connection)) != NULL && !PQisBusy(connection->pg);) {
        PGresult *result = PQgetResult(connection->pg);
        if (result == NULL && ++nulls > 2)
            return false;
        if (result == NULL)
            continue;
        nulls = 0;
        take_result(connection, unit, result);
    }
    return true;
}

static void on_answer(struct connection *connection)
{
    struct fr_error error = {0};
    bool reading = PQconsumeInput(connection->pg) == 1;
    if (!reading) /* libpq adds complaints of its own to the reason when it is asked further */
        fr_pq_connection_error(connection->pg, "database connection lost", &error);
    bool agreed = take_results(connection);
    if (link_is_empty(&connection->units))
        (void)PQisBusy(
            connection->pg); /* parses what comes unasked, such as parameters and the server's farewell */
    if (!reading) {
        connection_lose(connection, &error);
    } else if (!agreed || PQstatus(connection->pg) != CONNECTION_OK) {
        fr_pq_connection_error(connection->pg, "database connection lost", &error);
        connection_lose(connection, &error);
    }
}

static void on_ready(struct fr_watch *watch, unsigned events)
{
    struct connection *connection = FR_CONTAINER_OF(watch, struct connection, watch);
    switch (connection->state) {
    case CONNECTION_RESTING:
        return;
    case CONNECTION_DIALING:
        dial_on(connection);
        return;
    case CONNECTION_UP:
        if ((events & FR_WATCH_READ) != 0)
            on_answer(connection);
        if (connection->state == CONNECTION_UP)
            connection_flush(connection);
        return;
    }
}
