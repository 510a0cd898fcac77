#include "bodies.h"

static void check_text(const char *text, size_t min, size_t max)
{
    size_t len = strlen(text);
    FR_FUZZ_RULE(len >= min && len <= max, "texts keep their bounds");
    FR_FUZZ_RULE(fr_utf8_valid_text(text, len), "and are UTF-8");
}

/* What was accepted comes back from our own writing: a post has the fields of the request that changes it. */
static void check_round_trip(enum fr_encoding encoding, const char *text)
{
    struct fr_buf body;
    fr_buf_init(&body, 8 * FR_POST_TEXT_MAX);
    fr_wire_answer_post(&body, encoding, &(struct fr_wire_post){.id = 7, .text = fr_str_of(text)});
    FR_FUZZ_RULE(fr_buf_status(&body) == FR_OK, "JSON is six times as long at most");
    struct fr_wire_post_update again = {0};
    struct fr_error error = {0};
    FR_FUZZ_RULE(fr_wire_decode_post_update((struct fr_wire_body){encoding, fr_buf_str(&body)}, &again,
                                            &error) == FR_OK,
                 "we read what we write");
    FR_FUZZ_RULE(again.id == 7 && strcmp(again.text, text) == 0, "and it says the same");
    fr_wire_post_update_release(&again);
    fr_buf_release(&body);
}

static void login(struct fr_wire_body body, struct fr_error *error)
{
    struct fr_wire_login form = {0};
    enum fr_status status = fr_wire_decode_login(body, &form, error);
    fr_fuzz_check_error(status, error, true);
    FR_FUZZ_RULE(status != FR_OK || (form.id > 0 && form.password != NULL), "a login is whole");
    fr_wire_login_release(&form);
}

static void password(struct fr_wire_body body, struct fr_error *error)
{
    struct fr_wire_password form = {0};
    enum fr_status status = fr_wire_decode_password(body, &form, error);
    fr_fuzz_check_error(status, error, true);
    FR_FUZZ_RULE(status != FR_OK || form.password != NULL, "a password is there");
    fr_wire_password_release(&form);
}

static void registration(struct fr_wire_body body, struct fr_error *error)
{
    struct fr_wire_register form = {0};
    enum fr_status status = fr_wire_decode_register(body, &form, error);
    fr_fuzz_check_error(status, error, true);
    if (status == FR_OK) {
        check_text(form.first_name, 1, FR_NAME_MAX);
        check_text(form.second_name, 1, FR_NAME_MAX);
        check_text(form.biography, 0, FR_BIOGRAPHY_MAX);
        check_text(form.city, 0, FR_CITY_MAX);
        check_text(form.password, FR_PASSWORD_MIN, FR_PASSWORD_MAX);
    }
    fr_wire_register_release(&form);
}

static void post_create(struct fr_wire_body body, struct fr_error *error)
{
    struct fr_wire_post_create post = {0};
    enum fr_status status = fr_wire_decode_post_create(body, &post, error);
    fr_fuzz_check_error(status, error, true);
    if (status == FR_OK) {
        check_text(post.text, 1, FR_POST_TEXT_MAX);
        check_round_trip(body.encoding, post.text);
    }
    fr_wire_post_create_release(&post);
}

static void post_update(struct fr_wire_body body, struct fr_error *error)
{
    struct fr_wire_post_update post = {0};
    enum fr_status status = fr_wire_decode_post_update(body, &post, error);
    fr_fuzz_check_error(status, error, true);
    FR_FUZZ_RULE(status != FR_OK || post.id > 0, "ids are positive");
    fr_wire_post_update_release(&post);
}

void fr_fuzz_body(enum fr_encoding encoding, struct fr_fuzz_input input)
{
    static void (*const decoders[])(struct fr_wire_body, struct fr_error *) = {login, password, registration,
                                                                               post_create, post_update};
    size_t which = fr_fuzz_take_byte(&input) % FR_COUNT_OF(decoders);
    struct fr_error error = {0};
    struct fr_str bytes = {(const char *)input.data, input.len};
    decoders[which]((struct fr_wire_body){encoding, bytes}, &error);
}
