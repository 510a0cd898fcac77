/* Requests that are answered once: by the peer's reply, by the deadline, or by a lost connection.
 *
 * A request carries a reply subject of its own below one inbox; the token at its end finds the slot. The
 * library's own asynchronous publish has one callback for all messages and no place for what the caller wants
 * to know again. Any thread. `done` runs on the thread that brings the answer, without a lock held; it may
 * make new calls.
 */
#ifndef FR_BUS_CALLS_H
#define FR_BUS_CALLS_H

#include <nats/nats.h>
#include <pthread.h>

#include "base/base.h"
#include "subscription.h"

enum { CALL_TIMEOUT_MS = 5000 }; /* of a request that may be made again without harm */

/* What the caller wants to know again; the fields are his. */
struct call_tag {
    void *arg;
    void (*acked)(void *arg, enum fr_status status); /* publishes */
    uint64_t number;                                 /* consumers */
    uint64_t sequence;
    int64_t epoch;
    int partition;
    size_t bytes; /* of the request; set by calls_send() */
};

/* FR_OK: `reply` are the peer's bytes, borrowed. FR_TIMEOUT. FR_UNAVAILABLE: nobody listens to the subject,
 * or the connection broke. */
typedef void (*calls_done_fn)(void *owner, const struct call_tag *tag, enum fr_status status,
                              struct fr_str reply);

struct call;
struct calls {
    natsConnection *nc;
    struct subscription inbox;
    char *prefix; /* of reply subjects, with the dot */
    size_t prefix_len;
    calls_done_fn done;
    void *owner;

    pthread_mutex_t lock;
    struct call *slots;
    uint32_t capacity, pending;
    size_t bytes, bytes_max; /* of requests not answered */
    int64_t timeout_ms;
    uint32_t oldest, newest, free_head; /* slot + 1; 0: none */
    uint64_t serial;
};

struct calls_bounds {
    uint32_t capacity;  /* calls at once */
    size_t bytes;       /* of them together; 0: only their number counts */
    int64_t timeout_ms; /* 0: CALL_TIMEOUT_MS */
};

FR_WARN_UNUSED enum fr_status calls_init(struct calls *calls, natsConnection *nc,
                                         const struct calls_bounds *bounds, calls_done_fn done, void *owner,
                                         struct fr_error *error);
/* Stops to listen, then answers what is left with FR_UNAVAILABLE on this thread. Harmless on a zeroed one. */
void calls_release(struct calls *calls);
/* FR_FULL at capacity, or when it would go past the bytes. Only with FR_OK will there be an answer. */
FR_WARN_UNUSED enum fr_status calls_send(struct calls *calls, const char *subject, struct fr_str data,
                                         const struct call_tag *tag, struct fr_error *error);
/* The same with the header Nats-Msg-Id: the stream stores one message of that id in its duplicate window, and
 * answers a repeat as if it had stored it. */
FR_WARN_UNUSED enum fr_status calls_send_once(struct calls *calls, const char *subject, const char *id,
                                              struct fr_str data, const struct call_tag *tag,
                                              struct fr_error *error);
bool calls_full(struct calls *calls);
/* Answers those past their deadline. */
void calls_expire(struct calls *calls);
/* Answers all that were sent before. */
void calls_fail_all(struct calls *calls);

#endif
