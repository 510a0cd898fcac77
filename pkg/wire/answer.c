#include <assert.h>
#include <stdlib.h>

#include "freshet/v1/api.pb-c.h"
#include "json_members.h"
#include "protobuf.h"

/* ---- protobuf ---- */

static void pack_token(struct fr_buf *out, struct fr_str token, int64_t expires_ms)
{
    Freshet__V1__Token message;
    freshet__v1__token__init(&message);
    message.token = fr_protobuf_terminated(token);
    message.expires_at_ms = expires_ms;
    fr_protobuf_pack(out, &message.base);
    free(message.token);
}

static void pack_ticket(struct fr_buf *out, struct fr_str ticket, int64_t expires_ms)
{
    Freshet__V1__Ticket message;
    freshet__v1__ticket__init(&message);
    message.ticket = fr_protobuf_terminated(ticket);
    message.expires_at_ms = expires_ms;
    fr_protobuf_pack(out, &message.base);
    free(message.ticket);
}

static void pack_user_id(struct fr_buf *out, int64_t user_id)
{
    Freshet__V1__RegisterResponse message;
    freshet__v1__register_response__init(&message);
    message.user_id = user_id;
    fr_protobuf_pack(out, &message.base);
}

static void pack_post_id(struct fr_buf *out, int64_t post_id)
{
    Freshet__V1__PostId message;
    freshet__v1__post_id__init(&message);
    message.id = post_id;
    fr_protobuf_pack(out, &message.base);
}

/* A list with one item: what is packed one after the other is one list. */
static void pack_user(struct fr_buf *out, const struct fr_wire_user *user, bool listed)
{
    char date[11] = "";
    Freshet__V1__User message, *items[] = {&message};
    freshet__v1__user__init(&message);
    if (user->has_birthdate)
        fr_clock_format_date(user->birthdate, date);
    message.id = user->id;
    message.birthdate = date;
    message.first_name = fr_protobuf_terminated(user->first_name);
    message.second_name = fr_protobuf_terminated(user->second_name);
    message.biography = fr_protobuf_terminated(user->biography);
    message.city = fr_protobuf_terminated(user->city);
    if (listed) {
        Freshet__V1__UserList list;
        freshet__v1__user_list__init(&list);
        list.n_users = 1;
        list.users = items;
        fr_protobuf_pack(out, &list.base);
    } else {
        fr_protobuf_pack(out, &message.base);
    }
    free(message.first_name);
    free(message.second_name);
    free(message.biography);
    free(message.city);
}

/* The first fields are a User's: what is packed one after the other is one message. */
static void pack_profile(struct fr_buf *out, const struct fr_wire_profile *profile)
{
    Freshet__V1__Profile message;
    freshet__v1__profile__init(&message);
    message.follower_count = profile->follower_count;
    message.following_count = profile->following_count;
    message.celebrity = profile->celebrity;
    if (profile->has_caller) {
        message.viewer_case = FRESHET__V1__PROFILE__VIEWER_FOLLOWED;
        message.followed = profile->followed;
    }
    pack_user(out, &profile->user, false);
    fr_protobuf_pack(out, &message.base);
}

static void pack_post(struct fr_buf *out, const struct fr_wire_post *post, bool listed)
{
    Freshet__V1__Post message, *items[] = {&message};
    freshet__v1__post__init(&message);
    message.id = post->id;
    message.author_user_id = post->author_id;
    message.created_at_ms = post->created_at_ms;
    message.edited_at_ms = post->edited_at_ms;
    message.text = fr_protobuf_terminated(post->text);
    if (listed) {
        Freshet__V1__PostList list;
        freshet__v1__post_list__init(&list);
        list.n_posts = 1;
        list.posts = items;
        fr_protobuf_pack(out, &list.base);
    } else {
        fr_protobuf_pack(out, &message.base);
    }
    free(message.text);
}

