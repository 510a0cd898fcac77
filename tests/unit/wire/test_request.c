#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

/* JSON in, field at fault out ("" when it is accepted). `%128s` stands for 128 bytes of padding. */
struct row {
    const char *comment, *text, *field;
};

static char room[FR_REQUEST_BODY_MAX];

static struct fr_str bytes_of(const struct row *row)
{
    const char *hole = strchr(row->text, '%');
    if (hole == NULL)
        return fr_str_of(row->text);
    char *rest;
    size_t before = (size_t)(hole - row->text), width = strtoul(hole + 1, &rest, 10);
    assert_true(*rest == 's' && before + width + strlen(rest) < sizeof room);
    memcpy(room, row->text, before);
    memset(room + before, 'x', width);
    strcpy(room + before + width, rest + 1);
    return fr_str_of(room);
}

static struct fr_wire_body json(struct fr_str bytes)
{
    return (struct fr_wire_body){FR_ENCODING_JSON, bytes};
}

static struct fr_wire_body body_of(const struct row *row)
{
    return json(bytes_of(row));
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
            json(FR_STR(
                "{\"first_name\":\" \\u0416\\u00e9\",\"second_name\":\"\\ud83d\\ude00\",\"city\":\"K\\\"\\\\"
                "\\/\\b\\f\\n\\r\\t\",\"birthdate\":\"1970-01-02\",\"biography\":\"\xe2\x80\xa8\","
                "\"password\":\"hunter2!\"}")),
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
        struct fr_wire_body body = body_of(row);
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
    assert_int_equal(fr_wire_decode_post_update(json(FR_STR("{\"text\":\"a\",\"id\":7}")), &update, &error),
                     FR_INVALID);
    assert_string_equal(error.field, "id");
}

static void nul_byte_is_no_json(void **state)
{
    static const char text[] = "{\"text\":\"a\",\0\"x\":1}";
    struct fr_wire_post_create create = {0};
    struct fr_error error = {0};
    assert_int_equal(
        fr_wire_decode_post_create(json((struct fr_str){text, sizeof text - 1}), &create, &error),
        FR_INVALID);
    assert_string_equal(error.field, "body");
    assert_int_equal(fr_wire_decode_post_create(json(FR_STR_NONE), &create, &error), FR_INVALID);
}

static void depth_is_limited(void **state)
{
    memset(room, '[', sizeof room);
    memcpy(room, "{\"x\":", 5);
    struct fr_wire_post_create create = {0};
    struct fr_error error = {0};
    assert_int_equal(fr_wire_decode_post_create(json((struct fr_str){room, sizeof room}), &create, &error),
                     FR_INVALID);
    assert_non_null(strstr(error.message, "too deeply"));
}

/* ---- the same rules in protobuf ---- */

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

struct packed_row {
    const char *comment;
    struct fr_str bytes;
    const char *field;
};

static struct fr_wire_body packed(struct fr_str bytes)
{
    return (struct fr_wire_body){FR_ENCODING_PROTOBUF, bytes};
}

static void assert_packed(const struct packed_row *row, enum fr_status status, const struct fr_error *error)
{
    assert_refused(&(struct row){.comment = row->comment, .field = row->field}, status, error);
}

