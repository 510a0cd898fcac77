/* wire: what travels, as plain structs. protobuf <-> structs <-> JSON. The only user of generated protobuf
 * code.
 *
 * Decoders validate everything that a rule of the contract says about the bytes: type, presence, size, UTF-8,
 * id form; FR_INVALID with error->field naming the member. Unknown members are ignored. Decoded text is owned
 * by the struct and released with its fr_wire_…_release(); encoders append to a caller's buffer and cannot
 * fail but by its maximum. No state; any thread.
 */
#ifndef FR_WIRE_H
#define FR_WIRE_H

#include "base/base.h"

/* ---- events between processes ---- */
enum fr_event_kind {
    FR_EVENT_POST = 1,
    FR_EVENT_EDIT = 2,
    FR_EVENT_DELETE = 3,
    FR_EVENT_FOLLOW = 4,
    FR_EVENT_UNFOLLOW = 5,
    FR_EVENT_CELEBRITY = 6, /* the author became one: later posts come on celeb.<author> */
    FR_EVENT_ORDINARY = 7,  /* and no longer is: later posts come on feed.<uid> */
    FR_EVENT_ACCOUNT = 8,   /* the author's account is deleted, with all posts and follows */
};
/* The kinds that are about a post; the others have no post, text, revision or times. */
static inline bool fr_event_is_of_post(enum fr_event_kind kind)
{
    return kind <= FR_EVENT_DELETE;
}

struct fr_event {
    enum fr_event_kind kind;
    int64_t post_id, author_id;
    int64_t follower_id; /* of a follow or unfollow; else 0 */
    struct fr_str text;  /* borrowed from what it was decoded from (see fr_wire_event) or from the caller */
    int32_t revision;
    int64_t created_at_ms, edited_at_ms; /* edited 0: never; created may be 0 in a delete */
    struct fr_str request_id, traceparent;
};

void fr_wire_encode_event(struct fr_buf *out, const struct fr_event *event);
struct fr_wire_event; /* a decoded event and its memory */
/* FR_PROTOCOL for anything that is not an event we could have sent. */
FR_WARN_UNUSED enum fr_status fr_wire_decode_event(struct fr_str bytes, struct fr_wire_event **ret,
                                                   struct fr_error *error);
/* Valid until the release. */
const struct fr_event *fr_wire_event_get(const struct fr_wire_event *event);
void fr_wire_event_free(struct fr_wire_event *event);

/* The frame of a connection without a subprotocol: {"postId":…,"postText":…,"author_user_id":…}. */
void fr_wire_encode_plain_frame(struct fr_buf *out, const struct fr_event *event);

/* ---- envelopes: what live connections with a subprotocol, and event streams, are told ----
 *
 * An envelope is written in two pieces, which stand one after the other: the head, which is the connection's
 * own (the cursor is bound to its user and its place), and the body, which is the same for everybody and can
 * be shared. In JSON the head opens the object and the body closes it; in protobuf both are fields of the one
 * message. */
enum fr_encoding {
    FR_ENCODING_PLAIN, /* no envelopes: fr_wire_encode_plain_frame() alone */
    FR_ENCODING_JSON,
    FR_ENCODING_PROTOBUF,
};
#define FR_ENCODING_COUNT (FR_ENCODING_PROTOBUF + 1)

enum fr_envelope {
    FR_ENVELOPE_READY = 1,
    FR_ENVELOPE_POST = 2,
    FR_ENVELOPE_EDIT = 3,
    FR_ENVELOPE_DELETE = 4,
    FR_ENVELOPE_RESET = 5,
    FR_ENVELOPE_SNAPSHOT_END = 6,
    FR_ENVELOPE_BYE = 7,
    FR_ENVELOPE_CURSOR = 8,
};
/* "post", "snapshot_end"…: the `type` in JSON, the event's name in an event stream. */
const char *fr_wire_envelope_name(enum fr_envelope type);

#define FR_ENVELOPE_HEAD_MAX 192 /* with a cursor of 128 bytes */
/* In all of these `encoding` is JSON or PROTOBUF. */
/* `cursor` empty: none. `snapshot`: of a post that belongs to one. */
void fr_wire_envelope_head(struct fr_buf *out, enum fr_encoding encoding, enum fr_envelope type,
                           struct fr_str cursor, bool snapshot);
struct fr_wire_post;
void fr_wire_envelope_post(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_post *post);
void fr_wire_envelope_delete(struct fr_buf *out, enum fr_encoding encoding, int64_t post_id,
                             int64_t author_id);
void fr_wire_envelope_ready(struct fr_buf *out, enum fr_encoding encoding, bool resumed, int64_t user_id);
void fr_wire_envelope_bye(struct fr_buf *out, enum fr_encoding encoding, int code, const char *reason,
                          int64_t reconnect_after_ms);
/* Of a reset and of a snapshot's end. */
void fr_wire_envelope_nothing(struct fr_buf *out, enum fr_encoding encoding);

/* ---- what a client may say on a live connection with a subprotocol: {"type":"auth","token":"…"}, or a
 * ClientMessage ---- */
