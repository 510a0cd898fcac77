#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/delivery.h"

struct fr_frame {
    atomic_uint references;
    size_t len;
    char payload[];
};

struct fr_frame *fr_frame_new(struct fr_str payload)
{
    struct fr_frame *frame = fr_alloc(sizeof *frame + payload.len);
    atomic_init(&frame->references, 1);
    frame->len = payload.len;
    if (payload.len > 0)
        memcpy(frame->payload, payload.data, payload.len);
    return frame;
}

struct fr_frame *fr_frame_hold(struct fr_frame *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void fr_frame_release(struct fr_frame *frame)
{
    if (frame != NULL && atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) == 1)
        free(frame);
}

struct fr_str fr_frame_payload(const struct fr_frame *frame)
{
    return (struct fr_str){frame->payload, frame->len};
}
