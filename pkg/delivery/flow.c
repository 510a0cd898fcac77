#include "flow.h"

static const struct flow_step steps[FLOW_STATE_COUNT][FLOW_EVENT_COUNT] = {
    [FLOW_NONE] = {[FLOW_JOINED] = {FLOW_ANNOUNCING, FLOW_STAY}},
    /* No consumer before the presence: what is published to nobody would be missing without a trace. */
    [FLOW_ANNOUNCING] = {[FLOW_ANNOUNCED] = {FLOW_CREATING, FLOW_ASK},
                         [FLOW_BROKEN] = {FLOW_ANNOUNCING, FLOW_STAY},
                         [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    [FLOW_CREATING] = {[FLOW_CREATED] = {FLOW_LIVE, FLOW_START},
                       [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE},
                       /* Each request is answered once, so waiting for the answer costs little, and it tells
                        * which epoch the messages that came already belong to. */
                       [FLOW_BROKEN] = {FLOW_DOUBTED, FLOW_STAY},
                       [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    [FLOW_DOUBTED] = {[FLOW_CREATED] = {FLOW_CREATING, FLOW_ASK_NEW},
                      [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE},
                      [FLOW_BROKEN] = {FLOW_DOUBTED, FLOW_STAY},
                      [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    [FLOW_LIVE] = {[FLOW_BROKEN] = {FLOW_CREATING, FLOW_ASK_NEW}, [FLOW_LEFT] = {FLOW_CLOSED, FLOW_DELETE}},
    [FLOW_WAITING] = {[FLOW_BROKEN] = {FLOW_CREATING, FLOW_ASK},
                      [FLOW_DUE] = {FLOW_CREATING, FLOW_ASK},
                      [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
};

struct flow_step fr_delivery_flow_step(enum flow_state state, enum flow_event event)
{
    return steps[state][event];
}

const char *fr_delivery_flow_state_name(enum flow_state state)
{
    switch (state) {
    case FLOW_NONE:
        return "none";
    case FLOW_ANNOUNCING:
        return "announcing";
    case FLOW_CREATING:
        return "creating";
    case FLOW_DOUBTED:
        return "doubted";
    case FLOW_LIVE:
        return "live";
    case FLOW_WAITING:
        return "waiting";
    case FLOW_CLOSED:
        return "closed";
    }
    return "unknown";
}
