#include "codec.h"

#include <stdlib.h>

#include "check.h"
#include "freshet/v1/api.pb-c.h"
#include "freshet/v1/envelope.pb-c.h"

/* A field of a later version: number 1000, three bytes. */
#define UNKNOWN_FIELD "\xc2\x3e\x03new"

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

/* The packed message with an unknown field behind it; the caller frees ret->data. */
static void pack(const ProtobufCMessage *message, struct fr_buf *ret)
{
    fr_buf_init(ret, 64 * 1024);
    size_t len = protobuf_c_message_get_packed_size(message);
    ret->len += protobuf_c_message_pack(message, (uint8_t *)fr_buf_reserve(ret, len));
    fr_buf_append(ret, UNKNOWN_FIELD, sizeof UNKNOWN_FIELD - 1);
}

static void requests_say_what_was_said(void **state)
{
    struct fr_buf out;
    fr_buf_init(&out, 4096);
    codec_write_login(&out, 7, "secret");
    Freshet__V1__LoginRequest *login = freshet__v1__login_request__unpack(NULL, out.len, (uint8_t *)out.data);
    assert_int_equal(login->id, 7);
    assert_string_equal(login->password, "secret");
    freshet__v1__login_request__free_unpacked(login, NULL);

    fr_buf_reset(&out);
    codec_write_registration(&out, FRESHET_REGISTRATION(.first_name = "Ада", .password = "12345678"));
    Freshet__V1__RegisterRequest *form =
        freshet__v1__register_request__unpack(NULL, out.len, (uint8_t *)out.data);
    assert_string_equal(form->first_name, "Ада");
    assert_string_equal(form->second_name, "");
    assert_string_equal(form->birthdate, "");
    assert_string_equal(form->password, "12345678");
    freshet__v1__register_request__free_unpacked(form, NULL);

    fr_buf_reset(&out);
    codec_write_post_update(&out, 9, "new");
    Freshet__V1__PostUpdateRequest *update =
        freshet__v1__post_update_request__unpack(NULL, out.len, (uint8_t *)out.data);
    assert_int_equal(update->id, 9);
    assert_string_equal(update->text, "new");
    freshet__v1__post_update_request__free_unpacked(update, NULL);

    fr_buf_reset(&out);
    codec_write_post(&out, "");
    assert_int_equal(out.len, 0);
    assert_non_null(out.data); /* a body, though an empty one */
    fr_buf_release(&out);
}

static void a_list_of_users_is_one_block(void **state)
{
    Freshet__V1__User one, other;
    freshet__v1__user__init(&one);
    freshet__v1__user__init(&other);
    Freshet__V1__User *items[] = {&one, &other};
    Freshet__V1__UserList list;
    freshet__v1__user_list__init(&list);
    one.id = 1;
    one.first_name = text("Ann");
    one.birthdate = text("2017-02-01");
    other.id = INT64_MAX;
    other.city = text("Köln");
    list.users = items;
    list.n_users = 2;
    struct fr_buf bytes;
    pack(&list.base, &bytes);
    freshet_users *users = codec_users(fr_buf_str(&bytes), "cursor");
    fr_buf_release(&bytes);
    assert_non_null(users);
    assert_int_equal(users->count, 2);
    assert_int_equal(users->items[0]->id, 1);
    assert_string_equal(users->items[0]->first_name, "Ann");
    assert_string_equal(users->items[0]->second_name, "");
    assert_string_equal(users->items[0]->birthdate, "2017-02-01");
    assert_int_equal(users->items[1]->id, INT64_MAX);
    assert_string_equal(users->items[1]->city, "Köln");
    assert_string_equal(users->next, "cursor");
    freshet_free(users);

    users = codec_users(FR_STR(""), "");
    assert_int_equal(users->count, 0);
    assert_string_equal(users->next, "");
    freshet_free(users);
}

