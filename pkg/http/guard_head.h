/* Reads the head of an HTTP/1 request as it grows, before libh2o does, which takes 400 KB. Pure. */
#ifndef FR_HTTP_GUARD_HEAD_H
#define FR_HTTP_GUARD_HEAD_H

#include "base/base.h"

enum {
    HTTP_TARGET_MAX = 8192,       /* path and query; past it 414 */
    HTTP_HEADERS_MAX = 16 * 1024, /* names and values of all header fields; past it 431 */
    HTTP_HEADER_FIELDS_MAX = 100, /* past it 431 */
    HTTP_HEAD_MAX = 32 * 1024,    /* of an HTTP/1 request that goes on: it is not waited for more */
};

enum fr_head_result {
    FR_HEAD_MORE, /* not there in whole */
    FR_HEAD_DONE,
    FR_HEAD_TARGET_TOO_LONG,
    FR_HEAD_TOO_LARGE,
    FR_HEAD_TOO_MANY_FIELDS,
};

/* Zeroed for each request. */
struct fr_head_scan {
    uint32_t seen;  /* bytes */
    uint16_t lines; /* ended */
    bool line_used; /* something but a carriage return came since the last line's end */
    bool done;
};

/* `bytes` are all that came of the request so far; only new ones are looked at. Once done it stays done. */
enum fr_head_result fr_head_scan(struct fr_head_scan *scan, const char *bytes, size_t len);

#endif
