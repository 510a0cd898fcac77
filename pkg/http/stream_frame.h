/* How the envelopes of an event stream are written behind one another: as server-sent events (HTML standard,
 * section 9.2) or, in protobuf, each behind its length as a varint. Pure. */
#ifndef FR_HTTP_STREAM_FRAME_H
#define FR_HTTP_STREAM_FRAME_H

#include "base/base.h"
#include "wire/wire.h"

#define FR_STREAM_RETRY_MS 2000 /* for a browser to connect again, unless it was told otherwise */
/* "id: " and a cursor, "event: " and a type, "data: "; or a varint. */
#define FR_STREAM_PREFIX_MAX 192

struct fr_stream_format {
    const char *content_type;
    enum fr_encoding encoding;
    struct fr_str opening;   /* before the first envelope */
    struct fr_str heartbeat; /* says nothing, and readers skip it */
    struct fr_str behind;    /* each envelope */
};

/* text/event-stream. Its heartbeat is a comment. */
extern const struct fr_stream_format fr_stream_sse;
/* application/x-protobuf. Its heartbeat is a length of zero: an envelope without a type. */
extern const struct fr_stream_format fr_stream_protobuf;

/* Writes what stands before an envelope of `len` bytes; returns how much that is. `cursor`: 128 bytes at
 * most; empty: the event has no id. `retry_ms`: when to connect again, for readers that do so by themselves;
 * 0: as was said before. */
size_t fr_stream_prefix(char out[static FR_STREAM_PREFIX_MAX], const struct fr_stream_format *format,
                        enum fr_envelope type, struct fr_str cursor, int64_t retry_ms, size_t len);

#endif
