#include "check.h"
#include "timeline/timeline.h"

static void test_round_trip(void **state)
{
    static const struct {
        int64_t id;
        const char *comment;
    } rows[] = {
        {1, "smallest id"},        {255, "one byte full"},
        {256, "two bytes"},        {INT64_C(123456789012345678), "a snowflake"},
        {INT64_MAX, "largest id"},
    };
    FR_FOR_ROWS(row, rows)
    {
        char text[FR_PAGE_CURSOR_SIZE];
        int64_t id = 0;
        fr_page_cursor_format(row->id, text);
        FR_ASSERT_ROW(row, strlen(text) == FR_PAGE_CURSOR_SIZE - 1);
        FR_ASSERT_ROW(row, strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
                               FR_PAGE_CURSOR_SIZE - 1);
        FR_ASSERT_ROW(row, fr_page_cursor_parse(fr_str_of(text), &id) == FR_OK);
        FR_ASSERT_ROW(row, id == row->id);
    }
}

/* Old cursors of clients must stay good: the form is part of the contract between versions of the gateway. */
static void test_known_form(void **state)
{
    char text[FR_PAGE_CURSOR_SIZE];
    fr_page_cursor_format(INT64_C(123456789012345678), text);
    assert_string_equal(text, "AQG2m0umMPNOBuqJ");
}

/* Every single character that differs is noticed. */
static void test_damaged_character(void **state)
{
    char good[FR_PAGE_CURSOR_SIZE], bad[FR_PAGE_CURSOR_SIZE];
    fr_page_cursor_format(INT64_C(987654321098765432), good);
    for (size_t i = 0; i < FR_PAGE_CURSOR_SIZE - 1; i++) {
        for (int c = 0; c < 256; c++) {
            if ((char)c == good[i])
                continue;
            memcpy(bad, good, sizeof(bad));
            bad[i] = (char)c;
            int64_t id = 77;
            if (fr_page_cursor_parse((struct fr_str){bad, sizeof(bad) - 1}, &id) != FR_INVALID || id != 77)
                fail_msg("character %zu as %d: expected FR_INVALID and an untouched id", i, c);
        }
    }
}

static void test_refused(void **state)
{
    char zero[FR_PAGE_CURSOR_SIZE], negative[FR_PAGE_CURSOR_SIZE], good[FR_PAGE_CURSOR_SIZE + 1];
    fr_page_cursor_format(0, zero);
    fr_page_cursor_format(-1, negative);
    fr_page_cursor_format(5, good);
    good[FR_PAGE_CURSOR_SIZE - 1] = 'A';
    good[FR_PAGE_CURSOR_SIZE] = '\0';
    const struct {
        struct fr_str text;
        const char *comment;
    } rows[] = {
        {FR_STR_NONE, "nothing"},
        {FR_STR(""), "empty"},
        {FR_STR("AQ"), "too short"},
        {{good, FR_PAGE_CURSOR_SIZE}, "a good one and a character more"},
        {{good, FR_PAGE_CURSOR_SIZE - 2}, "a good one and a character less"},
        {FR_STR("AAAAAAAAAAAAAAAA"), "right size, no version"},
        {FR_STR("________________"), "right size, all bits set"},
        {FR_STR("AQAAAAAAAAAF===="), "padding"},
        {{zero, FR_PAGE_CURSOR_SIZE - 1}, "well formed, but 0 is no id"},
        {{negative, FR_PAGE_CURSOR_SIZE - 1}, "well formed, but a negative number is no id"},
    };
    FR_FOR_ROWS(row, rows)
    {
        int64_t id = 77;
        FR_ASSERT_ROW(row, fr_page_cursor_parse(row->text, &id) == FR_INVALID);
        FR_ASSERT_ROW(row, id == 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_known_form),
        cmocka_unit_test(test_damaged_character),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
