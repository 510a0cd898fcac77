#include <assert.h>
#include <string.h>

#include "voice.h"
#include "wire/wire.h"

/* ---- requests: read ---- */

static struct fr_wire_body body_of(struct fr_str bytes)
{
    return (struct fr_wire_body){FR_ENCODING_PROTOBUF, bytes};
}

static enum fr_status read_login(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_login login = {0};
    enum fr_status status = fr_wire_decode_login(body_of(bytes), &login, error);
    if (status == FR_OK) {
        *ret = json_object();
        voice_put_int64(*ret, "id", login.id);
        voice_put_text(*ret, "password", login.password);
    }
    fr_wire_login_release(&login);
    return status;
}

static enum fr_status read_register(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_register who = {0};
    enum fr_status status = fr_wire_decode_register(body_of(bytes), &who, error);
    if (status == FR_OK) {
        char date[11] = "";
        if (who.has_birthdate)
            fr_clock_format_date(who.birthdate, date);
        *ret = json_object();
        voice_put_text(*ret, "first_name", who.first_name);
        voice_put_text(*ret, "second_name", who.second_name);
        voice_put_text(*ret, "birthdate", date);
        voice_put_text(*ret, "biography", who.biography);
        voice_put_text(*ret, "city", who.city);
        voice_put_text(*ret, "password", who.password);
    }
    fr_wire_register_release(&who);
    return status;
}

static enum fr_status read_password(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_password form = {0};
    enum fr_status status = fr_wire_decode_password(body_of(bytes), &form, error);
    if (status == FR_OK) {
        *ret = json_object();
        voice_put_text(*ret, "password", form.password);
    }
    fr_wire_password_release(&form);
    return status;
}

static enum fr_status read_post_create(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_post_create post = {0};
    enum fr_status status = fr_wire_decode_post_create(body_of(bytes), &post, error);
    if (status == FR_OK) {
        *ret = json_object();
        voice_put_text(*ret, "text", post.text);
    }
    fr_wire_post_create_release(&post);
    return status;
}

static enum fr_status read_post_update(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_post_update post = {0};
    enum fr_status status = fr_wire_decode_post_update(body_of(bytes), &post, error);
    if (status == FR_OK) {
        *ret = json_object();
        voice_put_int64(*ret, "id", post.id);
        voice_put_text(*ret, "text", post.text);
    }
    fr_wire_post_update_release(&post);
    return status;
}

static enum fr_status read_client_message(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_client_message message = {0};
    enum fr_status status = fr_wire_decode_client_message(bytes, FR_ENCODING_PROTOBUF, &message, error);
    if (status == FR_OK) {
        *ret = json_object();
        voice_put_text(*ret, "auth_token", message.auth_token);
    }
    fr_wire_client_message_release(&message);
    return status;
}

/* ---- events: both ---- */

#define COUNT_OF_KINDS (FR_EVENT_ACCOUNT + 1)
static const char *const kinds[COUNT_OF_KINDS] = {
    [FR_EVENT_POST] = "EVENT_KIND_POST",         [FR_EVENT_EDIT] = "EVENT_KIND_EDIT",
    [FR_EVENT_DELETE] = "EVENT_KIND_DELETE",     [FR_EVENT_FOLLOW] = "EVENT_KIND_FOLLOW",
    [FR_EVENT_UNFOLLOW] = "EVENT_KIND_UNFOLLOW", [FR_EVENT_CELEBRITY] = "EVENT_KIND_CELEBRITY",
    [FR_EVENT_ORDINARY] = "EVENT_KIND_ORDINARY", [FR_EVENT_ACCOUNT] = "EVENT_KIND_ACCOUNT",
};

/* The index of the name; `none` if it is not there, which need not be a name at all. */
static int index_of(const char *const *names, int count, const char *name, int none)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return none;
}

static void put_str(json_t *members, const char *name, struct fr_str text)
{
    if (text.len > 0)
        json_object_set_new(members, name, json_stringn(text.data, text.len));
}

static enum fr_status read_event(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct fr_wire_event *decoded;
    enum fr_status status = fr_wire_decode_event(bytes, &decoded, error);
    if (status != FR_OK)
        return status;
    const struct fr_event *event = fr_wire_event_get(decoded);
    *ret = json_object();
    voice_put_text(*ret, "kind", kinds[event->kind]);
    voice_put_int64(*ret, "post_id", event->post_id);
    voice_put_int64(*ret, "author_id", event->author_id);
    put_str(*ret, "text", event->text);
    voice_put_int32(*ret, "revision", event->revision);
    voice_put_int64(*ret, "created_at_ms", event->created_at_ms);
    voice_put_int64(*ret, "edited_at_ms", event->edited_at_ms);
    put_str(*ret, "request_id", event->request_id);
    put_str(*ret, "traceparent", event->traceparent);
    voice_put_int64(*ret, "follower_id", event->follower_id);
    fr_wire_event_free(decoded);
    return FR_OK;
}

