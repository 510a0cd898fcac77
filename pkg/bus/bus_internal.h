/* What the files of this module share. */
#ifndef FR_BUS_INTERNAL_H
#define FR_BUS_INTERNAL_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bus/bus.h"
#include "calls.h"
#include "subscription.h"

struct fr_bus {
    /* Constant after fr_bus_open(). */
    int replicas;
    int64_t resume_window_ms;
    bool observe;
    void (*reconnected)(void *arg);
    void *arg;
    natsConnection *nc;
    struct calls api;       /* $JS.API requests about streams */
    struct calls publishes; /* messages waiting for their ack */

    atomic_bool up;                             /* connected */
    atomic_bool ready;                          /* and the streams were seen since */
    _Atomic int64_t epochs[FR_FEED_PARTITIONS]; /* creation time of each FEED stream; 0: not seen yet */
    atomic_bool window_passed;                  /* in the interruption that ended last */
    _Atomic int64_t celebrities_epoch;          /* of the stream CELEB */
    _Atomic int64_t refused_logged_ms;          /* last line about a refused request, monotonic */

    /* Keeper and connection state. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t connects;              /* times a connection came */
    int64_t unready_ms;             /* monotonic: when `ready` ceased to be true last */
    bool opening, stopping, closed; /* closed: the library's last callback has come */
    pthread_t keeper;

    /* Sender: what event loops want sent without waiting for a socket. */
    pthread_mutex_t sender_lock;
    pthread_cond_t sender_wanted;
    uint32_t nudges; /* bit per partition */
    bool feeds_wanted, flush_wanted, sender_stopping;
    pthread_t sender;
    int64_t flushed_ns; /* the sender's: monotonic, when it flushed last */

    /* Held while keeper or sender work on feeds, so that one can be closed. */
    pthread_mutex_t feeds_lock;
    struct fr_feed *feeds;
    struct fr_celebrities *celebrities;

    pthread_mutex_t nudged_lock;
    struct subscription nudge_subscription;
    void (*nudged)(void *arg, int partition);
    void *nudged_arg;
};

/* declare.c */
/* The keeper's: sees which streams there are, makes the missing ones, notes the epochs. Blocks for some
 * seconds at most. `ret_changed`: a FEED stream was made, or is another than before. */
FR_WARN_UNUSED enum fr_status fr_bus_streams_repair(struct fr_bus *bus, bool *ret_changed,
                                                    struct fr_error *error);
/* `api`'s answers. */
void fr_bus_stream_answered(void *owner, const struct call_tag *tag, enum fr_status status,
                            struct fr_str reply);

/* keeper.c */
void fr_bus_keeper_start(struct fr_bus *bus);
void fr_bus_keeper_stop(struct fr_bus *bus);
/* Any thread that waits for an answer: answers what is past its deadline, which may be what it waits for. */
void fr_bus_keep_deadlines(struct fr_bus *bus);
/* With bus->lock held: until `changed` or for `ms`. */
void fr_bus_wait_changed(struct fr_bus *bus, int64_t ms);

/* nudge.c: the sender's thread */
void fr_bus_sender_start(struct fr_bus *bus);
void fr_bus_sender_stop(struct fr_bus *bus);
/* Any thread: the sender looks at the feeds. */
void fr_bus_sender_wake(struct fr_bus *bus);

/* publish.c */
void fr_bus_publish_answered(void *owner, const struct call_tag *tag, enum fr_status status,
                             struct fr_str reply);

/* feed.c, all with feeds_lock held. */
void fr_feed_list_keep(struct fr_feed *first); /* deadlines, dropped messages */
void fr_feed_list_send(struct fr_feed *first); /* requests, as far as the window allows */
void fr_feed_list_fail(struct fr_feed *first); /* the connection broke */

/* celebrities.c, the same for readers of CELEB. */
void fr_celebrities_list_keep(struct fr_celebrities *first);
void fr_celebrities_list_send(struct fr_celebrities *first);
void fr_celebrities_list_fail(struct fr_celebrities *first);

/* Logs what the server refused, at most once a second. `what` is a fixed text. */
void fr_bus_log_refused(struct fr_bus *bus, const char *what, struct fr_str reply);

#endif
