/* The subscribers of one loop. Everything here but the fr_hub_mail_… runs on the loop's thread. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "delivery_internal.h"
#include "flow.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "sent.h"

enum {
    FLOWS_MAX = 1 << 20,
    FLOWS_FIRST = 64,
    MAILBOX_CAPACITY =
        16384,       /* messages; past it their flows have a gap, and read it again from the stream */
    LOST_MAX = 1024, /* flows with a gap noted one by one; past it all are taken for broken */
    TRIES_MAX = 5,
    PAUSE_FIRST_MS = 250,
    DELETED_REMEMBERED = 256,
    DELETE_AGAIN_MS = 5000,
};

/* One subscriber's part of the stream. */
struct flow {
    struct fr_hub *hub;
    struct fr_subscriber *subscriber;
    enum flow_state state;
    uint32_t slot;
    uint64_t consumer;         /* the number of the one that counts */
    struct fr_feed_place seen; /* read up to here */
    uint64_t consumer_seq;     /* of the last message; 0: none yet from this consumer */
    bool started;              /* the subscriber was told since the consumer was asked for */
    uint8_t tries;
    struct fr_timer pause;
    struct sent_ring *sent;
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

    /* Messages that found the mailbox full: any thread. */
    pthread_mutex_t lost_lock;
    uint64_t lost[LOST_MAX];
    size_t lost_count;
    bool lost_all, lost_told;
    struct hub_mail lost_mail;
};

/* ---- slots ---- */

static int partition_of(const struct flow *flow)
{
    return fr_partition_of(flow->subscriber->user_id, FR_FEED_PARTITIONS);
}

static struct flow *find_flow(struct fr_hub *hub, uint64_t consumer)
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

static struct flow *new_flow(struct fr_hub *hub, struct fr_subscriber *subscriber)
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
    fr_delivery_sent_free(flow->sent);
    free(flow);
}

/* ---- consumers ---- */

static void delete_consumer(struct fr_hub *hub, uint64_t consumer, int partition)
{
    hub->deleted[fr_delivery_route_unpack(consumer).slot % DELETED_REMEMBERED] =
        (struct deletion){consumer, fr_clock_monotonic_ms()};
    fr_feed_delete(hub->delivery->feed, consumer, partition);
}

/* A message came from a consumer that is nobody's. Mostly it was on its way when the consumer was deleted;
 * should the deletion itself have been lost, it is asked for again. */
