#include "http/bodies.h"

/* The largest forms: every byte of every text written as six (\u0001), and the names of the members; and what
 * a post comes to beside its text as a rule. */
enum {
    TOKEN_BYTES_MAX = FR_TOKEN_MAX + 256,
    USER_BYTES_MAX = 6 * (2 * FR_NAME_MAX + FR_BIOGRAPHY_MAX + FR_CITY_MAX) + 256,
    PROFILE_BYTES_MAX = USER_BYTES_MAX + 128,
    POST_FRAME_BYTES = 192,
};

static struct fr_wire_user wire_user(const struct fr_user *user)
{
    return (struct fr_wire_user){
        .id = user->id,
        .first_name = user->first_name,
        .second_name = user->second_name,
        .biography = user->biography,
        .city = user->city,
        .has_birthdate = user->has_birthdate,
        .birthdate = user->birthdate,
    };
}

static struct fr_wire_post wire_post(const struct fr_post *post)
{
    return (struct fr_wire_post){
        .id = post->id,
        .author_id = post->author_id,
        .text = post->text,
        .created_at_ms = post->created_at_ms,
        .edited_at_ms = post->edited_at_ms,
    };
}

static void send(struct fr_call *call, struct fr_buf *body)
{
    fr_call_answer_body(call, body);
    fr_buf_release(body);
}

void fr_call_answer_token(struct fr_call *call, struct fr_str token, int64_t expires_ms)
{
    struct fr_buf body;
    fr_buf_init(&body, TOKEN_BYTES_MAX);
    fr_wire_answer_token(&body, fr_call_encoding(call), token, expires_ms);
    send(call, &body);
}

void fr_call_answer_ticket(struct fr_call *call, struct fr_str ticket, int64_t expires_ms)
{
    struct fr_buf body;
    fr_buf_init(&body, TOKEN_BYTES_MAX);
    fr_wire_answer_ticket(&body, fr_call_encoding(call), ticket, expires_ms);
    send(call, &body);
}

void fr_call_answer_user(struct fr_call *call, const struct fr_user *user)
{
    struct fr_buf body;
    struct fr_wire_user form = wire_user(user);
    fr_buf_init(&body, USER_BYTES_MAX);
    fr_wire_answer_user(&body, fr_call_encoding(call), &form);
    send(call, &body);
}

void fr_call_answer_profile(struct fr_call *call, const struct fr_profile *profile)
{
    struct fr_buf body;
    struct fr_wire_profile form = {
        .user = wire_user(&profile->user),
        .follower_count = profile->follower_count,
        .following_count = profile->following_count,
        .celebrity = profile->celebrity,
        .has_caller = fr_call_user_id(call) != 0,
        .followed = profile->followed,
    };
    fr_buf_init(&body, PROFILE_BYTES_MAX);
    fr_wire_answer_profile(&body, fr_call_encoding(call), &form);
    send(call, &body);
}

void fr_call_answer_users(struct fr_call *call, const struct fr_user *users, size_t count)
{
    struct fr_buf body;
    struct fr_wire_list list;
    fr_buf_init(&body, (size_t)FR_PAGE_LIMIT_MAX * USER_BYTES_MAX);
    fr_wire_list_begin(&list, &body, fr_call_encoding(call));
    for (size_t i = 0; i < count; i++) {
        struct fr_wire_user form = wire_user(&users[i]);
        fr_wire_list_user(&list, &form);
    }
    fr_wire_list_end(&list);
    send(call, &body);
}

void fr_call_answer_post(struct fr_call *call, const struct fr_post *post)
{
    struct fr_buf body;
    struct fr_wire_post form = wire_post(post);
    fr_buf_init(&body, FR_WIRE_POST_MAX);
    fr_wire_answer_post(&body, fr_call_encoding(call), &form);
    send(call, &body);
}

/* So that the buffer need not grow piece by piece. */
static void make_room(struct fr_buf *body, const struct fr_post *posts, size_t count)
{
    size_t bytes = 2;
    for (size_t i = 0; i < count; i++)
        bytes += posts[i].written.len > 0 ? posts[i].written.len + 1 : posts[i].text.len + POST_FRAME_BYTES;
    fr_buf_reserve(body, bytes);
}

void fr_call_answer_posts(struct fr_call *call, const struct fr_post *posts, size_t count)
{
    struct fr_buf body;
    struct fr_wire_list list;
    fr_buf_init(&body, (size_t)FR_PAGE_LIMIT_MAX * FR_WIRE_POST_MAX);
    make_room(&body, posts, count);
    fr_wire_list_begin(&list, &body, fr_call_encoding(call));
    for (size_t i = 0; i < count; i++) {
        if (posts[i].written.len > 0) {
            fr_wire_list_written(&list, posts[i].written);
        } else {
            struct fr_wire_post form = wire_post(&posts[i]);
            fr_wire_list_post(&list, &form);
        }
    }
    fr_wire_list_end(&list);
    send(call, &body);
}
