/* Where a change came from: travels with its event into every process's log lines. Both may be empty. */
#ifndef FR_BASE_ORIGIN_H
#define FR_BASE_ORIGIN_H

#include "base/str.h"

struct fr_origin {
    struct fr_str request_id;  /* X-Request-ID, 1..FR_REQUEST_ID_MAX printable characters */
    struct fr_str traceparent; /* W3C trace context, 55 characters */
};

#endif