struct fr_wire_client_message {
    char *auth_token;
};
/* `encoding` is JSON or PROTOBUF. FR_INVALID for anything else than the above. */
FR_WARN_UNUSED enum fr_status fr_wire_decode_client_message(struct fr_str bytes, enum fr_encoding encoding,
                                                            struct fr_wire_client_message *ret,
                                                            struct fr_error *error);
void fr_wire_client_message_release(struct fr_wire_client_message *message);

/* ---- requests ----
 * The rules are the same in JSON and in protobuf, and so are the members' names in errors. When no one member
 * is at fault (no JSON, no object, nested too deeply, a damaged message) error->field is "body". Of a member
 * given twice the last one counts; an optional one may be null. No message repeats a value, since it may be a
 * password. */
struct fr_wire_body {
    enum fr_encoding encoding; /* JSON or PROTOBUF */
    struct fr_str bytes;
};

struct fr_wire_login {
    int64_t id;
    char *password;
};
struct fr_wire_password { /* of the caller, once more */
    char *password;
};
struct fr_wire_register {
    char *first_name, *second_name, *biography, *city, *password; /* optional ones: "" */
    bool has_birthdate;
    int32_t birthdate; /* days since 1970-01-01 */
};
struct fr_wire_post_create {
    char *text;
};
struct fr_wire_post_update {
    int64_t id;
    char *text;
};

FR_WARN_UNUSED enum fr_status fr_wire_decode_login(struct fr_wire_body body, struct fr_wire_login *ret,
                                                   struct fr_error *e);
FR_WARN_UNUSED enum fr_status fr_wire_decode_password(struct fr_wire_body body, struct fr_wire_password *ret,
                                                      struct fr_error *e);
FR_WARN_UNUSED enum fr_status fr_wire_decode_register(struct fr_wire_body body, struct fr_wire_register *ret,
                                                      struct fr_error *e);
FR_WARN_UNUSED enum fr_status fr_wire_decode_post_create(struct fr_wire_body body,
                                                         struct fr_wire_post_create *ret, struct fr_error *e);
FR_WARN_UNUSED enum fr_status fr_wire_decode_post_update(struct fr_wire_body body,
                                                         struct fr_wire_post_update *ret, struct fr_error *e);
/* All take zeroed and half-filled ones; passwords are wiped before their memory goes. */
void fr_wire_login_release(struct fr_wire_login *login);
void fr_wire_password_release(struct fr_wire_password *form);
void fr_wire_register_release(struct fr_wire_register *registration);
void fr_wire_post_create_release(struct fr_wire_post_create *post);
void fr_wire_post_update_release(struct fr_wire_post_update *post);

/* ---- answers ---- */
struct fr_wire_user {
    int64_t id;
    struct fr_str first_name, second_name, biography, city;
    bool has_birthdate;
    int32_t birthdate;
};
struct fr_wire_profile {
    struct fr_wire_user user;
    int64_t follower_count, following_count;
    bool celebrity;
    bool has_caller; /* somebody asked by name: `followed` is told */
    bool followed;
};
struct fr_wire_post {
    int64_t id, author_id;
    struct fr_str text;
    int64_t created_at_ms, edited_at_ms; /* 0: never edited, and left out */
};
/* A problem (RFC 9457) with the members of the public API. `detail` is not empty. */
struct fr_wire_problem {
    const char *type, *title;
    int status, code;
    struct fr_str detail, field, request_id; /* field: left out when empty */
};

/* The whole answer; `encoding` is JSON or PROTOBUF. */
void fr_wire_answer_token(struct fr_buf *out, enum fr_encoding encoding, struct fr_str token,
                          int64_t expires_ms);
void fr_wire_answer_ticket(struct fr_buf *out, enum fr_encoding encoding, struct fr_str ticket,
                           int64_t expires_ms);
void fr_wire_answer_user_id(struct fr_buf *out, enum fr_encoding encoding, int64_t user_id);
void fr_wire_answer_post_id(struct fr_buf *out, enum fr_encoding encoding, int64_t post_id);
void fr_wire_answer_user(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_user *user);
void fr_wire_answer_profile(struct fr_buf *out, enum fr_encoding encoding,
                            const struct fr_wire_profile *profile);
void fr_wire_answer_post(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_post *post);
void fr_wire_answer_problem(struct fr_buf *out, enum fr_encoding encoding,
                            const struct fr_wire_problem *problem);

/* An answer that is a list, of users or of posts: begun, item by item, ended. An array in JSON, a UserList or
 * PostList in protobuf. */
struct fr_wire_list {
    struct fr_buf *out; /* borrowed until the end */
    bool packed, begun;
};
void fr_wire_list_begin(struct fr_wire_list *list, struct fr_buf *out, enum fr_encoding encoding);
void fr_wire_list_user(struct fr_wire_list *list, const struct fr_wire_user *user);
void fr_wire_list_post(struct fr_wire_list *list, const struct fr_wire_post *post);
/* An item of such a list by itself, at most FR_WIRE_POST_MAX bytes, to be kept; and a kept one of the list's
 * encoding, in its turn. */
#define FR_WIRE_POST_MAX (6 * FR_POST_TEXT_MAX + 256) /* every byte of the text written as six (\u0001) */
void fr_wire_write_post(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_post *post);
void fr_wire_list_written(struct fr_wire_list *list, struct fr_str item);
void fr_wire_list_end(struct fr_wire_list *list);

#endif
