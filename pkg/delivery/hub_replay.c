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

/* Of an author, or of a post: what stands in front of these places in the replay is not told. A replay may
 * have thousands of entries and as many that overtake others, so cuts are sorted by what they are of. */
struct cut {
    int64_t id;
    size_t feed_end, celebrity_end;
};

struct cuts {
    struct cut *all;
    size_t count, capacity;
};

static void cut(struct cuts *cuts, int64_t id, size_t feed_end, size_t celebrity_end)
{
    if (cuts->count == cuts->capacity) {
        cuts->capacity = cuts->capacity == 0 ? 16 : 2 * cuts->capacity;
        cuts->all = fr_realloc_array(cuts->all, cuts->capacity, sizeof *cuts->all);
    }
    cuts->all[cuts->count++] = (struct cut){id, feed_end, celebrity_end};
}

static int compare_cuts(const void *a, const void *b)
{
    const struct cut *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* In order, one for each id. */
static void sort_cuts(struct cuts *cuts)
{
    size_t left = 0;
    if (cuts->count > 1)
        qsort(cuts->all, cuts->count, sizeof *cuts->all, compare_cuts);
    for (size_t i = 0; i < cuts->count; i++) {
        const struct cut *next = &cuts->all[i];
        struct cut *last = left > 0 ? &cuts->all[left - 1] : NULL;
        if (last != NULL && last->id == next->id) {
            last->feed_end = larger(last->feed_end, next->feed_end);
            last->celebrity_end = larger(last->celebrity_end, next->celebrity_end);
        } else {
            cuts->all[left++] = *next;
        }
    }
    cuts->count = left;
}

static bool is_cut(const struct cuts *cuts, const struct entry *entry, size_t at, int64_t id)
{
    if (cuts->count == 0)
        return false;
    const struct cut *found =
        bsearch(&(struct cut){.id = id}, cuts->all, cuts->count, sizeof *cuts->all, compare_cuts);
    return found != NULL && at < (entry->celebrity ? found->celebrity_end : found->feed_end);
}

/* He follows the author no longer, or there is none any more: what came before that is not for him. */
static void cut_unfollowed(const struct replay *replay, size_t at, struct cuts *authors)
{
    const struct entry *entry = &replay->entries[at];
    int64_t author_id = fr_delivery_event_author(entry->event);
    bool gone = fr_delivery_event_kind(entry->event) == FR_EVENT_ACCOUNT;
    /* A celebrity's word is the younger one, if the edge is still gone. */
    bool all = gone || (entry->celebrity && !fr_delivery_celebrities_follows(&replay->flow->hub->celebrities,
                                                                             replay->flow->user, author_id));
    cut(authors, author_id, all ? replay->count : entry->celebrity ? 0 : at, entry->celebrity ? at : 0);
}

/* What the entries mean besides, in their order. */
static void take_notes(struct replay *replay, struct cuts *authors, struct cuts *posts)
{
    struct flow *flow = replay->flow;
    for (size_t i = 0; i < replay->count; i++) {
        struct entry *entry = &replay->entries[i];
        int64_t post_id = fr_delivery_event_post(entry->event);
        switch (fr_delivery_event_kind(entry->event)) {
        case FR_EVENT_POST:
        case FR_EVENT_EDIT:
            continue;
        case FR_EVENT_DELETE:
            fr_delivery_users_bury(flow->hub, post_id);
            /* In whichever of the streams they are: no id is used again. */
            cut(posts, post_id, replay->count, replay->count);
            continue;
        case FR_EVENT_UNFOLLOW:
        case FR_EVENT_ACCOUNT:
            cut_unfollowed(replay, i, authors);
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

static void drop_overtaken(struct replay *replay)
{
    struct cuts authors = {0}, posts = {0};
    take_notes(replay, &authors, &posts);
    sort_cuts(&authors);
    sort_cuts(&posts);
    for (size_t i = 0; i < replay->count; i++) {
        struct entry *entry = &replay->entries[i];
        bool deletes = fr_delivery_event_kind(entry->event) == FR_EVENT_DELETE;
        entry->dropped |= is_cut(&authors, entry, i, fr_delivery_event_author(entry->event)) ||
                          (!deletes && is_cut(&posts, entry, i, fr_delivery_event_post(entry->event)));
    }
    free(authors.all);
    free(posts.all);
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
