/* Length-delimited messages out of a stream that comes in pieces: each stands behind its length as a varint
 * (docs/protocol.md, the encoding of Protocol Buffers). Not thread-safe. */
#ifndef FRESHET_FRAMES_H
#define FRESHET_FRAMES_H

#include "base/base.h"

enum frames_status {
    FRAMES_MORE,  /* all bytes are taken, and the message is not whole yet */
    FRAMES_FRAME, /* there is one */
    FRAMES_BAD, /* a length of more than five bytes, or past the maximum: the stream is of no use any more */
};

struct frames {
    uint64_t length;    /* as far as it is read */
    int length_bytes;   /* of the varint, so far */
    bool in_message;    /* the length is known */
    struct fr_buf held; /* of a message that began in an earlier piece */
};

/* `max`: bytes of the longest message. */
void frames_init(struct frames *frames, size_t max);
void frames_release(struct frames *frames);
/* Forgets what it has: a new stream begins. */
void frames_reset(struct frames *frames);
/* The next message out of `*rest`, which moves behind it. `*ret_frame` may be empty, which says nothing but
 * that the stream lives; it is good until the next call and as long as the bytes given. Call it until it
 * wants more. */
enum frames_status frames_next(struct frames *frames, struct fr_str *rest, struct fr_str *ret_frame);

#endif
