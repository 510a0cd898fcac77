#include "json_members.h"

#include <jansson.h>
#include <stdlib.h>

#include "check.h"

static void assert_output(struct fr_buf *out, const char *wanted)
{
    assert_int_equal(fr_buf_status(out), FR_OK);
    assert_string_equal(out->data, wanted);
    fr_buf_release(out);
}

static struct fr_buf fresh(void)
{
    struct fr_buf out;
    fr_buf_init(&out, FR_RESPONSE_BODY_MAX);
    return out;
}

static void text_is_escaped(void **state)
{
    static const struct {
        const char *comment, *text, *wanted;
    } rows[] = {
        {"empty", "", "\"\""},
        {"plain", "hello", "\"hello\""},
        {"quote", "a\"b", "\"a\\\"b\""},
        {"backslash", "a\\b", "\"a\\\\b\""},
        {"slash stays", "a/b", "\"a/b\""},
        {"short forms", "\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\""},
        {"other controls", "\x01\x0b\x1f", "\"\\u0001\\u000b\\u001f\""},
        {"DEL stays", "\x7f", "\"\x7f\""},
        {"two bytes", "\xc3\xa9", "\"\xc3\xa9\""},
        {"line separator stays", "\xe2\x80\xa8\xe2\x80\xa9", "\"\xe2\x80\xa8\xe2\x80\xa9\""},
        {"beyond the BMP", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
        {"only escapes", "\"\"\"\"\"\"\"\"\"", "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\""},
        {"markup stays", "</script>&'", "\"</script>&'\""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out = fresh();
        fr_wire_json_text(&out, fr_str_of(row->text));
        FR_ASSERT_ROW(row, strcmp(out.data, row->wanted) == 0);
        fr_buf_release(&out);
    }
}

/* Each byte value that can stand in UTF-8, at each place of a word of eight and around it, comes back through
 * an independent parser. */
static void every_byte_comes_back_from_every_place(void **state)
{
    for (unsigned c = 1; c < 0x100; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[24];
            memset(text, 'x', sizeof text);
            size_t len = 20;
            if (c < 0x80) {
                text[place] = (char)c;
            } else { /* U+0080 to U+00FF */
                text[place] = (char)(0xc0 | c >> 6);
                text[place + 1] = (char)(0x80 | (c & 0x3f));
                len = 22;
            }
            struct fr_buf out = fresh();
            fr_wire_json_text(&out, (struct fr_str){text, len});
            json_t *back = json_loadb(out.data, out.len, JSON_DECODE_ANY, NULL);
            assert_non_null(back);
            assert_int_equal(json_string_length(back), len);
            assert_memory_equal(json_string_value(back), text, len);
            json_decref(back);
            fr_buf_release(&out);
        }
    }
}

static void answers_are_as_in_the_contract(void **state)
{
    struct fr_buf out = fresh();
    fr_wire_json_id(&out, INT64_MAX);
    assert_output(&out, "\"9223372036854775807\"");

    fr_wire_json_user_id(&out, 5);
    assert_output(&out, "{\"user_id\":\"5\"}");

    fr_wire_json_ticket(&out, FR_STR("t"), 1767323045678);
    assert_output(&out, "{\"ticket\":\"t\",\"expires_at\":\"2026-01-02T03:04:05.678Z\"}");
    fr_wire_json_token(&out, FR_STR("a.b.c"), 1767323045678);
    assert_output(&out, "{\"token\":\"a.b.c\",\"expires_at\":\"2026-01-02T03:04:05.678Z\"}");

    struct fr_wire_user user = {.id = 5,
                                .first_name = FR_STR("\"Bobby\""),
                                .second_name = FR_STR("O'Neil"),
                                .biography = FR_STR(""),
                                .city = FR_STR("K\xc3\xb6ln"),
                                .has_birthdate = true,
                                .birthdate = 17198};
    fr_wire_json_user(&out, &user);
    assert_output(&out, "{\"id\":\"5\",\"first_name\":\"\\\"Bobby\\\"\",\"second_name\":\"O'Neil\","
                        "\"birthdate\":\"2017-02-01\",\"biography\":\"\",\"city\":\"K\xc3\xb6ln\"}");
    user.has_birthdate = false;
    user.city = FR_STR_NONE;
    fr_wire_json_user(&out, &user);
    assert_output(&out, "{\"id\":\"5\",\"first_name\":\"\\\"Bobby\\\"\",\"second_name\":\"O'Neil\","
                        "\"birthdate\":null,\"biography\":\"\",\"city\":\"\"}");

    struct fr_wire_post post = {
        .id = 7, .author_id = 8, .text = FR_STR("hi\n"), .created_at_ms = 1767323045678};
    fr_wire_json_post(&out, &post);
    assert_output(&out, "{\"id\":\"7\",\"text\":\"hi\\n\",\"author_user_id\":\"8\","
                        "\"created_at\":\"2026-01-02T03:04:05.678Z\"}");
    post.edited_at_ms = 1767323046000;
    fr_wire_json_post(&out, &post);
    assert_output(&out,
                  "{\"id\":\"7\",\"text\":\"hi\\n\",\"author_user_id\":\"8\","
                  "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"edited_at\":\"2026-01-02T03:04:06.000Z\"}");

    struct fr_event event = {
        .kind = FR_EVENT_POST, .post_id = 7, .author_id = 8, .text = FR_STR("say \"hi\"")};
    fr_wire_encode_plain_frame(&out, &event);
    assert_output(&out, "{\"postId\":\"7\",\"postText\":\"say \\\"hi\\\"\",\"author_user_id\":\"8\"}");

    struct fr_wire_problem problem = {.type = "/docs/errors#text",
                                      .title = "Bad request",
                                      .status = 400,
                                      .code = 1003,
                                      .detail = FR_STR("text is missing"),
                                      .field = FR_STR("text"),
                                      .request_id = FR_STR("r\"1")};
    fr_wire_json_problem(&out, &problem);
    assert_output(&out, "{\"type\":\"/docs/errors#text\",\"title\":\"Bad request\",\"status\":400,"
                        "\"detail\":\"text is missing\",\"field\":\"text\",\"message\":\"text is missing\","
                        "\"request_id\":\"r\\\"1\",\"code\":1003}");
    problem.field = problem.request_id = FR_STR_NONE;
    fr_wire_json_problem(&out, &problem);
    assert_output(
        &out,
        "{\"type\":\"/docs/errors#text\",\"title\":\"Bad request\",\"status\":400,"
        "\"detail\":\"text is missing\",\"message\":\"text is missing\",\"request_id\":\"\",\"code\":1003}");
}

/* Output that did not fit is told, and is never longer than allowed. */
static void maximum_is_kept(void **state)
{
    struct fr_wire_post post = {.id = 7, .author_id = 8, .text = FR_STR("a\"b\nc"), .created_at_ms = 1};
    struct fr_buf whole = fresh();
    fr_wire_json_post(&whole, &post);
    for (size_t max = 0; max <= whole.len; max++) {
        struct fr_buf out;
        fr_buf_init(&out, max);
        fr_wire_json_post(&out, &post);
        assert_true(out.len <= max);
        assert_int_equal(fr_buf_status(&out), max < whole.len ? FR_FULL : FR_OK);
        fr_buf_release(&out);
    }
    fr_buf_release(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(every_byte_comes_back_from_every_place),
        cmocka_unit_test(answers_are_as_in_the_contract),
        cmocka_unit_test(maximum_is_kept),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
