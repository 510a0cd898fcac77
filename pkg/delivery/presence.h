/* Presence rows of a loop's users: announced before a user's first consumer is made, renewed long before they
 * end, never taken away (they end by themselves after the resume window). One thread.
 *
 * A row lasts for the resume window and half of it more. It is renewed every quarter of the window, so there
 * is never less than the window left when a connection ends. If renewals fail they are tried again until, by
 * our own clock, the row may be over; from then on live messages may be missed, and the user is told as
 * broken. The same when a renewal finds that the row had ended before. */
#ifndef FR_DELIVERY_PRESENCE_H
#define FR_DELIVERY_PRESENCE_H

#include "local_user.h"
#include "loop/loop.h"

struct fr_store;

struct presence_verbs {
    /* His row is committed. */
    void (*present)(void *arg, struct local_user *user);
    /* It could not be written. */
    void (*refused)(void *arg, struct local_user *user);
    /* There was or may have been a time without a row; he may have gone when it returns. */
    void (*broken)(void *arg, struct local_user *user);
};

struct presence {
    struct fr_loop *loop;
    struct fr_store *store;
    const struct presence_verbs *verbs;
    void *arg;
    const struct id_table *users; /* of the hub: struct local_user */
    int64_t lasts_ms, every_ms;
    struct fr_ring queue, renewals; /* renewals: by turn */
    struct fr_task announce;        /* at the end of the tick */
    struct fr_timer renew;
    uint64_t statements;
    bool renewing, failing;
    int64_t retry_ms, backoff_ms;
};

void fr_delivery_presence_init(struct presence *presence, struct fr_loop *loop, struct fr_store *store,
                               const struct id_table *users, int64_t resume_window_ms,
                               const struct presence_verbs *verbs, void *arg);
/* All users have left. */
void fr_delivery_presence_release(struct presence *presence);
/* FR_OK: his row is there and lasts long enough. Else it is asked for, and `present` or `refused` will tell,
 * at the end of this tick or later: FR_CANCELLED; or it cannot be renewed at this time: FR_UNAVAILABLE. */
FR_WARN_UNUSED enum fr_status fr_delivery_presence_want(struct presence *presence, struct local_user *user);
/* His last connection went. */
void fr_delivery_presence_leave(struct presence *presence, struct local_user *user);

#endif
