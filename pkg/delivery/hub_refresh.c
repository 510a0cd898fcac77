/* Cursors of connections that are told nothing, kept younger than a third of the resume window: a cursor is
 * only good for as long as the stream keeps what follows it, and most connections are told nothing for
 * longer.
 *
 * A flow's place may be moved to a head H of its stream when the stream, asked after H was told, has no
 * message of the user behind the place: whatever of his was stored up to H has then come. Should there be one
 * it is on its way, and brings a cursor with it; if it has not come by the next time, the consumer does not
 * deliver (it lived on a server of the cluster that is gone, somebody deleted it), and is made anew.
 *
 * The slots are gone through in rounds, a few with each tick, so that flows which began together are not
 * asked for together. Heads are kept by looks, which all flows of a partition, and all hubs of a process,
 * share. In parts of the window: a round takes 1/8, and takes up cursors older than 1/6; the heads are not
 * older than 1/12. So no cursor is told later than at 1/3. */
#include "hub_internal.h"
#include "log/log.h"

enum {
    ROUND_TICKS = 96,
    LOOKS_PER_TICK = 2,
    SEEKS_PER_TICK = 512, /* past it the round takes longer */
};
_Static_assert(FR_FEED_PARTITIONS / LOOKS_PER_TICK <= ROUND_TICKS / 3, "all heads in 1/24 of the window");

static bool is_due(const struct flow *flow)
{
    return flow->state == FLOW_LIVE && flow->subscriber->encoding != FR_ENCODING_PLAIN &&
           (uint32_t)fr_clock_monotonic_ms() - flow->told_ms >= flow->hub->refresh.window_ms / 6;
}

/* ---- heads ---- */

static void look_on(struct fr_hub *hub)
{
    struct refresh *refresh = &hub->refresh;
    int64_t now_ms = fr_clock_monotonic_ms();
    for (int i = 0; i < LOOKS_PER_TICK; i++) {
        int partition = (int)(refresh->partition++ % FR_FEED_PARTITIONS);
        if (now_ms - refresh->heads[partition].at_ms >= refresh->window_ms / 24)
            (void)fr_feed_look(hub->delivery->feed, partition);
    }
}

void fr_delivery_refresh_looked(struct fr_hub *hub, const struct fr_feed_looked *looked)
{
    if (looked->status == FR_OK)
        hub->refresh.heads[looked->partition] =
            (struct head){{looked->epoch, looked->last}, fr_clock_monotonic_ms()};
}

/* ---- flows ---- */

/* The place becomes the head, if that is behind it. */
static void tell(struct flow *flow, uint64_t head)
{
    if (head > flow->seen.sequence)
        flow->seen.sequence = head;
    flow->placed_ms = (uint32_t)fr_clock_monotonic_ms();
    flow->missing = false;
    fr_delivery_send_cursor(flow);
}

/* True if the stream had to be asked. */
static bool refresh(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    const struct head *head = &hub->refresh.heads[fr_delivery_flow_partition(flow)];
    if (head->place.epoch != flow->seen.epoch ||
        fr_clock_monotonic_ms() - head->at_ms > hub->refresh.window_ms / 12)
        return false;
    if (head->place.sequence <= flow->seen.sequence) {
        tell(flow, head->place.sequence);
        return false;
    }
    fr_feed_seek(hub->delivery->feed, flow->consumer, flow->subscriber->user_id, flow->seen.sequence,
                 head->place.sequence);
    return true;
}

void fr_delivery_refresh_sought(struct fr_hub *hub, const struct fr_feed_sought *sought)
{
    struct flow *flow = fr_delivery_flow_find(hub, sought->consumer);
    if (flow == NULL || !is_due(flow))
        return;
    if (sought->next == 0) {
        tell(flow, sought->head);
    } else if (sought->next > flow->seen.sequence) {
        if (flow->missing) {
            flow->missing = false;
            FR_LOG_WARN("a live consumer delivers nothing, and is made anew",
                        FR_KV_I64("user", flow->subscriber->user_id));
            fr_delivery_flow_move(flow, FLOW_BROKEN);
            return;
        }
        flow->missing = true;
    }
}

/* ---- rounds ---- */

static void on_tick(struct fr_timer *timer)
{
    struct fr_hub *hub = FR_CONTAINER_OF(timer, struct fr_hub, refresh.timer);
    struct refresh *self = &hub->refresh;
    fr_timer_start(hub->loop, timer, self->window_ms / 8 / ROUND_TICKS, on_tick);
    if (hub->count == 0)
        return;
    look_on(hub);
    int seeks = 0;
    for (uint32_t left = hub->slot_count / ROUND_TICKS + 1; left > 0 && seeks < SEEKS_PER_TICK; left--) {
        struct flow *flow = hub->slots[self->slot++ % hub->slot_count].flow;
        if (flow != NULL && is_due(flow) && refresh(flow))
            seeks++;
    }
}

void fr_delivery_refresh_init(struct fr_hub *hub, int64_t resume_window_ms)
{
    hub->refresh.window_ms = resume_window_ms;
    fr_timer_start(hub->loop, &hub->refresh.timer, resume_window_ms / 8 / ROUND_TICKS, on_tick);
}

void fr_delivery_refresh_release(struct fr_hub *hub)
{
    fr_timer_stop(&hub->refresh.timer);
}
