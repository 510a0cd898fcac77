#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

/* JSON in, field at fault out ("" when it is accepted). `%128s` stands for 128 bytes of padding. */
struct row {
    const char *comment, *json, *field;
};

static char room[FR_REQUEST_BODY_MAX];

static struct fr_str body_of(const struct row *row)
{
    const char *hole = strchr(row->json, '%');
    if (hole == NULL)
        return fr_str_of(row->json);
    char *rest;
    size_t before = (size_t)(hole - row->json), width = strtoul(hole + 1, &rest, 10);
    assert_true(*rest == 's' && before + width + strlen(rest) < sizeof room);
    memcpy(room, row->json, before);
    memset(room + before, 'x', width);
    strcpy(room + before + width, rest + 1);
    return fr_str_of(room);
}

static void assert_refused(const struct row *row, enum fr_status status, const struct fr_error *error)
{
    bool good = row->field[0] == '\0';
    if (status != (good ? FR_OK : FR_INVALID) || strcmp(error->field, row->field) != 0)
        fail_msg("row \"%s\": expected field \"%s\", got \"%s\" (%s: %s)", row->comment, row->field,
                 error->field, fr_status_name(status), error->message);
    /* The sentence names the field too, for those who see nothing else. */
    if (!good && strstr(error->message, row->field) == NULL)
        fail_msg("row \"%s\": \"%s\" does not name %s", row->comment, error->message, row->field);
    if (strstr(error->message, "hunter2") != NULL)
        fail_msg("row \"%s\": \"%s\" shows the password", row->comment, error->message);
}

