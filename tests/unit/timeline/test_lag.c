#include "check.h"
#include "fake_store.h"
#include "timeline/lag.h"

struct answer {
    int times;
    enum fr_status status;
    bool has_lag;
    struct fr_lag lag;
};

static void on_lag(void *arg, enum fr_status status, const struct fr_lag *lag, const struct fr_error *error)
{
    struct answer *answer = arg;
    answer->times++;
    answer->status = status;
    answer->has_lag = lag != NULL;
    if (lag != NULL)
        answer->lag = *lag;
}

/* All partitions are asked for; those in which nothing waits are not in the answer. */
static void test_every_partition(void **state)
{
    (void)state;
    struct answer answer = {0};
    fake_reset();
    fr_lag_read(NULL, on_lag, &answer);
    const struct fr_param *asked = &fake_next()->queries[0].params[0];
    assert_int_equal(fake_next()->queries[0].sql, FR_SQL_OUTBOX_MEASURE);
    assert_int_equal(asked->i16s.count, FR_AUTHOR_PARTITIONS);
    fake_answer(&(struct fr_result){3,
                                    {{FAKE_N(0), FAKE_N(5), FAKE_N(6), FAKE_N(1500)},
                                     {FAKE_N(15), FAKE_N(1), FAKE_N(0), FAKE_N(-20)},
                                     {FAKE_N(7), FAKE_N(0), FAKE_N(0), FAKE_NULL}}});
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_OK);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++) {
        const struct fr_partition_lag *lag = &answer.lag.partitions[p];
        assert_int_equal(lag->pending, p == 0 ? 5 : p == 15 ? 1 : 0);
        assert_int_equal(lag->committed, p == 0 ? 6 : 0);
        assert_int_equal(lag->oldest_ms, p == 0 ? 1500 : 0); /* the clock went back: not below 0 */
    }
}

static void test_store_failure(void **state)
{
    (void)state;
    struct answer answer = {0};
    fake_reset();
    fr_lag_read(NULL, on_lag, &answer);
    fake_fail(FR_TIMEOUT, "late");
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_TIMEOUT);
    assert_false(answer.has_lag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_partition),
        cmocka_unit_test(test_store_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
