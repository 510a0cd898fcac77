/* What the hub's files share: hub.c takes mail, hub_flows.c moves flows, hub_users.c knows whose they are.
 * Everything runs on the loop's thread. */
#ifndef FR_DELIVERY_HUB_INTERNAL_H
#define FR_DELIVERY_HUB_INTERNAL_H

#include "celebrities.h"
#include "delivery_internal.h"
#include "flow.h"
#include "muted.h"
#include "presence.h"
#include "sent.h"

enum {
    FLOWS_MAX = 1 << 20,
    LOST_MAX = 1024, /* flows with a gap noted one by one; past it all are taken for broken */
    DELETED_REMEMBERED = 256,
    TOMBSTONES = 1024,
};

/* One subscriber's part of the stream. */
struct flow {
    struct fr_hub *hub;
    struct fr_subscriber *subscriber;
    struct local_user *user;
    struct flow *next_of_user, **link_of_user;
    enum flow_state state;
    uint32_t slot;
    uint64_t consumer;         /* the number of the one that counts */
    struct fr_feed_place seen; /* read up to here */
    uint64_t consumer_seq;     /* of the last message; 0: none yet from this consumer */
    bool started;              /* the consumer that was asked for last is there */
    bool opened;               /* the subscriber was told that the flow has started, and must miss nothing */
    int snapshot;              /* posts */
    uint8_t tries;
    struct fr_timer pause;
    struct sent_ring *sent;
    struct muted *muted;
};

/* `generation` outlives the flows of the slot. */
struct slot {
    struct flow *flow; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* slot + 1; 0: the last */
};

struct deletion {
    uint64_t consumer;
    int64_t at_ms;
};

struct fr_hub {
    struct fr_delivery *delivery;
    struct fr_loop *loop;
    uint32_t index;
    struct fr_mailbox *mailbox;
    struct slot *slots;
    uint32_t slot_count, free_head; /* free_head: slot + 1 */
    size_t count;
    uint32_t first_generation;
    struct deletion deleted[DELETED_REMEMBERED]; /* the newest, by slot */

    const struct fr_keyring *keyring;
    struct id_table users; /* struct local_user */
    struct presence presence;
    struct celebrities celebrities;
    bool current;                   /* what celebrities published before now has come */
    int64_t tombstones[TOMBSTONES]; /* the newest deleted posts, by id */

    /* Messages that found the mailbox full: any thread. */
    pthread_mutex_t lost_lock;
    uint64_t lost[LOST_MAX];
    size_t lost_count;
    bool lost_all, lost_told;
    struct hub_mail lost_mail;
    bool lost_is_last; /* of the celebrities' mails; of the thread that brings them */
};

/* ---- hub_flows.c ---- */
struct flow *fr_delivery_flow_find(struct fr_hub *hub, uint64_t consumer);
/* In FLOW_NONE, known to its subscriber, and of nobody yet. */
struct flow *fr_delivery_flow_new(struct fr_hub *hub, struct fr_subscriber *subscriber);
/* The state machine: the one function that moves a flow, which may be gone afterwards. */
void fr_delivery_flow_move(struct flow *flow, enum flow_event event);
/* Gives the flow up and says so. */
void fr_delivery_flow_end(struct flow *flow, enum fr_subscriber_end why);
/* The same because something is missing; what was never opened can simply be tried again. */
void fr_delivery_flow_end_gap(struct flow *flow);
/* Its consumer is there. */
void fr_delivery_flow_start(struct flow *flow);
/* Opens it when nothing is missing to that: consumer, index, and the celebrities' messages up to now. */
void fr_delivery_flow_open(struct flow *flow);
void fr_delivery_consumer_delete(struct fr_hub *hub, uint64_t consumer, int partition);
/* The same after a message from a consumer that is nobody's. */
void fr_delivery_consumer_delete_stray(struct fr_hub *hub, uint64_t consumer, int partition);

/* ---- hub_send.c ---- */
/* What comes before the first message of the flow. It may be gone afterwards. */
void fr_delivery_send_opening(struct flow *flow);
/* A post, edit or deletion, in the subscriber's encoding, if it is told of such a one at all. */
FR_WARN_UNUSED enum fr_status fr_delivery_send_event(struct flow *flow, struct live_event *event);

/* ---- hub_users.c ---- */
void fr_delivery_users_init(struct fr_hub *hub, const struct fr_hub_options *options);
void fr_delivery_users_release(struct fr_hub *hub);
/* Finds or makes the flow's user. FR_UNAVAILABLE: his presence cannot be written at this time, and the flow
 * is gone. */
FR_WARN_UNUSED enum fr_status fr_delivery_users_join(struct flow *flow, int64_t user_id,
                                                     struct fr_error *error);
void fr_delivery_users_leave(struct flow *flow);
/* An event that came on the flow's own subject; NULL: one that was not understood. The flow may be gone
 * afterwards. */
void fr_delivery_users_take(struct flow *flow, struct live_event *event);
/* One that came on celeb.<author>. */
void fr_delivery_users_take_celebrity(struct fr_hub *hub, struct live_event *event);

#endif
