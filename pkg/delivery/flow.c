#include "flow.h"

/* With a consumer that is there: what makes it begin anew, and its end. */
#define BEGINS_ANEW                                       \
    [FLOW_BROKEN] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE_NEW}, \
    [FLOW_HOLE] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE_NEW}, [FLOW_LEFT] = {FLOW_CLOSED, FLOW_DELETE}

static const struct flow_step steps[FLOW_STATE_COUNT][FLOW_EVENT_COUNT] = {
    [FLOW_NONE] = {[FLOW_JOINED] = {FLOW_ANNOUNCING, FLOW_STAY}},
    /* No consumer before the presence: what is published to nobody would be missing without a trace. */
    [FLOW_ANNOUNCING] = {[FLOW_ANNOUNCED] = {FLOW_LOOKING, FLOW_LOOK},
                         [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE},
                         [FLOW_BROKEN] = {FLOW_ANNOUNCING, FLOW_STAY},
                         [FLOW_HOLE] = {FLOW_ANNOUNCING, FLOW_STAY},
                         [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    [FLOW_LOOKING] = {[FLOW_LOOKED] = {FLOW_CREATING, FLOW_ASK},
                      [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE},
                      [FLOW_BROKEN] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE},
                      [FLOW_HOLE] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE},
                      [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    /* Each request is answered once, so waiting for the answer of a doubted one costs little. */
    [FLOW_CREATING] = {[FLOW_CREATED] = {FLOW_READING, FLOW_READ_ON},
                       [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE},
                       [FLOW_BROKEN] = {FLOW_DOUBTED, FLOW_STAY},
                       [FLOW_HOLE] = {FLOW_DOUBTED, FLOW_STAY},
                       [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    [FLOW_DOUBTED] = {[FLOW_CREATED] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE_NEW},
                      [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE},
                      [FLOW_BROKEN] = {FLOW_DOUBTED, FLOW_STAY},
                      [FLOW_HOLE] = {FLOW_DOUBTED, FLOW_STAY},
                      [FLOW_LEFT] = {FLOW_CLOSED, FLOW_FORGET}},
    [FLOW_READING] = {[FLOW_READ] = {FLOW_CHECKING, FLOW_LOOK}, BEGINS_ANEW},
    [FLOW_CHECKING] = {[FLOW_LOOKED] = {FLOW_LOADING, FLOW_LOAD},
                       [FLOW_REFUSED] = {FLOW_WAITING, FLOW_PAUSE_NEW},
                       BEGINS_ANEW},
    [FLOW_LOADING] = {[FLOW_LOADED] = {FLOW_PAGING, FLOW_PAGE}, BEGINS_ANEW},
    [FLOW_PAGING] = {[FLOW_PAGED] = {FLOW_SENDING, FLOW_SEND},
                     [FLOW_REFUSED] = {FLOW_PAGING, FLOW_PAUSE_PAGE},
                     [FLOW_DUE] = {FLOW_PAGING, FLOW_PAGE},
                     BEGINS_ANEW},
    [FLOW_SENDING] =
        {[FLOW_SENT] = {FLOW_LIVE, FLOW_GO_LIVE}, [FLOW_DUE] = {FLOW_SENDING, FLOW_SEND}, BEGINS_ANEW},
    [FLOW_LIVE] = {BEGINS_ANEW},
    [FLOW_WAITING] = {[FLOW_BROKEN] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE},
                      [FLOW_HOLE] = {FLOW_WAITING, FLOW_STAY},
                      [FLOW_DUE] = {FLOW_ANNOUNCING, FLOW_ANNOUNCE},
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
    case FLOW_LOOKING:
        return "looking";
    case FLOW_CREATING:
        return "creating";
    case FLOW_DOUBTED:
        return "doubted";
    case FLOW_READING:
        return "reading";
    case FLOW_CHECKING:
        return "checking";
    case FLOW_LOADING:
        return "loading";
    case FLOW_PAGING:
        return "paging";
    case FLOW_SENDING:
        return "sending";
    case FLOW_LIVE:
        return "live";
    case FLOW_WAITING:
        return "waiting";
    case FLOW_CLOSED:
        return "closed";
    }
    return "unknown";
}
