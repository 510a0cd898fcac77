/* What the files of this module share. */
#ifndef FR_DELIVERY_INTERNAL_H
#define FR_DELIVERY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/bus.h"
#include "celebrity_ring.h"
#include "delivery/delivery.h"
#include "event.h"
#include "loop/loop.h"
#include "route.h"

struct fr_delivery {
    struct fr_bus *bus;
    struct fr_feed *feed;
    struct event_cache cache; /* of the bus' delivery thread */
    struct fr_celebrities *celebrities;
    struct event_cache celebrity_cache; /* of whoever calls for the celebrities, one at a time */
    _Atomic int64_t misread_logged_ms;
    /* Read-held while something is sent to a hub, so that none goes meanwhile. */
    pthread_rwlock_t lock;
    struct fr_hub *hubs[ROUTE_HUBS_MAX];
    /* What the celebrities' reader has told: a hub that begins takes it over. Written by that reader's calls,
     * which come one at a time, with the lock held; read with it write-held. */
    struct celebrity_ring ring;
    bool current;
};

/* What a hub gets by mail. */
enum hub_mail_kind {
    HUB_MAIL_MESSAGE,
    HUB_MAIL_CREATED,
    HUB_MAIL_LOOKED,
    HUB_MAIL_SOUGHT,
    HUB_MAIL_BROKEN, /* every flow: NATS came back, or nobody knows what was lost; it is read again */
    HUB_MAIL_GONE,   /* the same, but it cannot be read again */
    HUB_MAIL_LOST,   /* the flows of the hub's list of lost messages */
    HUB_MAIL_CELEBRITY,
    HUB_MAIL_CELEBRITIES_LOST, /* some that stood before the next one */
    HUB_MAIL_CURRENT,          /* whether the celebrities' messages come as they are published */
};

struct hub_mail {
    struct fr_mail mail;
    enum hub_mail_kind kind;
};

struct hub_message {
    struct hub_mail head;
    int partition;
    uint64_t consumer, stream_seq, consumer_seq, pending;
    int64_t user_id;
    struct live_event *event; /* held; NULL: not understood, and only its place counts */
};

struct hub_created {
    struct hub_mail head;
    struct fr_feed_created created;
};

struct hub_looked {
    struct hub_mail head;
    struct fr_feed_looked looked;
};

struct hub_sought {
    struct hub_mail head;
    struct fr_feed_sought sought;
};

struct hub_celebrity {
    struct hub_mail head;
    struct fr_feed_place place;
    struct live_event *event; /* held; NULL: not understood, or lost, and only its place counts */
};

struct hub_current {
    struct hub_mail head;
    bool current;
    struct fr_feed_place place; /* see fr_celebrities_callbacks */
};

/* delivery.c: the callbacks of the feed, any thread. */
void fr_delivery_take_message(void *arg, const struct fr_feed_message *message);
void fr_delivery_take_created(void *arg, const struct fr_feed_created *created);
void fr_delivery_take_looked(void *arg, const struct fr_feed_looked *looked);
void fr_delivery_take_sought(void *arg, const struct fr_feed_sought *sought);
void fr_delivery_take_lost(void *arg);

/* hub.c: any thread, with the delivery's lock read-held. All take the mail over. */
void fr_hub_mail_message(struct fr_hub *hub, struct hub_message *message);
void fr_hub_mail_created(struct fr_hub *hub, const struct fr_feed_created *created);
void fr_hub_mail_looked(struct fr_hub *hub, const struct fr_feed_looked *looked);
void fr_hub_mail_sought(struct fr_hub *hub, const struct fr_feed_sought *sought);
/* HUB_MAIL_BROKEN or HUB_MAIL_GONE */
void fr_hub_mail_broken(struct fr_hub *hub, enum hub_mail_kind kind);
/* One thread at a time. */
void fr_hub_mail_celebrity(struct fr_hub *hub, const struct fr_feed_place *place,
                           struct live_event *event); /* holds it */
/* `place`: up to which something is lost; without an epoch: nobody knows. */
void fr_hub_mail_celebrities_lost(struct fr_hub *hub, const struct fr_feed_place *place);
void fr_hub_mail_current(struct fr_hub *hub, bool current, const struct fr_feed_place *place);

#endif
