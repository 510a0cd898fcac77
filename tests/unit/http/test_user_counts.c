#include "http/user_counts.h"

#include <pthread.h>

#include "check.h"

static void a_user_has_as_many_as_the_limit(void **state)
{
    struct fr_user_counts *counts = fr_user_counts_new();
    assert_true(fr_user_counts_take(counts, 1, 2));
    assert_true(fr_user_counts_take(counts, 1, 2));
    assert_false(fr_user_counts_take(counts, 1, 2));
    assert_true(fr_user_counts_take(counts, 2, 2)); /* another user */
    fr_user_counts_give_back(counts, 1);
    assert_true(fr_user_counts_take(counts, 1, 2));
    assert_false(fr_user_counts_take(counts, 1, 2));
    assert_true(fr_user_counts_take(counts, 1, 0)); /* no limit */
    fr_user_counts_free(counts);
}

static void nothing_is_left_of_those_who_went(void **state)
{
    struct fr_user_counts *counts = fr_user_counts_new();
    for (int64_t user = 1; user <= 5000; user++)
        assert_true(fr_user_counts_take(counts, user, 1));
    for (int64_t user = 1; user <= 5000; user++)
        fr_user_counts_give_back(counts, user);
    for (int64_t user = 1; user <= 5000; user++)
        assert_true(fr_user_counts_take(counts, user, 1));
    fr_user_counts_free(counts);
}

enum { THREADS = 4, ROUNDS = 20000, LIMIT = 3 };

static void *come_and_go(void *arg)
{
    struct fr_user_counts *counts = arg;
    int64_t held = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (fr_user_counts_take(counts, 1 + i % 3, LIMIT))
            fr_user_counts_give_back(counts, 1 + i % 3);
        else
            held++;
    }
    return (void *)(uintptr_t)held; /* NOLINT: a number */
}

static void threads_leave_it_right(void **state)
{
    struct fr_user_counts *counts = fr_user_counts_new();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, counts), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int64_t user = 1; user <= 3; user++) {
        for (int i = 0; i < LIMIT; i++)
            assert_true(fr_user_counts_take(counts, user, LIMIT));
        assert_false(fr_user_counts_take(counts, user, LIMIT));
    }
    fr_user_counts_free(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_has_as_many_as_the_limit),
        cmocka_unit_test(nothing_is_left_of_those_who_went),
        cmocka_unit_test(threads_leave_it_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
