/* A subscription whose end can be waited for: the library alone returns from an unsubscribe while the
 * callback still runs on its thread, and frees a subscription although its reading thread may hold it
 * (nats.c 3.4.1: natsConn_processMsg takes it out of the table, lets the table go, and locks it then). */
#ifndef FR_BUS_SUBSCRIPTION_H
#define FR_BUS_SUBSCRIPTION_H

#include <nats/nats.h>
#include <pthread.h>

#include "base/base.h"

struct subscription {
    natsSubscription *handle;
    natsConnection *nc; /* borrowed: must be closed after the stop */
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool complete; /* the last callback has returned */
};

/* `messages` and `bytes` may wait in the library for `callback`, which owns what it gets; -1: no bound. */
FR_WARN_UNUSED enum fr_status subscription_start(struct subscription *sub, natsConnection *nc,
                                                 const char *subject, int messages, int bytes,
                                                 natsMsgHandler callback, void *arg, struct fr_error *error);
/* Returns when the last callback has. Harmless on a zeroed or stopped one. */
void subscription_stop(struct subscription *sub);
/* Messages that the library dropped because of the bound, since the start. */
int64_t subscription_dropped(struct subscription *sub);

#endif
