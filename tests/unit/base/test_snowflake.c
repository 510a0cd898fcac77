#include "base/snowflake.h"

#include <pthread.h>
#include <stdlib.h>

#include "check.h"

#define NOW (FR_SNOWFLAKE_EPOCH_MS + 1000000)
#define SEQUENCES (1 << FR_SNOWFLAKE_SEQUENCE_BITS)

static int node_of(int64_t id)
{
    return (int)(id >> FR_SNOWFLAKE_SEQUENCE_BITS) & (FR_SNOWFLAKE_NODES - 1);
}

static void ids_tell_time_and_node(void **state)
{
    struct fr_snowflake flake;
    fr_snowflake_init(&flake, 1023, 0, NOW + 1000);
    int64_t id;
    assert_int_equal(fr_snowflake_next(&flake, NOW, &id), FR_OK);
    assert_int_equal(fr_snowflake_time_ms(id), NOW);
    assert_int_equal(node_of(id), 1023);
    assert_true(id >= fr_snowflake_first_of_ms(NOW) && id < fr_snowflake_first_of_ms(NOW + 1));
    assert_int_equal(fr_snowflake_time_ms(fr_snowflake_first_of_ms(NOW)), NOW);
}

static void ids_rise_within_and_past_a_millisecond(void **state)
{
    struct fr_snowflake flake;
    fr_snowflake_init(&flake, 5, 0, NOW + 1000);
    int64_t last = 0;
    for (int i = 0; i < SEQUENCES + 10; i++) {
        int64_t id;
        assert_int_equal(fr_snowflake_next(&flake, NOW, &id), FR_OK);
        assert_true(id > last);
        assert_int_equal(node_of(id), 5);
        assert_int_equal(fr_snowflake_time_ms(id), NOW + (i >= SEQUENCES));
        last = id;
    }
}

static void a_clock_that_steps_back_does_no_harm(void **state)
{
    struct fr_snowflake flake;
    fr_snowflake_init(&flake, 5, 0, NOW + 1000);
    int64_t before, after;
    assert_int_equal(fr_snowflake_next(&flake, NOW, &before), FR_OK);
    assert_int_equal(fr_snowflake_next(&flake, NOW - 60000, &after), FR_OK);
    assert_int_equal(after, before + 1);
    assert_int_equal(fr_snowflake_next(&flake, NOW + 1, &after), FR_OK);
    assert_int_equal(fr_snowflake_time_ms(after), NOW + 1);
}

static void starts_after_the_former_lease(void **state)
{
    static const struct {
        const char *comment;
        int64_t start_after, now, time;
    } rows[] = {
        {"former lease is long over", NOW - 5000, NOW, NOW},
        {"former lease ended in this millisecond", NOW, NOW, NOW + 1},
        {"our clock is behind its end", NOW + 100, NOW, NOW + 101},
        {"nobody had it before", 0, NOW, NOW},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_snowflake flake;
        int64_t id;
        fr_snowflake_init(&flake, 0, row->start_after, NOW + 1000);
        FR_ASSERT_ROW(row, fr_snowflake_next(&flake, row->now, &id) == FR_OK);
        FR_ASSERT_ROW(row, fr_snowflake_time_ms(id) == row->time);
    }
}

static void the_lease_ends_and_is_extended(void **state)
{
    struct fr_snowflake flake;
    int64_t id = 77;
    fr_snowflake_init(&flake, 0, 0, NOW + 10);
    assert_int_equal(fr_snowflake_next(&flake, NOW + 10, &id), FR_UNAVAILABLE);
    assert_int_equal(fr_snowflake_next(&flake, NOW + 5000, &id), FR_UNAVAILABLE);
    assert_int_equal(id, 77);
    assert_int_equal(fr_snowflake_next(&flake, NOW + 9, &id), FR_OK);
    /* The sequence of the last millisecond runs out: going on would leave the lease. */
    for (int i = 1; i < SEQUENCES; i++)
        assert_int_equal(fr_snowflake_next(&flake, NOW + 9, &id), FR_OK);
    assert_int_equal(fr_snowflake_next(&flake, NOW + 9, &id), FR_UNAVAILABLE);
    fr_snowflake_extend(&flake, NOW + 20);
    assert_int_equal(fr_snowflake_next(&flake, NOW + 9, &id), FR_OK);
    assert_int_equal(fr_snowflake_time_ms(id), NOW + 10);
}

enum { EACH = 20000 };

struct maker {
    struct fr_snowflake *flake;
    pthread_barrier_t *start;
    int64_t ids[EACH];
};

static void *make_ids(void *arg)
{
    struct maker *maker = arg;
    pthread_barrier_wait(maker->start);
    for (int i = 0; i < EACH; i++)
        if (fr_snowflake_next(maker->flake, NOW + i / 100, &maker->ids[i]) != FR_OK)
            maker->ids[i] = 0;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void threads_never_get_the_same_id(void **state)
{
    struct fr_snowflake flake;
    fr_snowflake_init(&flake, 9, 0, NOW + 100000);
    static struct maker makers[2];
    static int64_t all[2 * EACH];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        makers[i].flake = &flake;
        makers[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, &makers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        for (int j = 0; j < EACH; j++) {
            assert_true(makers[i].ids[j] > (j > 0 ? makers[i].ids[j - 1] : 0));
            all[i * EACH + j] = makers[i].ids[j];
        }
    }
    pthread_barrier_destroy(&start);
    qsort(all, FR_COUNT_OF(all), sizeof all[0], compare);
    for (size_t i = 1; i < FR_COUNT_OF(all); i++)
        assert_true(all[i] != all[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_tell_time_and_node),
        cmocka_unit_test(ids_rise_within_and_past_a_millisecond),
        cmocka_unit_test(a_clock_that_steps_back_does_no_harm),
        cmocka_unit_test(starts_after_the_former_lease),
        cmocka_unit_test(the_lease_ends_and_is_extended),
        cmocka_unit_test(threads_never_get_the_same_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
