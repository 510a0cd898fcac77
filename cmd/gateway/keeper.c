#include "keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bus/bus.h"
#include "config/config.h"
#include "http/http.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/lease.h"

enum {
    ROUND_MS = 1000,
    STATEMENT_TIMEOUT_MS = 3000,
    STREAMS_TIMEOUT_MS = 500,
    SNOWFLAKES_MAX = 64, /* leases taken after one was lost; past it ids end, and a restart is needed */
};

struct keeper {
    struct keeper_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping; /* under the lock */
    atomic_bool schema_ready;
    _Atomic int64_t leased_until_ms; /* Unix time */

    /* the thread's own */
    struct fr_session *session;
    struct fr_lease lease;
    bool has_lease, refused, streams_declared;
    bool told_away, told_streams, told_no_node; /* one line per change of state */
    int64_t renew_at_ms;                        /* monotonic */
    /* The loops borrow each until the server is gone. */
    struct fr_snowflake flakes[SNOWFLAKES_MAX];
    int flake_count;
};

bool keeper_schema_ready(const struct keeper *keeper)
{
    return atomic_load(&keeper->schema_ready);
}

bool keeper_ids_ready(const struct keeper *keeper)
{
    return atomic_load(&keeper->leased_until_ms) > fr_clock_wall_ms();
}

static void database_away(struct keeper *keeper, const struct fr_error *error)
{
    if (!keeper->told_away)
        FR_LOG_WARN("database is away, trying again", FR_KV_ERROR(error));
    keeper->told_away = true;
    fr_session_close(keeper->session);
    keeper->session = NULL;
}

static bool open_session(struct keeper *keeper)
{
    const struct fr_session_options options = {
        .conninfo = keeper->options.settings->database_url,
        .application_name = "freshet-gateway/keeper",
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .lock_timeout_ms = STATEMENT_TIMEOUT_MS,
    };
    struct fr_error error = {0};
    if (keeper->session != NULL && fr_session_alive(keeper->session))
        return true;
    fr_session_close(keeper->session);
    keeper->session = NULL;
    if (fr_session_open(&options, &keeper->session, &error) != FR_OK) {
        database_away(keeper, &error);
        return false;
    }
    if (keeper->told_away)
        FR_LOG_INFO("database is back");
    keeper->told_away = false;
    return true;
}

/* A database that is away may come back; one that is another version's will not change by waiting. */
static bool is_outage(enum fr_status status)
{
    return status == FR_UNAVAILABLE || status == FR_TIMEOUT || status == FR_IO;
}

static void check_schema(struct keeper *keeper)
{
    struct fr_error error = {0};
    enum fr_status status = fr_store_check_schema(keeper->session, &error);
    if (status == FR_OK) {
        atomic_store(&keeper->schema_ready, true);
    } else if (is_outage(status)) {
        database_away(keeper, &error);
    } else {
        keeper->refused = true;
        keeper->options.refused(keeper->options.arg, &error);
    }
}

/* ---- ids ---- */

static void acquire_lease(struct keeper *keeper)
{
    struct fr_error error = {0};
    if (keeper->flake_count == SNOWFLAKES_MAX)
        return;
    enum fr_status status = fr_lease_acquire(keeper->session, keeper->options.holder, &keeper->lease, &error);
    if (status == FR_FULL || status == FR_CONFLICT) {
        if (!keeper->told_no_node)
            FR_LOG_ERROR("no node number for ids, trying again", FR_KV_ERROR(&error));
        keeper->told_no_node = true;
        return;
    }
    if (status != FR_OK) {
        database_away(keeper, &error);
        return;
    }
    keeper->told_no_node = false;
    const struct fr_lease *lease = &keeper->lease;
    struct fr_snowflake *flake = &keeper->flakes[keeper->flake_count++];
    fr_snowflake_init(flake, lease->node, lease->start_after_ms, lease->until_ms);
    fr_server_set_snowflake(keeper->options.server, flake);
    keeper->has_lease = true;
    atomic_store(&keeper->leased_until_ms, lease->until_ms);
    fr_metric_set(FR_METRIC_NODE, lease->node);
    FR_LOG_INFO("node number leased", FR_KV_I64("node", lease->node));
}

