#include <stdio.h>
#include <stdlib.h>

#include "bus_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "url.h"

enum {
    CONNECT_TIMEOUT_MS = 2000,
    WRITE_TIMEOUT_MS = 2000, /* a server that reads nothing for so long is left */
    PING_INTERVAL_MS = 5000,
    PINGS_OUT_MAX = 2,
    RECONNECT_BUFFER = 1 << 20,
    IO_BUFFER = 64 << 10,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_LAST_MS = 2000,
    API_CALLS_MAX = 512,
    CONNECT_TRIES_MAX = 20, /* of connections that break while they are set up */
    CONNECT_PAUSE_MS = 100,
    GIVEN_UP_MS = 100,
};

/* One more half at random, so that all gateways do not come back in the same instant. */
static int64_t reconnect_delay(natsConnection *nc, int attempts, void *arg)
{
    int64_t ms = BACKOFF_LAST_MS;
    if (attempts < 5)
        ms = BACKOFF_FIRST_MS << attempts;
    if (ms > BACKOFF_LAST_MS)
        ms = BACKOFF_LAST_MS;
    return ms + fr_clock_monotonic_ns() / 1000 % (ms / 2);
}

static void came_up(struct fr_bus *bus)
{
    char server[512] = "";
    natsConnection_GetConnectedUrl(bus->nc, server, sizeof server);
    pthread_mutex_lock(&bus->lock);
    bus->connects++;
    bool again = bus->connects > 1;
    atomic_store(&bus->up, true);
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
    if (again)
        fr_metric_add(FR_METRIC_BUS_RECONNECTS, 1);
    FR_LOG_INFO(again ? "NATS is back" : "connected to NATS",
                FR_KV_STR("server", fr_bus_url_without_user(server)));
}

static void went_down(struct fr_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bool was_up = atomic_exchange(&bus->up, false);
    if (atomic_exchange(&bus->ready, false))
        bus->unready_ms = fr_clock_monotonic_ms();
    bool closing = bus->stopping;
    pthread_mutex_unlock(&bus->lock);
    if (was_up && !closing)
        FR_LOG_WARN("NATS is away");
    /* Their answers would have come by the broken connection. */
    calls_fail_all(&bus->publishes);
    calls_fail_all(&bus->api);
    pthread_mutex_lock(&bus->feeds_lock);
    fr_feed_list_fail(bus->feeds);
    fr_celebrities_list_fail(bus->celebrities);
    pthread_mutex_unlock(&bus->feeds_lock);
}

static void on_connected(natsConnection *nc, void *arg)
{
    came_up(arg);
}

static void on_disconnected(natsConnection *nc, void *arg)
{
    went_down(arg);
}

/* The library's last callback for the connection. */
static void on_closed(natsConnection *nc, void *arg)
{
    struct fr_bus *bus = arg;
    went_down(bus);
    pthread_mutex_lock(&bus->lock);
    bool closing = bus->stopping || bus->opening;
    bus->closed = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
    /* Only a server that refuses the password twice running makes the library give up. */
    const char *reason = NULL;
    natsConnection_GetLastError(nc, &reason);
    if (!closing)
        FR_LOG_ERROR("NATS is given up: restart this process", FR_KV_TEXT("error", reason));
}

