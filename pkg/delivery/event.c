#include "event.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    KEY_BYTES = 24, /* kind, post and author stand first in an event */
    /* A text of control characters is six times as long in JSON. */
    PLAIN_FRAME_MAX = 6 * FR_POST_TEXT_MAX + 256,
};

struct live_event {
    atomic_uint references;
    enum fr_event_kind kind;
    int64_t post_id, author_id, follower_id;
    struct fr_frame *plain;
    size_t len;
    char bytes[];
};

struct live_event *fr_delivery_event_hold(struct live_event *event)
{
    atomic_fetch_add_explicit(&event->references, 1, memory_order_relaxed);
    return event;
}

void fr_delivery_event_release(struct live_event *event)
{
    if (event == NULL || atomic_fetch_sub_explicit(&event->references, 1, memory_order_acq_rel) != 1)
        return;
    fr_frame_release(event->plain);
    free(event);
}

enum fr_event_kind fr_delivery_event_kind(const struct live_event *event)
{
    return event->kind;
}

int64_t fr_delivery_event_post(const struct live_event *event)
{
    return event->post_id;
}

int64_t fr_delivery_event_author(const struct live_event *event)
{
    return event->author_id;
}

int64_t fr_delivery_event_follower(const struct live_event *event)
{
    return event->follower_id;
}

struct fr_frame *fr_delivery_event_plain_frame(const struct live_event *event)
{
    return event->plain;
}

static enum fr_status build_plain(const struct fr_event *event, struct fr_frame **ret, struct fr_error *error)
{
    struct fr_buf buf;
    fr_buf_init(&buf, PLAIN_FRAME_MAX);
    fr_wire_encode_plain_frame(&buf, event);
    enum fr_status status = fr_buf_status(&buf);
    if (status == FR_OK)
        *ret = fr_frame_new(fr_buf_str(&buf));
    else
        status = fr_error_set(error, FR_PROTOCOL, "text", "a post too long for a frame");
    fr_buf_release(&buf);
    return status;
}

static enum fr_status decode(struct fr_str bytes, struct live_event **ret, struct fr_error *error)
{
    struct fr_wire_event *wire = NULL;
    enum fr_status status = fr_wire_decode_event(bytes, &wire, error);
    if (status != FR_OK)
        return status;
    const struct fr_event *event = fr_wire_event_get(wire);
    struct fr_frame *plain = NULL;
    if (event->kind == FR_EVENT_POST)
        status = build_plain(event, &plain, error);
    if (status == FR_OK) {
        struct live_event *live = fr_alloc(sizeof *live + bytes.len);
        atomic_init(&live->references, 1);
        live->kind = event->kind;
        live->post_id = event->post_id;
        live->author_id = event->author_id;
        live->follower_id = event->follower_id;
        live->plain = plain;
        live->len = bytes.len;
        memcpy(live->bytes, bytes.data, bytes.len);
        *ret = live;
    }
    fr_wire_event_free(wire);
    return status;
}

enum fr_status fr_delivery_event_decode(struct event_cache *cache, struct fr_str bytes,
                                        struct live_event **ret, struct fr_error *error)
{
    size_t key_len = bytes.len < KEY_BYTES ? bytes.len : KEY_BYTES;
    struct live_event **place = &cache->events[fr_fnv1a32(bytes.data, key_len) % EVENT_CACHE_SIZE];
    if (*place == NULL || (*place)->len != bytes.len || memcmp((*place)->bytes, bytes.data, bytes.len) != 0) {
        struct live_event *event = NULL;
        enum fr_status status = decode(bytes, &event, error);
        if (status != FR_OK)
            return status;
        fr_delivery_event_release(*place);
        *place = event;
    }
    *ret = fr_delivery_event_hold(*place);
    return FR_OK;
}

void fr_delivery_event_cache_release(struct event_cache *cache)
{
    for (size_t i = 0; i < EVENT_CACHE_SIZE; i++) {
        fr_delivery_event_release(cache->events[i]);
        cache->events[i] = NULL;
    }
}
