/* The subscribers of one loop: what comes to them by mail. Everything here but the fr_hub_mail_… runs on the
 * loop's thread. */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "hub_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum {
    MAILBOX_CAPACITY =
        16384, /* messages; past it their flows have a gap, and read it again from the stream */
};

/* ---- what comes by mail ---- */

static void on_message(struct fr_hub *hub, const struct hub_message *message)
{
    struct flow *flow = fr_delivery_flow_find(hub, message->consumer);
    if (flow == NULL || message->user_id != flow->subscriber->user_id) {
        fr_delivery_consumer_delete_stray(hub, message->consumer, message->partition);
        return;
    }
    if (message->consumer_seq <= flow->consumer_seq)
        return;
    if (message->consumer_seq != flow->consumer_seq + 1) {
        /* Some were dropped on the way. This one will come again, in order. */
        fr_delivery_flow_move(flow, FLOW_BROKEN);
        return;
    }
    /* The stream keeps so many messages of a user, and the oldest make way for new ones, read or not. If as
     * many are still unread with this one, some before it may have gone. */
    if (message->pending + 1 >= FR_FEED_BACKLOG_MAX) {
        fr_delivery_flow_hole(flow);
        return;
    }
    if (flow->attach != NULL) {
        fr_delivery_attach_take(flow, message);
        return;
    }
    flow->consumer_seq = message->consumer_seq;
    flow->seen.sequence = message->stream_seq;
    flow->placed_ms = (uint32_t)fr_clock_monotonic_ms();
    flow->missing = false;
    if (message->event != NULL)
        fr_delivery_users_take(flow, message->event);
}

static void on_created(struct fr_hub *hub, const struct fr_feed_created *created)
{
    struct flow *flow = fr_delivery_flow_find(hub, created->consumer);
    if (flow != NULL)
        fr_delivery_attach_created(flow, created);
    else if (created->epoch != 0)
        fr_delivery_consumer_delete(hub, created->consumer, created->partition);
}

static void break_all(struct fr_hub *hub, bool gone)
{
    for (uint32_t i = 0; i < hub->slot_count; i++) {
        struct flow *flow = hub->slots[i].flow;
        if (flow == NULL)
            continue;
        flow->tries = 0;
        if (gone && flow->opened)
            fr_delivery_flow_hole(flow);
        else
            fr_delivery_flow_move(flow, FLOW_BROKEN);
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
        break_all(hub, false);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct flow *flow = fr_delivery_flow_find(hub, lost[i]);
        if (flow != NULL)
            fr_delivery_flow_move(flow, FLOW_BROKEN);
    }
}

static void lose_celebrities(struct fr_hub *hub, struct hub_celebrity *mail)
{
    pthread_mutex_lock(&hub->lost_lock);
    if (hub->lost_celebrities == mail)
        hub->lost_celebrities = NULL;
    pthread_mutex_unlock(&hub->lost_lock);
    fr_delivery_users_lose_celebrities(hub, &mail->place);
    free(mail);
}

