/* /debug/connections of the admin listener: what is connected to the gateway's loops, in JSON.
 *
 * What there is to tell belongs to the threads of the loops. So each is asked by a message, and writes its
 * part; when all have, the admin listener's thread answers, at the latest when the time for it is over: then
 * the answer says which loops were silent. */
#ifndef FR_HTTP_DEBUG_CONNECTIONS_H
#define FR_HTTP_DEBUG_CONNECTIONS_H

#include "http/http_loop.h"

enum {
    FR_DEBUG_CONNECTIONS_DEFAULT = 1000,
    FR_DEBUG_CONNECTIONS_MAX = 10000, /* listing takes a loop about a microsecond for each */
    FR_DEBUG_WAIT_MS = 1000,
    FR_DEBUG_ASKED_MAX = 4, /* requests that wait; past it 503 */
};

/* Of the admin listener's thread. */
struct fr_debug {
    /* Takes the bytes of `body`. */
    void (*answer)(h2o_req_t *req, int http_status, const char *type, struct fr_buf *body);
    struct fr_loop *loop;
    struct fr_mailbox *answers;
    struct fr_ring asked; /* struct ask */
    int asked_count;
};

void fr_debug_begin(struct fr_debug *debug, struct fr_loop *loop,
                    void (*answer)(h2o_req_t *, int, const char *, struct fr_buf *));
/* Connections of the admin listener are closed. Loops may still be about to answer. */
void fr_debug_end(struct fr_debug *debug);
/* Answers `req`, later. `server` and its loops must outlive `debug`. */
void fr_debug_connections(struct fr_debug *debug, struct fr_server *server, h2o_req_t *req);

#endif
