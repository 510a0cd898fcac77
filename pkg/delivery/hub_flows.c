/* Flows: one for each subscriber, found by the number of its consumer, moved by one function. */
#include <assert.h>
#include <stdlib.h>

#include "hub_internal.h"
#include "metrics/metrics.h"

enum {
    FLOWS_FIRST = 64,
    TRIES_MAX = 5, /* to begin: then the subscriber is ended, unless it can begin anew at any later time */
    PAUSE_FIRST_MS = 250,
    PAUSE_LAST_MS = 4000,
    DELETE_AGAIN_MS = 15000, /* longer than a deletion waits for its turn */
    /* After an outage of NATS what was committed in it is published so much later at most, as long as no
     * backlog is worked off. */
    SHOWN_MS = 30000,
};

/* ---- slots ---- */

int fr_delivery_flow_partition(const struct flow *flow)
{
    return fr_partition_of(flow->subscriber->user_id, FR_FEED_PARTITIONS);
}

struct flow *fr_delivery_flow_find(struct fr_hub *hub, uint64_t consumer)
{
    struct route route = fr_delivery_route_unpack(consumer);
    if (route.slot >= hub->slot_count)
        return NULL;
    struct flow *flow = hub->slots[route.slot].flow;
    return flow != NULL && flow->consumer == consumer ? flow : NULL;
}

static void add_slots(struct fr_hub *hub)
{
    uint32_t count = hub->slot_count == 0 ? FLOWS_FIRST : 2 * hub->slot_count;
    hub->slots = fr_realloc_array(hub->slots, count, sizeof *hub->slots);
    for (uint32_t i = count; i > hub->slot_count; i--) {
        hub->slots[i - 1] = (struct slot){.generation = hub->first_generation, .next_free = hub->free_head};
        hub->free_head = i;
    }
    hub->slot_count = count;
}

void fr_delivery_flow_renumber(struct flow *flow)
{
    struct route route = {flow->hub->index, flow->slot, ++flow->hub->slots[flow->slot].generation};
    flow->consumer = fr_delivery_route_pack(route);
    flow->consumer_seq = 0;
}

struct flow *fr_delivery_flow_new(struct fr_hub *hub, struct fr_subscriber *subscriber)
{
    if (hub->free_head == 0)
        add_slots(hub);
    struct flow *flow = FR_NEW(struct flow);
    flow->hub = hub;
    flow->subscriber = subscriber;
    flow->slot = hub->free_head - 1;
    struct slot *slot = &hub->slots[flow->slot];
    hub->free_head = slot->next_free;
    slot->flow = flow;
    subscriber->state = flow;
    hub->count++;
    /* That of a cursor which resumes may be as old. */
    flow->placed_ms = flow->told_ms = (uint32_t)(fr_clock_monotonic_ms() - hub->refresh.window_ms);
    fr_delivery_flow_renumber(flow);
    fr_delivery_attach_begin(flow);
    return flow;
}

static void end_pause(struct flow *flow)
{
    if (flow->pause != NULL)
        fr_timer_stop(&flow->pause->timer);
    free(flow->pause);
    flow->pause = NULL;
}

static void free_flow(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    struct slot *slot = &hub->slots[flow->slot];
    end_pause(flow);
    fr_delivery_attach_end(flow);
    flow->subscriber->state = NULL;
    slot->flow = NULL;
    slot->next_free = hub->free_head;
    hub->free_head = flow->slot + 1;
    hub->count--;
    fr_delivery_users_leave(flow);
    free(flow->shown);
    fr_delivery_sent_free(flow->sent);
    fr_delivery_muted_free(flow->muted);
    free(flow);
}

/* ---- consumers ---- */

void fr_delivery_consumer_delete(struct fr_hub *hub, uint64_t consumer, int partition)
{
    uint32_t slot = fr_delivery_route_unpack(consumer).slot;
    if (slot < hub->slot_count)
        hub->slots[slot].deleted_ms = (uint32_t)fr_clock_monotonic_ms();
    fr_feed_delete(hub->delivery->feed, consumer, partition);
}

/* A message came from a consumer that is nobody's. Mostly its deletion is still to come; should that have
 * been lost, it is asked for again. */
void fr_delivery_consumer_delete_stray(struct fr_hub *hub, uint64_t consumer, int partition)
{
    uint32_t slot = fr_delivery_route_unpack(consumer).slot;
    if (slot >= hub->slot_count ||
        (uint32_t)fr_clock_monotonic_ms() - hub->slots[slot].deleted_ms >= DELETE_AGAIN_MS)
        fr_delivery_consumer_delete(hub, consumer, partition);
}

static void delete_own(struct flow *flow)
{
    fr_delivery_consumer_delete(flow->hub, flow->consumer, fr_delivery_flow_partition(flow));
    fr_delivery_flow_renumber(flow);
}

/* ---- ends ---- */

void fr_delivery_flow_end(struct flow *flow, enum fr_subscriber_end why)
{
    struct fr_subscriber *subscriber = flow->subscriber;
    fr_delivery_flow_move(flow, FLOW_LEFT);
    subscriber->verbs->ended(subscriber, why);
}

