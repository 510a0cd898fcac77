/* An answer that is given in pieces for as long as both sides like: the stream of a live connection, over
 * HTTP/1 and HTTP/2.
 *
 * States, moved by one function (stream.c has the table): waiting → open → ending → gone. While it is
 * waiting the call is still the caller's; fr_stream_begin() answers it. The pieces of a tick are joined into
 * one send; while that is under way, what comes is queued. On HTTP/2 each stream of a connection has a window
 * of its own, so that one whose client does not read holds up none of the others.
 *
 * The bytes of a body are shared: on HTTP/1 in the clear they go from the one copy to the socket. HTTP/2
 * copies them once, into the frames of the connection's next write; TLS encrypts that.
 *
 * Belongs to its loop's thread. Embedded in whatever uses it; `gone` is the last that is heard from it. */
#ifndef FR_HTTP_STREAM_H
#define FR_HTTP_STREAM_H

#include "http/http_loop.h"
#include "http/outqueue.h"
#include "http/stream_frame.h"

struct fr_frame;
struct fr_message;
struct fr_stream;

enum {
    FR_STREAM_HEARTBEAT_MS = 15000,
    FR_STREAM_WAITING_MS = 15000, /* for the flow to start */
    FR_STREAM_ENDING_MS = 10000,  /* for the client to take what is left */
    FR_STREAM_SEND_PIECES = 64,   /* joined into one send */
};

enum fr_stream_state { FR_STREAM_WAITING, FR_STREAM_OPEN, FR_STREAM_ENDING, FR_STREAM_GONE };

struct fr_stream_verbs {
    /* The client is too slow (fr_outqueue_deadline_ms()). From a timer. */
    void (*too_slow)(struct fr_stream *stream);
    /* Its client sends no more, so it went. HTTP/1 alone: over HTTP/2 the request is over then. From a
     * descriptor; it should be ended. */
    void (*left)(struct fr_stream *stream);
    /* The request is over, for whatever reason; its memory may go now. Never from within a call of this
     * module but fr_stream_abort(). */
    void (*gone)(struct fr_stream *stream);
};

/* A piece that waits or is being sent; its own memory, because a send refers to it. */
struct fr_stream_piece {
    struct fr_stream_piece *next;
    struct fr_frame *body; /* what is shared; NULL: nothing */
    uint16_t len;
    bool terminated; /* format->behind follows */
    uint8_t bytes[]; /* the connection's own part, in front */
};

struct fr_stream {
    const struct fr_stream_verbs *verbs;
    const struct fr_stream_format *format;
    const struct fr_outqueue_rule *rule;
    struct fr_http_loop *home;
    enum fr_stream_state state;
    h2o_generator_t generator;
    h2o_req_t *req; /* NULL: not begun, or over */
    struct fr_stream_piece *queue, **queue_end;
    unsigned in_flight; /* the first so many are being sent */
    bool begun;         /* the head is sent or under way */
    bool sending;
    bool final_sent; /* with the send that is under way */
    struct fr_outqueue waiting;
    uint32_t counted; /* of the bytes that wait, in the metric */
    struct fr_task flush;
    struct fr_watch client; /* HTTP/1, while open: whether it goes */
    struct fr_timer timer;  /* heartbeats while open; the deadline of whatever else */
    struct fr_timer slow;   /* when the client becomes too slow */
};

void fr_stream_init(struct fr_stream *stream, struct fr_http_loop *home,
                    const struct fr_stream_format *format, const struct fr_stream_verbs *verbs);
/* Answers the call, which must not be gone, with 200 and the headers added so far. */
void fr_stream_begin(struct fr_stream *stream, struct fr_call *call);
/* Queues an envelope: a copy of its head, and its body, which is held. FR_FULL by the rule of outqueue.h;
 * FR_CANCELLED when it is ending. A bye is always taken. */
FR_WARN_UNUSED enum fr_status fr_stream_send(struct fr_stream *stream, const struct fr_message *message);
/* Gives up what waits and is not yet being sent. */
void fr_stream_drop(struct fr_stream *stream);
/* Ends it when what is queued is sent. */
void fr_stream_end(struct fr_stream *stream);
/* Cuts it off, without harm to other streams of the same connection. */
void fr_stream_abort(struct fr_stream *stream);
/* The same, but in the next round of the loop: for callers who still use the memory. */
void fr_stream_abort_later(struct fr_stream *stream);
/* NULL unless it is open or ending. */
h2o_socket_t *fr_stream_socket(const struct fr_stream *stream);

#endif
