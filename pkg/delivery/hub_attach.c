/* The way of a flow from a place, or from nothing, to where it is live (docs/protocol.md has the reasons).
 *
 * A place counts only if presence was unbroken since it was told, the stream is still the same before and
 * after the consumer was made, and nothing behind the place has gone, before and after all of it was read.
 * Creation times of streams and first sequences only rise, so that two looks prove what was between them. */
#include <assert.h>
#include <stdlib.h>

#include "hub_internal.h"
#include "metrics/metrics.h"
#include "timeline/timeline.h"

enum { READ_MS_MAX = 5000 }; /* from the consumer's creation to the last message that it began with */

static bool is_plain(const struct flow *flow)
{
    return flow->subscriber->encoding == FR_ENCODING_PLAIN;
}

/* ---- beginning and end ---- */

static void release(struct attach *attach)
{
    fr_ring_remove(&attach->link);
    for (size_t i = 0; i < attach->arrived_count; i++)
        fr_delivery_event_release(attach->arrived[i].event);
    for (size_t i = attach->outgoing_at; i < attach->outgoing_count; i++)
        fr_frame_release(attach->outgoing[i].body);
    free(attach->arrived);
    free(attach->outgoing);
}

void fr_delivery_attach_begin(struct flow *flow)
{
    struct attach *attach = flow->attach;
    if (flow->opened && flow->subscriber->verbs->interrupted != NULL)
        flow->subscriber->verbs->interrupted(flow->subscriber);
    if (attach == NULL) {
        bool fresh = flow->seen.epoch == 0;
        /* While it is live its place is the hub's; it must be taken before that is over. Of a new one, which
         * has no user yet, it will be the cursor's. */
        if (flow->user != NULL && !fresh)
            flow->celebrities = fr_delivery_send_place(flow).celebrities;
        attach = flow->attach = FR_NEW(struct attach);
        attach->fresh = fresh;
        fr_metric_add(FR_METRIC_LIVE_ATTACHING, 1);
    } else {
        release(attach);
    }
    *attach = (struct attach){.flow = flow,
                              .fresh = attach->fresh,
                              .present_ms = attach->present_ms,
                              .overflowed = attach->overflowed,
                              .resuming = attach->resuming};
    if (flow->opened && !attach->fresh) {
        assert(flow->user != NULL); /* or it could not have been opened */
        attach->present_ms = flow->user->presence.confirmed_ms;
    }
}

void fr_delivery_attach_end(struct flow *flow)
{
    if (flow->attach == NULL)
        return;
    release(flow->attach);
    free(flow->attach);
    flow->attach = NULL;
    fr_metric_add(FR_METRIC_LIVE_ATTACHING, -1);
}

void fr_delivery_attach_lose_place(struct flow *flow)
{
    flow->seen = flow->celebrities = (struct fr_feed_place){0};
    if (flow->attach == NULL || flow->attach->fresh)
        return;
    if (flow->attach->resuming && !flow->opened)
        fr_metric_add(FR_METRIC_LIVE_NOT_RESUMED, 1);
    flow->attach->resuming = false;
    flow->attach->fresh = true;
}

void fr_delivery_attach_announce(struct flow *flow)
{
    enum fr_status status = fr_delivery_presence_want(&flow->hub->presence, flow->user);
    /* One whose renewals fail is present nonetheless; only nobody new is let in then. */
    if (status == FR_OK || status == FR_UNAVAILABLE)
        fr_delivery_flow_move(flow, FLOW_ANNOUNCED);
}

/* ---- looks ---- */

void fr_delivery_attach_look(struct flow *flow)
{
    struct attach *attach = flow->attach;
    /* One that gives no cursors and has no place: whatever the stream is, it begins with what is published
     * now. */
    if (is_plain(flow) && attach->fresh) {
        fr_delivery_flow_move(flow, FLOW_LOOKED);
        return;
    }
    int partition = fr_delivery_flow_partition(flow);
    attach->look = fr_feed_look(flow->hub->delivery->feed, partition);
    fr_ring_add(&flow->hub->looking[partition], &attach->link);
}

static bool place_counts(const struct flow *flow, const struct fr_feed_looked *looked)
{
    if (flow->user->presence.since_ms > flow->attach->present_ms)
        return false;
    if (looked->epoch != flow->seen.epoch)
        return false;
    if (looked->first > flow->seen.sequence + 1)
        return false;
    /* The server would begin behind its head, and skip what comes up to the place. */
    return flow->seen.sequence <= looked->last;
}

