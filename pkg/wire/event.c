#include <stdlib.h>

#include "freshet/v1/event.pb-c.h"
#include "protobuf.h"
#include "wire/wire.h"

enum { TRACEPARENT_MAX = 55 };
#define TIME_MAX_MS INT64_C(253402300799999) /* the last millisecond of the year 9999 */

struct fr_wire_event {
    Freshet__V1__Event *message;
    struct fr_event event; /* its texts lie in the message */
};

#define SAME_NUMBER(name)                                                                   \
    _Static_assert((int)FR_EVENT_##name == (int)FRESHET__V1__EVENT_KIND__EVENT_KIND_##name, \
                   "the same numbers travel")
SAME_NUMBER(POST);
SAME_NUMBER(EDIT);
SAME_NUMBER(DELETE);
SAME_NUMBER(FOLLOW);
SAME_NUMBER(UNFOLLOW);
SAME_NUMBER(CELEBRITY);
SAME_NUMBER(ORDINARY);
SAME_NUMBER(ACCOUNT);

/* ---- encoding ---- */

void fr_wire_encode_event(struct fr_buf *out, const struct fr_event *event)
{
    Freshet__V1__Event message;
    freshet__v1__event__init(&message);
    message.kind = (Freshet__V1__EventKind)event->kind;
    message.post_id = event->post_id;
    message.author_id = event->author_id;
    message.follower_id = event->follower_id;
    message.text = fr_protobuf_terminated(event->text);
    message.revision = event->revision;
    message.created_at_ms = event->created_at_ms;
    message.edited_at_ms = event->edited_at_ms;
    message.request_id = fr_protobuf_terminated(event->request_id);
    message.traceparent = fr_protobuf_terminated(event->traceparent);

    fr_protobuf_pack(out, &message.base);
    free(message.text);
    free(message.request_id);
    free(message.traceparent);
}

/* ---- decoding ---- */

static enum fr_status refuse(struct fr_error *error, const char *field, const char *rule)
{
    return fr_error_set(error, FR_PROTOCOL, field, "event: %s %s", field, rule);
}

static bool is_printable(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    }
    return true;
}

static enum fr_status check_text(const struct fr_event *event, struct fr_error *error)
{
    if (event->kind != FR_EVENT_POST && event->kind != FR_EVENT_EDIT)
        return event->text.len == 0 ? FR_OK : refuse(error, "text", "must be empty but in a post or edit");
    if (event->text.len == 0 || event->text.len > FR_POST_TEXT_MAX)
        return refuse(error, "text", "must have 1 to 4096 bytes");
    if (!fr_utf8_valid_text(event->text.data, event->text.len))
        return refuse(error, "text", "is not UTF-8 without U+0000");
    return FR_OK;
}

_Static_assert(FR_POST_TEXT_MAX == 4096, "named in the message above");

static enum fr_status check_post(const struct fr_event *event, struct fr_error *error)
{
    if (event->post_id <= 0)
        return refuse(error, "post_id", "is not an id");
    if (event->revision < 1)
        return refuse(error, "revision", "must be at least 1");
    if (event->created_at_ms < (event->kind == FR_EVENT_DELETE ? 0 : 1) || event->created_at_ms > TIME_MAX_MS)
        return refuse(error, "created_at_ms", "is out of range");
    if (event->edited_at_ms < 0 || event->edited_at_ms > TIME_MAX_MS)
        return refuse(error, "edited_at_ms", "is out of range");
    return FR_OK;
}

static enum fr_status check_no_post(const struct fr_event *event, struct fr_error *error)
{
    if (event->post_id != 0)
        return refuse(error, "post_id", "belongs to events of posts");
    if (event->revision != 0)
        return refuse(error, "revision", "belongs to events of posts");
    if (event->created_at_ms != 0)
        return refuse(error, "created_at_ms", "belongs to events of posts");
    if (event->edited_at_ms != 0)
        return refuse(error, "edited_at_ms", "belongs to events of posts");
    return FR_OK;
}

static enum fr_status check_follower(const struct fr_event *event, struct fr_error *error)
{
    bool wanted = event->kind == FR_EVENT_FOLLOW || event->kind == FR_EVENT_UNFOLLOW;

    if (wanted && event->follower_id <= 0)
        return refuse(error, "follower_id", "is not an id");
    if (!wanted && event->follower_id != 0)
        return refuse(error, "follower_id", "belongs to a follow or unfollow");
    return FR_OK;
}

static enum fr_status check_event(const struct fr_event *event, struct fr_error *error)
{
    enum fr_status status;

    if (event->kind < FR_EVENT_POST || event->kind > FR_EVENT_ACCOUNT)
        return refuse(error, "kind", "is unknown");
    if (event->author_id <= 0)
        return refuse(error, "author_id", "is not an id");
    status = fr_event_is_of_post(event->kind) ? check_post(event, error) : check_no_post(event, error);
    if (status == FR_OK)
        status = check_follower(event, error);
    if (status != FR_OK)
        return status;
    if (event->request_id.len > FR_REQUEST_ID_MAX || !is_printable(event->request_id))
        return refuse(error, "request_id", "must have at most 64 printable characters");
    if (event->traceparent.len > TRACEPARENT_MAX || !is_printable(event->traceparent))
        return refuse(error, "traceparent", "must have at most 55 printable characters");
    return check_text(event, error);
}

_Static_assert(FR_REQUEST_ID_MAX == 64, "named in the message above");

enum fr_status fr_wire_decode_event(struct fr_str bytes, struct fr_wire_event **ret, struct fr_error *error)
{
    if (bytes.len > FR_EVENT_BYTES_MAX)
        return fr_error_set(error, FR_PROTOCOL, NULL, "event: %zu bytes, more than %d", bytes.len,
                            FR_EVENT_BYTES_MAX);
    ProtobufCAllocator allocator = fr_protobuf_allocator(false);
    Freshet__V1__Event *message =
        freshet__v1__event__unpack(&allocator, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return fr_error_set(error, FR_PROTOCOL, NULL, "event: not a protobuf message of its type");

    struct fr_wire_event *decoded = FR_NEW(struct fr_wire_event);
    decoded->message = message;
    decoded->event = (struct fr_event){
        .kind = (enum fr_event_kind)message->kind,
        .post_id = message->post_id,
        .author_id = message->author_id,
        .follower_id = message->follower_id,
        .text = fr_protobuf_text(message->text),
        .revision = message->revision,
        .created_at_ms = message->created_at_ms,
        .edited_at_ms = message->edited_at_ms,
        .request_id = fr_protobuf_text(message->request_id),
        .traceparent = fr_protobuf_text(message->traceparent),
    };
    enum fr_status status = check_event(&decoded->event, error);
    if (status != FR_OK) {
        fr_wire_event_free(decoded);
        return status;
    }
    *ret = decoded;
    return FR_OK;
}

const struct fr_event *fr_wire_event_get(const struct fr_wire_event *event)
{
    return &event->event;
}

void fr_wire_event_free(struct fr_wire_event *event)
{
    if (event == NULL)
        return;
    ProtobufCAllocator allocator = fr_protobuf_allocator(false);
    freshet__v1__event__free_unpacked(event->message, &allocator);
    free(event);
}