static void a_profile_says_who_looks(void **state)
{
    Freshet__V1__Profile message;
    freshet__v1__profile__init(&message);
    message.id = 5;
    message.first_name = text("Ann");
    message.follower_count = 1000;
    message.following_count = 2;
    message.celebrity = 1;
    struct fr_buf bytes;
    pack(&message.base, &bytes);
    freshet_profile *profile = codec_profile(fr_buf_str(&bytes));
    assert_int_equal(profile->user->id, 5);
    assert_string_equal(profile->user->first_name, "Ann");
    assert_int_equal(profile->follower_count, 1000);
    assert_int_equal(profile->following_count, 2);
    assert_true(profile->celebrity);
    assert_false(profile->followed);
    freshet_free(profile);
    fr_buf_release(&bytes);

    message.viewer_case = FRESHET__V1__PROFILE__VIEWER_FOLLOWED;
    message.followed = 1;
    pack(&message.base, &bytes);
    profile = codec_profile(fr_buf_str(&bytes));
    assert_true(profile->followed);
    freshet_free(profile);
    fr_buf_release(&bytes);
}

static void posts_keep_their_order_and_times(void **state)
{
    Freshet__V1__Post one, other;
    freshet__v1__post__init(&one);
    freshet__v1__post__init(&other);
    Freshet__V1__Post *items[] = {&one, &other};
    Freshet__V1__PostList list;
    freshet__v1__post_list__init(&list);
    one.id = 20;
    one.author_user_id = 3;
    one.text = text("later");
    one.created_at_ms = 1700000000123;
    one.edited_at_ms = 1700000000456;
    other.id = 10;
    other.text = text("earlier");
    list.posts = items;
    list.n_posts = 2;
    struct fr_buf bytes;
    pack(&list.base, &bytes);
    freshet_posts *posts = codec_posts(fr_buf_str(&bytes), "");
    fr_buf_release(&bytes);
    assert_int_equal(posts->count, 2);
    assert_int_equal(posts->items[0]->id, 20);
    assert_int_equal(posts->items[0]->author_id, 3);
    assert_int_equal(posts->items[0]->created_at_ms, 1700000000123);
    assert_int_equal(posts->items[0]->edited_at_ms, 1700000000456);
    assert_string_equal(posts->items[1]->text, "earlier");
    assert_int_equal(posts->items[1]->edited_at_ms, 0);
    freshet_free(posts);
}

static void tokens_and_ids(void **state)
{
    Freshet__V1__Token message;
    freshet__v1__token__init(&message);
    message.token = text("abc.def");
    message.expires_at_ms = 99;
    struct fr_buf bytes;
    pack(&message.base, &bytes);
    freshet_token *token = codec_token(fr_buf_str(&bytes));
    assert_string_equal(token->text, "abc.def");
    assert_int_equal(token->expires_at_ms, 99);
    freshet_free(token);
    fr_buf_release(&bytes);

    int64_t id = 0;
    assert_true(codec_post_id(FR_STR("\x08\x2a"), &id));
    assert_int_equal(id, 42);
    assert_false(codec_user_id(FR_STR("\x08"), &id));
    assert_int_equal(id, 42);
}

static void an_envelope_of_each_type(void **state)
{
    static const struct {
        const char *comment;
        int number;
        enum envelope_type type;
    } rows[] = {
        {"none", 0, ENVELOPE_UNKNOWN},     {"ready", 1, ENVELOPE_READY},
        {"post", 2, ENVELOPE_POST},        {"edit", 3, ENVELOPE_EDIT},
        {"delete", 4, ENVELOPE_DELETE},    {"reset", 5, ENVELOPE_RESET},
        {"end", 6, ENVELOPE_SNAPSHOT_END}, {"bye", 7, ENVELOPE_BYE},
        {"cursor", 8, ENVELOPE_CURSOR},    {"of a later version", 100, ENVELOPE_UNKNOWN},
    };
    FR_FOR_ROWS(row, rows)
    {
        Freshet__V1__Envelope message;
        freshet__v1__envelope__init(&message);
        message.type = (Freshet__V1__EnvelopeType)row->number;
        message.cursor = text("AQAB");
        struct fr_buf bytes;
        pack(&message.base, &bytes);
        struct envelope *envelope = codec_envelope(fr_buf_str(&bytes));
        FR_ASSERT_ROW(row, envelope != NULL && envelope->type == row->type);
        FR_ASSERT_ROW(row, strcmp(envelope->cursor, "AQAB") == 0);
        free(envelope);
        fr_buf_release(&bytes);
    }
}

