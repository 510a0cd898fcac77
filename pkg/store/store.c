#include "store/store.h"

#include <assert.h>
#include <stdlib.h>

#include "metrics/metrics.h"
#include "store/pipeline.h"

enum {
    REPEATS_MAX = 3,
    REPEAT_FIRST_MS = 10,
    OUTAGE_GRACE_MS = 1000, /* a shorter time without any connection is waited out */
};

/* ---- lanes ---- */

size_t fr_store_lanes(const struct fr_store *store)
{
    return (size_t)store->count;
}

size_t fr_store_lane(const struct fr_store *store, uint64_t key)
{
    /* Fibonacci hashing: keys are ids whose low bits may all be alike. */
    uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);
    return (mixed >> 32) % (uint64_t)store->count;
}

/* Where the lane would send now: home, if that is up; else stay where it is; else the next one that is up. */
static struct connection *best_connection(struct fr_store *store, const struct lane *lane)
{
    if (lane->home->state == CONNECTION_UP)
        return lane->home;
    if (lane->bound != NULL && lane->bound->state == CONNECTION_UP)
        return lane->bound;
    for (int i = 1; i < store->count; i++) {
        struct connection *other = &store->connections[(lane->home->index + i) % store->count];
        if (other->state == CONNECTION_UP)
            return other;
    }
    return NULL;
}

/* In order of submission: a group that comes back goes before those that were submitted after it. */
static void put_in_lane(struct fr_group *group)
{
    struct link *before = &group->lane->waiting;
    group->at = PLACE_LANE;
    if (!link_is_empty(before) &&
        FR_CONTAINER_OF(before->prev, struct fr_group, place)->number > group->number)
        do
            before = before->next;
        while (FR_CONTAINER_OF(before, struct fr_group, place)->number < group->number);
    link_append(before, &group->place);
}

static void pump_lane(struct fr_store *store, struct lane *lane)
{
    while (!link_is_empty(&lane->waiting)) {
        struct connection *connection = best_connection(store, lane);
        if (connection == NULL || connection->unit_count >= CONNECTION_UNITS_MAX)
            return;
        if (lane->bound != connection && lane->on_the_way > 0)
            return;
        lane->bound = connection;
        struct fr_group *group = FR_CONTAINER_OF(lane->waiting.next, struct fr_group, place);
        struct fr_error error = {0};
        link_remove(&group->place);
        if (!connection_send(connection, group, &error)) {
            put_in_lane(group);
            connection_lose(connection, &error);
            continue;
        }
        group->at = PLACE_CONNECTION;
        lane->on_the_way++;
    }
}

static void on_pump(struct fr_task *task)
{
    struct fr_store *store = FR_CONTAINER_OF(task, struct fr_store, pump);
    for (int i = 0; i < store->count; i++)
        pump_lane(store, &store->lanes[i]);
    for (int i = 0; i < store->count; i++)
        connection_flush(&store->connections[i]);
}

void store_want_pump(struct fr_store *store)
{
    if (!store->closing)
        fr_task_defer(store->loop, &store->pump, on_pump);
}

/* ---- the end of a group ---- */

/* The group is nowhere but in the list of all. */
static void answer(struct fr_store *store, struct fr_group *group)
{
    link_remove(&group->age);
    store->queued--;
    fr_metric_add(FR_METRIC_STORE_QUEUED, -1);
    if (group->status == FR_OK)
        group->done(group->arg, FR_OK, group->results, NULL);
    else
        group->done(group->arg, group->status, NULL, &group->error);
    group_free(group);
}

static void on_repeat(struct fr_timer *timer);

static void schedule_repeats(struct fr_store *store)
{
    int64_t first = INT64_MAX;
    for (struct link *l = store->repeats.next; l != &store->repeats; l = l->next) {
        const struct fr_group *group = FR_CONTAINER_OF(l, struct fr_group, place);
        first = group->repeat_at_ms < first ? group->repeat_at_ms : first;
    }
    if (first != INT64_MAX)
        fr_timer_start(store->loop, &store->repeat, first - fr_clock_monotonic_ms(), on_repeat);
}

static void on_repeat(struct fr_timer *timer)
{
    struct fr_store *store = FR_CONTAINER_OF(timer, struct fr_store, repeat);
    int64_t now = fr_clock_monotonic_ms();
    for (struct link *l = store->repeats.next, *next; l != &store->repeats; l = next) {
        struct fr_group *group = FR_CONTAINER_OF(l, struct fr_group, place);
        next = l->next;
        if (group->repeat_at_ms > now)
            continue;
        link_remove(&group->place);
        group_rewind(group);
        put_in_lane(group);
    }
    schedule_repeats(store);
    store_want_pump(store);
}

