#include "feed_state.h"

#define CONNECTING FRESHET_STATE_CONNECTING
#define LIVE FRESHET_STATE_LIVE
#define RESUMING FRESHET_STATE_RESUMING
#define OFFLINE FRESHET_STATE_OFFLINE
#define CLOSED FRESHET_STATE_CLOSED

/* clang-format off */
static const freshet_state table[FEED_STATE_COUNT][FEED_STEP_COUNT] = {
    /*               READY     BROKEN    FAILED    ENDED */
    [CONNECTING] = { LIVE,     OFFLINE,  OFFLINE,  CLOSED },
    [LIVE]       = { LIVE,     RESUMING, RESUMING, CLOSED },
    [RESUMING]   = { LIVE,     RESUMING, OFFLINE,  CLOSED },
    [OFFLINE]    = { LIVE,     OFFLINE,  OFFLINE,  CLOSED },
    [CLOSED]     = { CLOSED,   CLOSED,   CLOSED,   CLOSED },
};
/* clang-format on */

freshet_state feed_state_after(freshet_state state, enum feed_step step)
{
    return table[state][step];
}

const char *freshet_state_name(freshet_state state)
{
    switch (state) {
    case CONNECTING:
        return "connecting";
    case LIVE:
        return "live";
    case RESUMING:
        return "resuming";
    case OFFLINE:
        return "offline";
    case CLOSED:
        return "closed";
    }
    return "unknown";
}