static void pack_problem(struct fr_buf *out, const struct fr_wire_problem *problem)
{
    Freshet__V1__Problem message;
    freshet__v1__problem__init(&message);
    message.type = fr_protobuf_terminated(fr_str_of(problem->type));
    message.title = fr_protobuf_terminated(fr_str_of(problem->title));
    message.status = problem->status;
    message.code = problem->code;
    message.detail = fr_protobuf_terminated(problem->detail);
    message.message = message.detail;
    message.field = fr_protobuf_terminated(problem->field);
    message.request_id = fr_protobuf_terminated(problem->request_id);
    fr_protobuf_pack(out, &message.base);
    free(message.type);
    free(message.title);
    free(message.detail);
    free(message.field);
    free(message.request_id);
}

/* ---- both ---- */

static bool packed(enum fr_encoding encoding)
{
    assert(encoding != FR_ENCODING_PLAIN);
    return encoding == FR_ENCODING_PROTOBUF;
}

void fr_wire_answer_token(struct fr_buf *out, enum fr_encoding encoding, struct fr_str token,
                          int64_t expires_ms)
{
    if (packed(encoding))
        pack_token(out, token, expires_ms);
    else
        fr_wire_json_token(out, token, expires_ms);
}

void fr_wire_answer_ticket(struct fr_buf *out, enum fr_encoding encoding, struct fr_str ticket,
                           int64_t expires_ms)
{
    if (packed(encoding))
        pack_ticket(out, ticket, expires_ms);
    else
        fr_wire_json_ticket(out, ticket, expires_ms);
}

void fr_wire_answer_user_id(struct fr_buf *out, enum fr_encoding encoding, int64_t user_id)
{
    if (packed(encoding))
        pack_user_id(out, user_id);
    else
        fr_wire_json_user_id(out, user_id);
}

void fr_wire_answer_post_id(struct fr_buf *out, enum fr_encoding encoding, int64_t post_id)
{
    if (packed(encoding))
        pack_post_id(out, post_id);
    else
        fr_wire_json_id(out, post_id);
}

void fr_wire_answer_user(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_user *user)
{
    if (packed(encoding))
        pack_user(out, user, false);
    else
        fr_wire_json_user(out, user);
}

void fr_wire_answer_profile(struct fr_buf *out, enum fr_encoding encoding,
                            const struct fr_wire_profile *profile)
{
    if (packed(encoding))
        pack_profile(out, profile);
    else
        fr_wire_json_profile(out, profile);
}

void fr_wire_answer_post(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_post *post)
{
    if (packed(encoding))
        pack_post(out, post, false);
    else
        fr_wire_json_post(out, post);
}

void fr_wire_answer_problem(struct fr_buf *out, enum fr_encoding encoding,
                            const struct fr_wire_problem *problem)
{
    if (packed(encoding))
        pack_problem(out, problem);
    else
        fr_wire_json_problem(out, problem);
}

/* ---- lists ---- */

void fr_wire_list_begin(struct fr_wire_list *list, struct fr_buf *out, enum fr_encoding encoding)
{
    *list = (struct fr_wire_list){.out = out, .packed = packed(encoding)};
    if (!list->packed)
        fr_buf_append_char(out, '[');
}

static void separate(struct fr_wire_list *list)
{
    if (list->begun)
        fr_buf_append_char(list->out, ',');
    list->begun = true;
}

void fr_wire_list_user(struct fr_wire_list *list, const struct fr_wire_user *user)
{
    if (list->packed) {
        pack_user(list->out, user, true);
        return;
    }
    separate(list);
    fr_wire_json_user(list->out, user);
}

void fr_wire_list_post(struct fr_wire_list *list, const struct fr_wire_post *post)
{
    if (list->packed) {
        pack_post(list->out, post, true);
        return;
    }
    separate(list);
    fr_wire_json_post(list->out, post);
}

void fr_wire_write_post(struct fr_buf *out, enum fr_encoding encoding, const struct fr_wire_post *post)
{
    if (packed(encoding))
        pack_post(out, post, true);
    else
        fr_wire_json_post(out, post);
}

void fr_wire_list_written(struct fr_wire_list *list, struct fr_str item)
{
    if (!list->packed)
        separate(list);
    fr_buf_append_str(list->out, item);
}

void fr_wire_list_end(struct fr_wire_list *list)
{
    if (!list->packed)
        fr_buf_append_char(list->out, ']');
}
