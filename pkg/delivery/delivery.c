#include <stdlib.h>

#include "delivery_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"

/* With delivery->lock held. */
static struct fr_hub *find_hub(struct fr_delivery *delivery, uint64_t consumer)
{
    return delivery->hubs[fr_delivery_route_unpack(consumer).hub];
}

static void log_misread(struct fr_delivery *delivery, const struct fr_error *error)
{
    int64_t now_ms = fr_clock_monotonic_ms(), last_ms = atomic_load(&delivery->misread_logged_ms);
    if (now_ms - last_ms >= 1000 &&
        atomic_compare_exchange_strong(&delivery->misread_logged_ms, &last_ms, now_ms))
        FR_LOG_WARN("live message not understood", FR_KV_ERROR(error));
}

static enum fr_status decode(struct fr_delivery *delivery, struct event_cache *cache, struct fr_str bytes,
                             struct live_event **ret, struct fr_error *error)
{
    pthread_rwlock_rdlock(&delivery->lock);
    enum fr_status status = fr_delivery_event_decode(cache, bytes, ret, error);
    pthread_rwlock_unlock(&delivery->lock);
    return status;
}

/* Decoded here, on the library's one thread, so that the loops, which write to sockets, only look and pass
 * on; what it costs is paid once for all followers of an author. */
void fr_delivery_take_message(void *arg, const struct fr_feed_message *message)
{
    struct fr_delivery *delivery = arg;
    struct live_event *event = NULL;
    struct fr_error error = {0};
    if (decode(delivery, &delivery->cache, message->data, &event, &error) != FR_OK)
        log_misread(delivery, &error);
    struct hub_message *mail = FR_NEW(struct hub_message);
    mail->head.kind = HUB_MAIL_MESSAGE;
    mail->partition = message->partition;
    mail->consumer = message->consumer;
    mail->stream_seq = message->stream_seq;
    mail->consumer_seq = message->consumer_seq;
    mail->pending = message->pending;
    mail->user_id = message->user_id;
    mail->event = event;
    pthread_rwlock_rdlock(&delivery->lock);
    struct fr_hub *hub = find_hub(delivery, message->consumer);
    if (hub != NULL)
        fr_hub_mail_message(hub, mail);
    pthread_rwlock_unlock(&delivery->lock);
    if (hub != NULL)
        return;
    fr_delivery_event_release(event);
    free(mail);
}

void fr_delivery_take_created(void *arg, const struct fr_feed_created *created)
{
    struct fr_delivery *delivery = arg;
    pthread_rwlock_rdlock(&delivery->lock);
    struct fr_hub *hub = find_hub(delivery, created->consumer);
    if (hub != NULL)
        fr_hub_mail_created(hub, created);
    pthread_rwlock_unlock(&delivery->lock);
    if (hub == NULL && created->epoch != 0)
        fr_feed_delete(delivery->feed, created->consumer, created->partition);
}

/* Each hub knows which of its flows wait for it. */
void fr_delivery_take_looked(void *arg, const struct fr_feed_looked *looked)
{
    struct fr_delivery *delivery = arg;
    pthread_rwlock_rdlock(&delivery->lock);
    for (size_t i = 0; i < ROUTE_HUBS_MAX; i++)
        if (delivery->hubs[i] != NULL)
            fr_hub_mail_looked(delivery->hubs[i], looked);
    pthread_rwlock_unlock(&delivery->lock);
}

void fr_delivery_take_sought(void *arg, const struct fr_feed_sought *sought)
{
    struct fr_delivery *delivery = arg;
    pthread_rwlock_rdlock(&delivery->lock);
    struct fr_hub *hub = find_hub(delivery, sought->consumer);
    if (hub != NULL)
        fr_hub_mail_sought(hub, sought);
    pthread_rwlock_unlock(&delivery->lock);
}

static void mail_broken(struct fr_delivery *delivery, enum hub_mail_kind kind)
{
    pthread_rwlock_rdlock(&delivery->lock);
    for (size_t i = 0; i < ROUTE_HUBS_MAX; i++)
        if (delivery->hubs[i] != NULL)
            fr_hub_mail_broken(delivery->hubs[i], kind);
    pthread_rwlock_unlock(&delivery->lock);
}

void fr_delivery_take_lost(void *arg)
{
    mail_broken(arg, HUB_MAIL_BROKEN);
}

/* ---- the celebrities' reader: one call at a time, in order ---- */