static void login_rows(void **state)
{
    static const struct row rows[] = {
        {"good", "{\"id\":\"42\",\"password\":\"hunter2!\"}", ""},
        {"unknown members are ignored",
         "{\"x\":[{\"y\":1.5e3}],\"id\":\"42\",\"password\":\"hunter2!\",\"z\":null}", ""},
        {"blanks around", " \r\n\t{ \"id\" : \"42\" , \"password\" : \"hunter2!\" }\n", ""},
        {"a member twice: the last counts", "{\"id\":\"x\",\"id\":\"42\",\"password\":\"hunter2!\"}", ""},
        {"escaped names", "{\"\\u0069d\":\"42\",\"password\":\"hunter2!\"}", ""},
        {"nothing", "", "body"},
        {"blank", "   ", "body"},
        {"array", "[]", "body"},
        {"string", "\"id\"", "body"},
        {"null", "null", "body"},
        {"not JSON", "id=42&password=hunter2", "body"},
        {"cut", "{\"id\":\"42\",\"password\":\"hunter2", "body"},
        {"garbage behind", "{\"id\":\"42\",\"password\":\"hunter2!\"}}", "body"},
        {"trailing comma", "{\"id\":\"42\",\"password\":\"hunter2!\",}", "body"},
        {"bare token near the password", "{\"id\":\"42\",\"password\":hunter2}", "body"},
        {"raw control character", "{\"id\":\"42\",\"password\":\"hunter2\n\"}", "body"},
        {"number out of range", "{\"id\":\"42\",\"password\":\"hunter2!\",\"n\":1e999}", "body"},
        {"byte order mark", "\xef\xbb\xbf{\"id\":\"42\",\"password\":\"hunter2!\"}", "body"},
        {"U+0000 in a name", "{\"i\\u0000d\":\"42\"}", "body"},
        {"bad UTF-8 in a name", "{\"id\xff\":\"42\",\"password\":\"hunter2!\"}", "body"},
        {"bad UTF-8 outside of strings", "{\"id\":\"42\",\"password\":\"hunter2!\"\xff}", "body"},
        {"no id", "{\"password\":\"hunter2!\"}", "id"},
        {"id null", "{\"id\":null,\"password\":\"hunter2!\"}", "id"},
        {"id a number", "{\"id\":42,\"password\":\"hunter2!\"}", "id"},
        {"id an object", "{\"id\":{},\"password\":\"hunter2!\"}", "id"},
        {"id empty", "{\"id\":\"\",\"password\":\"hunter2!\"}", "id"},
        {"id 0", "{\"id\":\"0\",\"password\":\"hunter2!\"}", "id"},
        {"id negative", "{\"id\":\"-1\",\"password\":\"hunter2!\"}", "id"},
        {"id with a blank", "{\"id\":\" 42\",\"password\":\"hunter2!\"}", "id"},
        {"id too large", "{\"id\":\"9223372036854775808\",\"password\":\"hunter2!\"}", "id"},
        {"id of 20 digits", "{\"id\":\"10000000000000000000\",\"password\":\"hunter2!\"}", "id"},
        {"NUL in the id", "{\"id\":\"42\\u0000\",\"password\":\"hunter2!\"}", "id"},
        {"bad UTF-8 in the id", "{\"password\":\"hunter2!\",\"id\":\"4\xc3\"}", "id"},
        {"no password", "{\"id\":\"42\"}", "password"},
        {"password a number", "{\"id\":\"42\",\"password\":1}", "password"},
        {"password empty", "{\"id\":\"42\",\"password\":\"\"}", "password"},
        {"password of another time, short", "{\"id\":\"42\",\"password\":\"x\"}", ""},
        {"longest password", "{\"id\":\"42\",\"password\":\"%128s\"}", ""},
        {"password too long", "{\"id\":\"42\",\"password\":\"%129s\"}", "password"},
        {"U+0000 in the password", "{\"id\":\"42\",\"password\":\"hunter2\\u0000\"}", "password"},
        {"bad UTF-8 in the password", "{\"id\":\"42\",\"password\":\"hunter2\xff\"}", "password"},
        {"overlong form in it", "{\"id\":\"42\",\"password\":\"hunter2\xc0\x80\"}", "password"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_login login = {0};
        struct fr_error error = {0};
        enum fr_status status = fr_wire_decode_login(body_of(row), &login, &error);
        assert_refused(row, status, &error);
        if (status == FR_OK)
            assert_int_equal(login.id, 42);
        else
            assert_true(login.id == 0 && login.password == NULL);
        fr_wire_login_release(&login);
        fr_wire_login_release(&login);
    }
}

#define NAMES "\"first_name\":\"A\",\"second_name\":\"B\""
#define PASSWORD "\"password\":\"hunter2!\""

static void register_rows(void **state)
{
    static const struct row rows[] = {
        {"least", "{" NAMES "," PASSWORD "}", ""},
        {"optional ones null", "{" NAMES "," PASSWORD ",\"birthdate\":null,\"biography\":null,\"city\":null}",
         ""},
        {"optional ones empty", "{" NAMES "," PASSWORD ",\"biography\":\"\",\"city\":\"\"}", ""},
        {"no first name", "{\"second_name\":\"B\"," PASSWORD "}", "first_name"},
        {"first name null", "{\"first_name\":null,\"second_name\":\"B\"," PASSWORD "}", "first_name"},
        {"empty", "{\"first_name\":\"\",\"second_name\":\"B\"," PASSWORD "}", "first_name"},
        {"blank", "{\"first_name\":\" \\t\",\"second_name\":\"B\"," PASSWORD "}", "first_name"},
        {"longest", "{\"first_name\":\"%128s\",\"second_name\":\"B\"," PASSWORD "}", ""},
        {"too long", "{\"first_name\":\"%129s\",\"second_name\":\"B\"," PASSWORD "}", "first_name"},
        {"U+0000", "{\"first_name\":\"A\\u0000\",\"second_name\":\"B\"," PASSWORD "}", "first_name"},
        {"lone surrogate", "{\"first_name\":\"\\ud800\",\"second_name\":\"B\"," PASSWORD "}", "body"},
        {"no second name", "{\"first_name\":\"A\"," PASSWORD "}", "second_name"},
        {"list", "{\"first_name\":\"A\",\"second_name\":[\"B\"]," PASSWORD "}", "second_name"},
        {"blank", "{\"first_name\":\"A\",\"second_name\":\"\\n\"," PASSWORD "}", "second_name"},
        {"date", "{" NAMES "," PASSWORD ",\"birthdate\":\"2017-02-01\"}", ""},
        {"leap day", "{" NAMES "," PASSWORD ",\"birthdate\":\"2016-02-29\"}", ""},
        {"no such day", "{" NAMES "," PASSWORD ",\"birthdate\":\"2017-02-29\"}", "birthdate"},
        {"no such month", "{" NAMES "," PASSWORD ",\"birthdate\":\"2017-13-01\"}", "birthdate"},
        {"empty date", "{" NAMES "," PASSWORD ",\"birthdate\":\"\"}", "birthdate"},
        {"with time", "{" NAMES "," PASSWORD ",\"birthdate\":\"2017-02-01T00:00:00Z\"}", "birthdate"},
        {"other order", "{" NAMES "," PASSWORD ",\"birthdate\":\"01.02.2017\"}", "birthdate"},
        {"number", "{" NAMES "," PASSWORD ",\"birthdate\":2017}", "birthdate"},
        {"longest biography", "{" NAMES "," PASSWORD ",\"biography\":\"%4096s\"}", ""},
        {"too long", "{" NAMES "," PASSWORD ",\"biography\":\"%4097s\"}", "biography"},
        {"bad UTF-8", "{" NAMES "," PASSWORD ",\"biography\":\"\xf4\x90\x80\x80\"}", "biography"},
        {"number", "{" NAMES "," PASSWORD ",\"biography\":5}", "biography"},
        {"longest city", "{" NAMES "," PASSWORD ",\"city\":\"%128s\"}", ""},
        {"too long", "{" NAMES "," PASSWORD ",\"city\":\"%129s\"}", "city"},
        {"boolean", "{" NAMES "," PASSWORD ",\"city\":false}", "city"},
        {"no password", "{" NAMES "}", "password"},
        {"null", "{" NAMES ",\"password\":null}", "password"},
        {"shortest", "{" NAMES ",\"password\":\"%8s\"}", ""},
        {"too short", "{" NAMES ",\"password\":\"%7s\"}", "password"},
        {"empty", "{" NAMES ",\"password\":\"\"}", "password"},
        {"longest", "{" NAMES ",\"password\":\"%128s\"}", ""},
        {"too long", "{" NAMES ",\"password\":\"%129s\"}", "password"},
        {"shown in an error", "{" NAMES ",\"password\":\"hunter2\\u0000!\"}", "password"},
        {"bad escape behind it", "{" NAMES ",\"password\":\"hunter2\\q\"}", "body"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_register user = {0};
        struct fr_error error = {0};
        enum fr_status status = fr_wire_decode_register(body_of(row), &user, &error);
        assert_refused(row, status, &error);
        if (status == FR_OK)
            FR_ASSERT_ROW(row, user.biography != NULL && user.city != NULL && user.password != NULL);
        else
            FR_ASSERT_ROW(row, user.first_name == NULL && user.password == NULL);
        fr_wire_register_release(&user);
    }
}

static void register_keeps_what_was_sent(void **state)
{
    struct fr_wire_register user = {0};
    assert_int_equal(
        fr_wire_decode_register(
            FR_STR(
                "{\"first_name\":\" \\u0416\\u00e9\",\"second_name\":\"\\ud83d\\ude00\",\"city\":\"K\\\"\\\\"
                "\\/\\b\\f\\n\\r\\t\",\"birthdate\":\"1970-01-02\",\"biography\":\"\xe2\x80\xa8\","
                "\"password\":\"hunter2!\"}"),
            &user, NULL),
        FR_OK);
    assert_string_equal(user.first_name, " \xd0\x96\xc3\xa9");
    assert_string_equal(user.second_name, "\xf0\x9f\x98\x80");
    assert_string_equal(user.city, "K\"\\/\b\f\n\r\t");
    assert_string_equal(user.biography, "\xe2\x80\xa8");
    assert_string_equal(user.password, "hunter2!");
    assert_true(user.has_birthdate);
    assert_int_equal(user.birthdate, 1);
    fr_wire_register_release(&user);
    assert_null(user.password);
}

static void post_rows(void **state)
{
    static const struct row rows[] = {
        {"good", "{\"id\":\"7\",\"text\":\"hello\"}", ""},
        {"blank text is text", "{\"id\":\"7\",\"text\":\"  \"}", ""},
        {"longest", "{\"id\":\"7\",\"text\":\"%4096s\"}", ""},
        {"too long", "{\"id\":\"7\",\"text\":\"%4097s\"}", "text"},
        {"too long by one character of two bytes", "{\"id\":\"7\",\"text\":\"%4095s\\u00e9\"}", "text"},
        {"longest with it", "{\"id\":\"7\",\"text\":\"%4094s\\u00e9\"}", ""},
        {"empty", "{\"id\":\"7\",\"text\":\"\"}", "text"},
        {"missing", "{\"id\":\"7\"}", "text"},
        {"null", "{\"id\":\"7\",\"text\":null}", "text"},
        {"number", "{\"id\":\"7\",\"text\":12}", "text"},
        {"U+0000", "{\"id\":\"7\",\"text\":\"\\u0000\"}", "text"},
        {"bad UTF-8", "{\"id\":\"7\",\"text\":\"a\xe2\x82\"}", "text"},
        {"bad UTF-8 elsewhere", "{\"id\":\"7\",\"text\":\"a\",\"other\":\"\x80\"}", "other"},
        {"bad UTF-8 in a member with a strange name", "{\"text\":\"a\",\"o th\\ner\":\"\x80\"}", "body"},
        {"bad UTF-8 in a member without a name", "{\"text\":\"a\",\"\":\"\x80\"}", "body"},
        {"surrogate in UTF-8", "{\"id\":\"7\",\"text\":\"\xed\xa0\x80\"}", "text"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_str body = body_of(row);
        struct fr_wire_post_create create = {0};
        struct fr_error error = {0};
        enum fr_status status = fr_wire_decode_post_create(body, &create, &error);
        assert_refused(row, status, &error);
        FR_ASSERT_ROW(row, (create.text != NULL) == (status == FR_OK));
        fr_wire_post_create_release(&create);

        struct fr_wire_post_update update = {0};
        error = (struct fr_error){0};
        status = fr_wire_decode_post_update(body, &update, &error);
        assert_refused(row, status, &error);
        FR_ASSERT_ROW(row, update.id == (status == FR_OK ? 7 : 0));
        fr_wire_post_update_release(&update);
    }
    struct fr_wire_post_update update = {0};
    struct fr_error error = {0};
    assert_int_equal(fr_wire_decode_post_update(FR_STR("{\"text\":\"a\",\"id\":7}"), &update, &error),
                     FR_INVALID);
    assert_string_equal(error.field, "id");
}

static void nul_byte_is_no_json(void **state)
{
    static const char json[] = "{\"text\":\"a\",\0\"x\":1}";
    struct fr_wire_post_create create = {0};
    struct fr_error error = {0};
    assert_int_equal(fr_wire_decode_post_create((struct fr_str){json, sizeof json - 1}, &create, &error),
                     FR_INVALID);
    assert_string_equal(error.field, "body");
    assert_int_equal(fr_wire_decode_post_create(FR_STR_NONE, &create, &error), FR_INVALID);
}

static void depth_is_limited(void **state)
{
    memset(room, '[', sizeof room);
    memcpy(room, "{\"x\":", 5);
    struct fr_wire_post_create create = {0};
    struct fr_error error = {0};
    assert_int_equal(fr_wire_decode_post_create((struct fr_str){room, sizeof room}, &create, &error),
                     FR_INVALID);
    assert_non_null(strstr(error.message, "too deeply"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_rows),
        cmocka_unit_test(register_rows),
        cmocka_unit_test(register_keeps_what_was_sent),
        cmocka_unit_test(post_rows),
        cmocka_unit_test(nul_byte_is_no_json),
        cmocka_unit_test(depth_is_limited),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
