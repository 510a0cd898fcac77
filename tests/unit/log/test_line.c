#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "log_internal.h"

static struct line at(enum fr_log_format format, enum fr_log_level level)
{
    return (struct line){.program = "gateway", .level = level, .format = format, .unix_ms = 1767323045678};
}

static char *format_line(enum fr_log_format format, enum fr_log_level level, const char *message,
                         const struct fr_kv *pairs, size_t count)
{
    struct line line = at(format, level);
    struct fr_buf out;
    fr_buf_init(&out, FR_LOG_LINE_MAX);
    line_format(&out, &line, message, pairs, count);
    assert_int_equal(fr_buf_status(&out), FR_OK);
    assert_int_equal(strlen(out.data), out.len);
    assert_ptr_equal(strchr(out.data, '\n'), out.data + out.len - 1);
    return fr_buf_detach(&out, NULL);
}

#define HEAD "2026-01-02T03:04:05.678Z info  gateway: m"
#define JSON_HEAD \
    "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"program\":\"gateway\",\"message\":\"m\""

static void pairs_in_both_formats(void **state)
{
    const struct {
        const char *comment;
        struct fr_kv pair;
        const char *human, *json;
    } rows[] = {
        {"integer", FR_KV_I64("n", INT64_MIN), " n=-9223372036854775808", ",\"n\":-9223372036854775808"},
        {"fraction", FR_KV_F64("x", 0.25), " x=0.25", ",\"x\":0.25"},
        {"no number", FR_KV_F64("x", NAN), " x=nan", ",\"x\":null"},
        {"infinite", FR_KV_F64("x", INFINITY), " x=inf", ",\"x\":null"},
        {"true", FR_KV_BOOL("b", true), " b=true", ",\"b\":true"},
        {"false", FR_KV_BOOL("b", false), " b=false", ",\"b\":false"},
        {"word", FR_KV_TEXT("s", "a-b/c"), " s=a-b/c", ",\"s\":\"a-b/c\""},
        {"with a blank", FR_KV_TEXT("s", "a b"), " s=\"a b\"", ",\"s\":\"a b\""},
        {"looks like a pair", FR_KV_TEXT("s", "a=b"), " s=\"a=b\"", ",\"s\":\"a=b\""},
        {"quote and backslash", FR_KV_TEXT("s", "\"\\"), " s=\"\\\"\\\\\"", ",\"s\":\"\\\"\\\\\""},
        {"newlines", FR_KV_TEXT("s", "a\r\n\tb"), " s=\"a\\r\\n\\tb\"", ",\"s\":\"a\\r\\n\\tb\""},
        {"escape sequence", FR_KV_TEXT("s", "\x1b[31m"), " s=\"\\x1b[31m\"", ",\"s\":\"\\u001b[31m\""},
        {"C1 control", FR_KV_TEXT("s", "\xc2\x9b"), " s=\"\\x9b\"", ",\"s\":\"\\u009b\""},
        {"DEL", FR_KV_TEXT("s", "\x7f"), " s=\"\\x7f\"", ",\"s\":\"\\u007f\""},
        {"UTF-8", FR_KV_TEXT("s", "ä€😀"), " s=\"ä€😀\"", ",\"s\":\"ä€😀\""},
        {"no UTF-8", FR_KV_TEXT("s", "a\xff\xc3"), " s=\"a\\xff\\xc3\"", ",\"s\":\"a\\ufffd\\ufffd\""},
        {"NUL", FR_KV_STR("s", FR_STR("a\0b")), " s=\"a\\x00b\"", ",\"s\":\"a\\u0000b\""},
        {"empty text is left out", FR_KV_TEXT("s", ""), "", ""},
        {"no text is left out", FR_KV_TEXT("s", NULL), "", ""},
        {"path", FR_KV_PATH("path", FR_STR("/x?token=secret")), " path=\"/x?token=***\"",
         ",\"path\":\"/x?token=***\""},
    };
    FR_FOR_ROWS(row, rows)
    {
        char expected[200], *line;
        snprintf(expected, sizeof expected, HEAD "%s\n", row->human);
        line = format_line(FR_LOG_HUMAN, FR_LEVEL_INFO, "m", &row->pair, 1);
        FR_ASSERT_ROW(row, strcmp(line, expected) == 0);
        free(line);
        snprintf(expected, sizeof expected, JSON_HEAD "%s}\n", row->json);
        line = format_line(FR_LOG_JSON, FR_LEVEL_INFO, "m", &row->pair, 1);
        FR_ASSERT_ROW(row, strcmp(line, expected) == 0);
        json_t *parsed = json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
        FR_ASSERT_ROW(row, parsed != NULL);
        json_decref(parsed);
        free(line);
    }
}

