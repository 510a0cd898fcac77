#include "histogram.h"

#include "check.h"

static void an_empty_one_says_nothing(void **state)
{
    static struct histogram empty;
    assert_int_equal(histogram_at(&empty, 0.5), 0);
    assert_int_equal(histogram_at(&empty, 1), 0);
}

/* Whatever the time, what is told is not less, and a sixty-fourth more at the most. */
static void a_time_is_told_within_a_sixty_fourth(void **state)
{
    for (int64_t ns = 0; ns < (int64_t)1 << 41; ns = ns * 9 / 8 + 1) {
        struct histogram one = {0};
        histogram_add(&one, ns);
        histogram_add(&one, (int64_t)1 << 41); /* else the greatest of all bounds what is told */
        int64_t told = histogram_at(&one, 0.5);
        if (told < ns || told > ns + ns / 64)
            fail_msg("%lld ns was told as %lld", (long long)ns, (long long)told);
    }
}

static void shares(void **state)
{
    static const struct {
        const char *comment;
        double share;
        int64_t least, most;
    } rows[] = {
        {"the smallest", 0, 1000, 1016},
        {"half", 0.5, 500000, 507900},
        {"nine tenths", 0.9, 900000, 914100},
        {"ninety-nine", 0.99, 990000, 1000000},
        {"one of a thousand", 0.999, 999000, 1000000},
        {"all", 1, 1000000, 1000000},
    };
    static struct histogram times;
    for (int64_t us = 1; us <= 1000; us++)
        histogram_add(&times, us * 1000);
    assert_int_equal(times.total, 1000);
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, histogram_at(&times, row->share) >= row->least &&
                           histogram_at(&times, row->share) <= row->most);
}

static void extremes_are_kept_in_bounds(void **state)
{
    static struct histogram times;
    histogram_add(&times, -5);
    assert_int_equal(histogram_at(&times, 1), 0);
    histogram_add(&times, INT64_MAX);
    assert_int_equal(times.total, 2);
    assert_true(times.max_ns == INT64_MAX);
    assert_true(histogram_at(&times, 1) > (int64_t)3600 * 1000000000);
}

static void merged_is_as_if_added_to_one(void **state)
{
    static struct histogram a, b, all;
    for (int64_t i = 0; i < 1000; i++) {
        histogram_add(i % 3 == 0 ? &a : &b, i * i * 1000);
        histogram_add(&all, i * i * 1000);
    }
    histogram_merge(&a, &b);
    assert_memory_equal(&a, &all, sizeof all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_says_nothing),
        cmocka_unit_test(a_time_is_told_within_a_sixty_fourth),
        cmocka_unit_test(shares),
        cmocka_unit_test(extremes_are_kept_in_bounds),
        cmocka_unit_test(merged_is_as_if_added_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
