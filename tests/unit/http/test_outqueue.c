#include "check.h"
#include "config/config.h"
#include "outqueue.h"

enum { START_MS = 1000 };

static const struct fr_outqueue_rule rule = {.hard = 100, .soft = 40, .soft_ms = 10000};

static void add(struct fr_outqueue *queue, size_t bytes, int64_t now_ms)
{
    assert_true(fr_outqueue_has_room(queue, &rule, bytes));
    fr_outqueue_add(queue, &rule, bytes, now_ms);
}

static void refuse(struct fr_outqueue *queue, size_t bytes)
{
    assert_false(fr_outqueue_has_room(queue, &rule, bytes));
}

/* The socket takes nothing: one byte has been in it since the beginning. */
static struct fr_outqueue stuck(void)
{
    struct fr_outqueue queue = {0};
    add(&queue, 1, START_MS);
    fr_outqueue_write(&queue, START_MS);
    return queue;
}

static void test_hard_bound_counts_at_once(void **state)
{
    (void)state;
    struct fr_outqueue queue = stuck();
    add(&queue, 60, START_MS);
    add(&queue, 40, START_MS);
    refuse(&queue, 1);
    refuse(&queue, SIZE_MAX);
    assert_int_equal(queue.bytes, 101);
}

static void test_room_comes_back_when_written(void **state)
{
    (void)state;
    struct fr_outqueue queue = stuck();
    add(&queue, 100, START_MS);
    fr_outqueue_wrote(&queue, &rule, 1);
    refuse(&queue, 1);
    fr_outqueue_write(&queue, START_MS);
    fr_outqueue_wrote(&queue, &rule, 30);
    add(&queue, 30, START_MS);
    refuse(&queue, 1);
}

static void test_burst_is_no_slow_client(void **state)
{
    (void)state;
    struct fr_outqueue queue = {0};
    add(&queue, 250, START_MS);
    add(&queue, 150, START_MS);
    refuse(&queue, 1);
    /* While it is written, what comes behind it has the whole of `hard`. */
    fr_outqueue_write(&queue, START_MS);
    add(&queue, 100, START_MS);
    refuse(&queue, 1);
    /* What is written of the burst is no room for others. */
    fr_outqueue_wrote(&queue, &rule, 250);
    refuse(&queue, 1);
    fr_outqueue_write(&queue, START_MS);
    fr_outqueue_wrote(&queue, &rule, 150);
    refuse(&queue, 1);
    fr_outqueue_write(&queue, START_MS);
    fr_outqueue_wrote(&queue, &rule, 100);
    /* All is written: a burst is free again. */
    add(&queue, 400, START_MS);
}

static void test_what_is_given_up_makes_room(void **state)
{
    (void)state;
    struct fr_outqueue queue = {0};
    add(&queue, 300, START_MS);
    fr_outqueue_write(&queue, START_MS);
    add(&queue, 100, START_MS);
    /* Of the burst 60 are on their way, and all the rest goes: a goodbye has the whole of `hard` behind them.
     */
    fr_outqueue_dropped(&queue, &rule, 340);
    assert_int_equal(queue.bytes, 60);
    add(&queue, 100, START_MS);
    refuse(&queue, 1);
    fr_outqueue_dropped(&queue, &rule, 160);
    add(&queue, 400, START_MS);
}

static void test_time_runs_from_the_first_write(void **state)
{
    (void)state;
    struct fr_outqueue queue = {0};
    add(&queue, 50, START_MS);
    fr_outqueue_write(&queue, START_MS + 700);
    assert_int_equal(fr_outqueue_deadline_ms(&queue, &rule), START_MS + 700 + rule.soft_ms);
    fr_outqueue_wrote(&queue, &rule, 5);
    fr_outqueue_write(&queue, START_MS + 900);
    assert_int_equal(fr_outqueue_deadline_ms(&queue, &rule), START_MS + 700 + rule.soft_ms);
}

static void test_soft_bound_counts_after_its_time(void **state)
{
    (void)state;
    struct fr_outqueue queue = {0};
    assert_true(fr_outqueue_deadline_ms(&queue, &rule) == INT64_MAX);
    add(&queue, 40, START_MS);
    assert_true(fr_outqueue_deadline_ms(&queue, &rule) == INT64_MAX);
    add(&queue, 1, START_MS + 5);
    assert_int_equal(fr_outqueue_deadline_ms(&queue, &rule), START_MS + 5 + rule.soft_ms);
    /* More does not put it off, less only if it is no more than `soft`. */
    fr_outqueue_write(&queue, START_MS + 5);
    add(&queue, 30, START_MS + 7);
    fr_outqueue_wrote(&queue, &rule, 30);
    assert_int_equal(fr_outqueue_deadline_ms(&queue, &rule), START_MS + 5 + rule.soft_ms);
    fr_outqueue_wrote(&queue, &rule, 1);
    assert_true(fr_outqueue_deadline_ms(&queue, &rule) == INT64_MAX);
    add(&queue, 1, START_MS + 9);
    assert_int_equal(fr_outqueue_deadline_ms(&queue, &rule), START_MS + 9 + rule.soft_ms);
}

static void test_rule_of_the_settings(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        int64_t hard, soft;
        bool valid;
    } rows[] = {
        {"the defaults", 262144, 65536, true},
        {"the same: a time for nothing", 65536, 65536, true},
        {"soft above hard", 65536, 65537, false},
        {"the largest: five of them fit", 67108864, 67108864, true},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_settings settings = {0};
        struct fr_outqueue_rule ret = {0};
        struct fr_error error = {0};
        settings.connection_queue = row->hard;
        settings.connection_queue_soft = row->soft;
        settings.slow_client_time = 250;
        enum fr_status status = fr_outqueue_rule_read(&settings, &ret, &error);
        FR_ASSERT_ROW(row, (status == FR_OK) == row->valid);
        if (row->valid) {
            FR_ASSERT_ROW(row, ret.hard == row->hard && ret.soft == row->soft && ret.soft_ms == 250);
            FR_ASSERT_ROW(row, ret.hard * (uint64_t)(FR_OUTQUEUE_BURST + 1) <= UINT32_MAX);
        } else {
            FR_ASSERT_ROW(row, strstr(error.message, "--connection-queue-soft") != NULL);
            FR_ASSERT_ROW(row, strstr(error.message, "than --connection-queue") != NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard_bound_counts_at_once),
        cmocka_unit_test(test_room_comes_back_when_written),
        cmocka_unit_test(test_burst_is_no_slow_client),
        cmocka_unit_test(test_soft_bound_counts_after_its_time),
        cmocka_unit_test(test_what_is_given_up_makes_room),
        cmocka_unit_test(test_time_runs_from_the_first_write),
        cmocka_unit_test(test_rule_of_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
