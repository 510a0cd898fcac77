#include "frames.h"

enum { LENGTH_BYTES_MAX = 5 };

void frames_init(struct frames *frames, size_t max)
{
    *frames = (struct frames){0};
    fr_buf_init(&frames->held, max);
}

void frames_release(struct frames *frames)
{
    fr_buf_release(&frames->held);
}

void frames_reset(struct frames *frames)
{
    fr_buf_reset(&frames->held);
    frames->length = 0;
    frames->length_bytes = 0;
    frames->in_message = false;
}

static enum frames_status read_length(struct frames *frames, struct fr_str *rest)
{
    while (rest->len > 0) {
        uint8_t byte = (uint8_t)rest->data[0];
        rest->data++;
        rest->len--;
        frames->length |= (uint64_t)(byte & 0x7f) << (7 * frames->length_bytes);
        frames->length_bytes++;
        if ((byte & 0x80) == 0) {
            frames->in_message = true;
            return frames->length <= frames->held.max ? FRAMES_FRAME : FRAMES_BAD;
        }
        if (frames->length_bytes == LENGTH_BYTES_MAX)
            return FRAMES_BAD;
    }
    return FRAMES_MORE;
}

enum frames_status frames_next(struct frames *frames, struct fr_str *rest, struct fr_str *ret_frame)
{
    if (!frames->in_message) {
        fr_buf_reset(&frames->held);
        enum frames_status status = read_length(frames, rest);
        if (status != FRAMES_FRAME)
            return status;
    }
    size_t wanted = (size_t)frames->length - frames->held.len;
    if (rest->len < wanted) {
        fr_buf_append_str(&frames->held, *rest);
        *rest = FR_STR_NONE;
        return FRAMES_MORE;
    }
    struct fr_str tail = {rest->data, wanted};
    if (frames->held.len > 0) {
        fr_buf_append_str(&frames->held, tail);
        tail = fr_buf_str(&frames->held);
    }
    *ret_frame = tail;
    rest->data += wanted;
    rest->len -= wanted;
    frames->length = 0;
    frames->length_bytes = 0;
    frames->in_message = false;
    return FRAMES_FRAME;
}
