#include "base/clock.h"

#include "check.h"

static void format_ms(void **state)
{
    static const struct {
        const char *comment;
        int64_t ms;
        const char *text;
    } rows[] = {
        {"epoch", 0, "1970-01-01T00:00:00.000Z"},
        {"milliseconds", 1767323045678, "2026-01-02T03:04:05.678Z"},
        {"before the epoch", -1, "1969-12-31T23:59:59.999Z"},
        {"leap day", 1709164800000, "2024-02-29T00:00:00.000Z"},
        {"year 1", -62135596800000, "0001-01-01T00:00:00.000Z"},
        {"end of year 9999", 253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    FR_FOR_ROWS(row, rows)
    {
        char text[FR_CLOCK_TEXT_SIZE];
        FR_ASSERT_ROW(row, fr_clock_format_ms(row->ms, text) == 24);
        FR_ASSERT_ROW(row, strcmp(text, row->text) == 0);
    }
}

static void dates(void **state)
{
    static const struct {
        const char *comment, *text;
        enum fr_status status;
        int32_t days;
    } rows[] = {
        {"epoch", "1970-01-01", FR_OK, 0},
        {"day before", "1969-12-31", FR_OK, -1},
        {"the API's example", "2017-02-01", FR_OK, 17198},
        {"leap day", "2000-02-29", FR_OK, 11016},
        {"first day", "0001-01-01", FR_OK, -719162},
        {"last day", "9999-12-31", FR_OK, 2932896},
        {"no leap year", "2023-02-29", FR_INVALID, 0},
        {"no leap century", "1900-02-29", FR_INVALID, 0},
        {"30 February", "2024-02-30", FR_INVALID, 0},
        {"31 April", "2024-04-31", FR_INVALID, 0},
        {"month 13", "2024-13-01", FR_INVALID, 0},
        {"month 0", "2024-00-01", FR_INVALID, 0},
        {"day 0", "2024-01-00", FR_INVALID, 0},
        {"year 0", "0000-01-01", FR_INVALID, 0},
        {"short", "2024-1-01", FR_INVALID, 0},
        {"long", "2024-01-011", FR_INVALID, 0},
        {"slashes", "2024/01/01", FR_INVALID, 0},
        {"negative parts", "-024-01-01", FR_INVALID, 0},
        {"letters", "2024-0a-01", FR_INVALID, 0},
        {"empty", "", FR_INVALID, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        int32_t days = 4711;
        FR_ASSERT_ROW(row, fr_clock_parse_date(fr_str_of(row->text), &days) == row->status);
        FR_ASSERT_ROW(row, days == (row->status == FR_OK ? row->days : 4711));
        char text[11];
        if (row->status == FR_OK) {
            FR_ASSERT_ROW(row, fr_clock_format_date(days, text) == 10);
            FR_ASSERT_ROW(row, strcmp(text, row->text) == 0);
        }
    }
}

static void clocks_go_forward(void **state)
{
    int64_t wall = fr_clock_wall_ms(), us = fr_clock_wall_us(), mono = fr_clock_monotonic_ns();
    assert_true(wall > INT64_C(1700000000000));
    assert_true(us / 1000 >= wall);
    assert_true(fr_clock_monotonic_ns() >= mono);
    assert_true(fr_clock_monotonic_ms() >= mono / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_ms),
        cmocka_unit_test(dates),
        cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
