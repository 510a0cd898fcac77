/* A user with live connections on this loop: what presence.c, celebrities.c and the hub each know of him. */
#ifndef FR_DELIVERY_LOCAL_USER_H
#define FR_DELIVERY_LOCAL_USER_H

#include "base/base.h"

struct flow;
struct celebrity;

enum presence_state {
    PRESENCE_NONE,       /* no row is known */
    PRESENCE_QUEUED,     /* for the next statement */
    PRESENCE_ANNOUNCING, /* in a statement on its way */
    PRESENCE_PRESENT,    /* committed, and not ended by our clock */
    PRESENCE_RENEWING,   /* the same, with a renewal on its way */
};

enum index_state {
    INDEX_NONE,
    INDEX_QUEUED, /* for the next statement */
    INDEX_LOADING,
    INDEX_LOADED, /* `follows` is what the database said, and what events told since */
};

struct local_user {
    int64_t id;
    struct flow *flows; /* the hub's, through next_of_user */

    struct presence_part {
        enum presence_state state;
        struct fr_ring ring;            /* of the queue, or of those to be renewed in order of their turn */
        uint64_t statement;             /* the one that it is in */
        int64_t since_ms, confirmed_ms; /* the database's clock */
        int64_t sent_ms;                /* monotonic: when the last statement was sent that told of the row */
    } presence;

    struct index_part {
        enum index_state state;
        bool again;          /* something changed while it was being loaded */
        bool suspect;        /* posts of whomever he follows may have been missed */
        struct fr_ring ring; /* of the queue */
        uint64_t serial;     /* of the reading that loaded it, or will */
        struct follow {
            struct celebrity *author;
            uint32_t at; /* in author->followers */
        } * follows;
        uint32_t count, capacity;
    } index;
};

#endif
