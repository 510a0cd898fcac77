/* What a flow missed, or what came while it was being made: from its own subject and from the celebrities'
 * ring, put in order, without what was overtaken meanwhile.
 *
 * Posts of one author may be in both, from before and after he became a celebrity: then posts are told in the
 * order of their ids, and edits and deletions behind them. A cursor in the middle names places up to which
 * nothing is left to be told, whatever the order. */
#include <stdlib.h>

#include "hub_internal.h"

struct entry {
    struct live_event *event; /* borrowed */
    uint64_t sequence;
    bool celebrity;
    bool dropped;
};

struct replay {
    struct flow *flow;
    struct entry *entries;
    size_t count, capacity;
};

static void add(struct replay *replay, struct live_event *event, uint64_t sequence, bool celebrity)
{
    if (replay->count == replay->capacity) {
        replay->capacity = replay->capacity == 0 ? 16 : 2 * replay->capacity;
        replay->entries = fr_realloc_array(replay->entries, replay->capacity, sizeof *replay->entries);
    }
    replay->entries[replay->count++] =
        (struct entry){.event = event, .sequence = sequence, .celebrity = celebrity};
}

/* ---- what there is ---- */

/* True if this message of a celebrity is for the flow's user, and will not come by itself. */
static bool is_wanted(const struct flow *flow, const struct live_event *event, uint64_t sequence)
{
    const struct celebrities *celebrities = &flow->hub->celebrities;
    switch (fr_delivery_event_kind(event)) {
    case FR_EVENT_FOLLOW:
    case FR_EVENT_UNFOLLOW:
        return fr_delivery_event_follower(event) == flow->subscriber->user_id;
    case FR_EVENT_ACCOUNT:
        return true;
    case FR_EVENT_CELEBRITY:
    case FR_EVENT_ORDINARY:
        return false;
    case FR_EVENT_POST:
    case FR_EVENT_EDIT:
    case FR_EVENT_DELETE:
        break;
    }
    int64_t author_id = fr_delivery_event_author(event);
    return fr_delivery_celebrities_follows(celebrities, flow->user, author_id) &&
           !fr_delivery_celebrities_holds(celebrities, author_id, sequence);
}

static void gather(struct replay *replay)
{
    struct flow *flow = replay->flow;
    const struct celebrity_ring *ring = &flow->hub->ring;
    for (size_t i = 0; i < flow->attach->arrived_count; i++) {
        const struct arrived *arrived = &flow->attach->arrived[i];
        if (arrived->event != NULL)
            add(replay, arrived->event, arrived->sequence, arrived->celebrity);
    }
    for (uint64_t s = flow->attach->celebrities_taken + 1; s <= ring->last; s++) {
        struct live_event *event = fr_delivery_celebrity_ring_at(ring, s);
        if (event != NULL && is_wanted(flow, event, s))
            add(replay, event, s, true);
    }
}

/* ---- what was overtaken ---- */

static void drop_of(struct replay *replay, size_t end, int64_t author_id, bool celebrity)
{
    for (size_t i = 0; i < end; i++) {
        struct entry *entry = &replay->entries[i];
        if (entry->celebrity == celebrity && fr_delivery_event_author(entry->event) == author_id)
            entry->dropped = true;
    }
}

/* He follows the author no longer, or there is none any more: what came before that is not for him. */
static void drop_unfollowed(struct replay *replay, size_t at)
{
    const struct entry *entry = &replay->entries[at];
    int64_t author_id = fr_delivery_event_author(entry->event);
    bool gone = fr_delivery_event_kind(entry->event) == FR_EVENT_ACCOUNT;
    drop_of(replay, at, author_id, entry->celebrity);
    /* A celebrity's word is the younger one, if the edge is still gone. */
    if (gone || (entry->celebrity && !fr_delivery_celebrities_follows(&replay->flow->hub->celebrities,
                                                                      replay->flow->user, author_id)))
        drop_of(replay, replay->count, author_id, false);
}

static void drop_overtaken(struct replay *replay)
{
    struct flow *flow = replay->flow;
    for (size_t i = 0; i < replay->count; i++) {
        struct entry *entry = &replay->entries[i];
        switch (fr_delivery_event_kind(entry->event)) {
        case FR_EVENT_POST:
        case FR_EVENT_EDIT:
            continue;
        case FR_EVENT_DELETE:
            fr_delivery_users_bury(flow->hub, fr_delivery_event_post(entry->event));
            continue;
        case FR_EVENT_UNFOLLOW:
        case FR_EVENT_ACCOUNT:
            drop_unfollowed(replay, i);
            break;
        case FR_EVENT_FOLLOW:
        case FR_EVENT_CELEBRITY:
        case FR_EVENT_ORDINARY:
            break;
        }
        if (!entry->celebrity)
            fr_delivery_users_note(flow, entry->event);
        entry->dropped = true; /* nothing that clients are told */
    }
}

