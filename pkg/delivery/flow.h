/* The states of a subscriber's flow: what happens to it, and what is to be done then. Pure.
 *
 * From "announcing" to "sending" it is attached: presence, a look at the stream, the consumer, what follows
 * the place (read to the head before anything of it is sent), a look again, the celebrities, the page if
 * there must be one. Every doubt leads back to the beginning; with a place that still counts, or without one.
 */
#ifndef FR_DELIVERY_FLOW_H
#define FR_DELIVERY_FLOW_H

enum flow_state {
    FLOW_NONE,       /* not joined */
    FLOW_ANNOUNCING, /* the user's presence is not written yet */
    FLOW_LOOKING,    /* the stream is looked at, before the consumer is made */
    FLOW_CREATING,   /* a consumer was asked for; its messages may come before the answer */
    FLOW_DOUBTED,    /* the same, but what is being made must be made anew */
    FLOW_READING,    /* what follows the place, up to the head */
    FLOW_CHECKING,   /* the stream is looked at again */
    FLOW_LOADING,    /* whom he follows of the celebrities, and what they published, is not known yet */
    FLOW_PAGING,     /* the page for the snapshot is read, or waits for its turn */
    FLOW_SENDING,    /* what has come of all that */
    FLOW_LIVE,
    FLOW_WAITING, /* something could not be had; tried again after a pause */
    FLOW_CLOSED,
};
#define FLOW_STATE_COUNT (FLOW_CLOSED + 1)

enum flow_event {
    FLOW_JOINED,
    FLOW_ANNOUNCED, /* his presence is committed */
    FLOW_LOOKED,    /* answer: all is well, or nothing had to be looked at */
    FLOW_CREATED,   /* answer: the consumer is there */
    FLOW_READ,      /* the replay is read to the head */
    FLOW_LOADED,
    FLOW_PAGED,
    FLOW_SENT,
    FLOW_REFUSED, /* answer: no, or nobody knows */
    FLOW_BROKEN,  /* messages were lost, or the consumer may be gone; they can be read again from its place */
    FLOW_HOLE,    /* they cannot: it begins anew, without a place */
    FLOW_DUE,     /* the pause is over */
    FLOW_LEFT,
};
#define FLOW_EVENT_COUNT (FLOW_LEFT + 1)

enum flow_action {
    FLOW_IMPOSSIBLE, /* the event cannot come in this state */
    FLOW_STAY,
    FLOW_ANNOUNCE,     /* begin: see that he is present */
    FLOW_ANNOUNCE_NEW, /* the same; delete the consumer that there is */
    FLOW_LOOK,
    FLOW_ASK, /* ask for a consumer */
    FLOW_READ_ON,
    FLOW_LOAD,
    FLOW_PAGE,
    FLOW_SEND,
    FLOW_GO_LIVE,
    FLOW_PAUSE,      /* or end it, after too many */
    FLOW_PAUSE_NEW,  /* the same; delete the consumer */
    FLOW_PAUSE_PAGE, /* before the page is read again; the consumer stays */
    FLOW_FORGET,     /* whatever answer is still to come finds nobody, and what it made is deleted then */
    FLOW_DELETE,     /* the consumer too */
};

struct flow_step {
    enum flow_state next;
    enum flow_action action;
};

struct flow_step fr_delivery_flow_step(enum flow_state state, enum flow_event event);
const char *fr_delivery_flow_state_name(enum flow_state state);

#endif