static bool repeat_group(struct fr_store *store, struct fr_group *group)
{
    if (group->repeat == REPEAT_NEVER || group->repeats == REPEATS_MAX || store->closing)
        return false;
    group->repeats++;
    if (group->repeat == REPEAT_NOW) {
        group_rewind(group);
        put_in_lane(group);
        store_want_pump(store);
        return true;
    }
    int64_t longest = (int64_t)REPEAT_FIRST_MS << group->repeats;
    group->repeat_at_ms = fr_clock_monotonic_ms() + store_random_between(store, 1, longest);
    group->at = PLACE_REPEATS;
    link_append(&store->repeats, &group->place);
    schedule_repeats(store);
    return true;
}

void store_group_finished(struct fr_store *store, struct fr_group *group)
{
    group->lane->on_the_way--;
    if (group->status == FR_OK && group->taken != group->count) {
        struct fr_error error = {0};
        fr_error_set(&error, FR_PROTOCOL, NULL, "%zu statements were sent, and %zu answered", group->count,
                     group->taken);
        group_fail(group, FR_PROTOCOL, &error);
    }
    if (!repeat_group(store, group))
        answer(store, group);
}

/* ---- deadlines ---- */

static void on_deadline(struct fr_timer *timer);

static void schedule_deadline(struct fr_store *store)
{
    if (link_is_empty(&store->groups))
        return;
    const struct fr_group *oldest = FR_CONTAINER_OF(store->groups.next, struct fr_group, age);
    fr_timer_start(store->loop, &store->deadline, oldest->deadline_ms - fr_clock_monotonic_ms(), on_deadline);
}

static void expire(struct fr_store *store, struct fr_group *group)
{
    struct fr_error error = {0};
    switch (group->at) {
    case PLACE_LANE:
        link_remove(&group->place);
        if (store->up > 0)
            fr_error_set(&error, FR_TIMEOUT, NULL, "%s: waited its whole time for its turn, and was not sent",
                         fr_sql_statements[group->encoded[0].sql].name);
        else
            fr_error_set(&error, FR_UNAVAILABLE, NULL, "no database connection");
        group_fail(group, error.status, &error);
        answer(store, group);
        return;
    case PLACE_REPEATS:
        /* It still has the reason for which it was to be repeated. */
        link_remove(&group->place);
        answer(store, group);
        return;
    case PLACE_CONNECTION:
        fr_error_set(&error, FR_TIMEOUT, NULL, "%s: the database did not answer in time",
                     fr_sql_statements[group->encoded[0].sql].name);
        group_fail(group, FR_TIMEOUT, &error);
        group->repeat = REPEAT_NEVER;
        /* A connection that is silent for so long is taken for dead, and so are all that wait behind. */
        connection_lose(group->connection, &error);
        return;
    }
}

static void on_deadline(struct fr_timer *timer)
{
    struct fr_store *store = FR_CONTAINER_OF(timer, struct fr_store, deadline);
    int64_t now = fr_clock_monotonic_ms();
    while (!link_is_empty(&store->groups)) {
        struct fr_group *oldest = FR_CONTAINER_OF(store->groups.next, struct fr_group, age);
        if (oldest->deadline_ms > now)
            break;
        expire(store, oldest);
    }
    schedule_deadline(store);
}

/* ---- what connections tell ---- */

void store_connection_up(struct fr_store *store)
{
    store->up++;
}

void store_connection_down(struct fr_store *store)
{
    store->up--;
    if (store->up == 0)
        store->down_since_ms = fr_clock_monotonic_ms();
}

int64_t store_random_between(struct fr_store *store, int64_t low, int64_t high)
{
    /* xorshift64: good enough to spread attempts */
    store->random ^= store->random << 13;
    store->random ^= store->random >> 7;
    store->random ^= store->random << 17;
    return low + (int64_t)(store->random % (uint64_t)(high - low + 1));
}

/* ---- refusals on their way to whoever asked ---- */

struct refusal {
    struct link link;
    fr_store_done_fn done;
    void *arg;
    struct fr_error error;
};

static void tell_refusals(struct fr_store *store)
{
    while (!link_is_empty(&store->refusals)) {
        struct refusal *refusal = FR_CONTAINER_OF(store->refusals.next, struct refusal, link);
        link_remove(&refusal->link);
        refusal->done(refusal->arg, refusal->error.status, NULL, &refusal->error);
        free(refusal);
    }
}

static void on_refuse(struct fr_task *task)
{
    tell_refusals(FR_CONTAINER_OF(task, struct fr_store, refuse));
}

/* ---- the public verbs ---- */

