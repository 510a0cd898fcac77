#include "check.h"
#include "timeline/sweep.h"

static void test_rows_enough(void **state)
{
    static const struct {
        const char *comment;
        int feed_cap, rows;
    } rows[] = {
        {"the smallest cap: every sign counts", 10, 1},
        {"less than one row's worth of slack", 127, 1},
        {"half of the default, in items", 1000, 7},
        {"twice the sample for each row", 1280, 10},
        {"the largest cap", 1000000, 7812},
    };

    FR_FOR_ROWS(row, rows)
    {
        FR_ASSERT_ROW(row, fr_sweep_rows_enough(row->feed_cap) == row->rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_enough)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
