/* bus: NATS and JetStream. The only user of nats.h.
 *
 * Streams are declared from one table (streams.c), memory streams again after each reconnect: a restarted server has
 * lost them without an error at the client. Everything is asynchronous; callbacks run on the library's threads unless
 * a comment says otherwise, so they hand over (mailbox) and return. A bus may be used by any thread.
 */
#ifndef FR_BUS_H
#define FR_BUS_H

#include "base/base.h"

struct fr_bus;

struct fr_bus_options {
    const char *url;  /* may hold user and password; never logged */
    const char *name; /* shown by the server */
    int replicas;
    int64_t resume_window_ms;
    int64_t publish_pending_max; /* messages sent and not acked, over all threads */
    /* The connection came back, and the streams are declared again. May be NULL. */
    void (*reconnected)(void *arg);
    void *arg;
};

/* Returns at once even if no server answers (it goes on trying, with back-off; one log line per change of state);
 * FR_INVALID for a URL that is none. */
FR_WARN_UNUSED enum fr_status fr_bus_open(const struct fr_bus_options *options, struct fr_bus **ret,
                                          struct fr_error *error);
/* After it returns no callback runs any more. */
void fr_bus_close(struct fr_bus *bus);
bool fr_bus_connected(const struct fr_bus *bus);
/* Waits up to `timeout_ms` for the connection, then creates or updates every stream of the table. Blocks. */
FR_WARN_UNUSED enum fr_status fr_bus_declare_streams(struct fr_bus *bus, int64_t timeout_ms, struct fr_error *error);

/* ---- publishing ---- */
/* Told once for each publish that was accepted, on a library thread (or, on close, the closing one): FR_OK when the
 * stream has stored it, FR_TIMEOUT when no ack came within 5 s, FR_UNAVAILABLE when the stream or server is away. */
typedef void (*fr_bus_acked_fn)(void *arg, enum fr_status status);

/* The event goes to the live flow of one user: subject feed.<partition>.<uid>. FR_FULL when publish_pending_max is
 * reached: nothing was sent, try again after acks; FR_UNAVAILABLE when disconnected. `data` is copied. */
FR_WARN_UNUSED enum fr_status fr_bus_publish_feed(struct fr_bus *bus, int64_t user_id, struct fr_str data,
                                                  fr_bus_acked_fn acked, void *arg, struct fr_error *error);
/* Once to celeb.<author>. */
FR_WARN_UNUSED enum fr_status fr_bus_publish_celebrity(struct fr_bus *bus, int64_t author_id, struct fr_str data,
                                                       fr_bus_acked_fn acked, void *arg, struct fr_error *error);

/* ---- nudges: "author N has news", core NATS, may be lost ---- */
void fr_bus_nudge(struct fr_bus *bus, int64_t author_id);
/* One subscription to all partitions; `nudged` gets the partition. */
FR_WARN_UNUSED enum fr_status fr_bus_subscribe_nudges(struct fr_bus *bus, void (*nudged)(void *arg, int partition),
                                                      void *arg, struct fr_error *error);

/* ---- live flow: ephemeral consumers of one gateway ---- */
struct fr_feed; /* the gateway's one deliver subject gw.<id> and all consumers on it */

struct fr_feed_message {
    uint64_t consumer;       /* the number given to fr_feed_create() */
    uint64_t stream_seq;     /* place in the user's stream */
    uint64_t consumer_seq;   /* 1, 2, 3 … for each consumer; a jump means that the client library dropped some */
    int64_t timestamp_ms;    /* stored by the server at */
    uint64_t pending;        /* messages for this consumer still behind this one */
    struct fr_str data;      /* borrowed during the callback */
};

struct fr_feed_callbacks {
    /* A message for a consumer. */
    void (*message)(void *arg, const struct fr_feed_message *message);
    /* Answer to fr_feed_create(): FR_OK, or why not (FR_TIMEOUT after 5 s). Exactly once for each call. */
    void (*created)(void *arg, uint64_t consumer, enum fr_status status);
    void *arg;
};

enum fr_feed_start { FR_FEED_NEW, FR_FEED_FROM_SEQUENCE };

/* `gateway` is unique among live gateways, [A-Za-z0-9]{1,32}. */
FR_WARN_UNUSED enum fr_status fr_feed_open(struct fr_bus *bus, const char *gateway,
                                           const struct fr_feed_callbacks *callbacks, struct fr_feed **ret,
                                           struct fr_error *error);
void fr_feed_close(struct fr_feed *feed);
/* Asks for an ephemeral consumer on the user's subject: push, no acks, memory, inactive threshold 30 s. At most 256
 * requests are in flight; the rest wait in order within the module. */
void fr_feed_create(struct fr_feed *feed, uint64_t consumer, int64_t user_id, enum fr_feed_start start,
                    uint64_t sequence);
/* A closed connection must delete its consumer itself: the shared deliver subject keeps its interest. No answer. */
void fr_feed_delete(struct fr_feed *feed, uint64_t consumer, int64_t user_id);

#endif