static void take_look_before(struct flow *flow, const struct fr_feed_looked *looked)
{
    flow->attach->epoch = looked->epoch;
    if (!flow->attach->fresh && !place_counts(flow, looked)) {
        if (is_plain(flow)) {
            fr_delivery_flow_hole(flow);
            return;
        }
        fr_delivery_attach_lose_place(flow);
    }
    fr_delivery_flow_move(flow, FLOW_LOOKED);
}

static void take_look_after(struct flow *flow, const struct fr_feed_looked *looked)
{
    const struct attach *attach = flow->attach;
    bool same = looked->epoch == attach->epoch;
    if (attach->fresh)
        fr_delivery_flow_move(flow, same ? FLOW_LOOKED : FLOW_BROKEN);
    else if (same && looked->first <= flow->seen.sequence + 1)
        fr_delivery_flow_move(flow, FLOW_LOOKED);
    else
        fr_delivery_flow_hole(flow);
}

void fr_delivery_attach_looked(struct fr_hub *hub, const struct fr_feed_looked *looked)
{
    struct fr_ring *all = &hub->looking[looked->partition], told, *next;
    fr_ring_init(&told);
    for (struct fr_ring *at = all->next; at != all; at = next) {
        next = at->next;
        if (FR_CONTAINER_OF(at, struct attach, link)->look <= looked->number)
            fr_ring_add(&told, at);
    }
    /* Whoever is told may leave, or look again. */
    while (!fr_ring_is_empty(&told)) {
        struct flow *flow = FR_CONTAINER_OF(told.next, struct attach, link)->flow;
        fr_ring_remove(told.next);
        if (looked->status != FR_OK)
            fr_delivery_flow_move(flow, FLOW_REFUSED);
        else if (flow->state == FLOW_LOOKING)
            take_look_before(flow, looked);
        else
            take_look_after(flow, looked);
    }
}

/* ---- the consumer ---- */

void fr_delivery_attach_ask(struct flow *flow)
{
    const struct fr_feed_place nothing = {0};
    fr_feed_create(flow->hub->delivery->feed, flow->consumer, flow->subscriber->user_id,
                   flow->attach->fresh ? &nothing : &flow->seen);
}

void fr_delivery_attach_created(struct flow *flow, const struct fr_feed_created *created)
{
    struct attach *attach = flow->attach;
    if (created->status != FR_OK) {
        /* It may exist nonetheless. */
        if (created->epoch != 0)
            fr_delivery_consumer_delete(flow->hub, created->consumer, created->partition);
        fr_delivery_flow_move(flow, FLOW_REFUSED);
        return;
    }
    attach->pending = created->pending;
    attach->feed.epoch = is_plain(flow) && attach->fresh ? created->epoch : attach->epoch;
    attach->feed.sequence = created->sequence;
    fr_delivery_flow_move(flow, FLOW_CREATED);
}

/* ---- the replay is read ---- */

static bool is_read(const struct flow *flow)
{
    const struct attach *attach = flow->attach;
    return attach->fresh || attach->caught_up || flow->consumer_seq >= attach->pending;
}

void fr_delivery_attach_read_on(struct flow *flow)
{
    /* The stream keeps so many messages of a user, and the oldest make way for new ones: some may have gone.
     */
    if (!flow->attach->fresh && flow->attach->pending >= FR_FEED_BACKLOG_MAX)
        fr_delivery_flow_hole(flow);
    else if (is_read(flow))
        fr_delivery_flow_move(flow, FLOW_READ);
    else
        fr_delivery_flow_pause(flow, READ_MS_MAX);
}

static bool add_arrived(struct attach *attach, struct live_event *event, uint64_t sequence, bool celebrity)
{
    if (attach->arrived_count == FR_ATTACH_QUEUE_MAX)
        return false;
    if (attach->arrived_count == attach->arrived_capacity) {
        attach->arrived_capacity = attach->arrived_capacity == 0 ? 8 : 2 * attach->arrived_capacity;
        attach->arrived =
            fr_realloc_array(attach->arrived, attach->arrived_capacity, sizeof *attach->arrived);
    }
    attach->arrived[attach->arrived_count++] =
        (struct arrived){event != NULL ? fr_delivery_event_hold(event) : NULL, sequence, celebrity};
    return true;
}

static void overflow(struct flow *flow)
{
    if (flow->attach->overflowed) {
        fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
        return;
    }
    flow->attach->overflowed = true;
    fr_delivery_flow_hole(flow);
}