static void delete_stray(struct fr_hub *hub, uint64_t consumer, int partition)
{
    const struct deletion *last = &hub->deleted[fr_delivery_route_unpack(consumer).slot % DELETED_REMEMBERED];
    if (last->consumer != consumer || fr_clock_monotonic_ms() - last->at_ms >= DELETE_AGAIN_MS)
        delete_consumer(hub, consumer, partition);
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

static void move(struct flow *flow, enum flow_event event);

static void end(struct flow *flow, enum fr_subscriber_end why)
{
    struct fr_subscriber *subscriber = flow->subscriber;
    move(flow, FLOW_LEFT);
    subscriber->verbs->ended(subscriber, why);
}

static void on_pause_over(struct fr_timer *timer)
{
    move(FR_CONTAINER_OF(timer, struct flow, pause), FLOW_DUE);
}

static void pause_or_end(struct flow *flow)
{
    if (++flow->tries == TRIES_MAX) {
        end(flow, FR_SUBSCRIBER_UNAVAILABLE);
        return;
    }
    /* Spread: all flows of a gateway are refused together. */
    int64_t ms = (int64_t)PAUSE_FIRST_MS << (flow->tries - 1);
    fr_timer_start(flow->hub->loop, &flow->pause, ms + flow->slot * INT64_C(7) % (ms / 2), on_pause_over);
}

static void start(struct flow *flow)
{
    flow->tries = 0;
    if (flow->started)
        return;
    flow->started = true;
    flow->subscriber->verbs->started(flow->subscriber);
}

/* The flow may be gone afterwards. */
static void move(struct flow *flow, enum flow_event event)
{
    struct flow_step step = fr_delivery_flow_step(flow->state, event);
    assert(step.action != FLOW_IMPOSSIBLE);
    flow->state = step.next;
    switch (step.action) {
    case FLOW_IMPOSSIBLE:
    case FLOW_STAY:
        return;
    case FLOW_ASK_NEW:
        delete_consumer(flow->hub, flow->consumer, partition_of(flow));
        ask(flow);
        return;
    case FLOW_ASK:
        fr_timer_stop(&flow->pause);
        ask(flow);
        return;
    case FLOW_START:
        start(flow);
        return;
    case FLOW_PAUSE:
        pause_or_end(flow);
        return;
    case FLOW_DELETE:
        delete_consumer(flow->hub, flow->consumer, partition_of(flow));
        free_flow(flow);
        return;
    case FLOW_FORGET:
        free_flow(flow);
        return;
    }
}

/* ---- what comes by mail ---- */

static void pass_on(struct flow *flow, const struct live_event *event)
{
    struct fr_hub *hub = flow->hub;
    struct fr_subscriber *subscriber = flow->subscriber;
    uint64_t consumer = flow->consumer;
    struct fr_frame *frame = event != NULL ? fr_delivery_event_plain_frame(event) : NULL;
    if (frame == NULL)
        return;
    int64_t post_id = fr_delivery_event_post(event);
    if (fr_delivery_sent_has(flow->sent, post_id)) {
        fr_metric_add(FR_METRIC_LIVE_DUPLICATES, 1);
        return;
    }
    enum fr_status status = subscriber->verbs->send(subscriber, frame);
    /* It may have left. */
    if (find_flow(hub, consumer) != flow)
        return;
    if (status == FR_OK)
        fr_delivery_sent_add(&flow->sent, post_id);
    else
        end(flow, status == FR_FULL ? FR_SUBSCRIBER_TOO_SLOW : FR_SUBSCRIBER_UNAVAILABLE);
}

static void on_message(struct fr_hub *hub, const struct hub_message *message)
{
    struct flow *flow = find_flow(hub, message->consumer);
    if (flow == NULL || flow->state == FLOW_WAITING || message->user_id != flow->subscriber->user_id) {
        delete_stray(hub, message->consumer, message->partition);
        return;
    }
    if (message->consumer_seq <= flow->consumer_seq)
        return;
    if (message->consumer_seq != flow->consumer_seq + 1) {
        /* Some were dropped on the way. This one will come again, in order. */
        move(flow, FLOW_BROKEN);
        return;
    }
    /* The stream keeps so many messages of a user, and the oldest make way for new ones, read or not. If as
     * many are still unread with this one, some before it may have gone. */
    if (message->pending + 1 >= FR_FEED_BACKLOG_MAX) {
        fr_metric_add(FR_METRIC_LIVE_GAPS, 1);
        end(flow, FR_SUBSCRIBER_GAP);
        return;
    }
    flow->consumer_seq = message->consumer_seq;
    flow->seen.sequence = message->stream_seq;
    /* Earlier than the answer to its creation: the flow has started all the same. */
    if (!flow->started) {
        start(flow);
        if (find_flow(hub, message->consumer) != flow)
            return;
    }
    pass_on(flow, message->event);
}

static void on_created(struct fr_hub *hub, const struct fr_feed_created *created)
{
    struct flow *flow = find_flow(hub, created->consumer);
    if (flow == NULL) {
        if (created->epoch != 0)
            delete_consumer(hub, created->consumer, created->partition);
        return;
    }
    bool heard = flow->consumer_seq != 0;
    if (created->status != FR_OK) {
        /* It may exist nonetheless; and its messages counted in the epoch that is told now. */
        if (heard)
            flow->seen.epoch = created->epoch;
        if (created->epoch != 0)
            delete_consumer(hub, created->consumer, created->partition);
        move(flow, FLOW_REFUSED);
        return;
    }
    if (!heard && flow->seen.epoch == 0)
        flow->seen.sequence = created->sequence;
    else if (!heard && flow->seen.epoch != created->epoch)
        flow->seen.sequence = 0; /* a stream declared anew is read from its beginning */
    flow->seen.epoch = created->epoch;
    move(flow, FLOW_CREATED);
}

static void break_all(struct fr_hub *hub)
{
    for (uint32_t i = 0; i < hub->slot_count; i++) {
        struct flow *flow = hub->slots[i].flow;
        if (flow == NULL)
            continue;
        flow->tries = 0;
        move(flow, FLOW_BROKEN);
    }
}

static void break_lost(struct fr_hub *hub)
{
    uint64_t lost[LOST_MAX];
    pthread_mutex_lock(&hub->lost_lock);
    size_t count = hub->lost_count;
    bool all = hub->lost_all;
    memcpy(lost, hub->lost, count * sizeof lost[0]);
    hub->lost_count = 0;
    hub->lost_all = hub->lost_told = false;
    pthread_mutex_unlock(&hub->lost_lock);
    FR_LOG_WARN("live messages found the mailbox full, and are read again",
                FR_KV_I64("flows", (int64_t)count), FR_KV_BOOL("all", all));
    if (all) {
        break_all(hub);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct flow *flow = find_flow(hub, lost[i]);
        if (flow != NULL && flow->state != FLOW_WAITING)
            move(flow, FLOW_BROKEN);
    }
}

static void on_mail(void *arg, struct fr_mail *mail)
{
    struct fr_hub *hub = arg;
    struct hub_mail *head = FR_CONTAINER_OF(mail, struct hub_mail, mail);
    switch (head->kind) {
    case HUB_MAIL_MESSAGE: {
        struct hub_message *message = FR_CONTAINER_OF(head, struct hub_message, head);
        on_message(hub, message);
        fr_delivery_event_release(message->event);
        free(message);
        return;
    }
    case HUB_MAIL_CREATED: {
        struct hub_created *created = FR_CONTAINER_OF(head, struct hub_created, head);
        on_created(hub, &created->created);
        free(created);
        return;
    }
    case HUB_MAIL_BROKEN:
        break_all(hub);
        free(head);
        return;
    case HUB_MAIL_LOST:
        break_lost(hub);
        return;
    }
}

/* All subscribers have left, so what is left concerns nobody; but consumers must not stay. */
static void drop_mail(void *arg, struct fr_mail *mail)
{
    struct hub_mail *head = FR_CONTAINER_OF(mail, struct hub_mail, mail);
    if (head->kind == HUB_MAIL_MESSAGE || head->kind == HUB_MAIL_CREATED || head->kind == HUB_MAIL_BROKEN)
        on_mail(arg, mail);
}

/* ---- from other threads ---- */

static void note_lost(struct fr_hub *hub, uint64_t consumer)
{
    pthread_mutex_lock(&hub->lost_lock);
    if (hub->lost_count == LOST_MAX)
        hub->lost_all = true;
    else if (hub->lost_count == 0 || hub->lost[hub->lost_count - 1] != consumer)
        hub->lost[hub->lost_count++] = consumer;
    bool tell = !hub->lost_told;
    hub->lost_told = true;
    pthread_mutex_unlock(&hub->lost_lock);
    if (tell)
        fr_mailbox_send_always(hub->mailbox, &hub->lost_mail.mail);
}

void fr_hub_mail_message(struct fr_hub *hub, struct hub_message *message)
{
    if (fr_mailbox_send(hub->mailbox, &message->head.mail) == FR_OK)
        return;
    note_lost(hub, message->consumer);
    fr_delivery_event_release(message->event);
    free(message);
}

/* One for each request, and a flow has one request open: bounded by the hub's flows. */
void fr_hub_mail_created(struct fr_hub *hub, const struct fr_feed_created *created)
{
    struct hub_created *mail = FR_NEW(struct hub_created);
    mail->head.kind = HUB_MAIL_CREATED;
    mail->created = *created;
    fr_mailbox_send_always(hub->mailbox, &mail->head.mail);
}

void fr_hub_mail_broken(struct fr_hub *hub)
{
    struct hub_mail *mail = FR_NEW(struct hub_mail);
    mail->kind = HUB_MAIL_BROKEN;
    fr_mailbox_send_always(hub->mailbox, &mail->mail);
}

/* ---- hub ---- */

struct fr_hub *fr_hub_new(struct fr_delivery *delivery, struct fr_loop *loop)
{
    struct fr_hub *hub = FR_NEW(struct fr_hub);
    hub->delivery = delivery;
    hub->loop = loop;
    hub->lost_mail.kind = HUB_MAIL_LOST;
    pthread_mutex_init(&hub->lost_lock, NULL);
    /* Consumers of an earlier process with this gateway's name may still be there: their numbers should find
     * nobody. */
    if (getrandom(&hub->first_generation, sizeof hub->first_generation, 0) != sizeof hub->first_generation)
        hub->first_generation = (uint32_t)fr_clock_wall_us();
    hub->mailbox = fr_mailbox_new(loop, MAILBOX_CAPACITY, on_mail, drop_mail, hub);
    pthread_rwlock_wrlock(&delivery->lock);
    while (hub->index < ROUTE_HUBS_MAX - 1 && delivery->hubs[hub->index] != NULL)
        hub->index++;
    assert(delivery->hubs[hub->index] == NULL);
    delivery->hubs[hub->index] = hub;
    pthread_rwlock_unlock(&delivery->lock);
    return hub;
}

void fr_hub_free(struct fr_hub *hub)
{
    if (hub == NULL)
        return;
    assert(hub->count == 0);
    pthread_rwlock_wrlock(&hub->delivery->lock);
    hub->delivery->hubs[hub->index] = NULL;
    pthread_rwlock_unlock(&hub->delivery->lock);
    fr_mailbox_free(hub->mailbox);
    pthread_mutex_destroy(&hub->lost_lock);
    free(hub->slots);
    free(hub);
}

enum fr_status fr_hub_join(struct fr_hub *hub, struct fr_subscriber *subscriber, int64_t user_id,
                           const struct fr_subscriber_verbs *verbs, struct fr_error *error)
{
    assert(subscriber->state == NULL);
    if (hub->count == FLOWS_MAX)
        return fr_error_set(error, FR_FULL, NULL, "%d live connections on one event loop", FLOWS_MAX);
    subscriber->verbs = verbs;
    subscriber->user_id = user_id;
    move(new_flow(hub, subscriber), FLOW_JOINED);
    return FR_OK;
}

void fr_hub_leave(struct fr_hub *hub, struct fr_subscriber *subscriber)
{
    if (subscriber->state != NULL)
        move(subscriber->state, FLOW_LEFT);
}

size_t fr_hub_count(const struct fr_hub *hub)
{
    return hub->count;
}
