#include "check.h"
#include "flow.h"

#define ANEW(state)                                                       \
    {"broken", state, FLOW_BROKEN, FLOW_ANNOUNCING, FLOW_ANNOUNCE_NEW},   \
        {"a hole", state, FLOW_HOLE, FLOW_ANNOUNCING, FLOW_ANNOUNCE_NEW}, \
    {                                                                     \
        "left", state, FLOW_LEFT, FLOW_CLOSED, FLOW_DELETE                \
    }

/* The whole table: what is not listed must be impossible. */
static const struct {
    const char *comment;
    enum flow_state state;
    enum flow_event event;
    enum flow_state next;
    enum flow_action action;
} rows[] = {
    {"join", FLOW_NONE, FLOW_JOINED, FLOW_ANNOUNCING, FLOW_STAY},
    {"presence committed", FLOW_ANNOUNCING, FLOW_ANNOUNCED, FLOW_LOOKING, FLOW_LOOK},
    {"presence cannot be written", FLOW_ANNOUNCING, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE},
    {"NATS is back before there is a consumer", FLOW_ANNOUNCING, FLOW_BROKEN, FLOW_ANNOUNCING, FLOW_STAY},
    {"the place counts no more", FLOW_ANNOUNCING, FLOW_HOLE, FLOW_ANNOUNCING, FLOW_STAY},
    {"left before the presence is there", FLOW_ANNOUNCING, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"the stream is as it must be", FLOW_LOOKING, FLOW_LOOKED, FLOW_CREATING, FLOW_ASK},
    {"nobody says what it is", FLOW_LOOKING, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE},
    {"broken while looking", FLOW_LOOKING, FLOW_BROKEN, FLOW_ANNOUNCING, FLOW_ANNOUNCE},
    {"presence broken while looking", FLOW_LOOKING, FLOW_HOLE, FLOW_ANNOUNCING, FLOW_ANNOUNCE},
    {"left while looking", FLOW_LOOKING, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"consumer there", FLOW_CREATING, FLOW_CREATED, FLOW_READING, FLOW_READ_ON},
    {"consumer refused", FLOW_CREATING, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE},
    {"broken before the answer", FLOW_CREATING, FLOW_BROKEN, FLOW_DOUBTED, FLOW_STAY},
    {"too much before the answer", FLOW_CREATING, FLOW_HOLE, FLOW_DOUBTED, FLOW_STAY},
    {"left before the answer", FLOW_CREATING, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"what was made in doubt is made anew", FLOW_DOUBTED, FLOW_CREATED, FLOW_ANNOUNCING, FLOW_ANNOUNCE_NEW},
    {"doubted and refused", FLOW_DOUBTED, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE},
    {"twice doubted", FLOW_DOUBTED, FLOW_BROKEN, FLOW_DOUBTED, FLOW_STAY},
    {"twice doubted, without a place", FLOW_DOUBTED, FLOW_HOLE, FLOW_DOUBTED, FLOW_STAY},
    {"doubted and left", FLOW_DOUBTED, FLOW_LEFT, FLOW_CLOSED, FLOW_FORGET},
    {"read to the head", FLOW_READING, FLOW_READ, FLOW_CHECKING, FLOW_LOOK},
    ANEW(FLOW_READING),
    {"still the same", FLOW_CHECKING, FLOW_LOOKED, FLOW_LOADING, FLOW_LOAD},
    {"nobody says whether", FLOW_CHECKING, FLOW_REFUSED, FLOW_WAITING, FLOW_PAUSE_NEW},
    ANEW(FLOW_CHECKING),
    {"celebrities known", FLOW_LOADING, FLOW_LOADED, FLOW_PAGING, FLOW_PAGE},
    ANEW(FLOW_LOADING),
    {"page there", FLOW_PAGING, FLOW_PAGED, FLOW_SENDING, FLOW_SEND},
    {"page not there", FLOW_PAGING, FLOW_REFUSED, FLOW_PAGING, FLOW_PAUSE_PAGE},
    {"page again", FLOW_PAGING, FLOW_DUE, FLOW_PAGING, FLOW_PAGE},
    ANEW(FLOW_PAGING),
    {"all told", FLOW_SENDING, FLOW_SENT, FLOW_LIVE, FLOW_GO_LIVE},
    {"room again", FLOW_SENDING, FLOW_DUE, FLOW_SENDING, FLOW_SEND},
    ANEW(FLOW_SENDING),
    ANEW(FLOW_LIVE),
    {"NATS is back within the pause", FLOW_WAITING, FLOW_BROKEN, FLOW_ANNOUNCING, FLOW_ANNOUNCE},
    {"presence broken within the pause", FLOW_WAITING, FLOW_HOLE, FLOW_WAITING, FLOW_STAY},
    {"pause over", FLOW_WAITING, FLOW_DUE, FLOW_ANNOUNCING, FLOW_ANNOUNCE},
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
