/* A live connection: a subscriber of the hub with a token that ends, whatever carries it. live_ws.c and
 * live_stream.c are the carriers, and embed this.
 *
 * Its life: fr_live_begin() while the request waits for its answer; `accept` when the flow has started (the
 * 101, or the answer's head); messages; then `close`, once, or the peer goes. Whoever carries it calls
 * fr_live_gone() when the connection is over, and frees it afterwards.
 *
 * Belongs to its loop's thread. */
#ifndef FR_HTTP_LIVE_H
#define FR_HTTP_LIVE_H

#include "delivery/delivery.h"
#include "http/http_loop.h"
#include "timeline/pages.h"

struct fr_live;

struct fr_live_verbs {
    /* The flow has started: answer the call, which is not the live connection's any more. */
    void (*accept)(struct fr_live *live, struct fr_call *call);
    /* As fr_subscriber_verbs.send. */
    enum fr_status (*send)(struct fr_live *live, const struct fr_message *message);
    /* Say goodbye in good form, then end. `code` is a close code of WebSocket. `drop_queued`: what waits to
     * be written is given up. Once accepted; harmless if it is closing already. */
    void (*close)(struct fr_live *live, int code, const char *reason, bool drop_queued);
    /* Before it was accepted: end in the next round of the loop. */
    void (*abort)(struct fr_live *live);
};

struct fr_live {
    const struct fr_live_verbs *verbs;
    struct fr_http_loop *home;
    struct fr_subscriber subscriber;
    struct fr_page_feed page_feed; /* the user's first page is kept current by what comes here */
    bool resumes;                  /* it came with a cursor */
    struct fr_ring ring;           /* home->lives: those that were not told to go yet */
    struct fr_timer expiry;
    struct fr_call *call; /* until it is accepted */
    int64_t expires_ms;   /* of the token; Unix time */
};

/* What a connection asks for: reads snapshot= and cursor= (`last_event_id` instead, if that is not empty).
 * False: the call is answered. */
FR_WARN_UNUSED bool fr_live_read_join(struct fr_call *call, struct fr_str last_event_id, struct fr_join *ret,
                                      struct fr_cursor *ret_cursor);
/* Joins the hub. FR_OK, or the connection must be ended by whoever carries it. */
FR_WARN_UNUSED enum fr_status fr_live_begin(struct fr_live *live, struct fr_call *call,
                                            const struct fr_live_verbs *verbs, const struct fr_join *join);
/* The connection is over: leaves the hub; answers the call if it still waits. */
void fr_live_gone(struct fr_live *live);

#endif
