/* Reads the frames of an HTTP/2 connection before libh2o does, which bounds neither what they cost nor how
 * many come (RFC 9113 section 10.5). Pure. */
#ifndef FR_HTTP_GUARD_FRAMES_H
#define FR_HTTP_GUARD_FRAMES_H

#include "base/base.h"

/* What a batch of frames, those that one read brought, asks for. */
struct fr_frame_batch {
    unsigned requests;       /* streams opened */
    unsigned resets;         /* RST_STREAM, and WINDOW_UPDATE of nothing, which is answered with one */
    unsigned control_points; /* frames that bring no request nearer, by what they cost */
    bool headers_too_large;  /* a header block of more than HTTP_HEADER_BLOCK_MAX bytes */
    bool body;               /* part of a body that goes on */
};

enum {
    HTTP_HEADER_BLOCK_MAX = 32 * 1024, /* HEADERS and CONTINUATION, as they come */
    FRAME_POINTS = 10,                 /* of a frame that has no place in a request: PING, SETTINGS … */
    FRAME_POINTS_WINDOW_UPDATE = 1,    /* a reader sends many */
};

/* `bytes` begin with a frame or with the connection preface and are what libh2o has not consumed yet. Frames
 * that are there in whole are read; `max_stream_id` is the last stream opened before, `header_block` how many
 * bytes of a header block came before. Frames of unknown types are taken out, as section 4.1 wants them
 * ignored: libh2o writes a line for each. Returns how many bytes are left. */
size_t fr_frames_read(uint8_t *bytes, size_t len, uint32_t max_stream_id, size_t header_block,
                      struct fr_frame_batch *ret);

#endif