/* Asynchronous errors: slow consumers, which the keeper finds by their count, and refused permissions. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *arg)
{
    if (status != NATS_SLOW_CONSUMER)
        FR_LOG_WARN("NATS reports an error", FR_KV_TEXT("error", natsStatus_GetText(status)));
}

static natsStatus set_options(struct fr_bus *bus, natsOptions *o, const char *name,
                              const struct bus_urls *urls)
{
    const char *servers[BUS_URLS_MAX];
    for (int i = 0; i < urls->count; i++)
        servers[i] = urls->urls[i];
    natsStatus s = natsOptions_SetServers(o, servers, urls->count);
#define SET(call)     \
    if (s == NATS_OK) \
    s = call
    SET(natsOptions_SetName(o, name));
    SET(natsOptions_SetTimeout(o, CONNECT_TIMEOUT_MS));
    SET(natsOptions_SetWriteDeadline(o, WRITE_TIMEOUT_MS));
    SET(natsOptions_SetPingInterval(o, PING_INTERVAL_MS));
    SET(natsOptions_SetMaxPingsOut(o, PINGS_OUT_MAX));
    SET(natsOptions_SetIOBufSize(o, IO_BUFFER));
    SET(natsOptions_SetReconnectBufSize(o, RECONNECT_BUFFER));
    SET(natsOptions_SetMaxReconnect(o, -1));
    SET(natsOptions_SetCustomReconnectDelay(o, reconnect_delay, NULL));
    SET(natsOptions_SetReconnectedCB(o, on_connected, bus));
    SET(natsOptions_SetDisconnectedCB(o, on_disconnected, bus));
    SET(natsOptions_SetClosedCB(o, on_closed, bus));
    SET(natsOptions_SetErrorHandler(o, on_error, bus));
#undef SET
    return s;
}

/* True if the connection was closed within a while, instead of being tried again. */
static bool given_up(struct fr_bus *bus)
{
    int64_t until_ms = fr_clock_monotonic_ms() + GIVEN_UP_MS, left_ms;
    pthread_mutex_lock(&bus->lock);
    while (!bus->closed && (left_ms = until_ms - fr_clock_monotonic_ms()) > 0)
        fr_bus_wait_changed(bus, left_ms);
    bool closed = bus->closed;
    bus->closed = false;
    pthread_mutex_unlock(&bus->lock);
    return closed;
}

/* One attempt. FR_OK: connected (*ret_up), or the library goes on trying; else there is no connection.
 *
 * The library's own retry is used only when nobody listens: after a first connection that broke while it was
 * being set up (a server that is just ending) this version says that it will try again, and gives up for
 * good. */
static enum fr_status try_connect(struct fr_bus *bus, natsOptions *o, bool *ret_up, struct fr_error *error)
{
    natsStatus s = natsOptions_SetRetryOnFailedConnect(o, false, NULL, NULL);
    if (s == NATS_OK)
        s = natsConnection_Connect(&bus->nc, o);
    *ret_up = s == NATS_OK;
    if (s == NATS_NO_SERVER || s == NATS_TIMEOUT) {
        s = natsOptions_SetRetryOnFailedConnect(o, true, on_connected, bus);
        if (s == NATS_OK)
            s = natsConnection_Connect(&bus->nc, o);
        *ret_up = s == NATS_OK;
        if (s == NATS_NOT_YET_CONNECTED)
            s = NATS_OK;
        if (s == NATS_OK && !*ret_up && given_up(bus)) {
            natsConnection_Destroy(bus->nc);
            s = NATS_CONNECTION_CLOSED;
        }
    }
    if (s == NATS_OK)
        return FR_OK;
    bus->nc = NULL;
    if (s == NATS_CONNECTION_AUTH_FAILED || s == NATS_NOT_PERMITTED)
        return fr_error_set(error, FR_UNAUTHENTICATED, "--nats-url",
                            "the NATS server refuses user or password");
    return fr_error_set(error, FR_UNAVAILABLE, NULL, "NATS: %s", natsStatus_GetText(s));
}

static enum fr_status connect_nats(struct fr_bus *bus, const struct fr_bus_options *options, bool *ret_up,
                                   struct fr_error *error)
{
    struct bus_urls urls;
    enum fr_status status = fr_bus_urls_parse(options->url, &urls, error);
    if (status != FR_OK)
        return status;
    natsOptions *o = NULL;
    natsStatus s = natsOptions_Create(&o);
    if (s == NATS_OK)
        s = set_options(bus, o, options->name, &urls);
    if (s != NATS_OK)
        status = fr_error_set(error, FR_INVALID, "--nats-url", "NATS: %s", natsStatus_GetText(s));
    for (int i = 0; s == NATS_OK && i < CONNECT_TRIES_MAX; i++) {
        status = try_connect(bus, o, ret_up, error);
        if (status != FR_UNAVAILABLE)
            break;
        nats_Sleep(CONNECT_PAUSE_MS);
    }
    natsOptions_Destroy(o);
    fr_bus_urls_release(&urls);
    return status;
}