/* What was never opened, and had no cursor, was promised nothing. */
static void end_plain(struct flow *flow)
{
    struct fr_subscriber *subscriber = flow->subscriber;
    uint64_t consumer = flow->consumer;
    struct fr_hub *hub = flow->hub;
    bool promised = flow->opened || flow->attach->resuming;
    if (promised)
        fr_metric_add(flow->opened ? FR_METRIC_LIVE_GAPS : FR_METRIC_LIVE_NOT_RESUMED, 1);
    /* Told in the connection's own way: it must be one before. */
    if (promised && !flow->opened)
        subscriber->verbs->started(subscriber);
    if (fr_delivery_flow_find(hub, consumer) == flow)
        fr_delivery_flow_end(flow, promised ? FR_SUBSCRIBER_GAP : FR_SUBSCRIBER_UNAVAILABLE);
}

void fr_delivery_flow_hole(struct flow *flow)
{
    if (flow->subscriber->encoding == FR_ENCODING_PLAIN) {
        end_plain(flow);
        return;
    }
    fr_delivery_attach_lose_place(flow);
    fr_delivery_flow_move(flow, FLOW_HOLE);
}

/* ---- pauses ---- */

static void forget_shown(struct flow *flow)
{
    free(flow->shown);
    flow->shown = NULL;
    flow->shown_count = 0;
}

static void on_pause_over(struct fr_timer *timer)
{
    struct flow *flow = FR_CONTAINER_OF(timer, struct flow_pause, timer)->flow;
    end_pause(flow);
    /* The head was not reached: what was before it is gone. */
    if (flow->state == FLOW_READING)
        fr_delivery_flow_hole(flow);
    else if (flow->state == FLOW_LIVE)
        forget_shown(flow);
    else
        fr_delivery_flow_move(flow, FLOW_DUE);
}

void fr_delivery_flow_pause(struct flow *flow, int64_t ms)
{
    if (flow->pause == NULL)
        flow->pause = FR_NEW(struct flow_pause);
    flow->pause->flow = flow;
    fr_timer_start(flow->hub->loop, &flow->pause->timer, ms, on_pause_over);
}

/* Spread: all flows of a gateway are refused together. */
static void pause_longer(struct flow *flow)
{
    int64_t ms = (int64_t)PAUSE_FIRST_MS << flow->tries;
    if (ms < PAUSE_LAST_MS)
        flow->tries++;
    else
        ms = PAUSE_LAST_MS;
    fr_delivery_flow_pause(flow, ms + flow->slot * INT64_C(7) % (ms / 2));
}

static void pause_or_end(struct flow *flow)
{
    bool patient = flow->opened && flow->subscriber->encoding != FR_ENCODING_PLAIN;
    if (!patient && flow->tries + 1 == TRIES_MAX)
        fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
    else
        pause_longer(flow);
}

/* ---- the state machine: the one function that moves a flow ---- */

void fr_delivery_flow_move(struct flow *flow, enum flow_event event)
{
    struct flow_step step = fr_delivery_flow_step(flow->state, event);
    assert(step.action != FLOW_IMPOSSIBLE);
    if (step.action == FLOW_STAY) {
        flow->state = step.next;
        return;
    }
    end_pause(flow);
    flow->state = step.next;
    switch (step.action) {
    case FLOW_IMPOSSIBLE:
    case FLOW_STAY:
        return;
    case FLOW_ANNOUNCE_NEW:
        delete_own(flow);
        fr_delivery_attach_begin(flow);
        fr_delivery_attach_announce(flow);
        return;
    case FLOW_ANNOUNCE:
        fr_delivery_flow_renumber(flow);
        fr_delivery_attach_begin(flow);
        fr_delivery_attach_announce(flow);
        return;
    case FLOW_LOOK:
        fr_delivery_attach_look(flow);
        return;
    case FLOW_ASK:
        fr_delivery_attach_ask(flow);
        return;
    case FLOW_READ_ON:
        fr_delivery_attach_read_on(flow);
        return;
    case FLOW_LOAD:
        fr_delivery_attach_load(flow);
        return;
    case FLOW_PAGE:
        fr_delivery_attach_page(flow);
        return;
    case FLOW_SEND:
        fr_delivery_send_on(flow);
        return;
    case FLOW_GO_LIVE:
        flow->tries = 0;
        fr_delivery_attach_end(flow);
        if (flow->shown != NULL)
            fr_delivery_flow_pause(flow, SHOWN_MS);
        return;
    case FLOW_PAUSE_NEW:
        delete_own(flow);
        pause_or_end(flow);
        return;
    case FLOW_PAUSE:
        fr_delivery_flow_renumber(flow);
        pause_or_end(flow);
        return;
    case FLOW_PAUSE_PAGE:
        pause_longer(flow);
        return;
    case FLOW_DELETE:
        delete_own(flow);
        free_flow(flow);
        return;
    case FLOW_FORGET:
        free_flow(flow);
        return;
    }
}