static enum fr_status write_event(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    struct fr_event event = {
        .kind = (enum fr_event_kind)index_of(kinds, COUNT_OF_KINDS, voice_text(members, "kind"), 0),
        .post_id = voice_number(members, "post_id"),
        .author_id = voice_number(members, "author_id"),
        .text = voice_str(members, "text"),
        .revision = (int32_t)voice_number(members, "revision"),
        .created_at_ms = voice_number(members, "created_at_ms"),
        .edited_at_ms = voice_number(members, "edited_at_ms"),
        .request_id = voice_str(members, "request_id"),
        .traceparent = voice_str(members, "traceparent"),
        .follower_id = voice_number(members, "follower_id"),
    };
    fr_wire_encode_event(out, &event);
    return FR_OK;
}

/* ---- answers: written ---- */

static enum fr_status write_token(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    fr_wire_answer_token(out, FR_ENCODING_PROTOBUF, voice_str(members, "token"),
                         voice_number(members, "expires_at_ms"));
    return FR_OK;
}

static enum fr_status write_ticket(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    fr_wire_answer_ticket(out, FR_ENCODING_PROTOBUF, voice_str(members, "ticket"),
                          voice_number(members, "expires_at_ms"));
    return FR_OK;
}

static enum fr_status write_user_id(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    fr_wire_answer_user_id(out, FR_ENCODING_PROTOBUF, voice_number(members, "user_id"));
    return FR_OK;
}

static enum fr_status write_post_id(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    fr_wire_answer_post_id(out, FR_ENCODING_PROTOBUF, voice_number(members, "id"));
    return FR_OK;
}

static struct fr_wire_user user_of(const json_t *members)
{
    struct fr_str birthdate = voice_str(members, "birthdate");
    struct fr_wire_user user = {
        .id = voice_number(members, "id"),
        .first_name = voice_str(members, "first_name"),
        .second_name = voice_str(members, "second_name"),
        .biography = voice_str(members, "biography"),
        .city = voice_str(members, "city"),
    };
    user.has_birthdate = birthdate.len > 0 && fr_clock_parse_date(birthdate, &user.birthdate) == FR_OK;
    return user;
}

static struct fr_wire_post post_of(const json_t *members)
{
    return (struct fr_wire_post){
        .id = voice_number(members, "id"),
        .author_id = voice_number(members, "author_user_id"),
        .text = voice_str(members, "text"),
        .created_at_ms = voice_number(members, "created_at_ms"),
        .edited_at_ms = voice_number(members, "edited_at_ms"),
    };
}

static enum fr_status write_user(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    struct fr_wire_user user = user_of(members);
    fr_wire_answer_user(out, FR_ENCODING_PROTOBUF, &user);
    return FR_OK;
}

static enum fr_status write_profile(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    struct fr_wire_profile profile = {
        .user = user_of(members),
        .follower_count = voice_number(members, "follower_count"),
        .following_count = voice_number(members, "following_count"),
        .celebrity = voice_flag(members, "celebrity"),
        .has_caller = json_object_get(members, "followed") != NULL,
        .followed = voice_flag(members, "followed"),
    };
    fr_wire_answer_profile(out, FR_ENCODING_PROTOBUF, &profile);
    return FR_OK;
}

static enum fr_status write_post(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    struct fr_wire_post post = post_of(members);
    fr_wire_answer_post(out, FR_ENCODING_PROTOBUF, &post);
    return FR_OK;
}

static enum fr_status write_users(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    const json_t *users = json_object_get(members, "users");
    struct fr_wire_list list;
    fr_wire_list_begin(&list, out, FR_ENCODING_PROTOBUF);
    for (size_t i = 0; i < json_array_size(users); i++) {
        struct fr_wire_user user = user_of(json_array_get(users, i));
        fr_wire_list_user(&list, &user);
    }
    fr_wire_list_end(&list);
    return FR_OK;
}

static enum fr_status write_posts(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    const json_t *posts = json_object_get(members, "posts");
    struct fr_wire_list list;
    fr_wire_list_begin(&list, out, FR_ENCODING_PROTOBUF);
    for (size_t i = 0; i < json_array_size(posts); i++) {
        struct fr_wire_post post = post_of(json_array_get(posts, i));
        fr_wire_list_post(&list, &post);
    }
    fr_wire_list_end(&list);
    return FR_OK;
}