/* In whichever of the streams they are: no id is used again. */
static void drop_deleted(struct replay *replay)
{
    for (size_t i = 0; i < replay->count; i++) {
        if (fr_delivery_event_kind(replay->entries[i].event) != FR_EVENT_DELETE)
            continue;
        int64_t post_id = fr_delivery_event_post(replay->entries[i].event);
        for (size_t j = 0; j < replay->count; j++) {
            struct entry *entry = &replay->entries[j];
            if (fr_delivery_event_kind(entry->event) != FR_EVENT_DELETE &&
                fr_delivery_event_post(entry->event) == post_id)
                entry->dropped = true;
        }
    }
}

static void drop_dropped(struct replay *replay)
{
    size_t left = 0;
    for (size_t i = 0; i < replay->count; i++)
        if (!replay->entries[i].dropped)
            replay->entries[left++] = replay->entries[i];
    replay->count = left;
}

/* ---- the order ---- */

static int rank(const struct entry *entry)
{
    return fr_delivery_event_kind(entry->event) == FR_EVENT_POST ? 0 : 1;
}

static int32_t revision(const struct entry *entry)
{
    return fr_delivery_event_kind(entry->event) == FR_EVENT_DELETE ? SENT_DELETED
                                                                   : fr_delivery_event_revision(entry->event);
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    int64_t p = fr_delivery_event_post(x->event), q = fr_delivery_event_post(y->event);
    if (p != q)
        return (p > q) - (p < q);
    return (revision(x) > revision(y)) - (revision(x) < revision(y));
}

/* One stream alone has its authors' posts in order. */
static void sort_if_mixed(struct replay *replay)
{
    bool has[2] = {false, false};
    for (size_t i = 0; i < replay->count; i++)
        has[replay->entries[i].celebrity] = true;
    if (has[false] && has[true])
        qsort(replay->entries, replay->count, sizeof *replay->entries, compare);
}

/* ---- on its way out ---- */

static void queue(struct replay *replay, const struct fr_feed_place *feed,
                  const struct fr_feed_place *celebrities)
{
    struct attach *attach = replay->flow->attach;
    size_t first = attach->outgoing_count;
    for (size_t i = 0; i < replay->count; i++) {
        struct live_event *event = replay->entries[i].event;
        struct fr_frame *frame = fr_delivery_event_frame(event, replay->flow->subscriber->encoding);
        fr_delivery_send_queue(attach, &(struct outgoing){
                                           .type = fr_delivery_send_type(event),
                                           .body = frame != NULL ? fr_frame_hold(frame) : NULL,
                                           .post_id = fr_delivery_event_post(event),
                                           .author_id = fr_delivery_event_author(event),
                                           .revision = fr_delivery_event_revision(event),
                                       });
    }
    /* From the last: before each, nothing is left to be told of what lies up to its places. */
    struct fr_feed_place left_feed = *feed, left_celebrities = *celebrities;
    for (size_t i = replay->count; i > 0; i--) {
        const struct entry *entry = &replay->entries[i - 1];
        struct outgoing *outgoing = &attach->outgoing[first + i - 1];
        struct fr_feed_place *left = entry->celebrity ? &left_celebrities : &left_feed;
        outgoing->feed = left_feed;
        outgoing->celebrities = left_celebrities;
        if (entry->sequence - 1 < left->sequence)
            left->sequence = entry->sequence - 1;
    }
}

static void forget_arrived(struct attach *attach)
{
    for (size_t i = 0; i < attach->arrived_count; i++)
        fr_delivery_event_release(attach->arrived[i].event);
    attach->arrived_count = 0;
}

/* The places when all of it is told. */
static struct fr_feed_place last_feed(const struct flow *flow)
{
    struct fr_feed_place place = flow->seen;
    for (size_t i = 0; i < flow->attach->arrived_count; i++) {
        const struct arrived *arrived = &flow->attach->arrived[i];
        if (!arrived->celebrity && arrived->sequence > place.sequence)
            place.sequence = arrived->sequence;
    }
    return place;
}

static struct fr_feed_place last_celebrities(const struct flow *flow)
{
    struct fr_feed_place place = flow->celebrities;
    uint64_t done = fr_delivery_celebrities_done(&flow->hub->celebrities, flow->hub->ring.last);
    if (done > place.sequence)
        place.sequence = done;
    return place;
}

bool fr_delivery_replay_collect(struct flow *flow)
{
    struct attach *attach = flow->attach;
    const struct celebrity_ring *ring = &flow->hub->ring;
    const struct fr_feed_place taken = {flow->celebrities.epoch, attach->celebrities_taken};
    if (!fr_delivery_celebrity_ring_reaches(ring, &taken))
        return false;
    struct replay replay = {.flow = flow};
    gather(&replay);
    drop_overtaken(&replay);
    drop_deleted(&replay);
    drop_dropped(&replay);
    sort_if_mixed(&replay);
    const struct fr_feed_place feed = last_feed(flow), celebrities = last_celebrities(flow);
    queue(&replay, &feed, &celebrities);
    if (replay.count == 0) {
        flow->seen = feed;
        flow->celebrities = celebrities;
    }
    if (ring->last > attach->celebrities_taken)
        attach->celebrities_taken = ring->last;
    free(replay.entries);
    forget_arrived(attach);
    return true;
}