static void packed_post_rows(void **state)
{
    static const struct packed_row rows[] = {
        {"good", BYTES("\x08\x07\x12\x05hello"), ""},
        {"other order", BYTES("\x12\x05hello\x08\x07"), ""},
        {"twice: the last counts", BYTES("\x08\x09\x12\x01x\x08\x07\x12\x05hello"), ""},
        {"unknown fields", BYTES("\x08\x07\x12\x05hello\x1a\x01z\x20\x05\x29 8bytes!\x35 4by"), ""},
        {"nothing", BYTES(""), "id"},
        {"no id", BYTES("\x12\x05hello"), "id"},
        {"id 0", BYTES("\x08\x00\x12\x05hello"), "id"},
        {"id negative", BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x05hello"), "id"},
        {"no text", BYTES("\x08\x07"), "text"},
        {"empty text", BYTES("\x08\x07\x12\x00"), "text"},
        {"not UTF-8", BYTES("\x08\x07\x12\x02\xff\xfe"), "text"},
        {"cut character", BYTES("\x08\x07\x12\x02x\xc3"), "text"},
        {"surrogate", BYTES("\x08\x07\x12\x03\xed\xa0\x80"), "text"},
        {"U+0000", BYTES("\x08\x07\x12\x03x\0y"), "text"},
        {"only U+0000", BYTES("\x08\x07\x12\x01\0"), "text"},
        {"text a number", BYTES("\x08\x07\x10\x05"), "body"},
        {"id a text", BYTES("\x0a\x01\x37\x12\x05hello"), "body"},
        {"cut", BYTES("\x08\x07\x12\x05hell"), "body"},
        {"cut tag", BYTES("\x08\x07\x12\x05hello\x80"), "body"},
        {"endless number", BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "body"},
        {"length past the end", BYTES("\x08\x07\x12\xff\xff\xff\xff\x0fhello"), "body"},
        {"field 0", BYTES("\x00\x01"), "body"},
        {"JSON", BYTES("{\"id\":\"7\",\"text\":\"hello\"}"), "body"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_post_update update = {0};
        struct fr_error error = {0};
        enum fr_status status = fr_wire_decode_post_update(packed(row->bytes), &update, &error);
        assert_packed(row, status, &error);
        FR_ASSERT_ROW(row, update.id == (status == FR_OK ? 7 : 0));
        if (status == FR_OK)
            assert_string_equal(update.text, "hello");
        fr_wire_post_update_release(&update);
    }
}

static void packed_sizes(void **state)
{
    for (size_t len = FR_POST_TEXT_MAX - 1; len <= FR_POST_TEXT_MAX + 1; len++) {
        memset(room, 'x', len + 3);
        room[0] = '\x0a';
        room[1] = (char)((len & 0x7f) | 0x80);
        room[2] = (char)(len >> 7);
        struct fr_wire_post_create create = {0};
        struct fr_error error = {0};
        enum fr_status status =
            fr_wire_decode_post_create(packed((struct fr_str){room, len + 3}), &create, &error);
        assert_int_equal(status, len <= FR_POST_TEXT_MAX ? FR_OK : FR_INVALID);
        assert_string_equal(error.field, status == FR_OK ? "" : "text");
        fr_wire_post_create_release(&create);
    }
}

static void packed_register_rows(void **state)
{
#define PACKED_NAMES \
    "\x0a\x01"       \
    "A"              \
    "\x12\x01"       \
    "B"
#define PACKED_PASSWORD \
    "\x32\x08"          \
    "hunter2!"
    static const struct packed_row rows[] = {
        {"least", BYTES(PACKED_NAMES PACKED_PASSWORD), ""},
        {"date",
         BYTES(PACKED_NAMES PACKED_PASSWORD "\x1a\x0a"
                                            "2017-02-01"),
         ""},
        {"no such day",
         BYTES(PACKED_NAMES PACKED_PASSWORD "\x1a\x0a"
                                            "2017-02-29"),
         "birthdate"},
        {"not UTF-8", BYTES(PACKED_NAMES PACKED_PASSWORD "\x2a\x01\xff"), "city"},
        {"blank",
         BYTES("\x0a\x01 \x12\x01"
               "B" PACKED_PASSWORD),
         "first_name"},
        {"short password", BYTES(PACKED_NAMES "\x32\x07hunter2"), "password"},
        {"U+0000 in it", BYTES(PACKED_NAMES "\x32\x09hunter2\0!"), "password"},
        {"no password", BYTES(PACKED_NAMES), "password"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_register user = {0};
        struct fr_error error = {0};
        enum fr_status status = fr_wire_decode_register(packed(row->bytes), &user, &error);
        assert_packed(row, status, &error);
        if (status == FR_OK)
            FR_ASSERT_ROW(row, user.has_birthdate == (strcmp(row->comment, "date") == 0) &&
                                   strcmp(user.city, "") == 0 && strcmp(user.password, "hunter2!") == 0);
        fr_wire_register_release(&user);
    }
}

static void packed_passwords(void **state)
{
    struct fr_error error = {0};
    struct fr_wire_login login = {0};
    assert_int_equal(fr_wire_decode_login(packed(FR_STR("\x08\x2a\x12\x07hunter2")), &login, &error), FR_OK);
    assert_int_equal(login.id, 42);
    assert_string_equal(login.password, "hunter2");
    fr_wire_login_release(&login);
    struct fr_wire_password form = {0};
    assert_int_equal(fr_wire_decode_password(packed(FR_STR("\x0a\x07hunter2")), &form, &error), FR_OK);
    assert_string_equal(form.password, "hunter2");
    fr_wire_password_release(&form);
    assert_int_equal(fr_wire_decode_password(packed(FR_STR_NONE), &form, &error), FR_INVALID);
    assert_string_equal(error.field, "password");
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
        cmocka_unit_test(packed_post_rows),
        cmocka_unit_test(packed_sizes),
        cmocka_unit_test(packed_register_rows),
        cmocka_unit_test(packed_passwords),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