static void an_envelope_has_all_its_members(void **state)
{
    Freshet__V1__Envelope message;
    freshet__v1__envelope__init(&message);
    message.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_POST;
    message.id = 11;
    message.text = text("hello");
    message.author_user_id = 12;
    message.created_at_ms = 13;
    message.edited_at_ms = 14;
    message.snapshot = 1;
    message.resumed = 1;
    message.user_id = 15;
    message.code = 1001;
    message.reason = text("draining");
    message.reconnect_after_ms = 16;
    struct fr_buf bytes;
    pack(&message.base, &bytes);
    struct envelope *envelope = codec_envelope(fr_buf_str(&bytes));
    assert_true(fr_str_equal(envelope->wire, fr_buf_str(&bytes)));
    fr_buf_release(&bytes);
    assert_int_equal(envelope->post.id, 11);
    assert_string_equal(envelope->post.text, "hello");
    assert_int_equal(envelope->post.author_id, 12);
    assert_int_equal(envelope->post.created_at_ms, 13);
    assert_int_equal(envelope->post.edited_at_ms, 14);
    assert_true(envelope->snapshot && envelope->resumed);
    assert_int_equal(envelope->user_id, 15);
    assert_int_equal(envelope->code, 1001);
    assert_string_equal(envelope->reason, "draining");
    assert_int_equal(envelope->reconnect_after_ms, 16);
    assert_string_equal(envelope->cursor, "");
    free(envelope);
}

static void a_cursor_that_is_too_long_is_none(void **state)
{
    char cursor[200];
    memset(cursor, 'x', sizeof cursor);
    cursor[sizeof cursor - 1] = '\0';
    Freshet__V1__Envelope message;
    freshet__v1__envelope__init(&message);
    message.cursor = cursor;
    struct fr_buf bytes;
    pack(&message.base, &bytes);
    struct envelope *envelope = codec_envelope(fr_buf_str(&bytes));
    assert_string_equal(envelope->cursor, "");
    free(envelope);
    fr_buf_release(&bytes);
}

static void bytes_that_are_no_message_give_nothing(void **state)
{
    struct fr_str bytes = FR_STR("\x0a\xff\xff\xff\xff\x7fx");
    freshet_error error;
    assert_null(codec_envelope(bytes));
    assert_null(codec_users(bytes, ""));
    assert_null(codec_posts(bytes, ""));
    assert_null(codec_token(bytes));
    assert_null(codec_ticket(bytes));
    assert_null(codec_user(FR_STR("\x12\x05xy")));
    assert_null(codec_profile(FR_STR("\x12\x05xy")));
    assert_null(codec_post(FR_STR("\x12\x05xy")));
    assert_false(codec_problem(bytes, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_what_was_said),
        cmocka_unit_test(a_list_of_users_is_one_block),
        cmocka_unit_test(a_profile_says_who_looks),
        cmocka_unit_test(posts_keep_their_order_and_times),
        cmocka_unit_test(tokens_and_ids),
        cmocka_unit_test(an_envelope_of_each_type),
        cmocka_unit_test(an_envelope_has_all_its_members),
        cmocka_unit_test(a_cursor_that_is_too_long_is_none),
        cmocka_unit_test(bytes_that_are_no_message_give_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
