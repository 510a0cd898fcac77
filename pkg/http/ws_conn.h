/* A WebSocket connection over a socket of libh2o: reading, the bounded queue, pings, and the closing
 * handshake.
 *
 * States, moved by one function (ws_conn.c has the table):
 *   opening → open → closing → closed, and open → flushing → closed when the peer closes first
 * Frames may be queued while it is still opening; they are written after the 101. The frames of a tick are
 * joined into one write. Idle, a connection holds no buffer but this structure and the socket's own.
 *
 * Belongs to its loop's thread. Embedded in whatever uses it; `closed` is the last that is heard from it.
 */
#ifndef FR_HTTP_WS_CONN_H
#define FR_HTTP_WS_CONN_H

#include "http/http_loop.h"
#include "http/ws_frame.h"

struct fr_frame;
struct fr_ws;

enum {
    FR_WS_PING_MS = 25000,
    FR_WS_SILENCE_MS = 60000,
    FR_WS_CLOSE_MS = 10000,   /* for the peer to answer a close */
    FR_WS_OPENING_MS = 15000, /* from the handshake's check to the 101 */
    FR_WS_WRITE_FRAMES = 256, /* joined into one write */
    FR_WS_MESSAGE_HEAD_MAX = 512,
    /* What may come within one tick for a connection whose socket took everything so far: a burst that it had
     * no chance to write yet does not make a slow client. */
    FR_WS_BURST_BYTES = 4 * FR_CONNECTION_QUEUE_BYTES,
};

enum fr_ws_state {
    FR_WS_OPENING,
    FR_WS_OPEN,
    FR_WS_CLOSING,  /* our close frame is queued or sent, the peer's is waited for */
    FR_WS_FAILING,  /* the peer broke the protocol: our close frame, then our end; its end is waited for */
    FR_WS_FLUSHING, /* both close frames are there, ours has still to be written */
    FR_WS_CLOSED,
};

struct fr_ws_verbs {
    /* A piece of a message; NULL: this endpoint takes none, and any is closed with 1008. */
    void (*data)(struct fr_ws *ws, const struct fr_ws_piece *piece);
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

struct fr_ws {
    const struct fr_ws_verbs *verbs;
    struct fr_http_loop *home;
    h2o_socket_t *sock; /* NULL while opening and when closed */
    enum fr_ws_state state;
    struct fr_ws_parser parser;
    struct fr_ws_entry *queue, **queue_end;
    unsigned in_flight;    /* the first so many are being written */
    size_t queue_bytes;    /* payloads and entries */
    struct fr_timer timer; /* pings while open; the deadline of whatever else */
    struct fr_task flush;
    int64_t heard_ms; /* monotonic: when the peer last sent anything */
    bool upgrading;   /* fr_ws_attach() is still to come, whatever happens: the memory must stay */
    bool close_queued;
};

void fr_ws_init(struct fr_ws *ws, struct fr_http_loop *home, const struct fr_ws_verbs *verbs,
                uint64_t message_max);
/* Before fr_call_upgrade(): fr_ws_attach() will follow. */
void fr_ws_expect_attach(struct fr_ws *ws);
/* The answer of fr_call_upgrade(): the socket, whose first `request_len` bytes of input are the request; or
 * NULL. */
void fr_ws_attach(struct fr_ws *ws, h2o_socket_t *sock, size_t request_len);
/* Queues a message in one frame: a copy of `head`, and behind it `frame`, which is held (NULL: nothing).
 * `head` has FR_WS_MESSAGE_HEAD_MAX bytes at most. FR_FULL past FR_CONNECTION_QUEUE_BYTES while the socket
 * takes no more, past FR_WS_BURST_BYTES else; FR_CANCELLED when closing. */
FR_WARN_UNUSED enum fr_status fr_ws_send(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                                         struct fr_frame *frame);
/* Starts the closing handshake. `drop_queued`: what is not yet being written is given up for it. */
void fr_ws_close(struct fr_ws *ws, int code, const char *reason, bool drop_queued);
/* Gives up what is not yet being written. */
void fr_ws_drop_queued(struct fr_ws *ws);
/* Closes without a handshake; calls `closed` at once (or, while an attach is expected, then). */
void fr_ws_abort(struct fr_ws *ws);
/* The same, but in the next round of the loop: for callers who still use the memory. */
void fr_ws_abort_later(struct fr_ws *ws);

#endif
