/* The parts of the materializer's side, for each other only. See timeline.h and
 * docs/adr/0001-transactional-outbox.md.
 *
 *   owner.c   a worker: its session, its loop
 *   share.c, partitions.c   how many partitions it should have, and which it has
 *   measure.c  the gauges of its partitions
 *   intake.c  pending events: which are read when, and which wait after a failure
 *   batch.c   one transaction for many events, bisected when one of them is bad
 *   tell.c    committed events: publishes them in order per author, then removes them (with authors.c,
 * wave.c, flip.c) flight.c  what waits for acks, and how other threads wake the worker outbox.c  rows of the
 * outbox
 *
 * All but flight.c and outage.c runs on the worker's own thread.
 */
#ifndef FR_TIMELINE_INTERNAL_H
#define FR_TIMELINE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "timeline/timeline.h"

struct fr_bus;
struct fr_session;

/* ---- outbox.c ---- */
#define FR_TRACEPARENT_MAX 55

struct fr_outbox_event {
    int64_t author_id, event_id;
    int64_t subject_id;  /* the post, or the follower */
    int64_t accepted_ms; /* on this process's monotonic clock */
    int16_t partition, kind, tries;
    bool celebrity; /* the author, when the event was read */
    char request_id[FR_REQUEST_ID_MAX + 1];
    char traceparent[FR_TRACEPARENT_MAX + 1];
};

/* What to read of one partition: the oldest `limit` events after `after`, without those of the `held`
 * authors. */
struct fr_outbox_slice {
    int partition;
    int64_t after;
    const int64_t *held; /* borrowed */
    size_t held_count;
    size_t limit;
    size_t found; /* out */
};

/* Reads several slices in one round trip; `events` has room for the sum of their limits. */
FR_WARN_UNUSED enum fr_status fr_outbox_read(struct fr_session *session, enum fr_outbox_state state,
                                             struct fr_outbox_slice *slices, size_t count,
                                             struct fr_outbox_event *events, size_t *ret_count,
                                             struct fr_error *error);
/* Removes events that are told. */
FR_WARN_UNUSED enum fr_status fr_outbox_delete(struct fr_session *session, const int64_t *authors,
                                               const int64_t *events, size_t count, struct fr_error *error);
/* To be asked before each publish. FR_OK: the session, and with it the locks, was there a moment ago (or was
 * just found to be, in a round trip); so nobody else can have told of these events' successors. Else it is
 * gone, and nothing may be published any more. What was handed to the NATS library before a stall goes out
 * after it all the same; that can only repeat what the next owner sends too, and gateways drop repeats. */
FR_WARN_UNUSED enum fr_status fr_outbox_prove(struct fr_session *session, struct fr_error *error);
/* Counts a failure of one event, with its reason; `ret_dead` when that was one too many. */
FR_WARN_UNUSED enum fr_status fr_outbox_fail(struct fr_session *session, const struct fr_outbox_event *event,
                                             const struct fr_error *reason, bool *ret_dead,
                                             struct fr_error *error);

/* ---- batch.c ---- */
struct fr_batch_hooks {
    /* The server is at work on a transaction: do something else, which asks nothing of the session. */
    void (*meanwhile)(void *arg);
    /* These are committed, in the order in which they were given. */
    void (*committed)(void *arg, const struct fr_outbox_event *events, size_t count);
    /* This one alone is bad; it has failed once more. */
    void (*failed)(void *arg, const struct fr_outbox_event *event, const struct fr_error *reason, bool dead);
    void *arg;
};

/* Applies the events to the feed tables and marks them committed: in one transaction if none is bad, else in
 * as many as it takes to find the bad ones. Events of an author behind a bad one of that author are left
 * alone, so that its order is kept. `events` is scratch afterwards. An error is an outage: what was not told
 * to the hooks is as it was, or (on FR_UNAVAILABLE and FR_TIMEOUT) perhaps committed, which only its state in
 * the outbox tells. Follows and unfollows are counted, and an author whose count has crossed the threshold
 * gets a flip. */
