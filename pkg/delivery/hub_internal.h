/* What the hub's files share: hub.c takes mail, hub_flows.c moves flows, hub_attach.c makes them,
 * hub_refresh.c keeps the cursors of idle ones young, hub_replay.c orders what they missed, hub_send.c tells
 * it, hub_users.c knows whose they are. Everything runs on the loop's thread. */
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
    TOMBSTONES = 1024,
};

/* Something to be told to a subscriber, and its places once that is done. */
struct outgoing {
    enum fr_envelope type;
    struct fr_frame *body; /* held; NULL: empty */
    int64_t post_id, author_id;
    int32_t revision;
    bool snapshot;
    struct fr_feed_place feed, celebrities;
};

/* What came for a flow before it may be told. */
struct arrived {
    struct live_event *event; /* held; NULL: not understood, and only its place counts */
    uint64_t sequence;
    bool celebrity; /* its place is one in CELEB */
};

/* What a flow needs only while it is being made, or made anew. */
struct attach {
    struct flow *flow;
    struct fr_ring link; /* of those that wait for a look at their partition, or for their page */
    uint64_t look;       /* the look that is waited for */

    bool fresh;         /* begins with what is published now (plain) or with a snapshot; else it resumes */
    int64_t present_ms; /* resuming: presence must be unbroken since then */
    bool overflowed;    /* it has begun anew for want of room already */
    bool resuming;      /* from a cursor, which has counted so far */

    int64_t epoch;    /* of the stream, as the server said before the consumer was made */
    uint64_t pending; /* of the consumer, when it was made */
    bool caught_up;   /* the last message had none behind it */
    struct fr_feed_place feed, celebrities; /* fresh: the places that the snapshot covers */
    struct page_reading *reading;           /* that is on its way */
    bool begun;                             /* to be told what came of it */

    struct arrived *arrived;
    size_t arrived_count, arrived_capacity;
    uint64_t celebrities_taken; /* everything in the ring up to here is told, on its way out, or held */

    struct outgoing *outgoing;
    size_t outgoing_count, outgoing_capacity, outgoing_at;
    int64_t full_since_ms; /* monotonic: the subscriber takes nothing; 0: it does */
};

/* Something is due: on the way to the live flow, or soon behind its beginning. */
struct flow_pause {
    struct fr_timer timer;
    struct flow *flow;
};

/* One subscriber's part of the stream. What it needs only now and then is apart. */
struct flow {
    struct fr_hub *hub;
    struct fr_subscriber *subscriber;
    struct local_user *user;
    struct flow *next_of_user, **link_of_user;
    enum flow_state state;
    uint32_t slot;
    uint64_t consumer; /* the number of the one that counts */
    /* Everything up to these places was told, or is not for this subscriber. Without an epoch: nothing was
     * yet. Of CELEB there may be more, see fr_delivery_send_places(). */
    struct fr_feed_place seen, celebrities;
    uint64_t consumer_seq; /* of the last message; 0: none yet from this consumer */
    bool opened;           /* the subscriber was told that the flow has started, and must miss nothing */
    uint8_t snapshot;      /* posts */
    uint8_t tries;
    bool missing; /* the stream had a message behind the place, which had not come */
    /* Monotonic, the low 32 bits: when there was nothing behind `seen` for this user, or at least not before
     * it; and the same of the `seen` in the last cursor told. */
    uint32_t placed_ms, told_ms;
    uint32_t shown_count;
    struct flow_pause *pause; /* NULL: none, as of most */
    struct sent_ring *sent;
    struct muted *muted;
    struct shown {
        int64_t author_id, post_id;
    } * shown;             /* the snapshot, until the flow has been live for a while; else NULL */
    struct attach *attach; /* NULL: it is live */
};

/* See hub_refresh.c. */
struct refresh {
    struct fr_timer timer;
    int64_t window_ms;
    uint32_t slot, partition; /* whose turn is next */
    struct head {
        struct fr_feed_place place;
        int64_t at_ms; /* monotonic; of a look that told it */
    } heads[FR_FEED_PARTITIONS];
};

