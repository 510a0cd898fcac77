/* Idempotency-Key: requests that clients may repeat. The write keeps its answer, in its own transaction,
 * under the user's key and a hash of the request; whoever writes so takes a struct fr_once. */
#ifndef FR_HTTP_IDEMPOTENCY_H
#define FR_HTTP_IDEMPOTENCY_H

#include "http/http_internal.h"

/* FR_OK and NULL without the header: the request is like any other. FR_INVALID for a bad key. What counts as
 * the same request is the route, the body's encoding, and its bytes. *ret is the call's own memory. */
FR_WARN_UNUSED enum fr_status fr_call_once(struct fr_call *call, const struct fr_once **ret,
                                           struct fr_error *error);

#endif
