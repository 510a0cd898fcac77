/* The states of a feed, and what moves it from one to another. */
#ifndef FRESHET_FEED_STATE_H
#define FRESHET_FEED_STATE_H

#include "freshet/client.h"

#define FEED_STATE_COUNT (FRESHET_STATE_CLOSED + 1)

enum feed_step {
    FEED_READY,  /* the server said that the flow has begun */
    FEED_BROKEN, /* a flow that had begun has stopped */
    FEED_FAILED, /* an attempt to connect came to nothing */
    FEED_ENDED,  /* it will not be tried again */
};
#define FEED_STEP_COUNT (FEED_ENDED + 1)

freshet_state feed_state_after(freshet_state state, enum feed_step step);

#endif
