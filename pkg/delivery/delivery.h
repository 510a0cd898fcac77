/* delivery: the live flow from the bus to open connections. Knows no transport.
 *
 * A hub belongs to one event loop and its thread. A subscriber is whatever can take a frame: it embeds struct
 * fr_subscriber and gives its verbs. Each has an ephemeral consumer of its own on the user's subject, so that
 * any number of connections of one user get everything, on whichever gateway they are.
 *
 * States of a subscriber (hub.c has the table): creating → live → closed, and back to creating when NATS came
 * back or a message was lost on the way.
 *
 * All hubs of a process share one struct fr_delivery, which owns the gateway's deliver subject on the bus and
 * hands each message to the loop of its subscriber through that loop's mailbox.
 */
#ifndef FR_DELIVERY_H
#define FR_DELIVERY_H

#include "base/base.h"

struct fr_bus;
struct fr_loop;
struct fr_store;
struct fr_delivery; /* one per process */
struct fr_hub;      /* one per loop */

/* ---- frames: bytes shared by reference ---- */
struct fr_frame; /* immutable, counted; any thread may hold and release one */
/* Payload of a message, without transport framing. Takes a copy. */
struct fr_frame *fr_frame_new(struct fr_str payload);
struct fr_frame *fr_frame_hold(struct fr_frame *frame);
void fr_frame_release(struct fr_frame *frame);
struct fr_str fr_frame_payload(const struct fr_frame *frame);

/* ---- subscribers ---- */
enum fr_subscriber_end {
    FR_SUBSCRIBER_TOO_SLOW,    /* its queue is full */
    FR_SUBSCRIBER_GAP,         /* what it missed cannot be had again */
    FR_SUBSCRIBER_UNAVAILABLE, /* no consumer could be made for it */
};

struct fr_subscriber;
struct fr_subscriber_verbs {
    /* The flow has started: everything published from now on comes. Called again after an interruption. */
    void (*started)(struct fr_subscriber *subscriber);
    /* Queue a frame; hold it if kept beyond the call. FR_FULL when the connection's queue is at its bound. */
    enum fr_status (*send)(struct fr_subscriber *subscriber, struct fr_frame *frame);
    /* The hub gives the subscriber up; it has left the hub already and must close its connection. */
    void (*ended)(struct fr_subscriber *subscriber, enum fr_subscriber_end why);
};

/* Embedded in the transport's connection; fields are the hub's. */
struct fr_subscriber {
    const struct fr_subscriber_verbs *verbs;
    int64_t user_id;
    void *state; /* the hub's part, NULL while not joined */
};

/* `gateway`: unique among live gateways, [A-Za-z0-9]{1,32}. */
FR_WARN_UNUSED enum fr_status fr_delivery_open(struct fr_bus *bus, const char *gateway,
                                               struct fr_delivery **ret, struct fr_error *error);
/* All hubs must be gone. */
void fr_delivery_close(struct fr_delivery *delivery);
/* Any thread, from within the bus' `reconnected`: every hub makes its consumers anew, or, if NATS was away
 * for longer than the resume window, ends its connections. */
void fr_delivery_reconnected(struct fr_delivery *delivery);

/* `store` is of the same loop; it must be freed, and so have answered everything, before the hub. */
struct fr_hub *fr_hub_new(struct fr_delivery *delivery, struct fr_loop *loop, struct fr_store *store,
                          int64_t resume_window_ms);
/* Subscribers must have left. */
void fr_hub_free(struct fr_hub *hub);
/* The subscriber must leave before its memory goes. FR_FULL past the hub's bound. */
FR_WARN_UNUSED enum fr_status fr_hub_join(struct fr_hub *hub, struct fr_subscriber *subscriber,
                                          int64_t user_id, const struct fr_subscriber_verbs *verbs,
                                          struct fr_error *error);
/* Deletes its consumer. Harmless if it has left or was ended. */
void fr_hub_leave(struct fr_hub *hub, struct fr_subscriber *subscriber);
size_t fr_hub_count(const struct fr_hub *hub);

#endif
