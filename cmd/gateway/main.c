/* freshet-gateway: what clients talk to. Parses, wires together, runs, tears down. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/base.h"
#include "bus/bus.h"
#include "config/config.h"
#include "delivery/delivery.h"
#include "http/http.h"
#include "keeper.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "service/service.h"

#define ADMIN_LISTEN_DEFAULT "127.0.0.1:9090"
#define PROGRAM "freshet-gateway"
#define GATEWAY_NAME_SIZE 18
#define PUBLISH_PENDING_MAX 4000
#define DRAIN_POLL_MS 10

extern char **environ;

struct gateway {
    struct fr_settings settings;
    struct fr_keyring *keyring;
    struct fr_bus *bus;
    _Atomic(struct fr_delivery *) delivery; /* NATS callbacks may come before it is there */
    struct fr_server *server;
    struct keeper *keeper;
    struct fr_admin *admin;
    atomic_bool wired; /* everything above but `admin` is there */
    atomic_bool stopping;
    pthread_t main_thread;
    char name[GATEWAY_NAME_SIZE];
    struct fr_error refusal; /* of the database; set before `refused` */
    atomic_bool refused;
};

/* ---- what comes from other threads ---- */

static void on_reconnected(void *arg)
{
    struct gateway *gateway = arg;
    struct fr_delivery *delivery = atomic_load(&gateway->delivery);
    if (delivery != NULL)
        fr_delivery_reconnected(delivery);
}

static void on_refused(void *arg, const struct fr_error *error)
{
    struct gateway *gateway = arg;
    gateway->refusal = *error;
    atomic_store(&gateway->refused, true);
    pthread_kill(gateway->main_thread, SIGTERM);
}

static void missing_dependencies(void *arg, struct fr_buf *out)
{
    struct gateway *gateway = arg;
    if (atomic_load(&gateway->stopping)) {
        service_append_missing(out, "stopping");
        return;
    }
    if (!atomic_load(&gateway->wired)) {
        service_append_missing(out, "starting");
        return;
    }
    if (!fr_server_ready(gateway->server))
        service_append_missing(out, "postgresql");
    else if (!keeper_schema_ready(gateway->keeper))
        service_append_missing(out, "schema");
    else if (!keeper_ids_ready(gateway->keeper))
        service_append_missing(out, "ids");
    else if (!fr_server_knows_revocations(gateway->server))
        service_append_missing(out, "revocations");
    if (!fr_bus_connected(gateway->bus))
        service_append_missing(out, "nats");
}

/* ---- start ---- */

/* Unique among live gateways, also when process ids are not (containers). */
static enum fr_status make_name(struct gateway *gateway, struct fr_error *error)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return fr_error_set(error, FR_IO, NULL, "no random numbers");
    snprintf(gateway->name, sizeof gateway->name, "g%016llx", (unsigned long long)random);
    return FR_OK;
}

static enum fr_status start_admin(struct gateway *gateway, struct fr_error *error)
{
    const char *listen = gateway->settings.admin_listen;
    const struct fr_admin_options options = {
        .listen = listen[0] != '\0' ? listen : ADMIN_LISTEN_DEFAULT,
        .missing = missing_dependencies,
        .arg = gateway,
        .debug_echo = gateway->settings.debug_echo,
    };
    return fr_admin_start(&options, &gateway->admin, error);
}

static enum fr_status open_bus(struct gateway *gateway, struct fr_error *error)
{
    const struct fr_bus_options options = {
        .url = gateway->settings.nats_url,
        .name = PROGRAM,
        .replicas = (int)gateway->settings.stream_replicas,
        .resume_window_ms = gateway->settings.resume_window,
        .publish_pending_max = PUBLISH_PENDING_MAX,
        .reconnected = on_reconnected,
        .arg = gateway,
    };
    enum fr_status status = fr_bus_open(&options, &gateway->bus, error);
    if (status != FR_OK)
        return status;
    struct fr_delivery *delivery;
    status = fr_delivery_open(gateway->bus, gateway->name, &delivery, error);
    if (status == FR_OK)
        atomic_store(&gateway->delivery, delivery);
    return status;
}

static enum fr_status start_server(struct gateway *gateway, struct fr_error *error)
{
    const struct fr_server_options options = {
        .settings = &gateway->settings,
        .keyring = gateway->keyring,
        .bus = gateway->bus,
        .delivery = atomic_load(&gateway->delivery),
    };
    enum fr_status status = fr_server_start(&options, &gateway->server, error);
    if (status == FR_OK)
        fr_admin_show(gateway->admin, gateway->server);
    return status;
}

