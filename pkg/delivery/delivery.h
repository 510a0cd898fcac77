/* delivery: the live flow from the bus to open connections. Knows no transport.
 *
 * A hub belongs to one event loop and its thread. A subscriber is whatever can take a frame: it embeds struct
 * fr_subscriber and gives its verbs. Each has an ephemeral consumer of its own on the user's subject, so that
 * any number of connections of one user get everything, on whichever gateway they are.
 *
 * A flow is made in steps (flow.c has the table): presence, a look at the stream, the consumer, the replay, a
 * look again, the celebrities, the page, what queued up meanwhile, live. Whenever something may be missing it
 * is made anew: from its own place if everything behind that can be had, else with a `reset` and a snapshot;
 * one without envelopes is ended then. docs/protocol.md has the reasons.
 *
 * All hubs of a process share one struct fr_delivery, which owns the gateway's deliver subject on the bus and
 * hands each message to the loop of its subscriber through that loop's mailbox.
 */
#ifndef FR_DELIVERY_H
#define FR_DELIVERY_H

#include "base/base.h"
#include "bus/bus.h"
#include "timeline/timeline.h"
#include "wire/wire.h"

struct fr_keyring;
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

/* ---- cursors ---- */
/* A place in the live flow of one user. */
struct fr_cursor {
    int64_t present_ms; /* the user's presence was last confirmed at, by the database's clock; Unix time */
    struct fr_feed_place feed, celebrities;
};
#define FR_CURSOR_SIZE 77 /* 76 characters of base64url and NUL */
void fr_cursor_format(const struct fr_keyring *keyring, int64_t user_id, const struct fr_cursor *cursor,
                      char out[static FR_CURSOR_SIZE]);
/* FR_INVALID ("cursor") for anything that fr_cursor_format() has not made for this user. */
FR_WARN_UNUSED enum fr_status fr_cursor_parse(const struct fr_keyring *keyring, int64_t user_id,
                                              struct fr_str text, struct fr_cursor *ret,
                                              struct fr_error *error);

/* ---- subscribers ---- */
enum fr_subscriber_end {
    FR_SUBSCRIBER_TOO_SLOW,    /* its queue is full */
    FR_SUBSCRIBER_GAP,         /* plain ones only: what it missed, or its cursor, cannot be had again; always
                                  after `started` */
    FR_SUBSCRIBER_UNAVAILABLE, /* the flow cannot be had at this time */
};

/* One thing to be told to a connection: in its encoding, `head` and behind it `body`. */
struct fr_message {
    enum fr_envelope type;      /* POST if the encoding is plain */
    struct fr_str head;         /* borrowed during the call; empty if the encoding is plain */
    struct fr_frame *body;      /* hold it to keep it; NULL: empty */
    struct fr_str cursor;       /* the one in `head`, by itself; borrowed; empty if there is none */
    int64_t post_id;            /* of a post, edit or delete; else 0 */
    int64_t reconnect_after_ms; /* of a bye; else 0 */
    bool alone; /* nothing is known that it could be joined with: waiting would gain nothing */
};

struct fr_subscriber;
struct fr_subscriber_verbs {
    /* The flow has started: everything published from now on comes. Before the first message; called again
     * when the flow goes on after an interruption. */
    void (*started)(struct fr_subscriber *subscriber);
    /* It was started, and what is published from now on comes only once it is started again, if at all. The
     * subscriber must not leave within the call. NULL: it need not know. */
    void (*interrupted)(struct fr_subscriber *subscriber);
    /* Queue a message. FR_FULL when the connection's queue is at its bound, and nothing else has happened
     * then: a live flow is ended for it, a replay or snapshot goes on when there is room. FR_CANCELLED when
     * it is closing anyway. The subscriber may leave within the call. */
    enum fr_status (*send)(struct fr_subscriber *subscriber, const struct fr_message *message);
    /* A page for a snapshot is to be read, by a statement that begins now: what is published from now on
     * comes behind it, whatever came before. `done` is called once, also if the subscriber has gone. NULL:
     * the hub reads it. */
    void (*read_page)(struct fr_subscriber *subscriber, const struct fr_page_request *request,
                      fr_timeline_posts_fn done, void *arg);
    /* The hub gives the subscriber up; it has left the hub already and must close its connection. */
    void (*ended)(struct fr_subscriber *subscriber, enum fr_subscriber_end why);
};

/* What a connection asks for. */
struct fr_join {
    int64_t user_id;
    enum fr_encoding encoding;
    const struct fr_cursor *cursor; /* to resume from; NULL: none */
    int snapshot;                   /* posts in a snapshot, 0..FR_SNAPSHOT_MAX; of no use to plain ones */
};

/* Embedded in the transport's connection; fields are the hub's. */
struct fr_subscriber {
    const struct fr_subscriber_verbs *verbs;
    int64_t user_id;
    enum fr_encoding encoding;
    void *state; /* the hub's part, NULL while not joined */
};

/* `gateway`: unique among live gateways, [A-Za-z0-9]{1,32}. */
FR_WARN_UNUSED enum fr_status fr_delivery_open(struct fr_bus *bus, const char *gateway,
                                               struct fr_delivery **ret, struct fr_error *error);
/* Called once for each event that is decoded, on threads of the bus, several at a time; NULL: nobody. When it
 * returns nobody calls the former one any more. */
typedef void (*fr_delivery_seen_fn)(void *arg, const struct fr_event *event);
void fr_delivery_set_seen(struct fr_delivery *delivery, fr_delivery_seen_fn seen, void *arg);
/* All hubs must be gone. */
void fr_delivery_close(struct fr_delivery *delivery);
/* Any thread, from within the bus' `reconnected`: every hub makes its consumers anew, or, if NATS was away
 * for longer than the resume window, ends its connections. */
void fr_delivery_reconnected(struct fr_delivery *delivery);

struct fr_hub_options {
    struct fr_store *store; /* of the same loop; freed, and so has answered everything, before the hub */
    const struct fr_keyring *keyring; /* for cursors */
    int64_t resume_window_ms;
};
struct fr_hub *fr_hub_new(struct fr_delivery *delivery, struct fr_loop *loop,
                          const struct fr_hub_options *options);
/* Subscribers must have left. */
void fr_hub_free(struct fr_hub *hub);
/* The subscriber must leave before its memory goes. FR_FULL past the hub's bound. */
FR_WARN_UNUSED enum fr_status fr_hub_join(struct fr_hub *hub, struct fr_subscriber *subscriber,
                                          const struct fr_join *join, const struct fr_subscriber_verbs *verbs,
                                          struct fr_error *error);
/* Deletes its consumer. Harmless if it has left or was ended. */
void fr_hub_leave(struct fr_hub *hub, struct fr_subscriber *subscriber);
size_t fr_hub_count(const struct fr_hub *hub);

#endif