/* `generation` outlives the flows of the slot. */
struct slot {
    struct flow *flow; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;  /* slot + 1; 0: the last */
    uint32_t deleted_ms; /* monotonic, the low 32 bits: when one of its consumers was to be deleted last */
};

struct fr_hub {
    struct fr_delivery *delivery;
    struct fr_loop *loop;
    uint32_t index;
    struct fr_mailbox *mailbox;
    bool last_mail; /* what is being told comes from a mail behind which there is no other */
    struct slot *slots;
    uint32_t slot_count, free_head; /* free_head: slot + 1 */
    size_t count;
    uint32_t first_generation;

    const struct fr_keyring *keyring;
    struct fr_store *store;
    struct id_table users; /* struct local_user */
    struct presence presence;
    struct celebrities celebrities;
    struct celebrity_ring ring;                 /* what they published */
    bool current;                               /* what they published before now has come */
    struct fr_ring looking[FR_FEED_PARTITIONS]; /* struct attach, by `link` */
    struct fr_ring paging;                      /* the same: those whose page waits for its turn */
    size_t pages;                               /* that are being read */
    int64_t tombstones[TOMBSTONES];             /* the newest deleted posts, by id */
    struct refresh refresh;

    /* Messages that found the mailbox full: any thread. */
    pthread_mutex_t lost_lock;
    uint64_t lost[LOST_MAX];
    size_t lost_count;
    bool lost_all, lost_told;
    struct hub_mail lost_mail;
    struct hub_celebrity *lost_celebrities; /* the last of the celebrities' mails, if it tells of lost ones */
};

/* ---- hub_flows.c ---- */
struct flow *fr_delivery_flow_find(struct fr_hub *hub, uint64_t consumer);
/* In FLOW_NONE, known to its subscriber, and of nobody yet. */
struct flow *fr_delivery_flow_new(struct fr_hub *hub, struct fr_subscriber *subscriber);
/* Gives it the number of a consumer that is still to be made; whatever comes for the former one finds nobody.
 */
void fr_delivery_flow_renumber(struct flow *flow);
/* The state machine: the one function that moves a flow, which may be gone afterwards. */
void fr_delivery_flow_move(struct flow *flow, enum flow_event event);
/* Gives the flow up and says so. */
void fr_delivery_flow_end(struct flow *flow, enum fr_subscriber_end why);
/* Something is missing, or may be, that cannot be read again. An envelope connection begins anew with a
 * snapshot, a plain one is ended. */
void fr_delivery_flow_hole(struct flow *flow);
/* In `ms` comes FLOW_DUE. */
void fr_delivery_flow_pause(struct flow *flow, int64_t ms);
int fr_delivery_flow_partition(const struct flow *flow);
void fr_delivery_consumer_delete(struct fr_hub *hub, uint64_t consumer, int partition);
/* The same after a message from a consumer that is nobody's. */
void fr_delivery_consumer_delete_stray(struct fr_hub *hub, uint64_t consumer, int partition);

/* ---- hub_attach.c: the way from a place, or from nothing, to the live flow ---- */
/* The flow begins (anew), from its places if it has any. */
void fr_delivery_attach_begin(struct flow *flow);
/* It is live, or ends. */
void fr_delivery_attach_end(struct flow *flow);
/* Its places do not count any more. */
void fr_delivery_attach_lose_place(struct flow *flow);
/* The actions of the table. The flow may be gone afterwards. */
void fr_delivery_attach_announce(struct flow *flow);
void fr_delivery_attach_look(struct flow *flow);
void fr_delivery_attach_ask(struct flow *flow);
void fr_delivery_attach_read_on(struct flow *flow);
void fr_delivery_attach_load(struct flow *flow); /* also when what it waits for may have come */
void fr_delivery_attach_load_all(struct fr_hub *hub);
void fr_delivery_attach_page(struct flow *flow);
/* What it is told. */
void fr_delivery_attach_looked(struct fr_hub *hub, const struct fr_feed_looked *looked);
void fr_delivery_attach_created(struct flow *flow, const struct fr_feed_created *created);
/* A message of its consumer; the numbers are in order. */
void fr_delivery_attach_take(struct flow *flow, const struct hub_message *message);
/* One of a celebrity that was held when the flow took what there was. */
void fr_delivery_attach_take_held(struct flow *flow, struct live_event *event, uint64_t sequence);

