/* Reads the frames of an HTTP/2 connection before libh2o does, which bounds neither what they cost nor how
 * many come (RFC 9113 section 10.5). Pure. */
#ifndef FR_HTTP_GUARD_FRAMES_H
#define FR_HTTP_GUARD_FRAMES_H

#include "base/base.h"

enum {
    HTTP_HEADER_BLOCK_MAX = 32 * 1024, /* HEADERS and CONTINUATION, as they come */
    FRAME_POINTS = 10,                 /* of a frame that has no place in a request: PING, SETTINGS … */
    FRAME_REFUSED_MAX = 4,
    FRAME_BODY_MAX = 3 * FR_REQUEST_BODY_MAX, /* libh2o gets no more of a body that is refused anyway */
    FRAME_POINTS_WINDOW_UPDATE = 1,           /* a reader sends many; also of DATA that is dropped */
};

/* What a batch of frames, those that one read brought, asks for. */
struct fr_frame_batch {
    unsigned requests;       /* streams opened */
    unsigned resets;         /* RST_STREAM, and WINDOW_UPDATE of nothing, which is answered with one */
    unsigned control_points; /* frames that bring no request nearer, by what they cost */
    bool headers_too_large;  /* a header block of more than HTTP_HEADER_BLOCK_MAX bytes */
    bool body;               /* part of a body that goes on */
    size_t dropped;          /* payload of DATA taken out: flow control has counted it (section 6.9) */
};

/* What came before the batch. */
struct fr_frame_context {
    uint32_t max_stream_id; /* the last stream opened */
    size_t header_block;    /* bytes of a header block that goes on */
    /* Streams that are answered though their body goes on: it is taken out. */
    uint32_t refused[FRAME_REFUSED_MAX];
    /* Bytes of a stream's body that libh2o has; NULL: none of any. */
    size_t (*body_size)(const void *arg, uint32_t stream_id);
    const void *arg;
};

/* `bytes` begin with a frame or with the connection preface and are what libh2o has not consumed yet. Frames
 * that are there in whole are read. Frames of unknown types are taken out, as section 4.1 wants them ignored:
 * libh2o writes a line for each. Returns how many bytes are left. */
size_t fr_frames_read(uint8_t *bytes, size_t len, const struct fr_frame_context *context,
                      struct fr_frame_batch *ret);

#endif
