/* loop: one thread's event loop (epoll), timers, mailboxes between threads, and workers for calls that block.
 *
 * Threads: a loop and everything registered with it belong to one thread, except fr_mailbox_send(),
 * fr_workers_submit() and fr_loop_stop(), which any thread may call. Nothing blocks a loop.
 *
 * A loop has a file descriptor of its own (the epoll instance), readable when something is due, so that it
 * nests in a foreign loop: the gateway watches it from its HTTP loop and calls fr_loop_run(loop, 0).
 *
 * Order within one fr_loop_run(): wait, descriptors, timers, then the tasks deferred meanwhile ("end of
 * tick"), among them those deferred by tasks; so work that should be joined per tick (flushes) is deferred,
 * not done at once.
 */
#ifndef FR_LOOP_H
#define FR_LOOP_H

#include "base/base.h"

struct fr_loop;

/* Never NULL: a process that is out of descriptors says so and aborts, as with memory (memory.h). */
struct fr_loop *fr_loop_new(void);
/* Everything registered must have been removed. NULL is fine. */
void fr_loop_free(struct fr_loop *loop);
/* Readable when fr_loop_run() has something to do: a descriptor, a timer that is due, mail, a stop, a task
 * put off to the next round. A task deferred from outside a round does not make it readable
 * (fr_loop_run_deferred). Owned by the loop. */
int fr_loop_fd(const struct fr_loop *loop);
/* One round; waits at most `timeout_ms` (-1: for ever, 0: not at all), and not while a task is deferred. Not
 * from within a callback of the same loop. */
void fr_loop_run(struct fr_loop *loop, int timeout_ms);
/* Rounds until fr_loop_stop(); a stop that came before counts. The round in which it came is finished. */
void fr_loop_run_until_stopped(struct fr_loop *loop);
/* Any thread; async-signal-safe. */
void fr_loop_stop(struct fr_loop *loop);
/* Runs what is deferred now; for a foreign loop's end of tick. */
void fr_loop_run_deferred(struct fr_loop *loop);

/* ---- descriptors ---- */
enum {
    FR_WATCH_READ = 1,
    FR_WATCH_WRITE = 2,
    FR_WATCH_HANGUP = 4, /* a socket's peer sends no more, whatever of what it sent is still unread */
};

struct fr_watch {
    int fd;
    unsigned events; /* what is watched; 0: nothing, for the time being */
    void (*ready)(struct fr_watch *watch, unsigned events);
    struct fr_loop *loop;
};

/* `watch` is the caller's and must stay in place until fr_watch_stop(). Level-triggered; `ready` is told only
 * what is watched, and hang-up and error as that. FR_IO if the kernel refuses the descriptor. */
FR_WARN_UNUSED enum fr_status fr_watch_start(struct fr_loop *loop, struct fr_watch *watch, int fd,
                                             unsigned events, void (*ready)(struct fr_watch *, unsigned),
                                             struct fr_error *error);
/* Also finds a descriptor that was closed and opened again under the same number meanwhile (libraries that
 * own their socket do that), if `events` is not what was watched before. */
void fr_watch_change(struct fr_watch *watch, unsigned events);
/* Should come before the descriptor is closed. Safe within any callback, and on a zeroed or stopped watch: no
 * event reaches the watch afterwards, so its memory may go at once. */
void fr_watch_stop(struct fr_watch *watch);

/* ---- timers ---- */
struct fr_timer {
    int64_t due_ms; /* monotonic; valid while queued */
    size_t slot;    /* position in the loop's heap + 1; 0: not queued */
    void (*fire)(struct fr_timer *timer);
    struct fr_loop *loop;
};

/* One shot, `delay_ms` from now (below 0 is 0); starting a queued timer moves it. Granularity 1 ms; timers of
 * the same millisecond fire in no promised order. Started by a timer's callback it fires in a later round.
 * The callback may start it again or free it. */
void fr_timer_start(struct fr_loop *loop, struct fr_timer *timer, int64_t delay_ms,
                    void (*fire)(struct fr_timer *));
/* Also within callbacks; harmless on a zeroed or stopped one. */
void fr_timer_stop(struct fr_timer *timer);
static inline bool fr_timer_is_queued(const struct fr_timer *timer)
{
    return timer->slot != 0;
}

/* ---- end of tick ---- */
struct fr_task {                 /* zeroed before its first use */
    struct fr_task *next, *prev; /* in the loop's ring while queued */
    bool queued;
    uint64_t tick; /* of the loop, when it ran last */
    void (*run)(struct fr_task *task);
};

/* Runs in the order of deferring, at most once per tick, however often it is deferred: one that defers itself
 * again runs in the next round, one deferred by another in the same. The callback may free its task. */
void fr_task_defer(struct fr_loop *loop, struct fr_task *task, void (*run)(struct fr_task *));
/* Also within callbacks; harmless on a zeroed one. */
void fr_task_cancel(struct fr_task *task);

/* ---- mailboxes ---- */
struct fr_mail {
    struct fr_mail *next;
};

struct fr_mailbox;

/* `deliver` runs on the loop's thread, once for each mail in order of arrival, and owns it from then on.
 * `capacity`: mails that may wait. `drop` frees mails that are left when the mailbox goes; NULL if they need
 * no freeing. A round delivers a bounded number, so that a flood of mail does not hold up descriptors and
 * timers. */
struct fr_mailbox *fr_mailbox_new(struct fr_loop *loop, size_t capacity,
                                  void (*deliver)(void *arg, struct fr_mail *),
                                  void (*drop)(void *arg, struct fr_mail *), void *arg);
/* The loop's thread, not from within `deliver`; nobody may start to send any more. NULL is fine. */
void fr_mailbox_free(struct fr_mailbox *mailbox);
/* Any thread. FR_OK: the mail is no longer the sender's. FR_FULL: it still is. */
FR_WARN_UNUSED enum fr_status fr_mailbox_send(struct fr_mailbox *mailbox, struct fr_mail *mail);
/* Within `deliver`: nothing waits behind this mail at this moment. */
bool fr_mailbox_is_last(struct fr_mailbox *mailbox);
/* Past the capacity: for the few messages that must not be lost (answers to what was asked for, stops). */
void fr_mailbox_send_always(struct fr_mailbox *mailbox, struct fr_mail *mail);

/* ---- workers ---- */
struct fr_workers;

struct fr_job {
    struct fr_mail mail;
    void (*work)(struct fr_job *job); /* on a worker's thread; must not touch the job after the return */
    struct fr_mailbox *answer_to; /* gets &job->mail when the work is done, past its capacity if need be */
    bool cancelled;               /* set for the answer: the workers went away before the work began */
};

/* Threads start at once, with all signals blocked. `capacity`: jobs waiting besides those running. */
struct fr_workers *fr_workers_new(int threads, size_t capacity);
/* Waits for running jobs; jobs still waiting are answered, `cancelled`, without having worked. Only
 * running jobs may still submit; the mailboxes must still be there. NULL is fine. */
void fr_workers_free(struct fr_workers *workers);
/* `work` and `answer_to` are set by the caller. FR_OK: the job belongs to the workers until its answer is
 * delivered. FR_FULL when `capacity` jobs wait, FR_CANCELLED while the workers end: it is still the caller's.
 */
FR_WARN_UNUSED enum fr_status fr_workers_submit(struct fr_workers *workers, struct fr_job *job);

#endif
