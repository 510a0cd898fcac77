/* The Accept header (RFC 9110 section 12.5.1), as far as errors need it. */
#ifndef FR_HTTP_ACCEPT_HEADER_H
#define FR_HTTP_ACCEPT_HEADER_H

#include "base/base.h"

/* True if `accept` takes application/json and neither application/problem+json, a wildcard, so that
 * an error must be application/json. A range with q=0 counts as not taken. An absent header takes everything.
 */
bool fr_accept_json_only(struct fr_str accept);

/* Which of `types` ("text/event-stream"…, lower case) is wanted most: the one with the highest quality value,
 * and of equal ones the first. For each the most specific range that names it counts. -1 if none is
 * acceptable; the first for an absent or empty header. Parameters of a type other than q are not compared. */
int fr_accept_choose(struct fr_str accept, const char *const types[], int count);

#endif
