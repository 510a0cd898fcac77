/* What the files of this module share. */
#ifndef FR_LOOP_INTERNAL_H
#define FR_LOOP_INTERNAL_H

#include <stdatomic.h>
#include <sys/epoll.h>

#include "loop/loop.h"

enum { LOOP_BATCH = 256 }; /* events taken from the kernel at once */

/* The deadline is kept beside the pointer, so that sifting does not touch the timers. */
struct fr_timer_entry {
    int64_t due_ms;
    struct fr_timer *timer;
};

/* A binary heap and the one kernel timer that stands for its top. */
struct fr_timers {
    struct fr_timer_entry *heap;
    size_t count, cap;
    int64_t armed_ms;  /* when the kernel timer goes off; INT64_MAX: never; ARMED_EXPIRED: it has, and must be
                          set */
    int64_t firing_ms; /* the present of the running firing phase, 0 outside */
    struct fr_watch watch;
};

struct fr_loop {
    int epoll_fd;
    bool running;
    atomic_bool stop_wanted;
    struct fr_watch wake; /* an eventfd: stop, or tasks left for the next round */
    size_t watches;       /* started and not stopped, the loop's own among them */

    /* Events of the round that are still to be dispatched: batch[batch_next..batch_count). */
    struct epoll_event batch[LOOP_BATCH];
    int batch_next, batch_count;

    struct fr_timers timers;

    struct fr_task tasks; /* head of the ring of what runs at the end of this tick */
    struct fr_task later; /* head of the ring of tasks that ran already and were deferred again */
    uint64_t tick;
};

/* Says what the kernel refused and aborts. */
_Noreturn void fr_loop_die(const char *what);

void fr_timers_init(struct fr_loop *loop);
void fr_timers_release(struct fr_loop *loop);
/* Fires what is due. */
void fr_timers_fire(struct fr_loop *loop);
/* Sets the kernel timer if the top of the heap is earlier than it, or if it has gone off. */
void fr_timers_arm(struct fr_loop *loop);

#endif
