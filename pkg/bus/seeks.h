/* What a FEED stream has for a user behind a place: requests that wait for their turn, and are forgotten when
 * too many do or anything goes wrong.
 *
 * The server is asked for a message by its subject, which it looks for in what is stored. What a consumer has
 * still before it (num_pending) would not do: newer servers count that up some time after a message is
 * stored, so that for a moment it is 0 though there is one. */
#ifndef FR_BUS_SEEKS_H
#define FR_BUS_SEEKS_H

#include "bus_internal.h"
#include "calls.h"

struct seek {
    struct seek *next;
    int64_t user_id;
    uint64_t consumer, after, head; /* as in fr_feed_seek() */
};

typedef void (*seeks_found_fn)(void *owner, const struct fr_feed_sought *sought);

struct seeks {
    struct fr_bus *bus;
    struct calls calls;
    seeks_found_fn found; /* any thread */
    void *owner;

    pthread_mutex_t lock;
    struct seek *head, **end;
    size_t count;
};

FR_WARN_UNUSED enum fr_status seeks_init(struct seeks *seeks, struct fr_bus *bus, seeks_found_fn found,
                                         void *owner, struct fr_error *error);
/* After it returns `found` is not called any more. Harmless on a zeroed one. */
void seeks_release(struct seeks *seeks);
/* Any thread; never blocks. */
void seeks_ask(struct seeks *seeks, const struct seek *seek);
/* The bus' sender: as many as may be in flight. */
void seeks_send(struct seeks *seeks);

#endif