static enum fr_status write_problem(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    struct fr_wire_problem problem = {
        .type = voice_text(members, "type"),
        .title = voice_text(members, "title"),
        .status = (int)voice_number(members, "status"),
        .code = (int)voice_number(members, "code"),
        .detail = voice_str(members, "detail"),
        .field = voice_str(members, "field"),
        .request_id = voice_str(members, "request_id"),
    };
    fr_wire_answer_problem(out, FR_ENCODING_PROTOBUF, &problem);
    return FR_OK;
}

/* ---- envelopes: written, in two pieces ---- */

#define COUNT_OF_TYPES (FR_ENVELOPE_CURSOR + 1)
static const char *const types[COUNT_OF_TYPES] = {
    [FR_ENVELOPE_READY] = "ENVELOPE_TYPE_READY", [FR_ENVELOPE_POST] = "ENVELOPE_TYPE_POST",
    [FR_ENVELOPE_EDIT] = "ENVELOPE_TYPE_EDIT",   [FR_ENVELOPE_DELETE] = "ENVELOPE_TYPE_DELETE",
    [FR_ENVELOPE_RESET] = "ENVELOPE_TYPE_RESET", [FR_ENVELOPE_SNAPSHOT_END] = "ENVELOPE_TYPE_SNAPSHOT_END",
    [FR_ENVELOPE_BYE] = "ENVELOPE_TYPE_BYE",     [FR_ENVELOPE_CURSOR] = "ENVELOPE_TYPE_CURSOR",
};

static enum fr_status write_envelope(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    int index = index_of(types, COUNT_OF_TYPES, voice_text(members, "type"), 0);
    if (index == 0)
        return fr_error_set(error, FR_INVALID, "type", "the gateway has no such envelope");
    enum fr_envelope type = (enum fr_envelope)index;
    struct fr_wire_post post = post_of(members);
    fr_wire_envelope_head(out, FR_ENCODING_PROTOBUF, type, voice_str(members, "cursor"),
                          voice_flag(members, "snapshot"));
    switch (type) {
    case FR_ENVELOPE_READY:
        fr_wire_envelope_ready(out, FR_ENCODING_PROTOBUF, voice_flag(members, "resumed"),
                               voice_number(members, "user_id"));
        break;
    case FR_ENVELOPE_POST:
    case FR_ENVELOPE_EDIT:
        fr_wire_envelope_post(out, FR_ENCODING_PROTOBUF, &post);
        break;
    case FR_ENVELOPE_DELETE:
        fr_wire_envelope_delete(out, FR_ENCODING_PROTOBUF, post.id, post.author_id);
        break;
    case FR_ENVELOPE_BYE:
        fr_wire_envelope_bye(out, FR_ENCODING_PROTOBUF, (int)voice_number(members, "code"),
                             voice_text(members, "reason"), voice_number(members, "reconnect_after_ms"));
        break;
    case FR_ENVELOPE_RESET:
    case FR_ENVELOPE_SNAPSHOT_END:
    case FR_ENVELOPE_CURSOR:
        fr_wire_envelope_nothing(out, FR_ENCODING_PROTOBUF);
        break;
    }
    return FR_OK;
}

static const struct voice_message messages[] = {
    {"freshet.v1.LoginRequest", read_login, NULL, NULL},
    {"freshet.v1.RegisterRequest", read_register, NULL, NULL},
    {"freshet.v1.DeleteAccountRequest", read_password, NULL, NULL},
    {"freshet.v1.PostCreateRequest", read_post_create, NULL, NULL},
    {"freshet.v1.PostUpdateRequest", read_post_update, NULL, NULL},
    {"freshet.v1.ClientMessage", read_client_message, NULL, NULL},
    {"freshet.v1.Event", read_event, write_event, NULL},
    {"freshet.v1.Token", NULL, write_token, NULL},
    {"freshet.v1.Ticket", NULL, write_ticket, NULL},
    {"freshet.v1.RegisterResponse", NULL, write_user_id, NULL},
    {"freshet.v1.PostId", NULL, write_post_id, NULL},
    {"freshet.v1.User", NULL, write_user, NULL},
    {"freshet.v1.UserList", NULL, write_users, NULL},
    {"freshet.v1.Profile", NULL, write_profile, NULL},
    {"freshet.v1.Post", NULL, write_post, NULL},
    {"freshet.v1.PostList", NULL, write_posts, NULL},
    {"freshet.v1.Problem", NULL, write_problem, NULL},
    {"freshet.v1.Envelope", NULL, write_envelope, NULL},
    {0},
};

const struct voice voice_wire = {"wire", messages};
