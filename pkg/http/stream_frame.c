#include "http/stream_frame.h"

#include <assert.h>
#include <stdio.h>

#define STRING_OF(x) #x
#define TEXT_OF(x) STRING_OF(x)

/* A reader of server-sent events takes an event when an empty line comes. JSON has no line feeds of its own,
 * so that one data line always does. */
const struct fr_stream_format fr_stream_sse = {
    .content_type = "text/event-stream",
    .encoding = FR_ENCODING_JSON,
    .opening = FR_STR("retry: " TEXT_OF(FR_STREAM_RETRY_MS) "\n\n"),
    .heartbeat = FR_STR(":\n\n"),
    .behind = FR_STR("\n\n"),
};

const struct fr_stream_format fr_stream_protobuf = {
    .content_type = "application/x-protobuf",
    .encoding = FR_ENCODING_PROTOBUF,
    .heartbeat = FR_STR("\0"),
};

static size_t put_varint(char *out, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        out[len++] = (char)(value | 0x80);
    out[len++] = (char)value;
    return len;
}

size_t fr_stream_prefix(char out[static FR_STREAM_PREFIX_MAX], const struct fr_stream_format *format,
                        enum fr_envelope type, struct fr_str cursor, int64_t retry_ms, size_t len)
{
    if (format->encoding == FR_ENCODING_PROTOBUF)
        return put_varint(out, len);
    int used = 0;
    if (cursor.len > 0)
        used = snprintf(out, FR_STREAM_PREFIX_MAX, "id: %.*s\n", FR_STR_ARG(cursor));
    else if (type == FR_ENVELOPE_RESET) /* an empty one takes the browser's away: see docs/protocol.md */
        used = snprintf(out, FR_STREAM_PREFIX_MAX, "id:\n");
    if (retry_ms > 0)
        used +=
            snprintf(out + used, (size_t)(FR_STREAM_PREFIX_MAX - used), "retry: %lld\n", (long long)retry_ms);
    used += snprintf(out + used, (size_t)(FR_STREAM_PREFIX_MAX - used),
                     "event: %s\ndata: ", fr_wire_envelope_name(type));
    assert(used < FR_STREAM_PREFIX_MAX);
    return (size_t)used;
}