static void renew_lease(struct keeper *keeper)
{
    struct fr_error error = {0};
    enum fr_status status = fr_lease_renew(keeper->session, keeper->options.holder, &keeper->lease, &error);
    if (status == FR_OK) {
        fr_snowflake_extend(&keeper->flakes[keeper->flake_count - 1], keeper->lease.until_ms);
        atomic_store(&keeper->leased_until_ms, keeper->lease.until_ms);
    } else if (status == FR_CONFLICT) {
        FR_LOG_WARN("node number lost, taking another", FR_KV_I64("node", keeper->lease.node),
                    FR_KV_ERROR(&error));
        keeper->has_lease = false;
    } else {
        database_away(keeper, &error);
    }
}

static void keep_database(struct keeper *keeper)
{
    if (!open_session(keeper))
        return;
    if (!atomic_load(&keeper->schema_ready))
        check_schema(keeper);
    if (!atomic_load(&keeper->schema_ready) || keeper->session == NULL)
        return;
    if (!keeper->has_lease)
        acquire_lease(keeper);
    else if (fr_clock_monotonic_ms() >= keeper->renew_at_ms)
        renew_lease(keeper);
    else
        return;
    /* After a failure the next round tries again. */
    bool held = keeper->has_lease && keeper->session != NULL;
    keeper->renew_at_ms = held ? fr_clock_monotonic_ms() + FR_LEASE_RENEW_MS : 0;
}

/* ---- streams ---- */

/* Declared again by the bus itself after each reconnect; here until they were for the first time. */
static void declare_streams(struct keeper *keeper)
{
    struct fr_error error = {0};
    if (keeper->streams_declared || !fr_bus_connected(keeper->options.bus))
        return;
    keeper->streams_declared =
        fr_bus_declare_streams(keeper->options.bus, STREAMS_TIMEOUT_MS, &error) == FR_OK;
    if (!keeper->streams_declared && !keeper->told_streams)
        FR_LOG_WARN("streams are not declared, trying again", FR_KV_ERROR(&error));
    keeper->told_streams = !keeper->streams_declared;
}

/* ---- the thread ---- */

/* True when it is time to stop. */
static bool pause_round(struct keeper *keeper)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_MS / 1000;
    pthread_mutex_lock(&keeper->lock);
    int rc = 0;
    while (!keeper->stopping && rc == 0)
        rc = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
    bool stopping = keeper->stopping;
    pthread_mutex_unlock(&keeper->lock);
    return stopping;
}

static void *run(void *arg)
{
    struct keeper *keeper = arg;
    do {
        keep_database(keeper);
        declare_streams(keeper);
    } while (!keeper->refused && !pause_round(keeper));
    return NULL;
}

enum fr_status keeper_start(const struct keeper_options *options, struct keeper **ret, struct fr_error *error)
{
    struct keeper *keeper = FR_NEW(struct keeper);
    keeper->options = *options;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&keeper->lock, NULL);
    int errnum = pthread_create(&keeper->thread, NULL, run, keeper);
    if (errnum != 0) {
        pthread_cond_destroy(&keeper->wake);
        pthread_mutex_destroy(&keeper->lock);
        free(keeper);
        return fr_error_set_errno(error, errnum, "cannot start the keeper thread");
    }
    pthread_setname_np(keeper->thread, "fr-keeper");
    *ret = keeper;
    return FR_OK;
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    if (keeper->has_lease && keeper->session != NULL)
        fr_lease_release(keeper->session, keeper->options.holder, &keeper->lease);
    fr_session_close(keeper->session);
    pthread_cond_destroy(&keeper->wake);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}
