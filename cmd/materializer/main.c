/* freshet-materializer: works off the outbox. Parses, wires together, runs, tears down. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "bus/bus.h"
#include "config/config.h"
#include "http/http.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "service/service.h"
#include "store/store.h"
#include "timeline/housekeeping.h"
#include "timeline/timeline.h"

#define ADMIN_LISTEN_DEFAULT "127.0.0.1:9091"
#define APPLICATION_NAME "freshet-materializer"
#define RETRY_MS 1000
#define STREAMS_TIMEOUT_MS 500

extern char **environ;

struct worker {
    struct fr_owner *owner;
    pthread_t thread;
    bool running;
};

struct materializer {
    struct fr_settings settings;
    struct fr_bus *bus;
    struct fr_admin *admin;
    struct fr_outages *outages;
    struct worker *workers;
    atomic_int worker_count; /* published when all of them are there */
    bool has_streams, has_nudges;
    bool declaring_fails; /* so that one line says so */
    struct fr_housekeeping *housekeeping;
    pthread_t housekeeper;
    bool keeps_house; /* that thread runs */
};

/* ---- what comes from other threads ---- */
static void nudge_workers(struct materializer *m, int partition)
{
    int count = atomic_load(&m->worker_count);

    for (int i = 0; i < count; i++)
        fr_owner_nudge(m->workers[i].owner, partition);
}

static void nudge_all_free(struct materializer *m)
{
    int count = atomic_load(&m->worker_count);

    for (int i = 0; i < count; i++)
        fr_owner_nudge_free(m->workers[i].owner);
}

static void nudged(void *arg, int partition)
{
    if (partition == FR_NUDGE_FREE)
        nudge_all_free(arg);
    else
        nudge_workers(arg, partition);
}

/* What could not be published meanwhile can be now. */
static void bus_reconnected(void *arg)
{
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        nudge_workers(arg, p);
}

static void missing_dependencies(void *arg, struct fr_buf *out)
{
    struct materializer *m = arg;
    int count = atomic_load(&m->worker_count);
    bool ready = count > 0;

    for (int i = 0; i < count; i++)
        ready = ready && fr_owner_ready(m->workers[i].owner);
    if (!ready)
        service_append_missing(out, "postgresql");
    if (!fr_bus_connected(m->bus))
        service_append_missing(out, "nats");
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;

    fr_owner_run(worker->owner);
    return NULL;
}

/* ---- start ---- */
/* True when asked to stop. */
static bool wait_for_signal(const sigset_t *set, int64_t timeout_ms)
{
    const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    int number = sigtimedwait(set, NULL, &timeout);

    if (number > 0)
        FR_LOG_INFO("stopping", FR_KV_TEXT("signal", strsignal(number)));
    return number > 0;
}

static enum fr_status open_session(const struct fr_settings *settings, struct fr_session **ret,
                                   struct fr_error *error)
{
    const struct fr_session_options options = {
        .conninfo = settings->database_url,
        .application_name = APPLICATION_NAME,
        .statement_timeout_ms = 30000,
        .lock_timeout_ms = 5000,
    };

    return fr_session_open(&options, ret, error);
}

/* FR_OK: the schema is this program's. FR_CANCELLED: asked to stop while the database was away. */
static enum fr_status wait_for_schema(const struct fr_settings *settings, const sigset_t *signals,
                                      struct fr_error *error)
{
    bool told = false;

    for (;;) {
        struct fr_session *session = NULL;
        enum fr_status status = open_session(settings, &session, error);

        if (status == FR_OK)
            status = fr_store_check_schema(session, error);
        fr_session_close(session);
        if (status != FR_UNAVAILABLE && status != FR_TIMEOUT)
            return status;
        if (!told)
            FR_LOG_WARN("database is away, trying again", FR_KV_ERROR(error));
        told = true;
        if (wait_for_signal(signals, RETRY_MS))
            return FR_CANCELLED;
    }
}

static enum fr_status start_admin(struct materializer *m, struct fr_error *error)
{
    const char *listen = m->settings.admin_listen;
    const struct fr_admin_options options = {
        .listen = listen[0] != '\0' ? listen : ADMIN_LISTEN_DEFAULT,
        .missing = missing_dependencies,
        .arg = m,
    };

    if (strcmp(listen, "off") == 0)
        return FR_OK;
    return fr_admin_start(&options, &m->admin, error);
}

static enum fr_status open_bus(struct materializer *m, struct fr_error *error)
{
    const struct fr_bus_options options = {
        .url = m->settings.nats_url,
        .name = APPLICATION_NAME,
        .replicas = (int)m->settings.stream_replicas,
        .resume_window_ms = m->settings.resume_window,
        .publish_pending_max = m->settings.publish_pending,
        .publish_pending_bytes_max = m->settings.publish_pending_bytes,
        .reconnected = bus_reconnected,
        .arg = m,
    };

    return fr_bus_open(&options, &m->bus, error);
}

static enum fr_status start_workers(struct materializer *m, struct fr_error *error)
{
    int count = (int)m->settings.workers;

