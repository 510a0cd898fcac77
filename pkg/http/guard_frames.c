#include "http/guard_frames.h"

enum {
    HEADER_SIZE = 9,
    FRAME_MAX = 16384, /* SETTINGS_MAX_FRAME_SIZE is its default; libh2o refuses longer ones */
};

enum frame_type {
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PRIORITY,
    FRAME_RST_STREAM,
    FRAME_SETTINGS,
    FRAME_PUSH_PROMISE,
    FRAME_PING,
    FRAME_GOAWAY,
    FRAME_WINDOW_UPDATE,
    FRAME_CONTINUATION,
    FRAME_TYPES,
};

enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct frame {
    size_t len;
    uint8_t type, flags;
    uint32_t stream_id;
    const uint8_t *payload;
};

static uint32_t read_u31(const uint8_t *bytes)
{
    return ((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]) &
           0x7fffffffU;
}

static bool read_frame(const uint8_t *bytes, size_t len, struct frame *ret)
{
    if (len < HEADER_SIZE)
        return false;
    *ret = (struct frame){
        .len = (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2],
        .type = bytes[3],
        .flags = bytes[4],
        .stream_id = read_u31(bytes + 5),
        .payload = bytes + HEADER_SIZE,
    };
    return ret->len <= FRAME_MAX && len - HEADER_SIZE >= ret->len;
}

struct reading {
    struct fr_frame_context context;
    struct fr_frame_batch *batch;
    uint32_t body_stream; /* whose DATA came last in this batch */
    size_t body_size;     /* and its body with it */
};

/* DATA of streams that are answered, or will be when this batch is read: libh2o would reset them. */
static bool is_refused(struct reading *reading, const struct frame *frame)
{
    const struct fr_frame_context *context = &reading->context;
    if (frame->type != FRAME_DATA || frame->stream_id == 0)
        return false;
    for (size_t i = 0; i < FRAME_REFUSED_MAX; i++) {
        if (context->refused[i] == frame->stream_id)
            return true;
    }
    if (frame->stream_id != reading->body_stream) {
        reading->body_stream = frame->stream_id;
        reading->body_size =
            context->body_size != NULL ? context->body_size(context->arg, frame->stream_id) : 0;
    }
    reading->body_size += frame->len;
    if (reading->body_size <= FRAME_BODY_MAX)
        return false;
    reading->batch->body = true;
    return true;
}

static void read_header_block(struct reading *reading, const struct frame *frame)
{
    reading->context.header_block += frame->len;
    if (reading->context.header_block > HTTP_HEADER_BLOCK_MAX)
        reading->batch->headers_too_large = true;
    if ((frame->flags & FLAG_END_HEADERS) != 0)
        reading->context.header_block = 0;
}

static void look_at(struct reading *reading, const struct frame *frame)
{
    struct fr_frame_batch *batch = reading->batch;
    switch (frame->type) {
    case FRAME_DATA:
        if ((frame->flags & FLAG_END_STREAM) == 0) {
            batch->body = true;
            batch->control_points += frame->len == 0 ? FRAME_POINTS : 0;
        }
        return;
    case FRAME_HEADERS:
        if (frame->stream_id > reading->context.max_stream_id) {
            reading->context.max_stream_id = frame->stream_id;
            batch->requests++;
        }
        reading->context.header_block = 0;
        read_header_block(reading, frame);
        return;
    case FRAME_CONTINUATION:
        batch->control_points += FRAME_POINTS;
        read_header_block(reading, frame);
        return;
    case FRAME_RST_STREAM:
        batch->resets++;
        batch->control_points += FRAME_POINTS;
        return;
    case FRAME_WINDOW_UPDATE:
        batch->control_points += FRAME_POINTS_WINDOW_UPDATE;
        if (frame->len == 4 && read_u31(frame->payload) == 0)
            batch->resets++;
        return;
    case FRAME_SETTINGS:
    case FRAME_PING:
        if ((frame->flags & FLAG_ACK) == 0)
            batch->control_points += FRAME_POINTS;
        return;
    default:
        batch->control_points += FRAME_POINTS;
        return;
    }
}

size_t fr_frames_read(uint8_t *bytes, size_t len, const struct fr_frame_context *context,
                      struct fr_frame_batch *ret)
{
    *ret = (struct fr_frame_batch){0};
    struct reading reading = {.context = *context, .batch = ret};
    size_t from = 0, to = 0;
    if (len >= 3 && memcmp(bytes, preface, 3) == 0)
        from = to = len < sizeof preface - 1 ? len : sizeof preface - 1;
    struct frame frame;
    while (read_frame(bytes + from, len - from, &frame)) {
        size_t size = HEADER_SIZE + frame.len;
        if (is_refused(&reading, &frame)) {
            ret->dropped += frame.len;
            ret->control_points += FRAME_POINTS_WINDOW_UPDATE;
            from += size;
            continue;
        }
        look_at(&reading, &frame);
        if (frame.type < FRAME_TYPES) {
            if (to != from)
                memmove(bytes + to, bytes + from, size);
            to += size;
        }
        from += size;
    }
    if (to != from)
        memmove(bytes + to, bytes + from, len - from);
    return to + (len - from);
}
