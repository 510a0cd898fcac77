#include <stdlib.h>
#include <string.h>

#include "client/codec.h"
#include "voice.h"

static enum fr_status refuse(struct fr_error *error)
{
    return fr_error_set(error, FR_INVALID, NULL, "no message of that type");
}

/* ---- requests: written ---- */

static enum fr_status write_login(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    codec_write_login(out, voice_number(members, "id"), voice_text(members, "password"));
    return FR_OK;
}

static enum fr_status write_register(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    codec_write_registration(out, FRESHET_REGISTRATION(.first_name = voice_text(members, "first_name"),
                                                       .second_name = voice_text(members, "second_name"),
                                                       .birthdate = voice_text(members, "birthdate"),
                                                       .biography = voice_text(members, "biography"),
                                                       .city = voice_text(members, "city"),
                                                       .password = voice_text(members, "password")));
    return FR_OK;
}

static enum fr_status write_password(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    codec_write_account_delete(out, voice_text(members, "password"));
    return FR_OK;
}

static enum fr_status write_post(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    codec_write_post(out, voice_text(members, "text"));
    return FR_OK;
}

static enum fr_status write_post_update(const json_t *members, struct fr_buf *out, struct fr_error *error)
{
    codec_write_post_update(out, voice_number(members, "id"), voice_text(members, "text"));
    return FR_OK;
}

/* ---- answers: read ---- */

static enum fr_status told_token(freshet_token *token, const char *name, json_t **ret, struct fr_error *error)
{
    if (token == NULL)
        return refuse(error);
    *ret = json_object();
    voice_put_text(*ret, name, token->text);
    voice_put_int64(*ret, "expires_at_ms", token->expires_at_ms);
    free(token);
    return FR_OK;
}

static enum fr_status read_token(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    return told_token(codec_token(bytes), "token", ret, error);
}

static enum fr_status read_ticket(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    return told_token(codec_ticket(bytes), "ticket", ret, error);
}

static enum fr_status told_id(bool good, int64_t id, const char *name, json_t **ret, struct fr_error *error)
{
    if (!good)
        return refuse(error);
    *ret = json_object();
    voice_put_int64(*ret, name, id);
    return FR_OK;
}

static enum fr_status read_user_id(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    int64_t id = 0;
    bool good = codec_user_id(bytes, &id);
    return told_id(good, id, "user_id", ret, error);
}

static enum fr_status read_post_id(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    int64_t id = 0;
    bool good = codec_post_id(bytes, &id);
    return told_id(good, id, "id", ret, error);
}

static json_t *json_of_user(const freshet_user *user)
{
    json_t *members = json_object();
    voice_put_int64(members, "id", user->id);
    voice_put_text(members, "first_name", user->first_name);
    voice_put_text(members, "second_name", user->second_name);
    voice_put_text(members, "birthdate", user->birthdate);
    voice_put_text(members, "biography", user->biography);
    voice_put_text(members, "city", user->city);
    return members;
}

static json_t *json_of_post(const freshet_post *post)
{
    json_t *members = json_object();
    voice_put_int64(members, "id", post->id);
    voice_put_text(members, "text", post->text);
    voice_put_int64(members, "author_user_id", post->author_id);
    voice_put_int64(members, "created_at_ms", post->created_at_ms);
    voice_put_int64(members, "edited_at_ms", post->edited_at_ms);
    return members;
}

static enum fr_status read_user(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    freshet_user *user = codec_user(bytes);
    if (user == NULL)
        return refuse(error);
    *ret = json_of_user(user);
    free(user);
    return FR_OK;
}

static enum fr_status read_profile(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    freshet_profile *profile = codec_profile(bytes);
    if (profile == NULL)
        return refuse(error);
    *ret = json_of_user(profile->user);
    voice_put_int64(*ret, "follower_count", profile->follower_count);
    voice_put_int64(*ret, "following_count", profile->following_count);
    voice_put_flag(*ret, "celebrity", profile->celebrity);
    voice_put_flag(*ret, "followed", profile->followed);
    free(profile);
    return FR_OK;
}

static enum fr_status read_post(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    freshet_post *post = codec_post(bytes);
    if (post == NULL)
        return refuse(error);
    *ret = json_of_post(post);
    free(post);
    return FR_OK;
}

static enum fr_status read_users(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    freshet_users *users = codec_users(bytes, "next");
    if (users == NULL)
        return refuse(error);
    *ret = json_object();
    for (size_t i = 0; i < users->count; i++) {
        if (i == 0)
            json_object_set_new(*ret, "users", json_array());
        json_array_append_new(json_object_get(*ret, "users"), json_of_user(users->items[i]));
    }
    free(users);
    return FR_OK;
}

