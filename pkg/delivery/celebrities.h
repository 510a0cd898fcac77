/* Which local users follow which celebrity: the index by which one message on celeb.<author> finds its
 * connections. One thread.
 *
 * A user's part is read when he comes, an author's when the first message of an author comes that the index
 * does not know, or one that says that he became or ceased to be a celebrity. Follows and unfollows of a
 * celebrity are messages in order with his posts: on one of a local user that edge is read again. While
 * something of an author is being read his later messages are held, so a post meets the edges that were there
 * before it. What is read is the present state of the database, which is never older than the message that
 * was the reason to read.
 *
 * A message that comes while a user's part is still being read does not fall between: that part is read once
 * more.
 */
#ifndef FR_DELIVERY_CELEBRITIES_H
#define FR_DELIVERY_CELEBRITIES_H

#include "event.h"
#include "id_table.h"
#include "local_user.h"
#include "loop/loop.h"

struct fr_store;

struct celebrities_verbs {
    /* He is told after so many others (1 or 2; first 2, then 1): time to fetch what that will read. */
    void (*soon)(void *arg, const struct local_user *user, unsigned others);
    /* This user follows the author of the event. He may leave meanwhile, but no other user. */
    void (*deliver)(void *arg, struct local_user *user, struct live_event *event, uint64_t sequence);
    /* His part is there. */
    void (*loaded)(void *arg, struct local_user *user);
    /* It could not be read; it is tried again if he stays. */
    void (*load_failed)(void *arg, struct local_user *user);
    /* The database says that he follows the author. */
    void (*follows)(void *arg, struct local_user *user, int64_t author_id);
    /* Posts for him were missed. He may leave meanwhile, but no other user. */
    void (*missed)(void *arg, struct local_user *user);
};

struct celebrities {
    struct fr_loop *loop;
    struct fr_store *store;
    const struct celebrities_verbs *verbs;
    void *arg;
    const struct id_table *users; /* of the hub: struct local_user */
    struct id_table authors;      /* struct celebrity */
    struct fr_ring load_queue;
    struct celebrity *waiting, **waiting_end; /* authors of whom something is to be read */
    size_t loads, readings;                   /* statements on their way */
    size_t held;                              /* messages, over all authors */
    struct fr_ring held_in_order;             /* the same in the order of their places */
    uint64_t serial;                          /* of readings, rising */
    struct fr_task begin;                     /* readings begin at the end of the tick */
    struct fr_timer retry;
    int64_t backoff_ms;
    bool failing;
};

void fr_delivery_celebrities_init(struct celebrities *celebrities, struct fr_loop *loop,
                                  struct fr_store *store, const struct id_table *users,
                                  const struct celebrities_verbs *verbs, void *arg);
/* All users have left, and the store has answered everything. */
void fr_delivery_celebrities_release(struct celebrities *celebrities);
/* Reads his part; `loaded` tells. */
void fr_delivery_celebrities_load(struct celebrities *celebrities, struct local_user *user);
/* His last connection went. */
void fr_delivery_celebrities_leave(struct celebrities *celebrities, struct local_user *user);
/* The next message of celeb.<author>, and its place in the stream. Holds the event if it keeps it. */
void fr_delivery_celebrities_take(struct celebrities *celebrities, struct live_event *event,
                                  uint64_t sequence);
/* Everything up to this place, `last` at most, was delivered to whoever follows its author. */
uint64_t fr_delivery_celebrities_done(const struct celebrities *celebrities, uint64_t last);
/* Whether that message is held, and will be delivered. */
bool fr_delivery_celebrities_holds(const struct celebrities *celebrities, int64_t author_id,
                                   uint64_t sequence);
bool fr_delivery_celebrities_follows(const struct celebrities *celebrities, const struct local_user *user,
                                     int64_t author_id);
/* Messages are lost, nobody knows which: who follows a celebrity has missed some, and all is read again. */
void fr_delivery_celebrities_lost(struct celebrities *celebrities);

#endif
