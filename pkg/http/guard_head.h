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

/* A whole head of HTTP/1 that a proxy in front may take for another request than libh2o does, which is how
 * requests are smuggled: where its body ends said twice (RFC 9112 section 6.3), or by chunks in HTTP/1.0
 * (6.1); several Host (3.2); a blank between a name and its colon, a line without a colon (5.1), or a folded
 * one (5.2). What stands behind the head is not looked at. */
bool fr_head_is_ambiguous(struct fr_str head, bool http10);

#endif
