/* What the files of the index of celebrities share: celebrity_edges.c knows who follows whom,
 * celebrity_readings.c asks the database, celebrities.c takes the messages. */
#ifndef FR_DELIVERY_CELEBRITIES_INTERNAL_H
#define FR_DELIVERY_CELEBRITIES_INTERNAL_H

#include "celebrities.h"

enum author_state {
    AUTHOR_UNKNOWN, /* nothing is read yet */
    AUTHOR_KNOWN,
    AUTHOR_WAITING, /* something is to be read */
    AUTHOR_READING, /* and is on its way */
};

struct held {
    struct held *next;
    struct fr_ring in_order; /* celebrities->held_in_order */
    struct live_event *event;
    uint64_t sequence;
};

struct celebrity {
    int64_t id;
    enum author_state state;
    struct follower {
        struct local_user *user;
        uint32_t at; /* in user->index.follows */
    } * followers;
    uint32_t follower_count, follower_capacity;

    /* What is to be read: everybody's edge, or some users'. */
    bool read_all;
    int64_t *read_ids;
    size_t read_count, read_capacity;
    struct celebrity *next_waiting;
    uint64_t serial; /* of the reading on its way */

    struct held *held, **held_end;
    size_t held_count;
    bool overflowed;     /* posts had to be dropped */
    struct held dropped; /* the first of these, in held_in_order until that was told */
};

/* ---- celebrity_edges.c ---- */
bool fr_delivery_edge_find(const struct local_user *user, const struct celebrity *author, uint32_t *ret_at);
/* It must not be there yet. */
void fr_delivery_edge_add(struct local_user *user, struct celebrity *author);
/* The one at this place of user->index.follows. */
void fr_delivery_edge_remove(struct local_user *user, uint32_t at);
void fr_delivery_edges_remove(struct local_user *user);
/* Finds or makes him. */
struct celebrity *fr_delivery_author_get(struct celebrities *celebrities, int64_t id);
/* With all edges and what is held; an answer that is still to come finds nobody. */
void fr_delivery_author_free(struct celebrities *celebrities, struct celebrity *author);
void fr_delivery_author_stop_waiting(struct celebrities *celebrities, struct celebrity *author);

/* ---- celebrity_readings.c ---- */
/* Notes what is to be read: everybody's edge, or one user's. */
void fr_delivery_author_want_all(struct celebrity *author);
void fr_delivery_author_want_one(struct celebrity *author, int64_t user_id);
static inline bool fr_delivery_author_has_to_read(const struct celebrity *author)
{
    return author->read_all || author->read_count > 0;
}

/* Reads what is noted; until then the author's messages are held, then fr_delivery_author_go_on() is called.
 */
void fr_delivery_author_wait(struct celebrities *celebrities, struct celebrity *author);
/* Reads the user's part. */
void fr_delivery_load_queue(struct celebrities *celebrities, struct local_user *user);

/* ---- celebrities.c ---- */
/* Works off what was held. */
void fr_delivery_author_go_on(struct celebrities *celebrities, struct celebrity *author);

#endif
