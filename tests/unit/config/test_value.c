#include <stdlib.h>

#include "check.h"
#include "config_internal.h"

static struct setting numeric(enum setting_kind kind, int64_t min, int64_t max)
{
    return (struct setting){"some-flag", "",
                            "N",         "",
                            kind,        min,
                            max,         FR_PROGRAM_GATEWAY,
                            false,       offsetof(struct fr_settings, threads)};
}

static void numbers(void **state)
{
    static const struct {
        const char *comment;
        enum setting_kind kind;
        int64_t min, max;
        const char *text;
        int64_t value;
        const char *message; /* NULL: accepted */
    } rows[] = {
        {"integer", SETTING_INTEGER, 0, 64, "12", 12, NULL},
        {"at min", SETTING_INTEGER, -5, 64, "-5", -5, NULL},
        {"at max", SETTING_INTEGER, 0, 64, "64", 64, NULL},
        {"above", SETTING_INTEGER, 0, 64, "65", 0, "--f: must lie within 0 and 64, not \"65\""},
        {"no number", SETTING_INTEGER, 0, 64, "many", 0, "--f: must be a whole number, not \"many\""},
        {"empty", SETTING_INTEGER, 0, 64, "", 0, "--f: must be a whole number"},
        {"fraction", SETTING_INTEGER, 0, 64, "1.5", 0, "--f: must be a whole number, not \"1.5\""},
        {"unit", SETTING_INTEGER, 0, 64, "1k", 0, "--f: must be a whole number, not \"1k\""},
        {"past 64 bits", SETTING_INTEGER, 0, INT64_MAX, "9999999999999999999", 0,
         "--f: must be a whole number, not \"9999999999999999999\""},
        {"a URL is not repeated", SETTING_INTEGER, 0, 64, "postgres://u:hunter2@h/d", 0,
         "--f: must be a whole number"},
        {"nor a connection string", SETTING_INTEGER, 0, 64, "password=hunter2", 0,
         "--f: must be a whole number"},
        {"milliseconds", SETTING_DURATION, 0, 10000, "250ms", 250, NULL},
        {"seconds", SETTING_DURATION, 0, 10000, "5s", 5000, NULL},
        {"minutes", SETTING_DURATION, 0, 3600000, "10m", 600000, NULL},
        {"hours", SETTING_DURATION, 0, 7200000, "2h", 7200000, NULL},
        {"zero needs no unit", SETTING_DURATION, 0, 1000, "0", 0, NULL},
        {"others do", SETTING_DURATION, 0, 1000, "5", 0,
         "--f: must be a time such as 250ms, 5s, 10m or 2h, not \"5\""},
        {"unknown unit", SETTING_DURATION, 0, 1000, "5y", 0,
         "--f: must be a time such as 250ms, 5s, 10m or 2h, not \"5y\""},
        {"unit alone", SETTING_DURATION, 0, 1000, "s", 0,
         "--f: must be a time such as 250ms, 5s, 10m or 2h, not \"s\""},
        {"negative", SETTING_DURATION, 0, 1000, "-5s", 0,
         "--f: must be a time such as 250ms, 5s, 10m or 2h, not \"-5s\""},
        {"blank between", SETTING_DURATION, 0, 10000, "5 s", 0,
         "--f: must be a time such as 250ms, 5s, 10m or 2h"},
        {"overflow", SETTING_DURATION, 0, INT64_MAX, "9223372036854775807h", 0,
         "--f: must be a time such as 250ms, 5s, 10m or 2h, not \"9223372036854775807h\""},
        {"too long a time", SETTING_DURATION, 1000, 90000, "2h", 0,
         "--f: must lie within 1s and 90s, not \"2h\""},
        {"bytes", SETTING_SIZE, 0, 1 << 30, "4096", 4096, NULL},
        {"kibibytes", SETTING_SIZE, 0, 1 << 30, "64k", 65536, NULL},
        {"mebibytes in capitals", SETTING_SIZE, 0, 1 << 30, "2M", 2 << 20, NULL},
        {"gibibytes", SETTING_SIZE, 0, 1 << 30, "1g", 1 << 30, NULL},
        {"too large", SETTING_SIZE, 0, 1 << 20, "2m", 0, "--f: must lie within 0 and 1m, not \"2m\""},
        {"no size", SETTING_SIZE, 0, 1 << 20, "2mb", 0,
         "--f: must be a size in bytes such as 4096, 64k or 2m, not \"2mb\""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct setting setting = numeric(row->kind, row->min, row->max);
        struct fr_settings settings = {.threads = 4711};
        struct fr_error error = {0};
        enum fr_status status = value_store(&setting, fr_str_of(row->text), "--f", "--f", &settings, &error);
        FR_ASSERT_ROW(row, status == (row->message == NULL ? FR_OK : FR_INVALID));
        FR_ASSERT_ROW(row, settings.threads == (row->message == NULL ? row->value : 4711));
        if (row->message != NULL && strcmp(error.message, row->message) != 0)
            fail_msg("row \"%s\": expected %s, got %s", row->comment, row->message, error.message);
    }
}

static void switches(void **state)
{
    struct setting setting = {
        "some-flag", "", "on|off",           "",    SETTING_BOOLEAN,
        0,           1,  FR_PROGRAM_GATEWAY, false, offsetof(struct fr_settings, rate_limits)};
    struct fr_settings settings = {0};
    struct fr_error error;
    assert_int_equal(value_store(&setting, FR_STR("on"), "--f", "--f", &settings, &error), FR_OK);
    assert_true(settings.rate_limits);
    assert_int_equal(value_store(&setting, FR_STR("yes"), "--f", "--f", &settings, &error), FR_INVALID);
    assert_string_equal(error.message, "--f: must be on or off, not \"yes\"");
    assert_true(settings.rate_limits);
    assert_int_equal(value_store(&setting, FR_STR("off"), "--f", "--f", &settings, &error), FR_OK);
    assert_false(settings.rate_limits);
}

static void texts(void **state)
{
    static const struct {
        const char *comment;
        int64_t min, max;
        bool secret;
        struct fr_str text;
        const char *message;
    } rows[] = {
        {"fits", 1, 5, false, FR_STR("abcde"), NULL},
        {"empty allowed", 0, 5, false, FR_STR(""), NULL},
        {"empty refused", 1, 5, false, FR_STR(""), "--f: must not be empty"},
        {"too long", 1, 5, false, FR_STR("abcdef"), "--f: must not be longer than 5 bytes, has 6"},
        {"no UTF-8", 1, 5, false, FR_STR("a\xff"), "--f: must be UTF-8"},
        {"secret too long", 1, 5, true, FR_STR("hunter22"), "--f: must not be longer than 5 bytes, has 8"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct setting setting = {"some-flag",  "",
                                  "X",          "",
                                  SETTING_TEXT, row->min,
                                  row->max,     FR_PROGRAM_GATEWAY,
                                  row->secret,  offsetof(struct fr_settings, listen)};
        struct fr_settings settings = {0};
        struct fr_error error = {0};
        enum fr_status status = value_store(&setting, row->text, "--f", "--f", &settings, &error);
        FR_ASSERT_ROW(row, status == (row->message == NULL ? FR_OK : FR_INVALID));
        FR_ASSERT_ROW(row, row->message == NULL || strcmp(error.message, row->message) == 0);
        FR_ASSERT_ROW(row, row->message != NULL || fr_str_equal(row->text, fr_str_of(settings.listen)));
        free(settings.listen);
    }
}

static void choices(void **state)
{
    struct setting setting = {
        "some-flag", "", "human|json",       "",    SETTING_CHOICE,
        1,           8,  FR_PROGRAM_GATEWAY, false, offsetof(struct fr_settings, log_format)};
    struct fr_settings settings = {0};
    struct fr_error error;
    assert_int_equal(value_store(&setting, FR_STR("json"), "--f", "--f", &settings, &error), FR_OK);
    assert_string_equal(settings.log_format, "json");
    assert_int_equal(value_store(&setting, FR_STR("xml"), "--f", "--f", &settings, &error), FR_INVALID);
    assert_string_equal(error.message, "--f: must be one of human|json, not \"xml\"");
    assert_int_equal(value_store(&setting, FR_STR("human|json"), "--f", "--f", &settings, &error),
                     FR_INVALID);
    assert_int_equal(value_store(&setting, FR_STR(""), "--f", "--f", &settings, &error), FR_INVALID);
    free(settings.log_format);
}

static void formats(void **state)
{
    static const struct {
        const char *comment;
        enum setting_kind kind;
        int64_t value;
        const char *text;
    } rows[] = {
        {"hours", SETTING_DURATION, 7200000, "2h"},  {"minutes", SETTING_DURATION, 5400000, "90m"},
        {"seconds", SETTING_DURATION, 61000, "61s"}, {"milliseconds", SETTING_DURATION, 1500, "1500ms"},
        {"no time", SETTING_DURATION, 0, "0ms"},     {"size", SETTING_SIZE, 65536, "64k"},
        {"odd size", SETTING_SIZE, 1025, "1025"},    {"number", SETTING_INTEGER, -3, "-3"},
        {"switch", SETTING_BOOLEAN, 1, "on"},
    };
    FR_FOR_ROWS(row, rows)
    {
        char text[32];
        value_format(row->kind, row->value, text);
        FR_ASSERT_ROW(row, strcmp(text, row->text) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(switches), cmocka_unit_test(texts),
        cmocka_unit_test(choices), cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
