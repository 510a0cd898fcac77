/* A WebSocket connection over a socket of libh2o: reading, the bounded queue, pings, and the closing
 * handshake (RFC 6455).
 *
 * States, moved by one function (ws_conn.c has the table):
 *   opening → open → closing → flushing → ending → closed
 * A connection that the peer closes, or that breaks the protocol, goes from open to flushing. Frames may be
 * queued while it is still opening; they are written after the 101. The frames of a tick are joined into one
 * write; one that is known to be alone is written at once, without being queued. Idle, a connection holds no
 * buffer but this structure and the socket's own; what the parser has to know between two reads is kept only
 * within a frame or message.
 *
 * What is in the clear is written to the descriptor itself; libh2o does it for TLS, and for what the system
 * does not take at once, because it tells of the end of each write in a later look at each connection.
 *
 * While too much waits to be written nothing is read: answers to what a peer sends (pongs, an echo) are
 * bounded by that.
 *
 * Belongs to its loop's thread. Embedded in whatever uses it; `closed` is the last that is heard from it.
 */
#ifndef FR_HTTP_WS_CONN_H
#define FR_HTTP_WS_CONN_H

#include "http/nested_loop.h"
#include "http/outqueue.h"
#include "http/ws_frame.h"

struct fr_frame;
struct fr_ws;

enum {
    FR_WS_PING_MS = 25000,
    FR_WS_SILENCE_MS = 60000,
    FR_WS_CLOSE_MS = 10000,        /* for the peer to answer a close, and to take ours */
    FR_WS_END_MS = 2000,           /* for the peer to end the connection when both have closed */
    FR_WS_OPENING_MS = 15000,      /* from the handshake's check to the 101 */
    FR_WS_WRITE_FRAMES = 256,      /* joined into one write at most, */
    FR_WS_WRITE_BYTES = 64 * 1024, /* or so many bytes and a frame: its end tells how the peer gets on */
    FR_WS_ALONE_BYTES = 1024,      /* a longer frame is always queued */
    FR_WS_MESSAGE_HEAD_MAX = 512,
};

enum fr_ws_state {
    FR_WS_OPENING,
    FR_WS_OPEN,
    FR_WS_CLOSING,  /* our close frame is queued or sent, the peer's is waited for */
    FR_WS_FLUSHING, /* what the peer sends means nothing any more; our close frame is still to be written */
    FR_WS_ENDING,   /* it is written, and our half of the connection closed: the peer's end is waited for */
    FR_WS_CLOSED,
};

struct fr_ws_verbs {
    /* A piece of a message; NULL: this endpoint takes none, and any is closed with 1008. Must not abort. */
    void (*data)(struct fr_ws *ws, const struct fr_ws_piece *piece);
    /* Much has waited for too long: must close it. NULL: the peer may take its time. */
    void (*slow)(struct fr_ws *ws);
    /* The connection is gone; its memory may go now. Never from within a call of this module but
     * fr_ws_abort(). */
    void (*closed)(struct fr_ws *ws);
};

/* A frame that waits or is being written; its own piece of memory, because a write refers to it. */
struct fr_ws_entry {
    struct fr_ws_entry *next;
    struct fr_frame *frame; /* what is shared of the payload; NULL: nothing */
    uint16_t len;
    uint8_t bytes[]; /* the frame's header and the connection's own part of the payload */
};

/* What each frame needs stands together at the front: with ten thousand connections every line of the cache
 * that a frame touches is fetched anew. */
struct fr_ws {
    const struct fr_ws_verbs *verbs;
    struct fr_nested_loop *home;
    const struct fr_outqueue_rule *rule;
    h2o_socket_t *sock; /* NULL while opening and when closed */
    struct fr_ws_entry *queue, **queue_end;
    int fd; /* of `sock`, if it is in the clear; else -1 */
    enum fr_ws_state state;
    struct fr_outqueue waiting; /* entries and payloads */
    unsigned in_flight;         /* the first so many entries are being written by libh2o */
    uint32_t counted;           /* bytes of `waiting` that are in the metric */
    struct fr_task flush;
    bool upgrading; /* fr_ws_attach() is still to come, whatever happens: the memory must stay */
    bool close_queued;
    bool peer_closed; /* its close frame came */
    bool peer_ended;  /* the end of what it sends came */
    bool paused;      /* nothing is read, because too much waits to be written */
    uint32_t message_max;
    int64_t heard_ms;            /* monotonic: when the peer last sent anything, or could again */
    int64_t ping_ms;             /* monotonic: when the next ping is due */
    struct fr_timer timer;       /* pings, silence and slowness while open; the deadline of whatever else */
    struct fr_ws_parser *parser; /* of what is not complete yet; NULL: nothing is half read */
};

/* `rule` is borrowed. Past its soft bound nothing is read. */
void fr_ws_init(struct fr_ws *ws, struct fr_nested_loop *home, const struct fr_ws_verbs *verbs,
                const struct fr_outqueue_rule *rule, uint32_t message_max);
/* Before h2o_http1_upgrade(): fr_ws_attach() will follow. */
void fr_ws_expect_attach(struct fr_ws *ws);
/* The answer of h2o_http1_upgrade(): the socket, whose first `request_len` bytes of input are the request; or
 * NULL. */
void fr_ws_attach(struct fr_ws *ws, h2o_socket_t *sock, size_t request_len);
/* Queues a message in one frame: a copy of `head`, and behind it `frame`, which is held (NULL: nothing).
 * `head` has FR_WS_MESSAGE_HEAD_MAX bytes at most. FR_FULL when the rule has no room for it; FR_CANCELLED
 * when closing. `alone`: nothing is known to follow in this tick. */
FR_WARN_UNUSED enum fr_status fr_ws_send(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                                         struct fr_frame *frame, bool alone);
/* Starts the closing handshake. `drop_queued`: what is not yet being written is given up for it. */
void fr_ws_close(struct fr_ws *ws, int code, const char *reason, bool drop_queued);
/* Gives up what is not yet being written. */
void fr_ws_drop_queued(struct fr_ws *ws);
/* Closes without a handshake; calls `closed` at once (or, while an attach is expected, then). */
void fr_ws_abort(struct fr_ws *ws);
/* The same, but in the next round of the loop: for callers who still use the memory. */
void fr_ws_abort_later(struct fr_ws *ws);

#endif