struct fr_store *fr_store_new(struct fr_loop *loop, const struct fr_store_options *options)
{
    assert(options->connections >= 1 && options->connections <= 32 && options->group_timeout_ms > 0);
    struct fr_store *store = FR_NEW(struct fr_store);
    store->loop = loop;
    store->conninfo = fr_strdup(options->conninfo);
    store->application_name = fr_strdup(options->application_name);
    /* These statements read a few rows by key, for any parameters. A plan for the parameters at hand goes by
     * statistics of one user's rows, which are a guess: where it takes them to be few it reads and sorts all
     * of them for a page of twenty, and plans anew each time because it believes that to be cheaper. A
     * general plan stays, so it must not read whole tables because they were nearly empty when it was made.
     */
    store->connect_options =
        (struct fr_session_options){.conninfo = store->conninfo,
                                    .application_name = store->application_name,
                                    .statement_timeout_ms = options->statement_timeout_ms,
                                    .generic_plans = true};
    store->queue_max = options->queue_max;
    store->group_timeout_ms = options->group_timeout_ms;
    store->count = options->connections;
    store->down_since_ms = fr_clock_monotonic_ms();
    store->random = (uint64_t)fr_clock_monotonic_ns() * 2 + 1;
    link_init(&store->groups);
    link_init(&store->repeats);
    link_init(&store->refusals);
    fr_buf_init(&store->scratch, FR_STORE_GROUP_BYTES_MAX);
    store->connections = fr_alloc_array((size_t)store->count, sizeof(struct connection));
    store->lanes = fr_alloc_array((size_t)store->count, sizeof(struct lane));
    for (int i = 0; i < store->count; i++) {
        connection_start(&store->connections[i], store, i);
        store->lanes[i].home = &store->connections[i];
        link_init(&store->lanes[i].waiting);
    }
    return store;
}

void fr_store_free(struct fr_store *store)
{
    if (store == NULL)
        return;
    store->closing = true;
    fr_task_cancel(&store->pump);
    fr_task_cancel(&store->refuse);
    fr_timer_stop(&store->deadline);
    fr_timer_stop(&store->repeat);
    for (int i = 0; i < store->count; i++)
        connection_stop(&store->connections[i]);
    while (!link_is_empty(&store->groups)) {
        struct fr_group *group = FR_CONTAINER_OF(store->groups.next, struct fr_group, age);
        struct fr_error error = {0};
        fr_error_set(&error, FR_CANCELLED, NULL, "the process stops");
        group_rewind(group);
        group_fail(group, FR_CANCELLED, &error);
        answer(store, group);
    }
    tell_refusals(store);
    fr_buf_release(&store->scratch);
    free(store->connections);
    free(store->lanes);
    free(store->conninfo);
    free(store->application_name);
    free(store);
}

enum fr_status fr_store_submit(struct fr_store *store, uint64_t key, const struct fr_query *queries,
                               size_t count, fr_store_done_fn done, void *arg, struct fr_error *error)
{
    int64_t now = fr_clock_monotonic_ms();
    if (store->closing || (store->up == 0 && now - store->down_since_ms > OUTAGE_GRACE_MS))
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "no database connection");
    if (store->queued >= store->queue_max)
        return fr_error_set(error, FR_FULL, NULL, "%zu statement groups wait for the database",
                            store->queued);
    struct fr_group *group = NULL;
    fr_buf_reset(&store->scratch);
    enum fr_status status = group_new(&store->scratch, queries, count, &group, error);
    if (status != FR_OK)
        return status;
    group->done = done;
    group->arg = arg;
    group->lane = &store->lanes[fr_store_lane(store, key)];
    group->number = ++store->submitted;
    group->deadline_ms = now + store->group_timeout_ms;
    link_append(&store->groups, &group->age);
    store->queued++;
    fr_metric_add(FR_METRIC_STORE_QUEUED, 1);
    put_in_lane(group);
    if (!fr_timer_is_queued(&store->deadline))
        schedule_deadline(store);
    store_want_pump(store);
    return FR_OK;
}

void fr_store_ask(struct fr_store *store, uint64_t key, const struct fr_query *queries, size_t count,
                  fr_store_done_fn done, void *arg)
{
    struct fr_error error = {0};
    enum fr_status status = fr_store_submit(store, key, queries, count, done, arg, &error);
    if (status == FR_OK)
        return;
    struct refusal *refusal = FR_NEW(struct refusal);
    *refusal = (struct refusal){.done = done, .arg = arg, .error = error};
    link_append(&store->refusals, &refusal->link);
    if (!store->closing)
        fr_task_defer(store->loop, &store->refuse, on_refuse);
}

struct fr_loop *fr_store_loop(const struct fr_store *store)
{
    return store->loop;
}

bool fr_store_ready(const struct fr_store *store)
{
    return store->up > 0;
}
