/* The states of a subscriber's flow: what happens to it, and what is to be done then. Pure. */
#ifndef FR_DELIVERY_FLOW_H
#define FR_DELIVERY_FLOW_H

enum flow_state {
    FLOW_NONE,       /* not joined */
    FLOW_ANNOUNCING, /* the user's presence is not written yet */
    FLOW_CREATING,   /* a consumer was asked for; its messages may come before the answer */
    FLOW_DOUBTED,    /* the same, but what is being made must be made anew */
    FLOW_LIVE,
    FLOW_WAITING, /* no consumer could be made; tried again after a pause */
    FLOW_CLOSED,
};
#define FLOW_STATE_COUNT (FLOW_CLOSED + 1)

enum flow_event {
    FLOW_JOINED,
    FLOW_ANNOUNCED, /* his presence is committed */
    FLOW_CREATED,   /* answer: the consumer is there */
    FLOW_REFUSED,   /* answer: it is not, or nobody knows */
    FLOW_BROKEN,    /* messages were lost, or the consumer may be gone */
    FLOW_DUE,       /* the pause is over */
    FLOW_LEFT,
};
#define FLOW_EVENT_COUNT (FLOW_LEFT + 1)

enum flow_action {
    FLOW_IMPOSSIBLE, /* the event cannot come in this state */
    FLOW_STAY,
    FLOW_ASK,     /* ask for a consumer */
    FLOW_ASK_NEW, /* delete the one that there is, then ask */
    FLOW_START,   /* tell the subscriber */
    FLOW_PAUSE,   /* or end it, after too many */
    FLOW_FORGET,  /* whatever answer is still to come finds nobody, and what it made is deleted then */
    FLOW_DELETE,  /* the consumer too */
};

struct flow_step {
    enum flow_state next;
    enum flow_action action;
};

struct flow_step fr_delivery_flow_step(enum flow_state state, enum flow_event event);
const char *fr_delivery_flow_state_name(enum flow_state state);

#endif
