#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "freshet/v1/envelope.pb-c.h"
#include "json_members.h"
#include "protobuf.h"

#define SAME_NUMBER(name)                                                                            \
    _Static_assert((int)FR_ENVELOPE_##name == (int)FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_##name, \
                   "the same numbers travel")
SAME_NUMBER(READY);
SAME_NUMBER(POST);
SAME_NUMBER(EDIT);
SAME_NUMBER(DELETE);
SAME_NUMBER(RESET);
SAME_NUMBER(SNAPSHOT_END);
SAME_NUMBER(BYE);
SAME_NUMBER(CURSOR);

const char *fr_wire_envelope_name(enum fr_envelope type)
{
    switch (type) {
    case FR_ENVELOPE_READY:
        return "ready";
    case FR_ENVELOPE_POST:
        return "post";
    case FR_ENVELOPE_EDIT:
        return "edit";
    case FR_ENVELOPE_DELETE:
        return "delete";
    case FR_ENVELOPE_RESET:
        return "reset";
    case FR_ENVELOPE_SNAPSHOT_END:
        return "snapshot_end";
    case FR_ENVELOPE_BYE:
        return "bye";
    case FR_ENVELOPE_CURSOR:
        return "cursor";
    }
    return "unknown";
}

/* ---- protobuf: each piece is packed as a message of its own, and what is packed one after the other is one
 * message ---- */

static void pack_head(struct fr_buf *out, enum fr_envelope type, struct fr_str cursor, bool snapshot)
{
    char text[FR_ENVELOPE_HEAD_MAX];
    assert(cursor.len < sizeof text);
    memcpy(text, cursor.data != NULL ? cursor.data : "", cursor.len);
    text[cursor.len] = '\0';
    Freshet__V1__Envelope message;
    freshet__v1__envelope__init(&message);
    message.type = (Freshet__V1__EnvelopeType)type;
    message.cursor = text;
    message.snapshot = snapshot;
    fr_protobuf_pack(out, &message.base);
}

static void pack_post(struct fr_buf *out, const struct fr_wire_post *post)
{
    Freshet__V1__Envelope message;
    freshet__v1__envelope__init(&message);
    message.id = post->id;
    message.text = fr_protobuf_terminated(post->text);
    message.author_user_id = post->author_id;
    message.created_at_ms = post->created_at_ms;
    message.edited_at_ms = post->edited_at_ms;
    fr_protobuf_pack(out, &message.base);
    free(message.text);
}

static void pack_bye(struct fr_buf *out, int code, const char *reason, int64_t reconnect_after_ms)
{
    Freshet__V1__Envelope message;
    freshet__v1__envelope__init(&message);
    message.code = code;
    message.reason = fr_strndup(reason, strlen(reason));
    message.reconnect_after_ms = reconnect_after_ms;
    fr_protobuf_pack(out, &message.base);
    free(message.reason);
}

/* ---- both ---- */

void fr_wire_envelope_head(struct fr_buf *out, enum fr_encoding encoding, enum fr_envelope type,
                           struct fr_str cursor, bool snapshot)
{
    assert(encoding != FR_ENCODING_PLAIN);
    if (encoding == FR_ENCODING_PROTOBUF) {
        pack_head(out, type, cursor, snapshot);
        return;
    }
    fr_wire_member_text(out, "{\"type\":", fr_str_of(fr_wire_envelope_name(type)));
    if (cursor.len > 0)
        fr_wire_member_text(out, ",\"cursor\":", cursor);
    if (snapshot)
        fr_buf_append_text(out, ",\"snapshot\":true");
}

void fr_wire_envelope_post(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_post *post)
{
    if (encoding == FR_ENCODING_PROTOBUF) {
        pack_post(out, post);
        return;
    }
    fr_buf_append_char(out, ',');
    fr_wire_members_post(out, post);
    fr_buf_append_char(out, '}');
}

void fr_wire_envelope_delete(struct fr_buf *out, enum fr_encoding encoding, int64_t post_id,
                             int64_t author_id)
{
    if (encoding == FR_ENCODING_PROTOBUF) {
        Freshet__V1__Envelope message;
        freshet__v1__envelope__init(&message);
        message.id = post_id;
        message.author_user_id = author_id;
        fr_protobuf_pack(out, &message.base);
        return;
    }
    fr_wire_member_id(out, ",\"id\":", post_id);
    fr_wire_member_id(out, ",\"author_user_id\":", author_id);
    fr_buf_append_char(out, '}');
}

void fr_wire_envelope_ready(struct fr_buf *out, enum fr_encoding encoding, bool resumed, int64_t user_id)
{
    if (encoding == FR_ENCODING_PROTOBUF) {
        Freshet__V1__Envelope message;
        freshet__v1__envelope__init(&message);
        message.resumed = resumed;
        message.user_id = user_id;
        fr_protobuf_pack(out, &message.base);
        return;
    }
    fr_buf_append_text(out, resumed ? ",\"resumed\":true" : ",\"resumed\":false");
    fr_wire_member_id(out, ",\"user_id\":", user_id);
    fr_buf_append_char(out, '}');
}

void fr_wire_envelope_bye(struct fr_buf *out, enum fr_encoding encoding, int code, const char *reason,
                          int64_t reconnect_after_ms)
{
    if (encoding == FR_ENCODING_PROTOBUF) {
        pack_bye(out, code, reason, reconnect_after_ms);
        return;
    }
    fr_buf_append_text(out, ",\"code\":");
    fr_buf_append_i64(out, code);
    fr_wire_member_text(out, ",\"reason\":", fr_str_of(reason));
    fr_buf_append_text(out, ",\"reconnect_after_ms\":");
    fr_buf_append_i64(out, reconnect_after_ms);
    fr_buf_append_char(out, '}');
}

void fr_wire_envelope_nothing(struct fr_buf *out, enum fr_encoding encoding)
{
    if (encoding != FR_ENCODING_PROTOBUF)
        fr_buf_append_char(out, '}');
}
