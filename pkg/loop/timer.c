#include "loop_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { ARMED_EXPIRED = 0, HEAP_FIRST = 64 };

static void put(struct fr_timers *timers, size_t i, struct fr_timer_entry entry)
{
    timers->heap[i] = entry;
    entry.timer->slot = i + 1;
}

/* Both move what belongs into the hole `i` until `entry` fits in. */
static void sift_up(struct fr_timers *timers, size_t i, struct fr_timer_entry entry)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (timers->heap[parent].due_ms <= entry.due_ms)
            break;
        put(timers, i, timers->heap[parent]);
        i = parent;
    }
    put(timers, i, entry);
}

static void sift_down(struct fr_timers *timers, size_t i, struct fr_timer_entry entry)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timers->heap[child + 1].due_ms < timers->heap[child].due_ms)
            child++;
        if (timers->heap[child].due_ms >= entry.due_ms)
            break;
        put(timers, i, timers->heap[child]);
        i = child;
    }
    put(timers, i, entry);
}

static void place(struct fr_timers *timers, size_t i, struct fr_timer_entry entry)
{
    if (i > 0 && timers->heap[(i - 1) / 2].due_ms > entry.due_ms)
        sift_up(timers, i, entry);
    else
        sift_down(timers, i, entry);
}

void fr_timer_start(struct fr_loop *loop, struct fr_timer *timer, int64_t delay_ms,
                    void (*fire)(struct fr_timer *))
{
    struct fr_timers *timers = &loop->timers;
    assert(timer->slot == 0 || timer->loop == loop);
    int64_t due_ms = fr_clock_monotonic_ms();
    if (delay_ms > 0 && __builtin_add_overflow(due_ms, delay_ms, &due_ms))
        due_ms = INT64_MAX;
    /* Else a timer that starts itself anew without a delay would be fired for ever within one round. */
    if (due_ms <= timers->firing_ms)
        due_ms = timers->firing_ms + 1;
    timer->due_ms = due_ms;
    timer->fire = fire;
    timer->loop = loop;
    struct fr_timer_entry entry = {due_ms, timer};
    if (timer->slot != 0) {
        place(timers, timer->slot - 1, entry);
    } else {
        if (timers->count == timers->cap) {
            timers->cap = timers->cap != 0 ? 2 * timers->cap : HEAP_FIRST;
            timers->heap = fr_realloc_array(timers->heap, timers->cap, sizeof *timers->heap);
        }
        timers->count++;
        sift_up(timers, timers->count - 1, entry);
    }
    /* Within a round the kernel timer is set once, at its end. */
    if (!loop->running)
        fr_timers_arm(loop);
}

void fr_timer_stop(struct fr_timer *timer)
{
    if (timer->slot == 0)
        return;
    struct fr_timers *timers = &timer->loop->timers;
    size_t hole = timer->slot - 1;
    timer->slot = 0;
    struct fr_timer_entry last = timers->heap[--timers->count];
    if (hole < timers->count)
        place(timers, hole, last);
}

static void on_expiry(struct fr_watch *watch, unsigned events)
{
    /* Setting it anew also makes it unreadable, so it is not read. */
    watch->loop->timers.armed_ms = ARMED_EXPIRED;
}

void fr_timers_init(struct fr_loop *loop)
{
    loop->timers.armed_ms = INT64_MAX;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0 || fr_watch_start(loop, &loop->timers.watch, fd, FR_WATCH_READ, on_expiry, NULL) != FR_OK)
        fr_loop_die("timerfd_create");
}

void fr_timers_release(struct fr_loop *loop)
{
    assert(loop->timers.count == 0);
    int fd = loop->timers.watch.fd;
    fr_watch_stop(&loop->timers.watch);
    close(fd);
    free(loop->timers.heap);
}

void fr_timers_fire(struct fr_loop *loop)
{
    struct fr_timers *timers = &loop->timers;
    if (timers->count == 0)
        return;
    int64_t now_ms = fr_clock_monotonic_ms();
    timers->firing_ms = now_ms;
    while (timers->count > 0 && timers->heap[0].due_ms <= now_ms) {
        struct fr_timer *timer = timers->heap[0].timer;
        fr_timer_stop(timer);
        timer->fire(timer); /* may have freed it */
    }
    timers->firing_ms = 0;
    if (timers->armed_ms <= now_ms)
        timers->armed_ms = ARMED_EXPIRED;
}

void fr_timers_arm(struct fr_loop *loop)
{
    struct fr_timers *timers = &loop->timers;
    int64_t top_ms = timers->count > 0 ? timers->heap[0].due_ms : INT64_MAX;
    /* Set too early it costs one round for nothing; timers that are pushed back again and again cost none. */
    if (top_ms >= timers->armed_ms && timers->armed_ms != ARMED_EXPIRED)
        return;
    struct itimerspec when = {0}; /* never */
    if (top_ms != INT64_MAX)
        when.it_value =
            (struct timespec){.tv_sec = (time_t)(top_ms / 1000), .tv_nsec = top_ms % 1000 * 1000000};
    if (timerfd_settime(timers->watch.fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        fr_loop_die("timerfd_settime");
    timers->armed_ms = top_ms;
}
