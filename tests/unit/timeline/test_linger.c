#include "timeline/linger.h"

#include "check.h"

#define BEGAN_MS 1000000

static void test_waits_by_the_events_of_the_batch_before(void **state)
{
    static const struct {
        const char *comment;
        int64_t whole_ms;
        size_t events;
        bool plenty;
        int64_t after_ms, expected;
    } rows[] = {
        {"one event: a sixteenth", 160, 1, false, 0, 10},
        {"the same with the default, rounded down", 20, 1, false, 0, 1},
        {"four events: a quarter", 20, 4, false, 0, 5},
        {"sixteen: the whole", 20, 16, false, 0, 20},
        {"never more than the whole", 20, 500, false, 0, 20},
        {"counted from the beginning of that batch", 20, 16, false, 12, 8},
        {"over", 20, 16, false, 20, 0},
        {"long ago", 20, 16, false, 60000, 0},
        {"more in the table than one batch takes", 20, 500, true, 0, 0},
        {"switched off", 0, 16, false, 0, 0},
    };

    FR_FOR_ROWS(row, rows)
    {
        struct linger linger;
        fr_timeline_linger_init(&linger, row->whole_ms);
        fr_timeline_linger_note(&linger, BEGAN_MS, row->events, row->plenty);
        FR_ASSERT_ROW(row, fr_timeline_linger_left_ms(&linger, BEGAN_MS + row->after_ms) == row->expected);
    }
}

static void test_the_first_does_not_wait(void **state)
{
    struct linger linger;

    fr_timeline_linger_init(&linger, 20);
    assert_int_equal(fr_timeline_linger_left_ms(&linger, 0), 0);
    assert_int_equal(fr_timeline_linger_left_ms(&linger, BEGAN_MS), 0);
}

static void test_a_look_that_finds_nothing_is_no_batch(void **state)
{
    struct linger linger;

    fr_timeline_linger_init(&linger, 20);
    fr_timeline_linger_note(&linger, BEGAN_MS, 16, false);
    fr_timeline_linger_note(&linger, BEGAN_MS + 5, 0, false);
    assert_int_equal(fr_timeline_linger_left_ms(&linger, BEGAN_MS + 5), 15);
    fr_timeline_linger_note(&linger, BEGAN_MS + 20, 1, false);
    assert_int_equal(fr_timeline_linger_left_ms(&linger, BEGAN_MS + 20), 1);
}

static void test_plenty_is_forgotten_with_the_table(void **state)
{
    struct linger linger;

    fr_timeline_linger_init(&linger, 20);
    fr_timeline_linger_note(&linger, BEGAN_MS, 500, true);
    assert_int_equal(fr_timeline_linger_left_ms(&linger, BEGAN_MS), 0);
    fr_timeline_linger_forget(&linger);
    assert_int_equal(fr_timeline_linger_left_ms(&linger, BEGAN_MS), 20);
}

/* The load settles where it belongs: at a rate whose batches would have an event or two each nobody waits for
 * more, and a rate at which the whole time brings sixteen gets batches of sixteen. A batch itself takes 4 ms
 * here. */
static void test_settles_by_the_rate(void **state)
{
    static const struct {
        const char *comment;
        int64_t per_s;
        size_t least, most; /* events of a batch in the end */
    } rows[] = {
        {"a post now and then", 10, 1, 1},
        {"100 posts/s", 100, 1, 1},
        {"2,000 posts/s", 2000, 40, 40},
    };

    FR_FOR_ROWS(row, rows)
    {
        struct linger linger;
        int64_t now_ms = BEGAN_MS, taken_ms = now_ms;
        size_t events = 0;
        fr_timeline_linger_init(&linger, 20);
        for (int batch = 0; batch < 100; batch++) {
            int64_t first_ms = taken_ms + (999 + row->per_s) / row->per_s;
            now_ms = first_ms > now_ms ? first_ms : now_ms;
            now_ms += fr_timeline_linger_left_ms(&linger, now_ms);
            events = (size_t)((now_ms - taken_ms) * row->per_s / 1000);
            taken_ms = now_ms;
            fr_timeline_linger_note(&linger, now_ms, events, false);
            now_ms += 4;
        }
        FR_ASSERT_ROW(row, events >= row->least && events <= row->most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_by_the_events_of_the_batch_before),
        cmocka_unit_test(test_the_first_does_not_wait),
        cmocka_unit_test(test_a_look_that_finds_nothing_is_no_batch),
        cmocka_unit_test(test_plenty_is_forgotten_with_the_table),
        cmocka_unit_test(test_settles_by_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
