/* bus: NATS and JetStream. The only user of nats.h.
 *
 * Streams are declared from one table (streams.c), memory streams again after each reconnect: a restarted
 * server has lost them without an error at the client. Everything is asynchronous; callbacks run on the
 * library's threads unless a comment says otherwise, so they hand over (mailbox) and return. A bus may be
 * used by any thread.
 *
 * Threads of its own: the keeper (deadlines, streams after a reconnect, sweep every 3 s) and the sender
 * (nudges, requests for consumers, flushes), so that event loops never wait for a socket.
 */
#ifndef FR_BUS_H
#define FR_BUS_H

#include "base/base.h"

struct fr_bus;

/* How long an ack is waited for. A server that is away is noticed sooner, by its pings; one that is only slow
 * has stored the message, and would store a repeat too. */
#define FR_BUS_ACK_MS 30000

struct fr_bus_options {
    const char *url;  /* may hold user and password; never logged */
    const char *name; /* shown by the server */
    int replicas;
    int64_t resume_window_ms;
    int64_t publish_pending_max;       /* messages sent and not acked, over all threads */
    int64_t publish_pending_bytes_max; /* their payloads; 0: only their number counts */
    int64_t publish_timeout_ms;        /* for an ack; 0: FR_BUS_ACK_MS */
    bool observe; /* streams are declared by fr_bus_declare_streams() alone, never by themselves */
    /* The connection came back, or a stream had vanished while it stood; whatever was missing is declared
     * again. Consumers made before may be gone without an error: make them anew. Not told for the first
     * connection. Runs on a thread of the bus, one call at a time. May be NULL. */
    void (*reconnected)(void *arg);
    void *arg;
};

/* Returns soon even if no server answers (it goes on trying, with back-off; one log line per change of
 * state); FR_INVALID for a URL that is none, FR_UNAUTHENTICATED when the server refuses the password. */
FR_WARN_UNUSED enum fr_status fr_bus_open(const struct fr_bus_options *options, struct fr_bus **ret,
                                          struct fr_error *error);
/* After it returns no callback runs any more. Not from within one; feeds must be closed. NULL is fine. */
void fr_bus_close(struct fr_bus *bus);
bool fr_bus_connected(const struct fr_bus *bus);
/* Within `reconnected`: the interruption lasted, or may have, for longer than streams keep the messages of
 * the resume window, so that not all that was missed can be read again. */
bool fr_bus_window_passed(const struct fr_bus *bus);
/* Waits up to `timeout_ms` for the connection, then creates or updates every stream of the table, all at
 * once; harmless when several processes do it together. Blocks; tries again until `timeout_ms`.
 * FR_UNAVAILABLE: no server, one without JetStream, or a foreign stream that has the subjects; FR_CONFLICT: a
 * stream of that name has what cannot be changed. */
FR_WARN_UNUSED enum fr_status fr_bus_declare_streams(struct fr_bus *bus, int64_t timeout_ms,
                                                     struct fr_error *error);
/* Waits up to `timeout_ms` for the connection, then asks how many streams of the table the server has, and
 * how many it should have. Blocks, for `timeout_ms` and one request at most. FR_UNAVAILABLE: no server, or
 * one without JetStream. */
FR_WARN_UNUSED enum fr_status fr_bus_count_streams(struct fr_bus *bus, int64_t timeout_ms, int *ret_there,
                                                   int *ret_wanted, struct fr_error *error);

/* ---- publishing ---- */
/* Told once for each publish that was accepted, on a library thread (or, on close, the closing one): FR_OK
 * when the stream has stored it, FR_TIMEOUT when no ack came in time, FR_UNAVAILABLE when the stream or
 * server is away. */
typedef void (*fr_bus_acked_fn)(void *arg, enum fr_status status);

/* The event goes to the live flow of one user: subject feed.<partition>.<uid>. FR_FULL when
 * publish_pending_max or publish_pending_bytes_max is reached: nothing was sent, try again after acks;
 * FR_UNAVAILABLE when disconnected; FR_INVALID past FR_EVENT_BYTES_MAX. `data` is copied. `acked` may come
 * before the return. What was told FR_TIMEOUT or FR_UNAVAILABLE may still be stored: publish it again. May
 * block for 2 s when the server reads nothing: not for event loops. */
FR_WARN_UNUSED enum fr_status fr_bus_publish_feed(struct fr_bus *bus, int64_t user_id, struct fr_str data,
                                                  fr_bus_acked_fn acked, void *arg, struct fr_error *error);
