/* Flows: one for each subscriber, found by the number of its consumer, moved by one function. */
#include <assert.h>
#include <stdlib.h>

#include "hub_internal.h"
#include "metrics/metrics.h"

enum {
    FLOWS_FIRST = 64,
    TRIES_MAX = 5,
    PAUSE_FIRST_MS = 250,
    DELETE_AGAIN_MS = 5000,
};

/* ---- slots ---- */

static int partition_of(const struct flow *flow)
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
    return flow;
}

static void free_flow(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    struct slot *slot = &hub->slots[flow->slot];
    fr_timer_stop(&flow->pause);
    flow->subscriber->state = NULL;
    slot->flow = NULL;
    slot->next_free = hub->free_head;
    hub->free_head = flow->slot + 1;
    hub->count--;
    fr_delivery_users_leave(flow);
    fr_delivery_sent_free(flow->sent);
    fr_delivery_muted_free(flow->muted);
    free(flow);
}

/* ---- consumers ---- */

void fr_delivery_consumer_delete(struct fr_hub *hub, uint64_t consumer, int partition)
{
    hub->deleted[fr_delivery_route_unpack(consumer).slot % DELETED_REMEMBERED] =
        (struct deletion){consumer, fr_clock_monotonic_ms()};
    fr_feed_delete(hub->delivery->feed, consumer, partition);
}

/* A message came from a consumer that is nobody's. Mostly it was on its way when the consumer was deleted;
 * should the deletion itself have been lost, it is asked for again. */
void fr_delivery_consumer_delete_stray(struct fr_hub *hub, uint64_t consumer, int partition)
{
    const struct deletion *last = &hub->deleted[fr_delivery_route_unpack(consumer).slot % DELETED_REMEMBERED];
    if (last->consumer != consumer || fr_clock_monotonic_ms() - last->at_ms >= DELETE_AGAIN_MS)
        fr_delivery_consumer_delete(hub, consumer, partition);
}

static void ask(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    struct route route = {hub->index, flow->slot, ++hub->slots[flow->slot].generation};
    flow->consumer = fr_delivery_route_pack(route);
    flow->consumer_seq = 0;
    flow->started = false;
    fr_feed_create(hub->delivery->feed, flow->consumer, flow->subscriber->user_id, &flow->seen);
}

/* ---- the state machine: the one function that moves a flow ---- */

void fr_delivery_flow_end(struct flow *flow, enum fr_subscriber_end why)
{
    struct fr_subscriber *subscriber = flow->subscriber;
    fr_delivery_flow_move(flow, FLOW_LEFT);
    subscriber->verbs->ended(subscriber, why);
}

void fr_delivery_flow_end_gap(struct flow *flow)
{
    if (flow->opened)
        fr_metric_add(FR_METRIC_LIVE_GAPS, 1);
    fr_delivery_flow_end(flow, flow->opened ? FR_SUBSCRIBER_GAP : FR_SUBSCRIBER_UNAVAILABLE);
}

void fr_delivery_flow_open(struct flow *flow)
{
    if (flow->opened || !flow->started || !flow->hub->current || flow->user->index.state != INDEX_LOADED)
        return;
    flow->opened = true;
    fr_delivery_send_opening(flow);
}

static void on_pause_over(struct fr_timer *timer)
{
    fr_delivery_flow_move(FR_CONTAINER_OF(timer, struct flow, pause), FLOW_DUE);
}

static void pause_or_end(struct flow *flow)
{
    if (++flow->tries == TRIES_MAX) {
        fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
        return;
    }
    /* Spread: all flows of a gateway are refused together. */
    int64_t ms = (int64_t)PAUSE_FIRST_MS << (flow->tries - 1);
    fr_timer_start(flow->hub->loop, &flow->pause, ms + flow->slot * INT64_C(7) % (ms / 2), on_pause_over);
}

void fr_delivery_flow_start(struct flow *flow)
{
    flow->tries = 0;
    if (flow->started)
        return;
    flow->started = true;
    if (flow->opened)
        flow->subscriber->verbs->started(flow->subscriber);
    else
        fr_delivery_flow_open(flow);
}

void fr_delivery_flow_move(struct flow *flow, enum flow_event event)
{
    struct flow_step step = fr_delivery_flow_step(flow->state, event);
    assert(step.action != FLOW_IMPOSSIBLE);
    flow->state = step.next;
    switch (step.action) {
    case FLOW_IMPOSSIBLE:
    case FLOW_STAY:
        return;
    case FLOW_ASK_NEW:
        fr_delivery_consumer_delete(flow->hub, flow->consumer, partition_of(flow));
        ask(flow);
        return;
    case FLOW_ASK:
        fr_timer_stop(&flow->pause);
        ask(flow);
        return;
    case FLOW_START:
        fr_delivery_flow_start(flow);
        return;
    case FLOW_PAUSE:
        pause_or_end(flow);
        return;
    case FLOW_DELETE:
        fr_delivery_consumer_delete(flow->hub, flow->consumer, partition_of(flow));
        free_flow(flow);
        return;
    case FLOW_FORGET:
        free_flow(flow);
        return;
    }
}
