/* The query of a URL: pairs joined by '&', percent-encoded, '+' for a space (the form encoding of HTML, which
 * is what the clients' libraries write). No state, no HTTP library. */
#ifndef FR_HTTP_QUERY_H
#define FR_HTTP_QUERY_H

#include "base/base.h"

/* The first value of `name` in `query` (without the '?'), as it came. False if absent. Names are compared
 * decoded; one that is badly encoded matches nothing. */
bool fr_query_find(struct fr_str query, const char *name, struct fr_str *ret_raw);

/* Decodes %xx and '+' into `out`, which has room for raw.len bytes. False for a '%' without two hexadecimal
 * digits, a NUL, or bytes that are not UTF-8. */
bool fr_query_decode(struct fr_str raw, char *out, size_t *ret_len);

#endif