/* Once to celeb.<author>. */
FR_WARN_UNUSED enum fr_status fr_bus_publish_celebrity(struct fr_bus *bus, int64_t author_id,
                                                       struct fr_str data, fr_bus_acked_fn acked, void *arg,
                                                       struct fr_error *error);
/* To the firehose: once to post.<partition>.<author>, with the header Nats-Msg-Id <author>-<event>, by which
 * the stream keeps a repeat within its duplicate window of 2 minutes out. */
FR_WARN_UNUSED enum fr_status fr_bus_publish_post(struct fr_bus *bus, int64_t author_id, int64_t event_id,
                                                  struct fr_str data, fr_bus_acked_fn acked, void *arg,
                                                  struct fr_error *error);

/* What was published so far goes to the server now instead of within a millisecond, if this is not asked for
 * more often than once a millisecond. Never blocks. */
void fr_bus_flush(struct fr_bus *bus);

/* ---- nudges: "there is news in partition N", core NATS, may be lost ---- */
/* A bit for each partition: fr_bus_nudge_bit(author). Never blocks; nudges of the same partition that come
 * together are sent as one. */
void fr_bus_nudge(struct fr_bus *bus, uint32_t partitions);
static inline uint32_t fr_bus_nudge_bit(int64_t author_id)
{
    return UINT32_C(1) << fr_partition_of(author_id, FR_AUTHOR_PARTITIONS);
}
/* "A partition has no owner now", to all materializers; likewise. */
void fr_bus_nudge_free(struct fr_bus *bus);
/* One subscription to all partitions, once for each bus (else FR_CONFLICT); `nudged` gets the partition, or
 * FR_NUDGE_FREE. */
#define FR_NUDGE_FREE (-1)
FR_WARN_UNUSED enum fr_status fr_bus_subscribe_nudges(struct fr_bus *bus,
                                                      void (*nudged)(void *arg, int partition), void *arg,
                                                      struct fr_error *error);

/* ---- live flow: ephemeral consumers of one gateway ---- */
struct fr_feed; /* the one deliver subject gw.<gateway>x<nonce> of a process and all consumers on it */

/* A place in the stream of a user: everything up to `sequence` has been seen. `epoch` is the creation time of
 * the stream that counted it (Unix time in ns), because a stream that was lost and declared again counts
 * from 1. */
struct fr_feed_place {
    int64_t epoch; /* 0: no place */
    uint64_t sequence;
};

struct fr_feed_message {
    uint64_t consumer;     /* the number given to fr_feed_create() */
    int64_t user_id;       /* whose flow it belongs to, from the message's own subject */
    int partition;         /* of that user: 0..FR_FEED_PARTITIONS-1 */
    uint64_t stream_seq;   /* place in the user's stream */
    uint64_t consumer_seq; /* 1, 2, 3 … for each consumer; a jump means that some were dropped on the way */
    int64_t timestamp_ms;  /* stored by the server at, Unix time */
    uint64_t pending;      /* messages for this consumer still behind this one */
    struct fr_str data;    /* borrowed during the callback */
};

struct fr_feed_created {
    uint64_t consumer;
    int partition;
    enum fr_status status; /* FR_OK; FR_TIMEOUT: no answer within 5 s; FR_UNAVAILABLE: disconnected or
                              refused; FR_FULL */
    int64_t epoch; /* of the stream, as this process knew it when the request was sent: maybe an older one;
                      0: it was not sent, so nothing can exist */
    uint64_t sequence; /* with FR_OK: the consumer begins behind this one */
    uint64_t pending;  /* with FR_OK: messages that it had before it when it was made */
};

/* What the server says of the stream of a partition. */
struct fr_feed_looked {
    int partition;
    uint64_t number;       /* answers all looks of this partition up to this one */
    enum fr_status status; /* FR_OK; FR_TIMEOUT; FR_UNAVAILABLE: disconnected, or there is no such stream */
    int64_t epoch;
    uint64_t first, last; /* sequences; an empty stream's first is behind its last, or both are 0 */
};

/* What the stream has for a user behind a place. */
struct fr_feed_sought {
    uint64_t consumer, head; /* as they were given */
    uint64_t next;           /* sequence of the first message behind the place; 0: there is none */
};

