#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "timeline/timeline_internal.h"

struct fr_wake {
    atomic_int references; /* the worker's and one of each flight that is not handed over */
    atomic_uint nudges, interest;
    atomic_bool stopped;
    atomic_int in_air;    /* publishes sent and not answered */
    atomic_int room_at;   /* wake when in_air falls to this; -1: don't */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool room;
    struct fr_flight *first, **last; /* completed */
};

struct fr_wake *fr_wake_new(void)
{
    struct fr_wake *wake = FR_NEW(struct fr_wake);
    pthread_condattr_t attributes;

    atomic_init(&wake->references, 1);
    atomic_init(&wake->room_at, -1);
    atomic_init(&wake->interest, FR_WAKE_FREE);
    wake->last = &wake->first;
    pthread_mutex_init(&wake->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&wake->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return wake;
}

void fr_wake_release(struct fr_wake *wake)
{
    if (wake == NULL || atomic_fetch_sub(&wake->references, 1) != 1)
        return;
    while (wake->first != NULL) {
        struct fr_flight *flight = wake->first;
        wake->first = flight->next;
        free(flight);
    }
    pthread_cond_destroy(&wake->changed);
    pthread_mutex_destroy(&wake->lock);
    free(wake);
}

static void wake_up(struct fr_wake *wake)
{
    /* The lock orders the change before the sleeper's look at it. */
    pthread_mutex_lock(&wake->lock);
    pthread_cond_signal(&wake->changed);
    pthread_mutex_unlock(&wake->lock);
}

static void nudge(struct fr_wake *wake, unsigned bit)
{
    if ((atomic_fetch_or(&wake->nudges, bit) & bit) == 0 && (atomic_load(&wake->interest) & bit) != 0)
        wake_up(wake);
}

void fr_wake_nudge(struct fr_wake *wake, int partition)
{
    nudge(wake, 1U << partition);
}

void fr_wake_nudge_free(struct fr_wake *wake)
{
    nudge(wake, FR_WAKE_FREE);
}

void fr_wake_stop(struct fr_wake *wake)
{
    atomic_store(&wake->stopped, true);
    wake_up(wake);
}

bool fr_wake_is_stopped(const struct fr_wake *wake)
{
    return atomic_load(&wake->stopped);
}

void fr_wake_set_interest(struct fr_wake *wake, unsigned partitions)
{
    atomic_store(&wake->interest, partitions | FR_WAKE_FREE);
}

unsigned fr_wake_take_nudges(struct fr_wake *wake)
{
    return atomic_exchange(&wake->nudges, 0);
}

void fr_wake_want_room(struct fr_wake *wake)
{
    atomic_store(&wake->room_at, atomic_load(&wake->in_air) / 2);
}

static bool has_reason(const struct fr_wake *wake)
{
    return wake->first != NULL || wake->room || atomic_load(&wake->stopped) ||
           (atomic_load(&wake->nudges) & atomic_load(&wake->interest)) != 0;
}

static bool is_stopped(const struct fr_wake *wake)
{
    return atomic_load(&wake->stopped);
}

static void wait_for(struct fr_wake *wake, bool (*reason)(const struct fr_wake *), int64_t timeout_ms)
{
    int64_t until_ns = fr_clock_monotonic_ns() + timeout_ms * 1000000;
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};

    pthread_mutex_lock(&wake->lock);
    while (!reason(wake) && pthread_cond_timedwait(&wake->changed, &wake->lock, &until) == 0)
        continue;
    wake->room = false;
    pthread_mutex_unlock(&wake->lock);
    atomic_store(&wake->room_at, -1);
}

void fr_wake_wait(struct fr_wake *wake, int64_t timeout_ms)
{
    wait_for(wake, has_reason, timeout_ms);
}

void fr_wake_rest(struct fr_wake *wake, int64_t timeout_ms)
{
    wait_for(wake, is_stopped, timeout_ms);
}

struct fr_flight *fr_wake_take_completed(struct fr_wake *wake)
{
    struct fr_flight *first;

    pthread_mutex_lock(&wake->lock);
    first = wake->first;
    wake->first = NULL;
    wake->last = &wake->first;
    pthread_mutex_unlock(&wake->lock);
    return first;
}

int fr_wake_in_air(const struct fr_wake *wake)
{
    return atomic_load(&wake->in_air);
}

struct fr_flight *fr_flight_new(struct fr_wake *wake, void *owner, uint64_t generation)
{
    struct fr_flight *flight = FR_NEW(struct fr_flight);

    atomic_fetch_add(&wake->references, 1);
    flight->wake = wake;
    flight->owner = owner;
    flight->generation = generation;
    atomic_init(&flight->outstanding, 1);
    atomic_init(&flight->worst, FR_OK);
    atomic_init(&flight->outward, FR_OK);
    atomic_init(&flight->live_acked_ms, 0);
    return flight;
}

void fr_flight_add(struct fr_flight *flight)
{
    atomic_fetch_add(&flight->outstanding, 1);
    atomic_fetch_add(&flight->wake->in_air, 1);
}

void fr_flight_take_back(struct fr_flight *flight)
{
    /* Cannot be the last: it is not sealed yet. */
    atomic_fetch_sub(&flight->outstanding, 1);
    atomic_fetch_sub(&flight->wake->in_air, 1);
}

/* One answer less to wait for; the last one hands the flight over. */
static void land(struct fr_flight *flight, enum fr_status status)
{
    struct fr_wake *wake = flight->wake;

    if (status != FR_OK)
        atomic_store(&flight->worst, (int)status);
    if (atomic_fetch_sub(&flight->outstanding, 1) != 1)
        return;
    pthread_mutex_lock(&wake->lock);
    *wake->last = flight;
    wake->last = &flight->next;
    pthread_cond_signal(&wake->changed);
    pthread_mutex_unlock(&wake->lock);
    fr_wake_release(wake);
}

static void take_answer(struct fr_flight *flight, enum fr_status status)
{
    struct fr_wake *wake = flight->wake;
    int room_at = atomic_load(&wake->room_at);

    /* While this answer is outstanding the flight holds `wake`. */
    if (atomic_fetch_sub(&wake->in_air, 1) - 1 <= room_at && atomic_exchange(&wake->room_at, -1) >= 0) {
        pthread_mutex_lock(&wake->lock);
        wake->room = true;
        pthread_cond_signal(&wake->changed);
        pthread_mutex_unlock(&wake->lock);
    }
    land(flight, status);
}

void fr_flight_acked(void *arg, enum fr_status status)
{
    struct fr_flight *flight = arg;

    atomic_store(&flight->live_acked_ms, fr_clock_monotonic_ms());
    take_answer(flight, status);
}

void fr_flight_outward_acked(void *arg, enum fr_status status)
{
    struct fr_flight *flight = arg;

    atomic_store(&flight->outward, (int)status);
    take_answer(flight, FR_OK);
}

void fr_flight_seal(struct fr_flight *flight, enum fr_status status)
{
    land(flight, status);
}
