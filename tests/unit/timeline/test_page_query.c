#include "check.h"
#include "timeline/timeline.h"

/* The cursor below post 5. */
#define CURSOR_5 "AQAAAAAAAAAFU7yc"

static const struct fr_str *optional(const char *text, struct fr_str *room)
{
    *room = fr_str_of(text);
    return text != NULL ? room : NULL;
}

static void test_parse(void **state)
{
    static const struct {
        const char *limit, *offset, *cursor; /* NULL: not given */
        enum fr_status status;
        const char *field;
        int want_limit, want_offset;
        int64_t want_before;
        const char *comment;
    } rows[] = {
        {NULL, NULL, NULL, FR_OK, "", 10, 0, INT64_MAX, "all defaults"},
        {"1", NULL, NULL, FR_OK, "", 1, 0, INT64_MAX, "smallest limit"},
        {"100", NULL, NULL, FR_OK, "", 100, 0, INT64_MAX, "largest limit"},
        {"101", NULL, NULL, FR_OK, "", 100, 0, INT64_MAX, "above the largest"},
        {"99999999999999999999999", NULL, NULL, FR_OK, "", 100, 0, INT64_MAX, "above 64 bits"},
        {"0", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "limit 0"},
        {"00", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "limit 0, twice"},
        {"-1", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "negative limit"},
        {"+5", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "a sign"},
        {"", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "empty limit"},
        {"ten", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "a word"},
        {"10 ", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "a space behind"},
        {"1e1", NULL, NULL, FR_INVALID, "limit", 0, 0, 0, "an exponent"},
        {NULL, "0", NULL, FR_OK, "", 10, 0, INT64_MAX, "smallest offset"},
        {"7", "10000", NULL, FR_OK, "", 7, 10000, INT64_MAX, "largest offset"},
        {NULL, "10001", NULL, FR_INVALID, "offset", 0, 0, 0, "above the largest offset"},
        {NULL, "99999999999999999999999", NULL, FR_INVALID, "offset", 0, 0, 0, "offset above 64 bits"},
        {NULL, "-1", NULL, FR_INVALID, "offset", 0, 0, 0, "negative offset"},
        {NULL, "", NULL, FR_INVALID, "offset", 0, 0, 0, "empty offset"},
        {NULL, "0x10", NULL, FR_INVALID, "offset", 0, 0, 0, "hexadecimal"},
        {NULL, NULL, CURSOR_5, FR_OK, "", 10, 0, 5, "a cursor"},
        {"3", NULL, CURSOR_5, FR_OK, "", 3, 0, 5, "a cursor and a limit"},
        {NULL, NULL, "", FR_INVALID, "cursor", 0, 0, 0, "empty cursor"},
        {NULL, NULL, "AAAAAAAAAAAAAAAA", FR_INVALID, "cursor", 0, 0, 0, "damaged cursor"},
        {NULL, "0", CURSOR_5, FR_INVALID, "cursor", 0, 0, 0, "a cursor beside an offset"},
        {"0", "-1", "x", FR_INVALID, "limit", 0, 0, 0, "all wrong: the first is named"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_str limit, offset, cursor;
        struct fr_page_query query = {optional(row->limit, &limit), optional(row->offset, &offset),
                                      optional(row->cursor, &cursor)};
        struct fr_page_request request = {.user_id = 42, .limit = -7};
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, fr_page_request_parse(&query, &request, &error) == row->status);
        FR_ASSERT_ROW(row, strcmp(error.field, row->field) == 0);
        FR_ASSERT_ROW(row, request.user_id == 42);
        if (row->status != FR_OK) {
            FR_ASSERT_ROW(row, request.limit == -7);
            continue;
        }
        FR_ASSERT_ROW(row, request.limit == row->want_limit);
        FR_ASSERT_ROW(row, request.offset == row->want_offset);
        FR_ASSERT_ROW(row, request.before_id == row->want_before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
