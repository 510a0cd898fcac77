#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "http/rate.h"

enum { SECOND = 1000000000 };

static void test_rule(void **state)
{
    struct fr_bucket_rule rule = fr_bucket_rule_of(300, 1000, 1000);
    assert_int_equal(rule.interval_ns, 3333333);
    assert_int_equal(rule.burst, 1000);
    assert_int_equal(fr_bucket_rule_of(1000000, 1, 1).interval_ns, 1);
    assert_int_equal(fr_bucket_rule_of(10, 300000, 10).interval_ns, 30LL * SECOND);
}

static void test_one_bucket(void **state)
{
    /* Three at once, one back each second. */
    const struct fr_bucket_rule rule = {SECOND, 3};
    static const struct {
        const char *comment;
        int64_t at_ms, price;
        bool allowed;
        int64_t remaining, retry_ms, full_ms;
    } table[] = {
        {"full at first", 1000, 1, true, 2, 0, 1000},
        {"the second", 1000, 1, true, 1, 0, 2000},
        {"the third", 1000, 1, true, 0, 0, 3000},
        {"out", 1000, 1, false, 0, 1000, 3000},
        {"half a token is none", 1500, 1, false, 0, 500, 2500},
        {"one came back", 2000, 1, true, 0, 0, 3000},
        {"two came back", 4000, 1, true, 1, 0, 2000},
        {"a price of two", 4000, 2, false, 1, 1000, 2000},
        {"a moment later it is paid", 5000, 2, true, 0, 0, 3000},
        {"full again, never more than full", 60000, 1, true, 2, 0, 1000},
        {"a price above the burst is the burst", 120000, 50, true, 0, 0, 3000},
        {"the clock of another thread is a little behind", 119999, 1, false, 0, 1001, 3001},
    };
    int64_t full_at = 0;
    FR_FOR_ROWS(row, table)
    {
        struct fr_bucket_state got = fr_bucket_take(&full_at, &rule, row->price, row->at_ms * 1000000);
        FR_ASSERT_ROW(row, got.allowed == row->allowed);
        FR_ASSERT_ROW(row, got.remaining == row->remaining);
        FR_ASSERT_ROW(row, got.retry_ns == row->retry_ms * 1000000);
        FR_ASSERT_ROW(row, got.full_ns == row->full_ms * 1000000);
    }
}

static void test_keys(void **state)
{
    struct fr_rate_table *table = fr_rate_table_new(1024), *other = fr_rate_table_new(1024);
    uint64_t key = fr_rate_key(table, 1, 42, "address", 7);
    assert_true(key == fr_rate_key(table, 1, 42, "address", 7));
    assert_true(key != fr_rate_key(table, 2, 42, "address", 7));
    assert_true(key != fr_rate_key(table, 1, 43, "address", 7));
    assert_true(key != fr_rate_key(table, 1, 42, "addresT", 7));
    assert_true(key != fr_rate_key(other, 1, 42, "address", 7)); /* salted */
    fr_rate_table_free(table);
    fr_rate_table_free(other);
    fr_rate_table_free(NULL);
}

static void test_table(void **state)
{
    const struct fr_bucket_rule rule = {SECOND, 2};
    struct fr_rate_table *table = fr_rate_table_new(1024);
    uint64_t one = fr_rate_key(table, 0, 1, NULL, 0), two = fr_rate_key(table, 0, 2, NULL, 0);
    int64_t now = 5LL * SECOND;
    assert_true(fr_rate_take(table, one, &rule, 1, now).allowed);
    assert_true(fr_rate_take(table, one, &rule, 1, now).allowed);
    assert_false(fr_rate_take(table, one, &rule, 1, now).allowed);
    assert_true(fr_rate_take(table, two, &rule, 1, now).allowed); /* nobody pays for another */
    fr_rate_give_back(table, one, &rule, 1);
    assert_true(fr_rate_take(table, one, &rule, 1, now).allowed);
    assert_false(fr_rate_take(table, one, &rule, 1, now).allowed);
    fr_rate_reset(table, one);
    assert_int_equal(fr_rate_take(table, one, &rule, 1, now).remaining, 1);
    fr_rate_give_back(table, fr_rate_key(table, 0, 3, NULL, 0), &rule, 1); /* never taken: nothing */
    fr_rate_table_free(table);
}

static void test_full_table_keeps_who_is_limited(void **state)
{
    const struct fr_bucket_rule rule = {SECOND, 1000};
    struct fr_rate_table *table = fr_rate_table_new(64);
    int64_t now = 5LL * SECOND;
    uint64_t flood = fr_rate_key(table, 0, 0, NULL, 0);
    assert_true(fr_rate_take(table, flood, &rule, 1000, now).allowed);
    /* A hundred times as many others, each once: all of them are let in, and the one stays limited. */
    for (int64_t id = 1; id <= 6400; id++)
        assert_true(fr_rate_take(table, fr_rate_key(table, 0, id, NULL, 0), &rule, 1, now).allowed);
    assert_false(fr_rate_take(table, flood, &rule, 1, now).allowed);
    fr_rate_table_free(table);
}

static void test_marks(void **state)
{
    struct fr_rate_table *table = fr_rate_table_new(64);
    uint64_t key = fr_rate_key(table, 0, 1, NULL, 0);
    assert_false(fr_rate_is_marked(table, key, 0));
    fr_rate_mark(table, key, 100);
    assert_true(fr_rate_is_marked(table, key, 99));
    assert_false(fr_rate_is_marked(table, key, 100));
    fr_rate_table_free(table);
}

struct crowd {
    struct fr_rate_table *table;
    uint64_t key;
    const struct fr_bucket_rule *rule;
    atomic_int allowed;
};

static void *take_often(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < 20000; i++) {
        if (fr_rate_take(crowd->table, crowd->key, crowd->rule, 1, 5LL * SECOND).allowed)
            atomic_fetch_add(&crowd->allowed, 1);
    }
    return NULL;
}

static void test_threads_share_a_bucket(void **state)
{
    const struct fr_bucket_rule rule = {SECOND, 10000};
    struct crowd crowd = {.table = fr_rate_table_new(64), .rule = &rule};
    crowd.key = fr_rate_key(crowd.table, 0, 1, NULL, 0);
    (void)fr_rate_take(crowd.table, crowd.key, &rule, 1, 5LL * SECOND); /* there is one bucket */
    pthread_t threads[4];
    for (size_t i = 0; i < FR_COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_often, &crowd), 0);
    for (size_t i = 0; i < FR_COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.allowed), 9999);
    fr_rate_table_free(crowd.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_one_bucket),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_full_table_keeps_who_is_limited),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_threads_share_a_bucket),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