static void on_mail(void *arg, struct fr_mail *mail)
{
    struct fr_hub *hub = arg;
    struct hub_mail *head = FR_CONTAINER_OF(mail, struct hub_mail, mail);
    switch (head->kind) {
    case HUB_MAIL_MESSAGE: {
        struct hub_message *message = FR_CONTAINER_OF(head, struct hub_message, head);
        hub->last_mail = fr_mailbox_is_last(hub->mailbox);
        on_message(hub, message);
        hub->last_mail = false;
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
    case HUB_MAIL_LOOKED: {
        struct hub_looked *looked = FR_CONTAINER_OF(head, struct hub_looked, head);
        fr_delivery_refresh_looked(hub, &looked->looked);
        fr_delivery_attach_looked(hub, &looked->looked);
        free(looked);
        return;
    }
    case HUB_MAIL_SOUGHT: {
        struct hub_sought *sought = FR_CONTAINER_OF(head, struct hub_sought, head);
        fr_delivery_refresh_sought(hub, &sought->sought);
        free(sought);
        return;
    }
    case HUB_MAIL_BROKEN:
    case HUB_MAIL_GONE:
        break_all(hub, head->kind == HUB_MAIL_GONE);
        free(head);
        return;
    case HUB_MAIL_LOST:
        break_lost(hub);
        return;
    case HUB_MAIL_CELEBRITY: {
        struct hub_celebrity *celebrity = FR_CONTAINER_OF(head, struct hub_celebrity, head);
        hub->last_mail = fr_mailbox_is_last(hub->mailbox);
        fr_delivery_users_take_celebrity(hub, &celebrity->place, celebrity->event);
        hub->last_mail = false;
        fr_delivery_event_release(celebrity->event);
        free(celebrity);
        return;
    }
    case HUB_MAIL_CELEBRITIES_LOST:
        lose_celebrities(hub, FR_CONTAINER_OF(head, struct hub_celebrity, head));
        return;
    case HUB_MAIL_CURRENT: {
        struct hub_current *current = FR_CONTAINER_OF(head, struct hub_current, head);
        hub->current = current->current;
        if (hub->current)
            fr_delivery_users_stand_celebrities(hub, &current->place);
        fr_delivery_attach_load_all(hub);
        free(current);
        return;
    }
    }
}

/* All subscribers have left, so what is left concerns nobody; but consumers must not stay. */
static void drop_mail(void *arg, struct fr_mail *mail)
{
    struct hub_mail *head = FR_CONTAINER_OF(mail, struct hub_mail, mail);
    if (head->kind != HUB_MAIL_LOST)
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

/* A partition has one look on its way: bounded by the partitions, as long as the loop keeps up. */
void fr_hub_mail_looked(struct fr_hub *hub, const struct fr_feed_looked *looked)
{
    struct hub_looked *mail = FR_NEW(struct hub_looked);
    mail->head.kind = HUB_MAIL_LOOKED;
    mail->looked = *looked;
    fr_mailbox_send_always(hub->mailbox, &mail->head.mail);
}

/* Tells of nothing that is not asked again, but few are on their way at a time. */
void fr_hub_mail_sought(struct fr_hub *hub, const struct fr_feed_sought *sought)
{
    struct hub_sought *mail = FR_NEW(struct hub_sought);
    mail->head.kind = HUB_MAIL_SOUGHT;
    mail->sought = *sought;
    if (fr_mailbox_send(hub->mailbox, &mail->head.mail) != FR_OK)
        free(mail);
}

void fr_hub_mail_broken(struct fr_hub *hub, enum hub_mail_kind kind)
{
    struct hub_mail *mail = FR_NEW(struct hub_mail);
    mail->kind = kind;
    fr_mailbox_send_always(hub->mailbox, &mail->mail);
}

void fr_hub_mail_celebrity(struct fr_hub *hub, const struct fr_feed_place *place, struct live_event *event)
{
    struct hub_celebrity *mail = FR_NEW(struct hub_celebrity);
    mail->head.kind = HUB_MAIL_CELEBRITY;
    mail->place = *place;
    mail->event = event != NULL ? fr_delivery_event_hold(event) : NULL;
    if (fr_mailbox_send(hub->mailbox, &mail->head.mail) == FR_OK) {
        pthread_mutex_lock(&hub->lost_lock);
        hub->lost_celebrities = NULL;
        pthread_mutex_unlock(&hub->lost_lock);
        return;
    }
    fr_delivery_event_release(mail->event);
    free(mail);
    fr_hub_mail_celebrities_lost(hub, place);
}

/* One mail tells of all that is lost between the message before it and the message behind it, as long as it
 * has not been read. */
void fr_hub_mail_celebrities_lost(struct fr_hub *hub, const struct fr_feed_place *place)
{
    struct hub_celebrity *mail = NULL;
    pthread_mutex_lock(&hub->lost_lock);
    if (hub->lost_celebrities != NULL) {
        hub->lost_celebrities->place = *place;
    } else {
        mail = hub->lost_celebrities = FR_NEW(struct hub_celebrity);
        mail->head.kind = HUB_MAIL_CELEBRITIES_LOST;
        mail->place = *place;
    }
    pthread_mutex_unlock(&hub->lost_lock);
    if (mail != NULL)
        fr_mailbox_send_always(hub->mailbox, &mail->head.mail);
}

void fr_hub_mail_current(struct fr_hub *hub, bool current, const struct fr_feed_place *place)
{
    struct hub_current *mail = FR_NEW(struct hub_current);
    mail->head.kind = HUB_MAIL_CURRENT;
    mail->current = current;
    mail->place = *place;
    fr_mailbox_send_always(hub->mailbox, &mail->head.mail);
}

/* ---- hub ---- */

struct fr_hub *fr_hub_new(struct fr_delivery *delivery, struct fr_loop *loop,
                          const struct fr_hub_options *options)
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
    hub->keyring = options->keyring;
    hub->store = options->store;
    fr_ring_init(&hub->paging);
    for (int p = 0; p < FR_FEED_PARTITIONS; p++)
        fr_ring_init(&hub->looking[p]);
    fr_delivery_users_init(hub, options);
    fr_delivery_refresh_init(hub, options->resume_window_ms);
    pthread_rwlock_wrlock(&delivery->lock);
    hub->current = delivery->current;
    fr_delivery_celebrity_ring_copy(&delivery->ring, &hub->ring);
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
    fr_delivery_refresh_release(hub);
    fr_delivery_users_release(hub);
    fr_delivery_celebrity_ring_release(&hub->ring);
    pthread_mutex_destroy(&hub->lost_lock);
    free(hub->slots);
    free(hub);
}

enum fr_status fr_hub_join(struct fr_hub *hub, struct fr_subscriber *subscriber, const struct fr_join *join,
                           const struct fr_subscriber_verbs *verbs, struct fr_error *error)
{
    assert(subscriber->state == NULL);
    if (hub->count == FLOWS_MAX)
        return fr_error_set(error, FR_FULL, NULL, "%d live connections on one event loop", FLOWS_MAX);
    subscriber->verbs = verbs;
    subscriber->user_id = join->user_id;
    subscriber->encoding = join->encoding;
    struct flow *flow = fr_delivery_flow_new(hub, subscriber);
    flow->snapshot = (uint8_t)join->snapshot;
    if (join->cursor != NULL) {
        flow->seen = join->cursor->feed;
        flow->celebrities = join->cursor->celebrities;
        flow->attach->present_ms = join->cursor->present_ms;
        flow->attach->resuming = true;
        flow->attach->fresh = false;
    }
    return fr_delivery_users_join(flow, join->user_id, error);
}

void fr_hub_leave(struct fr_hub *hub, struct fr_subscriber *subscriber)
{
    if (subscriber->state != NULL)
        fr_delivery_flow_move(subscriber->state, FLOW_LEFT);
}

size_t fr_hub_count(const struct fr_hub *hub)
{
    return hub->count;
}
