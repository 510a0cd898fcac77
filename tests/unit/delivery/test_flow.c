#include "check.h"
#include "flow.h"

/* The whole table: what is not listed must be impossible. */
static const struct {
    const char *comment;
    enum flow_state state;
    enum flow_event event;
    enum flow_state next;
    enum flow_action action;
} rows[] = {
    {"join", FLOW_NONE, FLOW_JOINED, FLOW_ANNOUNCING, FLOW_STAY},
    {"presence committed", FLOW_ANNOUNCING, FLOW_ANNOUNCED, FLOW_CREATING, FLOW_ASK},
    {"NATS is back before there is a consumer", FLOW_ANNOUNCING, FLOW_BROKEN, FLOW_ANNOUNCING, FLOW_STAY},
    {"left before the presence is there", FLOW_ANNOUNCING, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"consumer there", FLOW_CREATING, FLOW_CREATED, FLOW_LIVE, FLOW_START},
    {"consumer refused", FLOW_CREATING, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE},
    {"broken before the answer", FLOW_CREATING, FLOW_BROKEN, FLOW_DOUBTED, FLOW_STAY},
    {"left before the answer", FLOW_CREATING, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"what was made in doubt is made anew", FLOW_DOUBTED, FLOW_CREATED, FLOW_CREATING, FLOW_ASK_NEW},
    {"doubted and refused", FLOW_DOUBTED, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE},
    {"twice doubted", FLOW_DOUBTED, FLOW_BROKEN, FLOW_DOUBTED, FLOW_STAY},
    {"doubted and left", FLOW_DOUBTED, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"broken while live", FLOW_LIVE, FLOW_BROKEN, FLOW_CREATING, FLOW_ASK_NEW},
    {"left while live", FLOW_LIVE, FLOW_LEFT, FLOW_CLOSED, FLOW_DELETE},
    {"NATS is back within the pause", FLOW_WAITING, FLOW_BROKEN, FLOW_CREATING, FLOW_ASK},
    {"pause over", FLOW_WAITING, FLOW_DUE, FLOW_CREATING, FLOW_ASK},
    {"left within the pause", FLOW_WAITING, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
};

static void test_table(void **state)
{
    bool listed[FLOW_STATE_COUNT][FLOW_EVENT_COUNT] = {0};
    FR_FOR_ROWS(row, rows)
    {
        struct flow_step step = fr_delivery_flow_step(row->state, row->event);
        FR_ASSERT_ROW(row, step.next == row->next);
        FR_ASSERT_ROW(row, step.action == row->action);
        listed[row->state][row->event] = true;
    }
    for (int s = 0; s < FLOW_STATE_COUNT; s++)
        for (int e = 0; e < FLOW_EVENT_COUNT; e++)
            if (!listed[s][e] &&
                fr_delivery_flow_step((enum flow_state)s, (enum flow_event)e).action != FLOW_IMPOSSIBLE)
                fail_msg("state \"%s\", event %d: expected to be impossible",
                         fr_delivery_flow_state_name((enum flow_state)s), e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
