/* A live connection: a subscriber of the hub with a token that ends, whatever carries it. live_ws.c and
 * live_stream.c are the carriers, and embed this.
 *
 * Its life: fr_live_begin() while the request waits for its answer; `accept` when the flow has started (the
 * 101, or the answer's head); messages; then `close`, once, or the peer goes. Whoever carries it calls
 * fr_live_gone() when the connection is over, and frees it afterwards.
 *
 * It ends when its token does: by time, or because it was revoked; when the client is too slow or its user
 * has too many; when the flow or the gateway stops. Who speaks envelopes is told with a `bye` first, which
 * says when to come back.
 *
 * Belongs to its loop's thread. */
#ifndef FR_HTTP_LIVE_H
#define FR_HTTP_LIVE_H

#include "auth/revocations.h"
#include "delivery/delivery.h"
#include "http/http_loop.h"
#include "timeline/pages.h"

struct fr_live;

enum fr_live_phase {
    FR_LIVE_OPENING,  /* waits for the flow */
    FR_LIVE_SNAPSHOT, /* was told to forget what it shows; its page follows */
    FR_LIVE_FLOWING,
};

/* What its carrier knows of a connection, for operators. */
struct fr_live_carriage {
    h2o_socket_t *sock; /* NULL: not at this moment */
    bool http2;
    size_t bytes_queued;
    int64_t slow_since_ms; /* monotonic; 0: the client keeps up */
};

struct fr_live_verbs {
    /* The flow has started: answer the call, which is not the live connection's any more. */
    void (*accept)(struct fr_live *live, struct fr_call *call);
    /* As fr_subscriber_verbs.send. */
    enum fr_status (*send)(struct fr_live *live, const struct fr_message *message);
    /* Give up what waits to be written (and is not being written already), so that there is room for a bye.
     * NULL: `close` can do that only, and a connection whose queue is full gets no bye. */
    void (*drop)(struct fr_live *live);
    /* None of these two may free it within the call. */
    /* Say goodbye in good form, then end. `code` is a close code of WebSocket. `drop_queued`: what waits to
     * be written is given up. Once accepted; harmless if it is closing already. */
    void (*close)(struct fr_live *live, int code, const char *reason, bool drop_queued);
    /* Before it was accepted: end in the next round of the loop. */
    void (*abort)(struct fr_live *live);
    /* Once accepted. */
    void (*describe)(struct fr_live *live, struct fr_live_carriage *ret);
};

struct fr_live {
    const struct fr_live_verbs *verbs;
    enum fr_live_carrier carrier; /* set before fr_live_begin() */
    enum fr_live_phase phase;
    uint64_t number, frames; /* unique in the process; sent so far */
    int64_t since_ms;        /* monotonic */
    struct fr_http_loop *home;
    struct fr_client_address client;
    struct fr_subscriber subscriber;
    struct fr_page_feed page_feed; /* the user's first page is kept current by what comes here */
    struct fr_ring ring;           /* home->lives: those that were not told to go yet */
    struct fr_ring same_token;     /* those of the same token in this loop, in no order; see live_tokens.c */
    struct fr_timer expiry;        /* the token's end; or, past the user's limit, the refusal */
    struct fr_call *call;          /* until it is accepted */
    struct fr_token_key token;
    int64_t issued_ms, expires_ms; /* of the token; Unix time */
    bool resumes;                  /* it came with a cursor */
    bool page_was_read;            /* since the last reset that was sent */
    bool indexed;                  /* by its token */
    bool counted;                  /* as one of the user's connections */
    bool accepted;
    bool ended;          /* told to go */
    bool token_is_ended; /* while it waited: the call is answered with 401 */
};

/* What a connection asks for: reads snapshot= and cursor= (`last_event_id` instead, if that is not empty).
 * False: the call is answered. */
FR_WARN_UNUSED bool fr_live_read_join(struct fr_call *call, struct fr_str last_event_id, struct fr_join *ret,
                                      struct fr_cursor *ret_cursor);
/* Joins the hub; or, past the user's limit, accepts in the next round, and ends at once with 4003. FR_OK, or
 * the connection must be ended by whoever carries it. */
FR_WARN_UNUSED enum fr_status fr_live_begin(struct fr_live *live, struct fr_call *call,
                                            const struct fr_live_verbs *verbs, const struct fr_join *join);
/* More than the soft bound has waited for too long (outqueue.h): leaves the hub, is counted and closed. */
void fr_live_too_slow(struct fr_live *live);
/* The client sent another token. A good one of the same user: the session ends when that one does. Else the
 * connection is told to go: with 4001 if the token has expired or is revoked, with 1008 if it is none of ours
 * or another user's. Once accepted. */
void fr_live_authenticate(struct fr_live *live, struct fr_str token);
/* Tells it to go: a bye, then `close`. Before it was accepted: `abort`. `drop_queued`: the bye replaces what
 * waits to be written. Only the first time counts. For the carriers too: whatever ends a connection for a
 * reason that its client should know comes through here. */
void fr_live_end(struct fr_live *live, int code, const char *reason, bool drop_queued);
/* Its client sends no more: the same without a word. Whoever reads on sees the end that its carrier has. */
void fr_live_left(struct fr_live *live);
/* The connection is over: leaves the hub; answers the call if it still waits. */
void fr_live_gone(struct fr_live *live);

/* ---- live_tokens.c: who was let in with which token ---- */
void fr_live_index(struct fr_live *live);
void fr_live_unindex(struct fr_live *live);
/* Calls `tell` for each live connection that the revocation covers; which may end it, but not free it. */
void fr_live_find_revoked(struct fr_http_loop *home, const struct fr_revocation *revocation,
                          void (*tell)(struct fr_live *live));

#endif