static enum fr_status start_keeper(struct gateway *gateway, struct fr_error *error)
{
    const struct keeper_options options = {
        .settings = &gateway->settings,
        .bus = gateway->bus,
        .server = gateway->server,
        .holder = gateway->name,
        .refused = on_refused,
        .arg = gateway,
    };
    return keeper_start(&options, &gateway->keeper, error);
}

static enum fr_status start(struct gateway *gateway, struct fr_error *error)
{
    const struct fr_settings *settings = &gateway->settings;
    enum fr_status status = fr_auth_init(error);
    if (status == FR_OK)
        status = fr_keyring_load(settings->token_keys_file, settings->token_keys, &gateway->keyring, error);
    if (status == FR_OK)
        status = fr_server_check_listeners(settings, error);
    if (status == FR_OK)
        status = make_name(gateway, error);
    if (status == FR_OK)
        status = start_admin(gateway, error);
    if (status == FR_OK)
        status = open_bus(gateway, error);
    if (status == FR_OK)
        status = start_server(gateway, error);
    if (status == FR_OK)
        status = start_keeper(gateway, error);
    if (status == FR_OK)
        atomic_store(&gateway->wired, true);
    return status;
}

/* ---- stop ---- */

/* True if a signal came first. */
static bool wait_for_signal(const sigset_t *signals, int64_t ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};
    return sigtimedwait(signals, NULL, &wait) > 0;
}

/* Listening goes on for a while: whoever spreads the load has to notice first. Then those who are connected
 * are sent away. A second signal ends all of it at once. */
static void stop(struct gateway *gateway, const sigset_t *signals)
{
    const struct fr_settings *settings = &gateway->settings;
    atomic_store(&gateway->stopping, true);
    if (!atomic_load(&gateway->refused)) {
        FR_LOG_INFO("stopping", FR_KV_I64("drain_wait_ms", settings->drain_wait),
                    FR_KV_I64("drain_time_ms", settings->drain_time));
        bool hurried = wait_for_signal(signals, settings->drain_wait);
        if (!hurried)
            fr_server_drain(gateway->server, settings->drain_time);
        while (!hurried && !fr_server_drained(gateway->server))
            hurried = wait_for_signal(signals, DRAIN_POLL_MS);
        FR_LOG_INFO(hurried ? "told again to stop: ending at once" : "gateway drained",
                    FR_KV_I64("connections_left", fr_server_connections(gateway->server)));
    }
}

static void tear_down(struct gateway *gateway)
{
    fr_admin_free(gateway->admin);
    keeper_stop(gateway->keeper);
    fr_server_free(gateway->server);
    keeper_free(gateway->keeper);
    struct fr_delivery *delivery = atomic_exchange(&gateway->delivery, NULL);
    if (delivery != NULL)
        fr_delivery_close(delivery);
    if (gateway->bus != NULL)
        fr_bus_close(gateway->bus);
    fr_keyring_free(gateway->keyring);
    fr_config_release(&gateway->settings);
}

static int fail(const struct fr_error *error)
{
    fprintf(stderr, PROGRAM ": %s\n", error->message);
    return 1;
}

static int run(struct gateway *gateway, struct fr_error *error)
{
    sigset_t signals;
    int number;
    gateway->main_thread = pthread_self();
    fr_metrics_begin(fr_clock_wall_ms() / 1000);
    service_block_signals(&signals);
    if (start(gateway, error) != FR_OK)
        return fail(error);
    sigwait(&signals, &number);
    stop(gateway, &signals);
    return atomic_load(&gateway->refused) ? fail(&gateway->refusal) : 0;
}

int main(int argc, char **argv)
{
    struct gateway gateway = {0};
    struct fr_error error = {0};
    enum fr_config_action action = FR_CONFIG_RUN;
    enum fr_status status =
        fr_config_load(FR_PROGRAM_GATEWAY, argc, argv, environ, &gateway.settings, &action, NULL, &error);
    if (status == FR_OK && action == FR_CONFIG_RUN)
        status = service_open_log(&gateway.settings, PROGRAM, &error);
    if (status == FR_OK && action == FR_CONFIG_HELP)
        fr_config_print_help(FR_PROGRAM_GATEWAY, PROGRAM " [SETTING...]", stdout);
    else if (status == FR_OK && action == FR_CONFIG_VERSION)
        puts(PROGRAM " " FR_VERSION);
    int code = status != FR_OK ? fail(&error) : 0;
    if (status == FR_OK && action == FR_CONFIG_RUN) {
        code = run(&gateway, &error);
        tear_down(&gateway);
        if (code == 0)
            FR_LOG_INFO("stopped");
    } else {
        fr_config_release(&gateway.settings);
    }
    return code;
}
