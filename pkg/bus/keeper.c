/* The keeper's thread: deadlines, streams after each connect, and a look now and then whether they are still
 * there. */
#include <stdlib.h>
#include <time.h>

#include "bus_internal.h"
#include "log/log.h"

enum {
    TICK_MS = 200, /* how late a deadline may be seen */
    SWEEP_MS = 3000,
    REPAIR_FIRST_MS = 100, /* back-off of repairs that fail */
    REPAIR_LAST_MS = 3000,
    REPAIR_LOGGED_MS = 4 * REPAIR_FIRST_MS,
    UNNOTICED_MS =
        20000, /* how long a connection may have been dead before it is noticed, and until all goes on */
};

struct keeper {
    uint64_t repaired; /* the connect after which streams were seen last; 0: never */
    int64_t next_ms;   /* of the next look */
    int64_t backoff_ms;
    bool failing;
};

void fr_bus_keep_deadlines(struct fr_bus *bus)
{
    calls_expire(&bus->api);
    calls_expire(&bus->publishes);
    pthread_mutex_lock(&bus->feeds_lock);
    fr_feed_list_keep(bus->feeds);
    fr_celebrities_list_keep(bus->celebrities);
    pthread_mutex_unlock(&bus->feeds_lock);
}

void fr_bus_wait_changed(struct fr_bus *bus, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&bus->changed, &bus->lock, &until);
}

/* With bus->lock held. Short windows are for tests, where a connection breaks with a noise. */
static bool window_has_passed(const struct fr_bus *bus, int64_t now_ms)
{
    int64_t unnoticed_ms = bus->resume_window_ms / 4;
    if (unnoticed_ms > UNNOTICED_MS)
        unnoticed_ms = UNNOTICED_MS;
    return now_ms - bus->unready_ms + unnoticed_ms >= bus->resume_window_ms;
}

static void repair(struct fr_bus *bus, struct keeper *keeper, uint64_t connects)
{
    struct fr_error error = {0};
    bool changed = false;
    enum fr_status status = fr_bus_streams_repair(bus, &changed, &error);
    int64_t now_ms = fr_clock_monotonic_ms();
    if (status != FR_OK) {
        pthread_mutex_lock(&bus->lock);
        bool stopping = bus->stopping;
        pthread_mutex_unlock(&bus->lock);
        keeper->backoff_ms = keeper->backoff_ms == 0 ? REPAIR_FIRST_MS : 2 * keeper->backoff_ms;
        if (keeper->backoff_ms > REPAIR_LAST_MS)
            keeper->backoff_ms = REPAIR_LAST_MS;
        /* A broken connection has its own line; and once or twice it is only another process doing the same.
         */
        if (!keeper->failing && !stopping && keeper->backoff_ms >= REPAIR_LOGGED_MS &&
            atomic_load(&bus->up)) {
            FR_LOG_WARN("streams cannot be seen to", FR_KV_ERROR(&error));
            keeper->failing = true;
        }
        keeper->next_ms = now_ms + keeper->backoff_ms;
        return;
    }
    if (keeper->failing)
        FR_LOG_INFO("streams are there again");
    bool back = connects > 1 && keeper->repaired != connects, first = keeper->repaired == 0;
    keeper->failing = false;
    keeper->backoff_ms = 0;
    keeper->repaired = connects;
    keeper->next_ms = now_ms + SWEEP_MS;
    pthread_mutex_lock(&bus->lock);
    /* Else what was seen may be gone again. */
    bool current = bus->connects == connects;
    if (current && atomic_load(&bus->up)) {
        atomic_store(&bus->window_passed, back && window_has_passed(bus, now_ms));
        atomic_store(&bus->ready, true);
    }
    pthread_mutex_unlock(&bus->lock);
    if (!current)
        return;
    if ((back || (changed && !first)) && bus->reconnected != NULL)
        bus->reconnected(bus->arg);
    fr_bus_sender_wake(bus);
}

static void *keep(void *arg)
{
    struct fr_bus *bus = arg;
    struct keeper keeper = {0};
    uint64_t seen = 0;
    pthread_mutex_lock(&bus->lock);
    while (!bus->stopping) {
        if (bus->connects == seen)
            fr_bus_wait_changed(bus, TICK_MS);
        uint64_t connects = bus->connects;
        bool stopping = bus->stopping;
        pthread_mutex_unlock(&bus->lock);
        fr_bus_keep_deadlines(bus);
        /* After a connect, and now and then. */
        bool due = connects != seen || fr_clock_monotonic_ms() >= keeper.next_ms;
        if (!stopping && !bus->observe && due && connects > 0 && atomic_load(&bus->up))
            repair(bus, &keeper, connects);
        seen = connects;
        pthread_mutex_lock(&bus->lock);
    }
    pthread_mutex_unlock(&bus->lock);
    return NULL;
}

void fr_bus_keeper_start(struct fr_bus *bus)
{
    if (pthread_create(&bus->keeper, NULL, keep, bus) != 0)
        abort();
    pthread_setname_np(bus->keeper, "fr-bus-keeper");
}

void fr_bus_keeper_stop(struct fr_bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bus->stopping = true;
    pthread_cond_broadcast(&bus->changed);
    pthread_mutex_unlock(&bus->lock);
    calls_fail_all(&bus->api);
    pthread_join(bus->keeper, NULL);
}
