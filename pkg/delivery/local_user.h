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

/* Who is in one ring at a time; the head is the same struct. */
struct user_ring {
    struct user_ring *next, *prev;
};

static inline void fr_delivery_ring_init(struct user_ring *head)
{
    head->next = head->prev = head;
}

static inline bool fr_delivery_ring_is_empty(const struct user_ring *head)
{
    return head->next == head;
}

/* Harmless on a zeroed one. */
static inline void fr_delivery_ring_leave(struct user_ring *member)
{
    if (member->next == NULL)
        return;
    member->next->prev = member->prev;
    member->prev->next = member->next;
    *member = (struct user_ring){0};
}

/* As the last; before `head` itself. */
static inline void fr_delivery_ring_enter(struct user_ring *head, struct user_ring *member)
{
    fr_delivery_ring_leave(member);
    *member = (struct user_ring){.next = head, .prev = head->prev};
    head->prev->next = member;
    head->prev = member;
}

struct local_user {
    int64_t id;
    struct flow *flows; /* the hub's, through next_of_user */

    struct presence_part {
        enum presence_state state;
        struct user_ring ring;          /* of the queue, or of those to be renewed in order of their turn */
        uint64_t statement;             /* the one that it is in */
        int64_t since_ms, confirmed_ms; /* the database's clock */
        int64_t renew_ms, end_ms;       /* monotonic; `end_ms` is not later than the row's own end */
    } presence;

    struct index_part {
        enum index_state state;
        bool again;            /* something changed while it was being loaded */
        bool suspect;          /* posts of whomever he follows may have been missed */
        struct user_ring ring; /* of the queue */
        uint64_t serial;       /* of the reading that loaded it, or will */
        struct follow {
            struct celebrity *author;
            uint32_t at; /* in author->followers */
        } * follows;
        uint32_t count, capacity;
    } index;
};

#endif