/* ---- hub_refresh.c: cursors of those who are told nothing ---- */
void fr_delivery_refresh_init(struct fr_hub *hub, int64_t resume_window_ms);
void fr_delivery_refresh_release(struct fr_hub *hub);
void fr_delivery_refresh_looked(struct fr_hub *hub, const struct fr_feed_looked *looked);
void fr_delivery_refresh_sought(struct fr_hub *hub, const struct fr_feed_sought *sought);

/* ---- hub_replay.c ---- */
/* What has come for the flow since, in order and without what was overtaken, goes to its outgoing ones; false
 * if the celebrities' ring does not reach back any more. */
FR_WARN_UNUSED bool fr_delivery_replay_collect(struct flow *flow);

/* ---- hub_send.c ---- */
/* Without a body; takes it over. */
void fr_delivery_send_queue(struct attach *attach, const struct outgoing *outgoing);
struct fr_post;
/* Queues what a snapshot consists of. */
void fr_delivery_send_queue_snapshot(struct flow *flow, const struct fr_post *posts, size_t count);
/* Opens the flow if it is not, and tells what is queued as fast as the subscriber takes it. */
void fr_delivery_send_on(struct flow *flow);
/* A post, edit or deletion to a live flow, in the subscriber's encoding, if it is told of such a one at all
 * and has not been. The flow may be gone afterwards. */
void fr_delivery_send_live(struct flow *flow, struct live_event *event);
/* Nothing but where a live flow with envelopes is; not if its queue is full. The flow may be gone afterwards.
 */
void fr_delivery_send_cursor(struct flow *flow);
/* What a post, edit or deletion is told as. */
enum fr_envelope fr_delivery_send_type(const struct live_event *event);
/* What a cursor says at this moment. */
struct fr_cursor fr_delivery_send_place(const struct flow *flow);

/* ---- hub_users.c ---- */
void fr_delivery_users_init(struct fr_hub *hub, const struct fr_hub_options *options);
void fr_delivery_users_release(struct fr_hub *hub);
/* Finds or makes the flow's user. FR_UNAVAILABLE: his presence cannot be written at this time, and the flow
 * is gone. */
FR_WARN_UNUSED enum fr_status fr_delivery_users_join(struct flow *flow, int64_t user_id,
                                                     struct fr_error *error);
void fr_delivery_users_leave(struct flow *flow);
/* An event that came on the live flow's own subject. The flow may be gone afterwards. */
void fr_delivery_users_take(struct flow *flow, struct live_event *event);
/* The same for what it says about edges, of one that is not live yet. */
void fr_delivery_users_note(struct flow *flow, const struct live_event *event);
/* One that came on celeb.<author>; NULL: one that was not understood. */
void fr_delivery_users_take_celebrity(struct fr_hub *hub, const struct fr_feed_place *place,
                                      struct live_event *event);
/* Some that stood up to this place are lost; without an epoch: nobody knows up to where. */
void fr_delivery_users_lose_celebrities(struct fr_hub *hub, const struct fr_feed_place *place);
/* All up to this place has been told. */
void fr_delivery_users_stand_celebrities(struct fr_hub *hub, const struct fr_feed_place *place);
/* A deleted post is not sent any more, wherever it comes from. */
void fr_delivery_users_bury(struct fr_hub *hub, int64_t post_id);
bool fr_delivery_users_is_buried(struct fr_hub *hub, int64_t post_id);

#endif