static void levels(void **state)
{
    static const struct {
        enum fr_log_level level;
        const char *human, *json;
    } rows[] = {
        {FR_LEVEL_DEBUG, " debug gateway: ", "\"level\":\"debug\""},
        {FR_LEVEL_INFO, " info  gateway: ", "\"level\":\"info\""},
        {FR_LEVEL_WARN, " warn  gateway: ", "\"level\":\"warn\""},
        {FR_LEVEL_ERROR, " error gateway: ", "\"level\":\"error\""},
    };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        char *human = format_line(FR_LOG_HUMAN, rows[i].level, "m", NULL, 0);
        char *json = format_line(FR_LOG_JSON, rows[i].level, "m", NULL, 0);
        assert_non_null(strstr(human, rows[i].human));
        assert_non_null(strstr(json, rows[i].json));
        free(human);
        free(json);
    }
}

static void errors_in_pairs(void **state)
{
    struct fr_error error;
    assert_int_equal(fr_error_set(&error, FR_INVALID, "--listen", "no port"), FR_INVALID);
    const struct fr_kv pairs[] = {FR_KV_ERROR(&error)};
    char *line = format_line(FR_LOG_HUMAN, FR_LEVEL_INFO, "m", pairs, FR_COUNT_OF(pairs));
    assert_string_equal(line, HEAD " status=invalid error=\"no port\" field=--listen\n");
    free(line);
}

/* However long the texts, a line stays within its maximum, is valid JSON, and says that it was cut. */
static void long_lines_are_cut_and_stay_valid(void **state)
{
    static char text[3 * FR_LOG_VALUE_MAX];
    static const char *const fillings[] = {"x", "\xff", "\n", "€"};
    for (size_t f = 0; f < FR_COUNT_OF(fillings); f++) {
        size_t step = strlen(fillings[f]);
        for (size_t i = 0; i + step < sizeof text; i += step)
            memcpy(text + i, fillings[f], step);
        struct fr_kv pairs[12];
        for (size_t i = 0; i < FR_COUNT_OF(pairs); i++)
            pairs[i] = FR_KV_STR("key", ((struct fr_str){text, sizeof text - 10 + i}));
        for (int format = FR_LOG_HUMAN; format <= FR_LOG_JSON; format++) {
            char *line =
                format_line((enum fr_log_format)format, FR_LEVEL_INFO, "m", pairs, FR_COUNT_OF(pairs));
            assert_true(strlen(line) <= FR_LOG_LINE_MAX);
            assert_non_null(strstr(line, format == FR_LOG_JSON ? "\"cut\":true}\n" : " cut=true\n"));
            if (format == FR_LOG_JSON) {
                json_t *parsed = json_loads(line, 0, NULL);
                assert_non_null(parsed);
                json_decref(parsed);
            }
            free(line);
        }
    }
}

/* Wherever a line's last pair ends, there is room for what closes it. */
static void the_end_of_a_line_always_fits(void **state)
{
    static char text[FR_LOG_VALUE_MAX];
    memset(text, 'x', sizeof text);
    for (size_t len = 1; len <= sizeof text; len++) {
        struct fr_kv pairs[5];
        for (size_t i = 0; i < FR_COUNT_OF(pairs); i++)
            pairs[i] = FR_KV_STR("key", ((struct fr_str){text, sizeof text}));
        pairs[3].str.len = len;
        char *line = format_line(FR_LOG_JSON, FR_LEVEL_INFO, "m", pairs, FR_COUNT_OF(pairs));
        json_t *parsed = json_loads(line, 0, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
        free(line);
    }
}

static void a_long_value_keeps_whole_characters(void **state)
{
    char text[FR_LOG_VALUE_MAX + 100];
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, "€", 3);
    struct fr_kv pair = FR_KV_STR("s", ((struct fr_str){text, sizeof text / 3 * 3}));
    char *line = format_line(FR_LOG_HUMAN, FR_LEVEL_INFO, "m", &pair, 1);
    assert_true(fr_utf8_valid_text(line, strlen(line)));
    assert_non_null(strstr(line, "€…\"\n"));
    assert_true(strlen(line) < FR_LOG_VALUE_MAX + 100);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_in_both_formats),
        cmocka_unit_test(levels),
        cmocka_unit_test(errors_in_pairs),
        cmocka_unit_test(long_lines_are_cut_and_stay_valid),
        cmocka_unit_test(the_end_of_a_line_always_fits),
        cmocka_unit_test(a_long_value_keeps_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
