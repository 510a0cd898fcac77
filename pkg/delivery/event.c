#include "event.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    KEY_BYTES = 24, /* kind, post and author stand first in an event */
    /* A text of control characters is six times as long in JSON. */
    FRAME_MAX = 6 * FR_POST_TEXT_MAX + 256,
};

struct live_event {
    atomic_uint references;
    enum fr_event_kind kind;
    int64_t post_id, author_id, follower_id;
    int32_t revision;
    int64_t created_at_ms;
    atomic_bool told;
    struct fr_origin origin; /* behind the bytes */
    struct fr_frame *frames[FR_ENCODING_COUNT];
    size_t len;
    char bytes[];
};

struct live_event *fr_delivery_event_hold(struct live_event *event)
{
    atomic_fetch_add_explicit(&event->references, 1, memory_order_relaxed);
    return event;
}

static void release_frames(struct fr_frame *frames[FR_ENCODING_COUNT])
{
    for (int i = 0; i < FR_ENCODING_COUNT; i++)
        fr_frame_release(frames[i]);
}

void fr_delivery_event_release(struct live_event *event)
{
    if (event == NULL || atomic_fetch_sub_explicit(&event->references, 1, memory_order_acq_rel) != 1)
        return;
    release_frames(event->frames);
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

int32_t fr_delivery_event_revision(const struct live_event *event)
{
    return event->revision;
}

size_t fr_delivery_event_bytes(const struct live_event *event)
{
    size_t bytes = sizeof *event + event->len;
    for (int i = 0; i < FR_ENCODING_COUNT; i++)
        if (event->frames[i] != NULL)
            bytes += fr_frame_payload(event->frames[i]).len;
    return bytes;
}

int64_t fr_delivery_event_follower(const struct live_event *event)
{
    return event->follower_id;
}

int64_t fr_delivery_event_created_ms(const struct live_event *event)
{
    return event->created_at_ms;
}

struct fr_origin fr_delivery_event_origin(const struct live_event *event)
{
    return event->origin;
}

bool fr_delivery_event_first_told(struct live_event *event)
{
    /* Read first: it is asked for every connection, and writing would take the line from the other loops. */
    return !atomic_load_explicit(&event->told, memory_order_relaxed) &&
           !atomic_exchange_explicit(&event->told, true, memory_order_relaxed);
}

struct fr_frame *fr_delivery_event_frame(const struct live_event *event, enum fr_encoding encoding)
{
    return event->frames[encoding];
}

static void write_body(struct fr_buf *out, enum fr_encoding encoding, const struct fr_event *event)
{
    if (event->kind == FR_EVENT_DELETE) {
        fr_wire_envelope_delete(out, encoding, event->post_id, event->author_id);
        return;
    }
    const struct fr_wire_post post = {
        .id = event->post_id,
        .author_id = event->author_id,
        .text = event->text,
        .created_at_ms = event->created_at_ms,
        .edited_at_ms = event->edited_at_ms,
    };
    fr_wire_envelope_post(out, encoding, &post);
}

static enum fr_status build_frame(const struct fr_event *event, enum fr_encoding encoding,
                                  struct fr_frame **ret, struct fr_error *error)
{
    struct fr_buf buf;
    fr_buf_init(&buf, FRAME_MAX);
    if (encoding == FR_ENCODING_PLAIN)
        fr_wire_encode_plain_frame(&buf, event);
    else
        write_body(&buf, encoding, event);
    enum fr_status status = fr_buf_status(&buf);
    if (status == FR_OK)
        *ret = fr_frame_new(fr_buf_str(&buf));
    else
        status = fr_error_set(error, FR_PROTOCOL, "text", "a post too long for a frame");
    fr_buf_release(&buf);
    return status;
}

static enum fr_status build_frames(const struct fr_event *event, struct fr_frame *frames[FR_ENCODING_COUNT],
                                   struct fr_error *error)
{
    enum fr_status status = FR_OK;
    for (int i = 0; i < FR_ENCODING_COUNT && status == FR_OK; i++) {
        bool told = i == FR_ENCODING_PLAIN ? event->kind == FR_EVENT_POST : fr_event_is_of_post(event->kind);
        if (told)
            status = build_frame(event, (enum fr_encoding)i, &frames[i], error);
    }
    return status;
}

static struct fr_str put_text(char *at, struct fr_str text)
{
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    return (struct fr_str){at, text.len};
}

static enum fr_status decode(const struct event_cache *cache, struct fr_str bytes, struct live_event **ret,
                             struct fr_error *error)
{
    struct fr_wire_event *wire = NULL;
    enum fr_status status = fr_wire_decode_event(bytes, &wire, error);
    if (status != FR_OK)
        return status;
    const struct fr_event *event = fr_wire_event_get(wire);
    struct fr_frame *frames[FR_ENCODING_COUNT] = {0};
    status = build_frames(event, frames, error);
    if (status == FR_OK) {
        if (cache->seen != NULL)
            cache->seen(cache->seen_arg, event);
        struct live_event *live =
            fr_alloc(sizeof *live + bytes.len + event->request_id.len + event->traceparent.len);
        atomic_init(&live->references, 1);
        live->kind = event->kind;
        live->post_id = event->post_id;
        live->author_id = event->author_id;
        live->follower_id = event->follower_id;
        live->revision = event->revision;
        memcpy(live->frames, frames, sizeof frames);
        live->len = bytes.len;
        memcpy(live->bytes, bytes.data, bytes.len);
        live->created_at_ms = event->created_at_ms;
        live->origin.request_id = put_text(live->bytes + bytes.len, event->request_id);
        live->origin.traceparent =
            put_text(live->bytes + bytes.len + event->request_id.len, event->traceparent);
        *ret = live;
    } else {
        release_frames(frames);
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
        enum fr_status status = decode(cache, bytes, &event, error);
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