FR_WARN_UNUSED enum fr_status fr_batch_apply(struct fr_session *session, struct fr_outbox_event *events,
                                             size_t count, int64_t celebrity_threshold,
                                             const struct fr_batch_hooks *hooks, struct fr_error *error);
/* A statement that failed so will fail again: a matter of the event, not of the database's state or
 * reachability. */
bool fr_batch_is_permanent(const struct fr_error *error);

/* ---- flight.c ---- */
/* How other threads reach a worker. Counted: acks that come after the worker is gone still find it. */
struct fr_wake;

struct fr_wake *fr_wake_new(void);
void fr_wake_release(struct fr_wake *wake);
/* Any thread. */
void fr_wake_nudge(struct fr_wake *wake, int partition);
/* Somebody gave a partition up; wakes whatever the interest. */
void fr_wake_nudge_free(struct fr_wake *wake);
void fr_wake_stop(struct fr_wake *wake);
bool fr_wake_is_stopped(const struct fr_wake *wake);
/* Nudges for other partitions are not worth waking up for. Bit p: partition p. */
void fr_wake_set_interest(struct fr_wake *wake, unsigned partitions);
/* Takes the nudges since the last call: bit p: partition p; FR_WAKE_FREE: one is free. */
#define FR_WAKE_FREE (1U << FR_AUTHOR_PARTITIONS)
unsigned fr_wake_take_nudges(struct fr_wake *wake);
/* Until a nudge of interest, a completed flight, room after fr_wake_want_room(), a stop, or the timeout. */
void fr_wake_wait(struct fr_wake *wake, int64_t timeout_ms);
/* Until a stop or the timeout, whatever else comes. */
void fr_wake_rest(struct fr_wake *wake, int64_t timeout_ms);
/* The bus is full: wake the worker when half of what it has in the air has landed. */
void fr_wake_want_room(struct fr_wake *wake);

/* All publishes of one event. Complete when it is sealed and each of them is answered. Completed flights are
 * handed to the worker, who frees them; `generation` tells it whether it still knows what they belong to. */
struct fr_flight {
    struct fr_wake *wake;
    struct fr_flight *next;
    void *owner; /* meaningful only in its generation */
    uint64_t generation;
    _Atomic(int) outstanding; /* publishes not answered, and one until it is sealed */
    _Atomic(int) worst;       /* enum fr_status of a live publish that failed, or FR_OK */
    _Atomic(int) outward;     /* the same of the one to the firehose */
    _Atomic(int64_t)
        live_acked_ms; /* when the last live publish was answered, monotonic; 0: there was none */
};

struct fr_flight *fr_flight_new(struct fr_wake *wake, void *owner, uint64_t generation);
/* Before each publish; fr_flight_acked() answers it, from any thread; a publish that was refused is taken
 * back. */
void fr_flight_add(struct fr_flight *flight);
void fr_flight_take_back(struct fr_flight *flight);
void fr_flight_acked(void *flight, enum fr_status status);
/* The same for the one to the firehose, whose failure is told apart: it does not make the live ones be sent
 * again. */
void fr_flight_outward_acked(void *flight, enum fr_status status);
/* No publish will be added. The flight is not the caller's any more. `status`: FR_OK, or why not all were
 * sent. */
void fr_flight_seal(struct fr_flight *flight, enum fr_status status);
/* The completed ones, oldest first, each to be freed with free(); NULL when there is none. */
struct fr_flight *fr_wake_take_completed(struct fr_wake *wake);
int fr_wake_in_air(const struct fr_wake *wake);

/* ---- tell.c ---- */
struct fr_tell;

struct fr_tell_options {
    bool firehose; /* every event is published to POSTS too */
    int64_t celebrity_threshold, celebrity_quiet_ms;
    struct fr_outages *outages; /* borrowed */
};