/* Once for each hub, however many of its users follow the author. */
static void take_celebrity(void *arg, const struct fr_celebrity_message *message)
{
    struct fr_delivery *delivery = arg;
    struct live_event *event = NULL;
    struct fr_error error = {0};
    if (decode(delivery, &delivery->celebrity_cache, message->data, &event, &error) != FR_OK)
        log_misread(delivery, &error);
    const struct fr_feed_place place = {message->epoch, message->stream_seq};
    fr_metric_add(FR_METRIC_CELEBRITY_MESSAGES, 1);
    pthread_rwlock_rdlock(&delivery->lock);
    fr_delivery_celebrity_ring_add(&delivery->ring, place.epoch, place.sequence, event);
    for (size_t i = 0; i < ROUTE_HUBS_MAX; i++)
        if (delivery->hubs[i] != NULL)
            fr_hub_mail_celebrity(delivery->hubs[i], &place, event);
    pthread_rwlock_unlock(&delivery->lock);
    fr_delivery_event_release(event);
}

static void take_celebrities_lost(void *arg)
{
    struct fr_delivery *delivery = arg;
    pthread_rwlock_rdlock(&delivery->lock);
    fr_delivery_celebrity_ring_clear(&delivery->ring);
    for (size_t i = 0; i < ROUTE_HUBS_MAX; i++)
        if (delivery->hubs[i] != NULL)
            fr_hub_mail_celebrities_lost(delivery->hubs[i], &(struct fr_feed_place){0});
    pthread_rwlock_unlock(&delivery->lock);
}

static void take_current(void *arg, bool current, const struct fr_feed_place *place)
{
    struct fr_delivery *delivery = arg;
    pthread_rwlock_wrlock(&delivery->lock);
    delivery->current = current;
    if (current)
        fr_delivery_celebrity_ring_stand(&delivery->ring, place);
    for (size_t i = 0; i < ROUTE_HUBS_MAX; i++)
        if (delivery->hubs[i] != NULL)
            fr_hub_mail_current(delivery->hubs[i], current, place);
    pthread_rwlock_unlock(&delivery->lock);
}

static enum fr_status open_celebrities(struct fr_delivery *delivery, struct fr_bus *bus, const char *gateway,
                                       struct fr_error *error)
{
    const struct fr_celebrities_callbacks callbacks = {
        .message = take_celebrity,
        .current = take_current,
        .lost = take_celebrities_lost,
        .arg = delivery,
    };
    return fr_celebrities_open(bus, gateway, &callbacks, &delivery->celebrities, error);
}

enum fr_status fr_delivery_open(struct fr_bus *bus, const char *gateway, struct fr_delivery **ret,
                                struct fr_error *error)
{
    struct fr_delivery *delivery = FR_NEW(struct fr_delivery);
    delivery->bus = bus;
    pthread_rwlock_init(&delivery->lock, NULL);
    const struct fr_feed_callbacks callbacks = {
        .message = fr_delivery_take_message,
        .created = fr_delivery_take_created,
        .looked = fr_delivery_take_looked,
        .sought = fr_delivery_take_sought,
        .lost = fr_delivery_take_lost,
        .arg = delivery,
    };
    enum fr_status status = fr_feed_open(bus, gateway, &callbacks, &delivery->feed, error);
    if (status == FR_OK)
        status = open_celebrities(delivery, bus, gateway, error);
    if (status != FR_OK) {
        fr_delivery_close(delivery);
        return status;
    }
    *ret = delivery;
    return FR_OK;
}

void fr_delivery_set_seen(struct fr_delivery *delivery, fr_delivery_seen_fn seen, void *arg)
{
    struct event_cache *caches[] = {&delivery->cache, &delivery->celebrity_cache};
    pthread_rwlock_wrlock(&delivery->lock);
    for (size_t i = 0; i < FR_COUNT_OF(caches); i++) {
        caches[i]->seen = seen;
        caches[i]->seen_arg = arg;
    }
    pthread_rwlock_unlock(&delivery->lock);
}

void fr_delivery_close(struct fr_delivery *delivery)
{
    if (delivery == NULL)
        return;
    fr_celebrities_close(delivery->celebrities);
    fr_feed_close(delivery->feed);
    fr_delivery_event_cache_release(&delivery->cache);
    fr_delivery_event_cache_release(&delivery->celebrity_cache);
    fr_delivery_celebrity_ring_release(&delivery->ring);
    pthread_rwlock_destroy(&delivery->lock);
    free(delivery);
}

void fr_delivery_reconnected(struct fr_delivery *delivery)
{
    mail_broken(delivery, fr_bus_window_passed(delivery->bus) ? HUB_MAIL_GONE : HUB_MAIL_BROKEN);
}
