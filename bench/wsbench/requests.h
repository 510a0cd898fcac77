/* Requests over connections that stay open (HTTP/1.1), one on the way on each. One thread.
 *
 * A connection that broke is made again with the next request; what was on its way is answered with status 0.
 */
#ifndef WSBENCH_REQUESTS_H
#define WSBENCH_REQUESTS_H

#include "address.h"

struct answer {
    uint32_t tag;
    int status;         /* 0: the connection broke */
    struct fr_str body; /* borrowed; with status 0 what happened */
    int64_t sent_ns, now_ns;
};
typedef void (*answered_fn)(void *arg, const struct answer *answer);

struct requests;
FR_WARN_UNUSED enum fr_status requests_new(const struct address *address, size_t connections,
                                           answered_fn answered, void *arg, struct requests **ret,
                                           struct fr_error *error);
void requests_free(struct requests *requests);
/* The request's whole text. False: all connections are busy. */
FR_WARN_UNUSED bool requests_send(struct requests *requests, struct fr_str text, uint32_t tag);
size_t requests_busy(const struct requests *requests);
/* Waits so long at most for answers and tells them. */
void requests_wait(struct requests *requests, int timeout_ms);

#endif