struct fr_tell *fr_tell_new(struct fr_bus *bus, struct fr_wake *wake, const struct fr_tell_options *options);
void fr_tell_free(struct fr_tell *tell);
/* The session is lost, and with it the right to touch anything: forgets all events. */
void fr_tell_forget(struct fr_tell *tell);
/* The partition is owned from now on: it may hold committed events of whoever had it before. */
void fr_tell_adopt(struct fr_tell *tell, int partition);
/* The partition is about to be given up: what is in memory is told, nothing more of it is read. */
void fr_tell_leave(struct fr_tell *tell, int partition);
/* Events of the partition that are in memory. */
size_t fr_tell_count(const struct fr_tell *tell, int partition);
/* Events that were committed just now. Those that find no room are found in the table later. */
void fr_tell_offer(struct fr_tell *tell, const struct fr_outbox_event *events, size_t count);
/* Goes on until there is nothing to do, the bus is full, or `budget_ms` is over; `ret_more`: call again at
 * once. */
FR_WARN_UNUSED enum fr_status fr_tell_step(struct fr_tell *tell, struct fr_session *session,
                                           int64_t budget_ms, bool *ret_more, struct fr_error *error);
/* Looks up whom the next events are to be told, so that fr_tell_meanwhile() has something to send. */
FR_WARN_UNUSED enum fr_status fr_tell_look_up(struct fr_tell *tell, struct fr_session *session,
                                              struct fr_error *error);
/* Sends what is looked up, without asking anything of the session, while that works on something else. */
void fr_tell_meanwhile(struct fr_tell *tell, struct fr_session *session);
/* Milliseconds until it has something to do by itself; -1: only after something was offered or acked. */
int64_t fr_tell_wait_ms(const struct fr_tell *tell, int64_t now_ms);
/* Takes what was acked out of the outbox, without sending anything more. */
FR_WARN_UNUSED enum fr_status fr_tell_finish(struct fr_tell *tell, struct fr_session *session,
                                             struct fr_error *error);
/* Authors whose new events must wait, because a flip of theirs does not find them quiet; at most
 * FR_FLIPS_MAX. */
size_t fr_tell_held_authors(const struct fr_tell *tell, int64_t authors[static FR_FLIPS_MAX]);
/* Partitions of authors who were held and are not any more, since the last call. */
unsigned fr_tell_take_released(struct fr_tell *tell);

/* ---- outage.c ---- */
/* What the workers of a process are in together, so that one line tells when the first of them is, and one
 * when the last of them is not any more. Any thread. */
enum fr_outage {
    FR_OUTAGE_DATABASE, /* no session */
    FR_OUTAGE_OUTBOX,   /* a session, but statements fail */
    FR_OUTAGE_ACKS,     /* live messages are not acked */
    FR_OUTAGE_FIREHOSE, /* messages to POSTS are not acked */
};
enum { FR_OUTAGE_KINDS = FR_OUTAGE_FIREHOSE + 1 };

/* A worker's outage begins or ends; true if that is worth a line. */
bool fr_outages_note(struct fr_outages *outages, enum fr_outage kind, bool begins);

/* ---- intake.c ---- */
struct fr_intake;

/* `linger_ms`: a batch begins so long after the one before, unless there is enough for a full one. */
struct fr_intake *fr_intake_new(int batch_events, int64_t linger_ms, int64_t celebrity_threshold);
void fr_intake_free(struct fr_intake *intake);
void fr_intake_forget(struct fr_intake *intake);
void fr_intake_adopt(struct fr_intake *intake, int partition);
void fr_intake_leave(struct fr_intake *intake, int partition);
/* There is or may be news in these partitions; those that are not adopted are ignored. */
void fr_intake_news(struct fr_intake *intake, unsigned partitions);
/* Reads one batch and applies it; what was committed is offered to `tell`. `ret_more`: there is more to read
 * now. */
FR_WARN_UNUSED enum fr_status fr_intake_step(struct fr_intake *intake, struct fr_session *session,
                                             struct fr_tell *tell, bool *ret_more, struct fr_error *error);
/* Milliseconds until an author who waits after a failure, or the next batch, is due; -1: nothing waits. */
int64_t fr_intake_wait_ms(const struct fr_intake *intake, int64_t now_ms);

#endif