static enum fr_status read_posts(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    freshet_posts *posts = codec_posts(bytes, "next");
    if (posts == NULL)
        return refuse(error);
    *ret = json_object();
    for (size_t i = 0; i < posts->count; i++) {
        if (i == 0)
            json_object_set_new(*ret, "posts", json_array());
        json_array_append_new(json_object_get(*ret, "posts"), json_of_post(posts->items[i]));
    }
    free(posts);
    return FR_OK;
}

static enum fr_status read_problem(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    freshet_error told;
    if (!codec_problem(bytes, &told))
        return refuse(error);
    *ret = json_object();
    voice_put_int32(*ret, "status", told.status);
    voice_put_int32(*ret, "code", told.code);
    voice_put_text(*ret, "title", told.title);
    voice_put_text(*ret, "detail", told.detail);
    voice_put_text(*ret, "field", told.field);
    voice_put_text(*ret, "request_id", told.request_id);
    return FR_OK;
}

static const char *name_of(enum envelope_type type)
{
    switch (type) {
    case ENVELOPE_UNKNOWN:
        break;
    case ENVELOPE_READY:
        return "ENVELOPE_TYPE_READY";
    case ENVELOPE_POST:
        return "ENVELOPE_TYPE_POST";
    case ENVELOPE_EDIT:
        return "ENVELOPE_TYPE_EDIT";
    case ENVELOPE_DELETE:
        return "ENVELOPE_TYPE_DELETE";
    case ENVELOPE_RESET:
        return "ENVELOPE_TYPE_RESET";
    case ENVELOPE_SNAPSHOT_END:
        return "ENVELOPE_TYPE_SNAPSHOT_END";
    case ENVELOPE_BYE:
        return "ENVELOPE_TYPE_BYE";
    case ENVELOPE_CURSOR:
        return "ENVELOPE_TYPE_CURSOR";
    }
    return "";
}

static enum fr_status read_envelope(struct fr_str bytes, json_t **ret, struct fr_error *error)
{
    struct envelope *envelope = codec_envelope(bytes);
    if (envelope == NULL)
        return refuse(error);
    *ret = json_of_post(&envelope->post);
    voice_put_text(*ret, "type", name_of(envelope->type));
    voice_put_text(*ret, "cursor", envelope->cursor);
    voice_put_flag(*ret, "snapshot", envelope->snapshot);
    voice_put_flag(*ret, "resumed", envelope->resumed);
    voice_put_int64(*ret, "user_id", envelope->user_id);
    voice_put_int32(*ret, "code", envelope->code);
    voice_put_text(*ret, "reason", envelope->reason);
    voice_put_int64(*ret, "reconnect_after_ms", envelope->reconnect_after_ms);
    free(envelope);
    return FR_OK;
}

static enum fr_status pass_envelope(struct fr_str bytes, struct fr_buf *out, struct fr_error *error)
{
    struct envelope *envelope = codec_envelope(bytes);
    if (envelope == NULL)
        return refuse(error);
    fr_buf_append_str(out, envelope->wire);
    free(envelope);
    return FR_OK;
}

static const struct voice_message messages[] = {
    {"freshet.v1.LoginRequest", NULL, write_login, NULL},
    {"freshet.v1.RegisterRequest", NULL, write_register, NULL},
    {"freshet.v1.DeleteAccountRequest", NULL, write_password, NULL},
    {"freshet.v1.PostCreateRequest", NULL, write_post, NULL},
    {"freshet.v1.PostUpdateRequest", NULL, write_post_update, NULL},
    {"freshet.v1.Token", read_token, NULL, NULL},
    {"freshet.v1.Ticket", read_ticket, NULL, NULL},
    {"freshet.v1.RegisterResponse", read_user_id, NULL, NULL},
    {"freshet.v1.PostId", read_post_id, NULL, NULL},
    {"freshet.v1.User", read_user, NULL, NULL},
    {"freshet.v1.UserList", read_users, NULL, NULL},
    {"freshet.v1.Profile", read_profile, NULL, NULL},
    {"freshet.v1.Post", read_post, NULL, NULL},
    {"freshet.v1.PostList", read_posts, NULL, NULL},
    {"freshet.v1.Problem", read_problem, NULL, NULL},
    {"freshet.v1.Envelope", read_envelope, NULL, pass_envelope},
    {0},
};

const struct voice voice_sdk = {"libfreshet", messages};
