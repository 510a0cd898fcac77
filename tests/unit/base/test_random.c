#include "base/random.h"

#include "check.h"

/* Of the reference implementation, https://prng.di.unimi.it/splitmix64.c */
static void known_numbers(void **state)
{
    static const struct {
        const char *comment;
        uint64_t seed, numbers[3];
    } rows[] = {
        {"seed 0", 0, {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f}},
        {"seed 1234567", 1234567, {6457827717110365317u, 3203168211198807973u, 9817491932198370423u}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_random random = fr_random_of_seed(row->seed);
        for (size_t i = 0; i < FR_COUNT_OF(row->numbers); i++)
            FR_ASSERT_ROW(row, fr_random_next(&random) == row->numbers[i]);
    }
}

static void streams_repeat_and_differ(void **state)
{
    static const struct {
        const char *comment;
        uint64_t seed, purpose, index;
    } rows[] = {
        {"seed", 2, 1, 1}, {"purpose", 1, 2, 1}, {"index", 1, 1, 2}, {"nothing", 0, 0, 0}, {"all", 2, 2, 2},
    };
    struct fr_random one = fr_random_stream(1, 1, 1), same = fr_random_stream(1, 1, 1);
    uint64_t first = fr_random_next(&one);
    assert_true(first == fr_random_next(&same));
    assert_true(fr_random_next(&one) == fr_random_next(&same));
    FR_FOR_ROWS(row, rows)
    {
        struct fr_random other = fr_random_stream(row->seed, row->purpose, row->index);
        FR_ASSERT_ROW(row, fr_random_next(&other) != first);
    }
}

static void below_reaches_every_number_about_equally_often(void **state)
{
    enum { BOUND = 7, DRAWS = 70000 };
    struct fr_random random = fr_random_stream(5, 0, 0);
    int seen[BOUND] = {0};
    for (int i = 0; i < DRAWS; i++)
        seen[fr_random_below(&random, BOUND)]++;
    /* 10,000 expected, standard deviation 93; the numbers are always the same ones. */
    for (int i = 0; i < BOUND; i++)
        assert_in_range(seen[i], 9500, 10500);
    for (int i = 0; i < 100; i++)
        assert_true(fr_random_below(&random, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(fr_random_below(&random, UINT64_MAX) < UINT64_MAX);
}

static void within_takes_both_ends(void **state)
{
    struct fr_random random = fr_random_stream(5, 1, 0);
    bool low = false, high = false;
    for (int i = 0; i < 1000; i++) {
        int64_t drawn = fr_random_within(&random, -2, 2);
        assert_true(drawn >= -2 && drawn <= 2);
        low = low || drawn == -2;
        high = high || drawn == 2;
    }
    assert_true(low && high);
    assert_int_equal(fr_random_within(&random, 9, 9), 9);
    assert_true(fr_random_within(&random, INT64_MAX, INT64_MAX) == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(streams_repeat_and_differ),
        cmocka_unit_test(below_reaches_every_number_about_equally_often),
        cmocka_unit_test(within_takes_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
