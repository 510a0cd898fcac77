#include "base/str.h"

#include "check.h"

static void equal(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str a, b;
        bool same, same_nocase;
    } rows[] = {
        {"equal", FR_STR("abc"), FR_STR("abc"), true, true},
        {"only capitals differ", FR_STR("aBc"), FR_STR("AbC"), false, true},
        {"prefix", FR_STR("ab"), FR_STR("abc"), false, false},
        {"empty and none", FR_STR(""), {NULL, 0}, true, true},
        {"none and something", {NULL, 0}, FR_STR("a"), false, false},
        {"NUL within", FR_STR("a\0b"), FR_STR("a\0c"), false, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        FR_ASSERT_ROW(row, fr_str_equal(row->a, row->b) == row->same);
        FR_ASSERT_ROW(row, fr_str_equal(row->b, row->a) == row->same);
    }
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(fr_str_equal_nocase(rows[i].a, rows[i].b), rows[i].same_nocase);
}

static void starts_with(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str str, prefix;
        bool yes;
    } rows[] = {
        {"itself", FR_STR("abc"), FR_STR("abc"), true},   {"shorter", FR_STR("abc"), FR_STR("ab"), true},
        {"longer", FR_STR("ab"), FR_STR("abc"), false},   {"other", FR_STR("abc"), FR_STR("b"), false},
        {"empty prefix", FR_STR("abc"), {NULL, 0}, true}, {"both empty", {NULL, 0}, {NULL, 0}, true},
        {"nothing", {NULL, 0}, FR_STR("a"), false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_str_starts_with(row->str, row->prefix) == row->yes);
}

static void trim(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str in, out;
    } rows[] = {
        {"nothing to do", FR_STR("a b"), FR_STR("a b")},
        {"both ends", FR_STR(" \ta\t "), FR_STR("a")},
        {"only blanks", FR_STR(" \t "), FR_STR("")},
        {"empty", FR_STR(""), FR_STR("")},
        {"none", {NULL, 0}, FR_STR("")},
        {"newline is no blank", FR_STR("\na "), FR_STR("\na")},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_str_equal(fr_str_trim(row->in), row->out));
}

static void next(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str in;
        int count;
        const char *pieces[4];
    } rows[] = {
        {"three", FR_STR("a,b,c"), 3, {"a", "b", "c"}},   {"one", FR_STR("abc"), 1, {"abc"}},
        {"empty text is one piece", FR_STR(""), 1, {""}}, {"no text is none", {NULL, 0}, 0, {NULL}},
        {"empty ends", FR_STR(",a,"), 3, {"", "a", ""}},  {"only separators", FR_STR(",,"), 3, {"", "", ""}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_str rest = row->in, piece;
        int count = 0;
        while (fr_str_next(&rest, ',', &piece)) {
            FR_ASSERT_ROW(row, count < row->count);
            FR_ASSERT_ROW(row, fr_str_equal(piece, fr_str_of(row->pieces[count])));
            count++;
        }
        FR_ASSERT_ROW(row, count == row->count);
    }
}

static void to_i64(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str in;
        int64_t min, max;
        enum fr_status status;
        int64_t value;
    } rows[] = {
        {"zero", FR_STR("0"), INT64_MIN, INT64_MAX, FR_OK, 0},
        {"leading zeros are digits", FR_STR("007"), 0, 9, FR_OK, 7},
        {"negative", FR_STR("-12"), -12, 0, FR_OK, -12},
        {"largest", FR_STR("9223372036854775807"), INT64_MIN, INT64_MAX, FR_OK, INT64_MAX},
        {"smallest", FR_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, FR_OK, INT64_MIN},
        {"one too large", FR_STR("9223372036854775808"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"one too small", FR_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"20 digits", FR_STR("18446744073709551617"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"above max", FR_STR("10"), 0, 9, FR_INVALID, 0},
        {"below min", FR_STR("0"), 1, 9, FR_INVALID, 0},
        {"empty", FR_STR(""), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"none", {NULL, 0}, INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"sign alone", FR_STR("-"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"plus", FR_STR("+1"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"blank before", FR_STR(" 1"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"letters after", FR_STR("1a"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"NUL after", FR_STR("1\0"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
        {"two signs", FR_STR("--1"), INT64_MIN, INT64_MAX, FR_INVALID, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        int64_t value = 4711;
        FR_ASSERT_ROW(row, fr_str_to_i64(row->in, row->min, row->max, &value) == row->status);
        FR_ASSERT_ROW(row, value == (row->status == FR_OK ? row->value : 4711));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal), cmocka_unit_test(starts_with), cmocka_unit_test(trim),
        cmocka_unit_test(next),  cmocka_unit_test(to_i64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
