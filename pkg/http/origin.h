/* Which pages in a browser may call (RFC 6454, --allowed-origins): one rule for CORS and for the handshake of
 * a WebSocket. Pure.
 *
 * The setting lists origins, `scheme://host[:port]` separated by commas, or is `*` for any, or empty. The
 * gateway's own origin always passes: the scheme, host and port of the request itself. Where the scheme is
 * not known, either passes: a proxy that nobody told us of may speak TLS before us. A request without Origin
 * is not a page's, and passes. */
#ifndef FR_HTTP_ORIGIN_H
#define FR_HTTP_ORIGIN_H

#include "base/base.h"

/* FR_INVALID, naming `flag`, for a list that can't be meant. */
FR_WARN_UNUSED enum fr_status fr_origins_check(struct fr_str allowed, const char *flag,
                                               struct fr_error *error);
/* The list is `*`. */
bool fr_origins_any(struct fr_str allowed);
/* `origin`: the header's value, empty if there is none; `scheme` and `authority` are the request's: `http`,
 * `https` or empty if that is not known; its Host or :authority. */
bool fr_origin_allowed(struct fr_str allowed, struct fr_str origin, struct fr_str scheme,
                       struct fr_str authority);

#endif
