#include "feed_state.h"

#include "check.h"

static void the_way_of_a_feed(void **state)
{
    static const struct {
        const char *comment;
        enum feed_step step;
        freshet_state after;
    } rows[] = {
        {"the first attempt fails", FEED_FAILED, FRESHET_STATE_OFFLINE},
        {"the second, too", FEED_FAILED, FRESHET_STATE_OFFLINE},
        {"the third works", FEED_READY, FRESHET_STATE_LIVE},
        {"the connection breaks", FEED_BROKEN, FRESHET_STATE_RESUMING},
        {"and is made anew at once", FEED_READY, FRESHET_STATE_LIVE},
        {"it breaks again", FEED_BROKEN, FRESHET_STATE_RESUMING},
        {"and nobody answers", FEED_FAILED, FRESHET_STATE_OFFLINE},
        {"for long", FEED_FAILED, FRESHET_STATE_OFFLINE},
        {"somebody does", FEED_READY, FRESHET_STATE_LIVE},
        {"the token is no good any more", FEED_ENDED, FRESHET_STATE_CLOSED},
    };
    freshet_state now = FRESHET_STATE_CONNECTING;
    FR_FOR_ROWS(row, rows)
    {
        now = feed_state_after(now, row->step);
        FR_ASSERT_ROW(row, now == row->after);
    }
}

static void nothing_leads_out_of_closed_and_all_lead_into_it(void **state)
{
    for (int state_i = 0; state_i < FEED_STATE_COUNT; state_i++)
        assert_int_equal(feed_state_after((freshet_state)state_i, FEED_ENDED), FRESHET_STATE_CLOSED);
    for (int step = 0; step < FEED_STEP_COUNT; step++)
        assert_int_equal(feed_state_after(FRESHET_STATE_CLOSED, (enum feed_step)step), FRESHET_STATE_CLOSED);
}

static void live_is_reached_by_ready_alone(void **state)
{
    for (int from = 0; from < FRESHET_STATE_CLOSED; from++)
        for (int step = 0; step < FEED_STEP_COUNT; step++)
            assert_int_equal(feed_state_after((freshet_state)from, (enum feed_step)step) ==
                                 FRESHET_STATE_LIVE,
                             step == FEED_READY);
}

static void states_have_names(void **state)
{
    assert_string_equal(freshet_state_name(FRESHET_STATE_CONNECTING), "connecting");
    assert_string_equal(freshet_state_name(FRESHET_STATE_LIVE), "live");
    assert_string_equal(freshet_state_name(FRESHET_STATE_RESUMING), "resuming");
    assert_string_equal(freshet_state_name(FRESHET_STATE_OFFLINE), "offline");
    assert_string_equal(freshet_state_name(FRESHET_STATE_CLOSED), "closed");
    assert_string_equal(freshet_state_name((freshet_state)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_of_a_feed),
        cmocka_unit_test(nothing_leads_out_of_closed_and_all_lead_into_it),
        cmocka_unit_test(live_is_reached_by_ready_alone),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
