#include "backoff.h"

#include "check.h"

/* The largest of many waits comes near the bound, and none passes it. */
static int64_t largest_of_many(struct backoff backoff)
{
    int64_t largest = 0;
    for (int i = 0; i < 2000; i++) {
        struct backoff again = backoff;
        again.random = fr_random_stream(1, 2, (uint64_t)i);
        int64_t wait_ms = backoff_next(&again);
        assert_true(wait_ms >= 0);
        largest = wait_ms > largest ? wait_ms : largest;
    }
    return largest;
}

static void the_bound_doubles_up_to_the_last(void **state)
{
    static const int64_t bounds_ms[] = {500, 1000, 2000, 4000, 8000, 10000, 10000, 10000};
    struct backoff backoff;
    backoff_init(&backoff, 500, 10000, 7);
    for (size_t i = 0; i < FR_COUNT_OF(bounds_ms); i++) {
        int64_t largest = largest_of_many(backoff);
        if (largest > bounds_ms[i] || largest < bounds_ms[i] * 9 / 10)
            fail_msg("failure %zu: expected waits up to %d, got up to %d", i, (int)bounds_ms[i],
                     (int)largest);
        (void)backoff_next(&backoff);
    }
}

static void a_success_begins_anew(void **state)
{
    struct backoff backoff;
    backoff_init(&backoff, 100, 60000, 7);
    for (int i = 0; i < 50; i++)
        (void)backoff_next(&backoff);
    assert_true(largest_of_many(backoff) > 50000);
    backoff_reset(&backoff);
    assert_true(largest_of_many(backoff) <= 100);
}

static void seeds_part_those_who_failed_together(void **state)
{
    struct backoff one, other;
    backoff_init(&one, 1000000, 1000000, 1);
    backoff_init(&other, 1000000, 1000000, 2);
    assert_int_not_equal(backoff_next(&one), backoff_next(&other));
}

static void a_bound_near_the_end_of_numbers_does_not_overflow(void **state)
{
    struct backoff backoff;
    backoff_init(&backoff, 1, INT64_MAX / 4, 1);
    for (int i = 0; i < 200; i++)
        assert_true(backoff_next(&backoff) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_doubles_up_to_the_last),
        cmocka_unit_test(a_success_begins_anew),
        cmocka_unit_test(seeds_part_those_who_failed_together),
        cmocka_unit_test(a_bound_near_the_end_of_numbers_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