static void init_locks(struct fr_bus *bus)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&bus->lock, NULL);
    pthread_cond_init(&bus->changed, &monotonic);
    pthread_mutex_init(&bus->sender_lock, NULL);
    pthread_cond_init(&bus->sender_wanted, &monotonic);
    pthread_mutex_init(&bus->feeds_lock, NULL);
    pthread_mutex_init(&bus->nudged_lock, NULL);
    pthread_condattr_destroy(&monotonic);
}

static void free_bus(struct fr_bus *bus)
{
    pthread_mutex_destroy(&bus->nudged_lock);
    pthread_mutex_destroy(&bus->feeds_lock);
    pthread_cond_destroy(&bus->sender_wanted);
    pthread_mutex_destroy(&bus->sender_lock);
    pthread_cond_destroy(&bus->changed);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
}

/* After the threads are gone. The calls must outlive the connection: its last callbacks answer them. */
static void close_connection(struct fr_bus *bus)
{
    if (bus->nc == NULL)
        return;
    subscription_stop(&bus->nudge_subscription);
    natsConnection_Close(bus->nc);
    pthread_mutex_lock(&bus->lock);
    while (!bus->closed)
        pthread_cond_wait(&bus->changed, &bus->lock);
    pthread_mutex_unlock(&bus->lock);
    calls_release(&bus->api);
    calls_release(&bus->publishes);
    natsConnection_Destroy(bus->nc);
}

enum fr_status fr_bus_open(const struct fr_bus_options *options, struct fr_bus **ret, struct fr_error *error)
{
    const struct calls_bounds api = {.capacity = API_CALLS_MAX};
    const struct calls_bounds publishes = {
        .capacity = (uint32_t)options->publish_pending_max,
        .bytes = (size_t)options->publish_pending_bytes_max,
        .timeout_ms = options->publish_timeout_ms > 0 ? options->publish_timeout_ms : FR_BUS_ACK_MS};
    struct fr_bus *bus = FR_NEW(struct fr_bus);
    bus->replicas = options->replicas;
    bus->resume_window_ms = options->resume_window_ms;
    bus->observe = options->observe;
    bus->reconnected = options->reconnected;
    bus->arg = options->arg;
    init_locks(bus);
    bool up = false;
    bus->opening = true;
    enum fr_status status = connect_nats(bus, options, &up, error);
    pthread_mutex_lock(&bus->lock);
    bus->opening = false;
    pthread_mutex_unlock(&bus->lock);
    if (status == FR_OK)
        status = calls_init(&bus->api, bus->nc, &api, fr_bus_stream_answered, bus, error);
    if (status == FR_OK)
        status = calls_init(&bus->publishes, bus->nc, &publishes, fr_bus_publish_answered, bus, error);
    if (status != FR_OK) {
        pthread_mutex_lock(&bus->lock);
        bus->stopping = true;
        pthread_mutex_unlock(&bus->lock);
        close_connection(bus);
        free_bus(bus);
        return status;
    }
    fr_bus_sender_start(bus);
    fr_bus_keeper_start(bus);
    if (up)
        came_up(bus);
    else
        FR_LOG_WARN("NATS does not answer yet");
    *ret = bus;
    return FR_OK;
}

void fr_bus_close(struct fr_bus *bus)
{
    if (bus == NULL)
        return;
    fr_bus_keeper_stop(bus);
    fr_bus_sender_stop(bus);
    close_connection(bus);
    free_bus(bus);
}

bool fr_bus_connected(const struct fr_bus *bus)
{
    return atomic_load(&bus->up);
}

bool fr_bus_window_passed(const struct fr_bus *bus)
{
    return atomic_load(&bus->window_passed);
}

void fr_bus_log_refused(struct fr_bus *bus, const char *what, struct fr_str reply)
{
    int64_t now_ms = fr_clock_monotonic_ms(), last_ms = atomic_load(&bus->refused_logged_ms);
    if (now_ms - last_ms < 1000 || !atomic_compare_exchange_strong(&bus->refused_logged_ms, &last_ms, now_ms))
        return;
    if (reply.len > 256)
        reply.len = 256;
    FR_LOG_WARN(what, FR_KV_STR("answer", reply));
}
