/* The one thing that HTTP/2 connections must be able to do and libh2o has no public call for. */
#ifndef FR_HTTP_HTTP2_RESET_H
#define FR_HTTP_HTTP2_RESET_H

#include <h2o.h>

/* Ends one stream of an HTTP/2 connection with RST_STREAM, error CANCEL (RFC 9113 section 6.4), and leaves
 * the others alone. `req` is being answered; its memory goes, now or when a write under way is done. Not from
 * within a callback of the same connection but a generator's. */
void fr_http2_reset(h2o_req_t *req);

#endif