struct fr_feed_callbacks {
    /* A message for a consumer. One library thread, in the order of the connection. May come before
     * `created`. */
    void (*message)(void *arg, const struct fr_feed_message *message);
    /* Answer to fr_feed_create(), exactly once for each call, from any thread, even from within it. */
    void (*created)(void *arg, const struct fr_feed_created *created);
    /* Answer to fr_feed_look(), any thread; of one partition in the order of the numbers. */
    void (*looked)(void *arg, const struct fr_feed_looked *looked);
    /* Answer to fr_feed_seek(), any thread. */
    void (*sought)(void *arg, const struct fr_feed_sought *sought);
    /* The client library's own bound was reached and it dropped messages, of which consumers is not known. */
    void (*lost)(void *arg);
    void *arg;
};

/* `gateway` is unique among live gateways, [A-Za-z0-9]{1,32}. */
FR_WARN_UNUSED enum fr_status fr_feed_open(struct fr_bus *bus, const char *gateway,
                                           const struct fr_feed_callbacks *callbacks, struct fr_feed **ret,
                                           struct fr_error *error);
/* After it returns no callback runs any more; creations not answered by then stay so. The server forgets the
 * consumers 30 s later. Before fr_bus_close(). NULL is fine. */
void fr_feed_close(struct fr_feed *feed);
/* Asks for an ephemeral consumer on the user's subject: push, no acks, memory, inactive threshold 30 s. At
 * most 256 requests are in flight; the rest wait in order within the module (while disconnected for 5 s).
 * Never blocks. `seen` NULL or without an epoch: what is published from now on. Else what follows that
 * sequence. Whether the stream is still the place's, and still has all that follows it, is the caller's to
 * judge, by a look before and a look after: a start that the stream has not is moved without a word. */
void fr_feed_create(struct fr_feed *feed, uint64_t consumer, int64_t user_id,
                    const struct fr_feed_place *seen);
/* A closed connection must delete its consumer itself: the shared deliver subject keeps its interest. No
 * answer; after the consumer's creation was answered. Never blocks. It is asked of the server some seconds
 * later, until when messages of the consumer may come. While disconnected up to 65,536 deletions are kept. */
void fr_feed_delete(struct fr_feed *feed, uint64_t consumer, int partition);

/* Asks for the state of a partition's stream. `looked` will tell it with this number or a later one: the
 * request was sent after this call. At most one is on its way for each partition, and all who ask meanwhile
 * share the next. Never blocks; while disconnected it waits for 5 s. */
uint64_t fr_feed_look(struct fr_feed *feed, int partition);

/* Asks the stream for the first message of a user behind the sequence `after`. `consumer` and `head` come
 * back with the answer. It is asked of what the stream stores, after this call, and not of a consumer: how
 * many messages that has still before it the server counts some time after they were stored. For what has
 * time: creations go first, and there is no answer when too much waits or anything goes wrong. Never blocks.
 */
void fr_feed_seek(struct fr_feed *feed, uint64_t consumer, int64_t user_id, uint64_t after, uint64_t head);

/* ---- live flow of celebrities: the whole stream CELEB, once for each process ---- */
struct fr_celebrities; /* one ordered consumer with a deliver subject of its own */

struct fr_celebrity_message {
    int64_t author_id;    /* from the message's own subject */
    int64_t epoch;        /* of CELEB; certain once `current` was told after it */
    uint64_t stream_seq;  /* place in CELEB */
    int64_t timestamp_ms; /* stored by the server at, Unix time */
    struct fr_str data;   /* borrowed during the callback */
};

/* Called one at a time and in order, on threads of the bus; they must not call back into the bus. */
struct fr_celebrities_callbacks {
    /* Each message once, in the stream's order: first those that the stream holds (the resume window), then
     * what is published. */
    void (*message)(void *arg, const struct fr_celebrity_message *message);
    /* True: all that the stream held when reading began, or began again after an interruption, has been told,
     * and from now on messages come as they are published; `place` is the last of it, under the epoch that
     * the server itself has named since. False: reading is interrupted; what is published meanwhile comes
     * later, before the next true. False at first. */
    void (*current)(void *arg, bool current, const struct fr_feed_place *place);
    /* Between the last message and the next there were others that cannot be had any more: the stream was
     * declared anew, or kept them no longer. Not told before the first `current`. */
    void (*lost)(void *arg);
    void *arg;
};

/* `gateway` as for fr_feed_open(). Reading begins, and goes on after each interruption, by itself. */
FR_WARN_UNUSED enum fr_status fr_celebrities_open(struct fr_bus *bus, const char *gateway,
                                                  const struct fr_celebrities_callbacks *callbacks,
                                                  struct fr_celebrities **ret, struct fr_error *error);
/* After it returns no callback runs any more. Before fr_bus_close(). NULL is fine. */
void fr_celebrities_close(struct fr_celebrities *reader);

#endif
