#include "base/id.h"

#include "check.h"

static void parse(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str text;
        int64_t id; /* 0: refused */
    } rows[] = {
        {"smallest", FR_STR("1"), 1},
        {"largest", FR_STR("9223372036854775807"), INT64_MAX},
        {"zero", FR_STR("0"), 0},
        {"leading zero", FR_STR("01"), 0},
        {"one too large", FR_STR("9223372036854775808"), 0},
        {"20 digits", FR_STR("10000000000000000000"), 0},
        {"negative", FR_STR("-1"), 0},
        {"plus", FR_STR("+1"), 0},
        {"empty", FR_STR(""), 0},
        {"none", {NULL, 0}, 0},
        {"blank", FR_STR("1 "), 0},
        {"newline", FR_STR("1\n"), 0},
        {"hexadecimal", FR_STR("0x1"), 0},
        {"other digits", FR_STR("\xd9\xa1"), 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        int64_t id = -5;
        enum fr_status status = fr_id_parse(row->text, &id);
        FR_ASSERT_ROW(row, status == (row->id != 0 ? FR_OK : FR_INVALID));
        FR_ASSERT_ROW(row, id == (row->id != 0 ? row->id : -5));
    }
}

static void format(void **state)
{
    static const struct {
        const char *comment;
        int64_t id;
        const char *text;
    } rows[] = {
        {"zero", 0, "0"},
        {"one", 1, "1"},
        {"ten", 10, "10"},
        {"negative", -42, "-42"},
        {"largest", INT64_MAX, "9223372036854775807"},
        {"smallest", INT64_MIN, "-9223372036854775808"},
    };
    FR_FOR_ROWS(row, rows)
    {
        char text[FR_ID_TEXT_SIZE];
        FR_ASSERT_ROW(row, fr_id_format(row->id, text) == strlen(row->text));
        FR_ASSERT_ROW(row, strcmp(text, row->text) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parse), cmocka_unit_test(format)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
