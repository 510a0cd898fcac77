/* Nudges, and the sender's thread, which also sends what feeds have queued, and sees to it that what was
 * published goes out.
 *
 * The library collects what is published for up to a millisecond before it writes. Twice on the way of a
 * post, in its nudge and in its live messages, that was a third of all the time from the answer to the frame.
 * So the sender flushes, but not more often than once a millisecond: under load the library's pace is right.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bus_internal.h"

enum {
    FLUSH_EVERY_NS = 1000000,
    /* The library flushes at once, but only as a part of asking the server for an answer. That is of no
     * interest here, and this the shortest time to wait for it. */
    FLUSH_WAIT_MS = 1,
};

/* One bit for each partition in fr_bus.nudges, and one for "some partition is free". */
_Static_assert(FR_AUTHOR_PARTITIONS < 32, "bits of fr_bus.nudges");
#define FREE_BIT (UINT32_C(1) << FR_AUTHOR_PARTITIONS)

static void send_nudge(struct fr_bus *bus, const char *subject)
{
    /* It may be lost. */
    natsStatus s = natsConnection_Publish(bus->nc, subject, NULL, 0);
    (void)s;
}

static void send_nudges(struct fr_bus *bus, uint32_t nudges)
{
    if ((nudges & FREE_BIT) != 0 && atomic_load(&bus->up))
        send_nudge(bus, "nudge.free");
    for (int partition = 0; partition < FR_AUTHOR_PARTITIONS; partition++) {
        if ((nudges & UINT32_C(1) << partition) == 0 || !atomic_load(&bus->up))
            continue;
        char subject[16];
        snprintf(subject, sizeof subject, "nudge.%d", partition);
        send_nudge(bus, subject);
    }
}

static void flush(struct fr_bus *bus)
{
    int64_t now_ns = fr_clock_monotonic_ns();
    if (now_ns - bus->flushed_ns < FLUSH_EVERY_NS || !atomic_load(&bus->up))
        return;
    bus->flushed_ns = now_ns;
    /* Should it fail, the library writes a little later, or has lost the connection and says so. */
    natsStatus s = natsConnection_FlushTimeout(bus->nc, FLUSH_WAIT_MS);
    (void)s;
}

static void *run_sender(void *arg)
{
    struct fr_bus *bus = arg;
    pthread_mutex_lock(&bus->sender_lock);
    /* What a process says of its end ("a partition is free") is still sent. */
    while (!bus->sender_stopping || bus->nudges != 0) {
        if (bus->nudges == 0 && !bus->feeds_wanted && !bus->flush_wanted) {
            pthread_cond_wait(&bus->sender_wanted, &bus->sender_lock);
            continue;
        }
        uint32_t nudges = bus->nudges;
        bool feeds = bus->feeds_wanted, flushes = bus->flush_wanted || nudges != 0;
        bus->nudges = 0;
        bus->feeds_wanted = bus->flush_wanted = false;
        pthread_mutex_unlock(&bus->sender_lock);
        send_nudges(bus, nudges);
        if (feeds) {
            pthread_mutex_lock(&bus->feeds_lock);
            fr_feed_list_send(bus->feeds);
            fr_celebrities_list_send(bus->celebrities);
            pthread_mutex_unlock(&bus->feeds_lock);
        }
        if (flushes)
            flush(bus);
        pthread_mutex_lock(&bus->sender_lock);
    }
    pthread_mutex_unlock(&bus->sender_lock);
    return NULL;
}

void fr_bus_sender_start(struct fr_bus *bus)
{
    if (pthread_create(&bus->sender, NULL, run_sender, bus) != 0)
        abort();
    pthread_setname_np(bus->sender, "fr-bus-sender");
}

void fr_bus_sender_stop(struct fr_bus *bus)
{
    pthread_mutex_lock(&bus->sender_lock);
    bus->sender_stopping = true;
    pthread_cond_signal(&bus->sender_wanted);
    pthread_mutex_unlock(&bus->sender_lock);
    pthread_join(bus->sender, NULL);
}

void fr_bus_sender_wake(struct fr_bus *bus)
{
    pthread_mutex_lock(&bus->sender_lock);
    bus->feeds_wanted = true;
    pthread_cond_signal(&bus->sender_wanted);
    pthread_mutex_unlock(&bus->sender_lock);
}

void fr_bus_flush(struct fr_bus *bus)
{
    pthread_mutex_lock(&bus->sender_lock);
    bus->flush_wanted = true;
    pthread_cond_signal(&bus->sender_wanted);
    pthread_mutex_unlock(&bus->sender_lock);
}

static void ask_sender(struct fr_bus *bus, uint32_t bits)
{
    pthread_mutex_lock(&bus->sender_lock);
    bus->nudges |= bits;
    pthread_cond_signal(&bus->sender_wanted);
    pthread_mutex_unlock(&bus->sender_lock);
}

void fr_bus_nudge(struct fr_bus *bus, uint32_t partitions)
{
    ask_sender(bus, partitions);
}

void fr_bus_nudge_free(struct fr_bus *bus)
{
    ask_sender(bus, FREE_BIT);
}

static void on_nudge(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct fr_bus *bus = arg;
    struct fr_str rest = fr_str_of(natsMsg_GetSubject(msg)), head;
    int64_t partition;
    fr_str_next(&rest, '.', &head);
    if (fr_str_equal(rest, FR_STR("free")))
        bus->nudged(bus->nudged_arg, FR_NUDGE_FREE);
    else if (fr_str_to_i64(rest, 0, FR_AUTHOR_PARTITIONS - 1, &partition) == FR_OK)
        bus->nudged(bus->nudged_arg, (int)partition);
    natsMsg_Destroy(msg);
}

enum fr_status fr_bus_subscribe_nudges(struct fr_bus *bus, void (*nudged)(void *arg, int partition),
                                       void *arg, struct fr_error *error)
{
    enum fr_status status;
    pthread_mutex_lock(&bus->nudged_lock);
    if (bus->nudged != NULL) {
        status = fr_error_set(error, FR_CONFLICT, NULL, "nudges are subscribed to already");
    } else {
        bus->nudged = nudged;
        bus->nudged_arg = arg;
        /* Nudges past the library's bound are dropped: the partitions' owners look every second anyway. */
        status = subscription_start(&bus->nudge_subscription, bus->nc, "nudge.*", 4096, 1 << 20, on_nudge,
                                    bus, error);
        if (status != FR_OK)
            bus->nudged = NULL;
    }
    pthread_mutex_unlock(&bus->nudged_lock);
    return status;
}
