/* A feed has two sides: feed.c is the reader's, who takes events out of a queue; feed_stream.c the thread's,
 * which keeps a stream open and puts them in. Between them is `lock`. */
#ifndef FRESHET_FEED_INTERNAL_H
#define FRESHET_FEED_INTERNAL_H

#include "client_internal.h"
#include "codec.h"
#include "feed_state.h"
#include "frames.h"
#include "seen.h"

/* An event that waits for its reader, with what it points to. */
struct feed_item {
    struct fr_ring in;
    freshet_event event;
    struct envelope *envelope; /* NULL: it points to nothing of one */
    freshet_error error;
    char cursor[CODEC_CURSOR_SIZE];
};

struct freshet_feed {
    /* Set once. */
    struct freshet_client *client;
    struct freshet_canceller *canceller;
    size_t queue_max;
    int snapshot;
    /* Any thread. */
    atomic_bool cancelled, closing;
    bool gone; /* under the client's lock: the thread has let go of it */

    /* Under `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* by the monotonic clock */
    struct fr_ring queue;
    size_t count;
    freshet_state state;
    bool paused; /* the stream waits for room in the queue, or would be opened if there were some */
    bool ended;
    freshet_error end;              /* why */
    char cursor[CODEC_CURSOR_SIZE]; /* behind what was read, or newer while there is nothing to read */

    /* The reader's. */
    struct feed_item *read;
    char cursor_told[CODEC_CURSOR_SIZE];

    /* The thread's. */
    struct fr_ring in;
    struct exchange exchange;
    struct frames frames;
    struct fr_buf problem; /* the body of an answer that is no stream */
    struct seen seen;
    struct backoff backoff;
    char received[CODEC_CURSOR_SIZE]; /* cursor to go on from */
    int64_t again_ms;                 /* the next attempt, not before */
    int64_t heard_ms;                 /* when anything last came on the stream */
    int64_t live_ms;                  /* since when the present stream is live; 0: it is not */
    uint64_t token_generation, token_awaited;
    bool renewed; /* the token was refused since the feed was live last */
    bool mangled; /* what came on the stream was no envelope */
    bool said_bye;
    int bye_code;
    int64_t bye_wait_ms;
    char bye_reason[128];
};

/* ---- feed.c: the queue ---- */

/* Takes ownership of `item`. A STATE behind the same one takes its place. */
void feed_queue_put(struct freshet_feed *feed, struct feed_item *item);
/* Whether there is room; if not, whoever makes some wakes the thread. */
bool feed_queue_has_room(struct freshet_feed *feed);
/* The place moved without an event. */
void feed_queue_note_cursor(struct freshet_feed *feed, const char *cursor);
/* No event comes any more: the reader is told `why` when the queue is empty. */
void feed_queue_end(struct freshet_feed *feed, const freshet_error *why);

/* ---- feed_stream.c ---- */

/* Tells the first state; before the thread has it. */
void feed_stream_begin(struct freshet_feed *feed);

#endif