void fr_delivery_attach_take(struct flow *flow, const struct hub_message *message)
{
    struct attach *attach = flow->attach;
    if (flow->state == FLOW_DOUBTED)
        return;
    if (!add_arrived(attach, message->event, message->stream_seq, false)) {
        overflow(flow);
        return;
    }
    flow->consumer_seq = message->consumer_seq;
    attach->caught_up |= message->pending == 0;
    if (flow->state == FLOW_READING && is_read(flow))
        fr_delivery_flow_move(flow, FLOW_READ);
}

void fr_delivery_attach_take_held(struct flow *flow, struct live_event *event, uint64_t sequence)
{
    /* The ring has all others. */
    if (flow->state == FLOW_SENDING && sequence <= flow->attach->celebrities_taken &&
        !add_arrived(flow->attach, event, sequence, true))
        overflow(flow);
}

/* ---- the celebrities ---- */

void fr_delivery_attach_load(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    struct attach *attach = flow->attach;
    if (flow->state != FLOW_LOADING || !hub->current || hub->ring.epoch == 0 ||
        flow->user->index.state != INDEX_LOADED)
        return;
    if (!attach->fresh && !fr_delivery_celebrity_ring_reaches(&hub->ring, &flow->celebrities)) {
        fr_delivery_flow_hole(flow);
        return;
    }
    /* Whatever was published up to now was committed before: the page has it, and to a plain connection it is
     * old.
     */
    if (attach->fresh)
        attach->celebrities = (struct fr_feed_place){hub->ring.epoch, hub->ring.last};
    attach->celebrities_taken = attach->fresh ? hub->ring.last : flow->celebrities.sequence;
    if (attach->fresh && is_plain(flow)) {
        flow->seen = attach->feed;
        flow->celebrities = attach->celebrities;
        attach->fresh = false;
    }
    fr_delivery_flow_move(flow, FLOW_LOADED);
}

void fr_delivery_attach_load_all(struct fr_hub *hub)
{
    for (uint32_t i = 0; i < hub->slot_count; i++)
        if (hub->slots[i].flow != NULL)
            fr_delivery_attach_load(hub->slots[i].flow);
}

/* ---- the page ---- */

/* On its way to PostgreSQL; the flow may have gone, or begun anew, when it comes back. */
struct page_reading {
    struct fr_hub *hub;
    uint64_t consumer;
};

static void read_pages(struct fr_hub *hub);

static void on_page(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                    const struct fr_error *error)
{
    struct page_reading *reading = arg;
    struct fr_hub *hub = reading->hub;
    struct flow *flow = fr_delivery_flow_find(hub, reading->consumer);
    hub->pages--;
    if (flow != NULL && flow->state == FLOW_PAGING && flow->attach->reading == reading) {
        flow->attach->reading = NULL;
        if (status == FR_OK)
            fr_delivery_send_queue_snapshot(flow, posts, count);
        fr_delivery_flow_move(flow, status == FR_OK ? FLOW_PAGED : FLOW_REFUSED);
    }
    free(reading);
    read_pages(hub);
}

/* Few at a time: thousands may need one together, and others need PostgreSQL too. */
static void read_pages(struct fr_hub *hub)
{
    while (hub->pages < FR_SNAPSHOT_READS_MAX && !fr_ring_is_empty(&hub->paging)) {
        struct attach *attach = FR_CONTAINER_OF(hub->paging.next, struct attach, link);
        fr_ring_remove(&attach->link);
        struct page_reading *reading = FR_NEW(struct page_reading);
        *reading = (struct page_reading){hub, attach->flow->consumer};
        attach->reading = reading;
        hub->pages++;
        fr_metric_add(FR_METRIC_LIVE_PAGE_READS, 1);
        struct fr_subscriber *subscriber = attach->flow->subscriber;
        const struct fr_page_request request = {
            .user_id = subscriber->user_id, .before_id = INT64_MAX, .limit = attach->flow->snapshot};
        if (subscriber->verbs->read_page != NULL)
            subscriber->verbs->read_page(subscriber, &request, on_page, reading);
        else
            fr_timeline_page(hub->store, &request, on_page, reading);
    }
}

void fr_delivery_attach_page(struct flow *flow)
{
    if (!flow->attach->fresh) {
        fr_delivery_flow_move(flow, FLOW_PAGED);
        return;
    }
    if (flow->snapshot == 0) {
        fr_delivery_send_queue_snapshot(flow, NULL, 0);
        fr_delivery_flow_move(flow, FLOW_PAGED);
        return;
    }
    fr_ring_add(&flow->hub->paging, &flow->attach->link);
    read_pages(flow->hub);
}
