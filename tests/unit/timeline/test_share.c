#include "timeline/share.h"

#include "check.h"

static void test_numbers(void **state)
{
    /* The place in the process counts before the session. */
    assert_true(fr_share_number(0, 4194304) < fr_share_number(1, 17));
    assert_true(fr_share_number(3, 17) < fr_share_number(3, 18));
    assert_true(fr_share_number(15, 4194304) > 0);
}

static struct fr_share seen(size_t members, int32_t self)
{
    int32_t numbers[64];
    struct fr_share share = {.count = 0};

    for (size_t i = 0; i < members; i++)
        numbers[i] = (int32_t)i;
    fr_share_see(&share, self, numbers, members, 0);
    return share;
}

static void test_all_partitions_are_shared_out_evenly(void **state)
{
    for (size_t members = 1; members <= 40; members++) {
        size_t sum = 0, least = FR_AUTHOR_PARTITIONS, most = 0;
        for (size_t i = 0; i < members; i++) {
            struct fr_share share = seen(members, (int32_t)i);
            assert_int_equal(share.rank, i);
            sum += share.target;
            if (share.target < least)
                least = share.target;
            if (share.target > most)
                most = share.target;
        }
        assert_int_equal(sum, FR_AUTHOR_PARTITIONS);
        assert_true(most - least <= 1);
    }
}

/* Larger shares belong to the lower ranks, which are the first workers of all processes: so processes of the
 * same size have about the same. */
static void test_processes_have_about_the_same(void **state)
{
    for (int processes = 1; processes <= 5; processes++) {
        for (int workers = 1; workers <= 4; workers++) {
            int32_t numbers[20];
            size_t of_process[5] = {0}, count = 0;
            for (int w = 0; w < workers; w++)
                for (int p = 0; p < processes; p++)
                    numbers[count++] = fr_share_number(w, 1000 * (p + 1) + 7 * w);
            for (size_t i = 0; i < count; i++) {
                struct fr_share share = {.count = 0};
                fr_share_see(&share, numbers[i], numbers, count, 0);
                of_process[i % (size_t)processes] += share.target;
            }
            for (int p = 1; p < processes; p++)
                assert_in_range(of_process[p] + 1, of_process[0], of_process[0] + 2);
        }
    }
}

static void test_when_to_take_and_hand_over(void **state)
{
    static const struct {
        const char *comment;
        int32_t before[3], after[3]; /* 0: nobody */
        int64_t waited_ms;
        bool take, hand_over;
    } rows[] = {
        {"just started", {0}, {5}, 0, false, false},
        {"alone for a moment", {0}, {5}, FR_SHARE_TAKE_MS, true, false},
        {"nothing changed for long", {5}, {5}, 0, true, true},
        {"somebody came", {5}, {5, 6}, 0, false, false},
        {"and stayed a moment", {5}, {5, 6}, FR_SHARE_TAKE_MS, true, false},
        {"and stayed", {5}, {5, 6}, FR_SHARE_HAND_OVER_MS, true, true},
        {"somebody went: what was his is taken at once", {4, 5}, {5}, 0, true, false},
        {"one went, another came", {4, 5}, {5, 6}, 0, false, false},
        {"two went, one of them first", {3, 4, 5}, {5}, 0, true, false},
    };

    FR_FOR_ROWS(row, rows)
    {
        const int64_t begin_ms = 1000000;
        struct fr_share share = {.count = 0};
        size_t before = 0, after = 0;
        while (before < 3 && row->before[before] != 0)
            before++;
        while (after < 3 && row->after[after] != 0)
            after++;
        if (before > 0)
            fr_share_see(&share, 5, row->before, before, begin_ms - 3600000);
        fr_share_see(&share, 5, row->after, after, begin_ms);
        fr_share_see(&share, 5, row->after, after, begin_ms + row->waited_ms);
        FR_ASSERT_ROW(row, fr_share_may_take(&share, begin_ms + row->waited_ms) == row->take);
        FR_ASSERT_ROW(row, fr_share_may_hand_over(&share, begin_ms + row->waited_ms) == row->hand_over);
        /* Whoever waits for a decision looks again in time, and nobody for nothing. */
        int64_t wait_ms = fr_share_wait_ms(&share, begin_ms + row->waited_ms);
        FR_ASSERT_ROW(row, (wait_ms < 0) == (row->take && row->hand_over));
        FR_ASSERT_ROW(row, wait_ms <= FR_SHARE_HAND_OVER_MS);
    }
}

/* What one member has to give when another comes is what the other has to take: nobody else moves. */
static void test_no_needless_moves(void **state)
{
    for (size_t members = 1; members < 20; members++) {
        size_t given = 0;
        for (size_t i = 0; i < members; i++) {
            size_t before = seen(members, (int32_t)i).target, after = seen(members + 1, (int32_t)i).target;
            assert_true(after <= before); /* the newcomer is the last here */
            given += before - after;
        }
        assert_int_equal(given, seen(members + 1, (int32_t)members).target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_all_partitions_are_shared_out_evenly),
        cmocka_unit_test(test_processes_have_about_the_same),
        cmocka_unit_test(test_when_to_take_and_hand_over),
        cmocka_unit_test(test_no_needless_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