    m->workers = fr_alloc_array((size_t)count, sizeof(*m->workers));
    m->outages = fr_outages_new();
    for (int i = 0; i < count; i++) {
        char name[64];
        struct fr_owner_options options = {
            .conninfo = m->settings.database_url,
            .application_name = name,
            .bus = m->bus,
            .batch_events = (int)m->settings.batch_events,
            .poll_interval_ms = m->settings.poll_interval,
            .batch_linger_ms = m->settings.batch_linger,
            .celebrity_threshold = m->settings.celebrity_threshold,
            .celebrity_quiet_ms = m->settings.celebrity_quiet,
            .firehose = m->settings.firehose,
            .worker = i,
            .outages = m->outages,
        };
        snprintf(name, sizeof(name), APPLICATION_NAME "/%d", i);
        m->workers[i].owner = fr_owner_new(&options);
    }
    atomic_store(&m->worker_count, count);
    for (int i = 0; i < count; i++) {
        int failed = pthread_create(&m->workers[i].thread, NULL, run_worker, &m->workers[i]);
        if (failed != 0)
            return fr_error_set_errno(error, failed, "cannot start a worker thread");
        m->workers[i].running = true;
    }
    return FR_OK;
}

/* ---- what is done besides the outbox ---- */
static void *keep_house(void *arg)
{
    fr_housekeeping_run(arg);
    return NULL;
}

static enum fr_status start_housekeeping(struct materializer *m, struct fr_error *error)
{
    const struct fr_housekeeping_options options = {
        .conninfo = m->settings.database_url,
        .application_name = APPLICATION_NAME "/housekeeping",
        .feed_cap = (int)m->settings.feed_cap,
        .feed_retention_ms = m->settings.feed_retention,
        .sweep_interval_ms = m->settings.sweep_interval,
        .account_settle_ms = m->settings.account_settle,
    };
    int failed;

    m->housekeeping = fr_housekeeping_new(&options);
    failed = pthread_create(&m->housekeeper, NULL, keep_house, m->housekeeping);
    if (failed != 0)
        return fr_error_set_errno(error, failed, "cannot start the thread that keeps house");
    m->keeps_house = true;
    return FR_OK;
}

/* Streams are declared again by the bus itself when NATS comes back; here until they were for the first time.
 */
static void prepare_bus(struct materializer *m)
{
    struct fr_error error = {0};

    if (!m->has_nudges)
        m->has_nudges = fr_bus_subscribe_nudges(m->bus, nudged, m, &error) == FR_OK;
    if (m->has_streams || !fr_bus_connected(m->bus))
        return;
    m->has_streams = fr_bus_declare_streams(m->bus, STREAMS_TIMEOUT_MS, &error) == FR_OK;
    if (!m->has_streams && !m->declaring_fails)
        FR_LOG_WARN("streams are not declared, trying again", FR_KV_ERROR(&error));
    m->declaring_fails = !m->has_streams;
    if (m->has_streams)
        bus_reconnected(m);
}

static enum fr_status run(struct materializer *m, const sigset_t *signals, struct fr_error *error)
{
    enum fr_status status = open_bus(m, error);

    if (status == FR_OK)
        status = start_admin(m, error);
    if (status == FR_OK)
        status = wait_for_schema(&m->settings, signals, error);
    if (status == FR_OK)
        status = start_workers(m, error);
    if (status == FR_OK)
        status = start_housekeeping(m, error);
    if (status != FR_OK)
        return status;
    FR_LOG_INFO("started", FR_KV_I64("workers", m->settings.workers));
    do {
        prepare_bus(m);
    } while (!wait_for_signal(signals, m->has_streams ? RETRY_MS : RETRY_MS / 10));
    return FR_OK;
}

static void tear_down(struct materializer *m)
{
    int count = atomic_load(&m->worker_count);

    for (int i = 0; i < count; i++)
        fr_owner_stop(m->workers[i].owner);
    if (m->keeps_house) {
        fr_housekeeping_stop(m->housekeeping);
        pthread_join(m->housekeeper, NULL);
    }
    for (int i = 0; i < count; i++)
        if (m->workers[i].running)
            pthread_join(m->workers[i].thread, NULL);
    fr_housekeeping_free(m->housekeeping);
    fr_admin_free(m->admin);
    if (m->bus != NULL)
        fr_bus_close(m->bus);
    for (int i = 0; i < count; i++)
        fr_owner_free(m->workers[i].owner);
    free(m->workers);
    fr_outages_free(m->outages);
    fr_config_release(&m->settings);
}

static int fail(const struct fr_error *error)
{
    fprintf(stderr, APPLICATION_NAME ": %s\n", error->message);
    return 1;
}

int main(int argc, char **argv)
{
    struct materializer m = {0};
    struct fr_error error = {0};
    enum fr_config_action action = FR_CONFIG_RUN;
    sigset_t signals;
    enum fr_status status =
        fr_config_load(FR_PROGRAM_MATERIALIZER, argc, argv, environ, &m.settings, &action, NULL, &error);

    if (status == FR_OK && action == FR_CONFIG_HELP)
        fr_config_print_help(FR_PROGRAM_MATERIALIZER, APPLICATION_NAME " [SETTING...]", stdout);
    else if (status == FR_OK && action == FR_CONFIG_VERSION)
        puts(APPLICATION_NAME " " FR_VERSION);
    if (status != FR_OK || action != FR_CONFIG_RUN) {
        fr_config_release(&m.settings);
        return status == FR_OK ? 0 : fail(&error);
    }
    status = service_open_log(&m.settings, APPLICATION_NAME, &error);
    if (status == FR_OK) {
        service_block_signals(&signals);
        fr_metrics_begin(fr_clock_wall_ms() / 1000);
        status = run(&m, &signals, &error);
    }
    tear_down(&m);
    if (status == FR_OK)
        FR_LOG_INFO("stopped");
    return status == FR_OK || status == FR_CANCELLED ? 0 : fail(&error);
}
