#include "delivery/page_feeder.h"

#include <stdlib.h>

#include "id_table.h"
#include "timeline/pages.h"

struct fr_page_feeders {
    struct fr_bus *bus;
    struct fr_hub *hub;
    struct fr_pages *pages;
    struct id_table feeders; /* by user */
};

struct feeder {
    struct fr_page_feeders *all;
    struct fr_subscriber subscriber;
    struct fr_page_feed feed;
};

static struct feeder *feeder_of(struct fr_subscriber *subscriber)
{
    return FR_CONTAINER_OF(subscriber, struct feeder, subscriber);
}

static void free_feeder(struct feeder *feeder)
{
    struct fr_page_feeders *all = feeder->all;
    fr_delivery_table_remove(&all->feeders, feeder->subscriber.user_id);
    fr_hub_leave(all->hub, &feeder->subscriber);
    fr_pages_feed_stop(all->pages, &feeder->feed);
    free(feeder);
}

/* ---- the hub's side ---- */

static void on_started(struct fr_subscriber *subscriber)
{
    struct feeder *feeder = feeder_of(subscriber);
    fr_pages_feed_start(feeder->all->pages, &feeder->feed, subscriber->user_id, true);
}

/* Until it goes on the page would lack what is published: it is read instead. */
static void on_interrupted(struct fr_subscriber *subscriber)
{
    struct feeder *feeder = feeder_of(subscriber);
    fr_pages_feed_stop(feeder->all->pages, &feeder->feed);
}

static enum fr_status on_send(struct fr_subscriber *subscriber, const struct fr_message *message)
{
    struct feeder *feeder = feeder_of(subscriber);
    fr_pages_feed_post(feeder->all->pages, &feeder->feed, message->post_id);
    return FR_OK;
}

/* Whatever the reason: who still reads often is wanted again. */
static void on_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct feeder *feeder = feeder_of(subscriber);
    struct fr_pages *pages = feeder->all->pages;
    int64_t user_id = subscriber->user_id;
    free_feeder(feeder);
    fr_pages_feed_refused(pages, user_id);
}

static const struct fr_subscriber_verbs verbs = {
    .started = on_started,
    .interrupted = on_interrupted,
    .send = on_send,
    .ended = on_ended,
};

/* ---- the pages' side ---- */

bool fr_page_feeders_flowing(void *arg)
{
    const struct fr_page_feeders *feeders = arg;
    return fr_bus_connected(feeders->bus);
}

bool fr_page_feeders_want(void *arg, int64_t user_id)
{
    struct fr_page_feeders *feeders = arg;
    struct fr_error error;
    struct feeder *feeder = FR_NEW(struct feeder);
    feeder->all = feeders;
    /* Plain: it is told of posts alone, and nothing is read for it. */
    const struct fr_join join = {.user_id = user_id, .encoding = FR_ENCODING_PLAIN};
    fr_delivery_table_add(&feeders->feeders, user_id, feeder);
    if (fr_hub_join(feeders->hub, &feeder->subscriber, &join, &verbs, &error) == FR_OK)
        return true;
    free_feeder(feeder);
    return false;
}

void fr_page_feeders_drop(void *arg, int64_t user_id)
{
    struct fr_page_feeders *feeders = arg;
    struct feeder *feeder = fr_delivery_table_find(&feeders->feeders, user_id);
    if (feeder != NULL)
        free_feeder(feeder);
}

/* ---- */

struct fr_page_feeders *fr_page_feeders_new(struct fr_bus *bus)
{
    struct fr_page_feeders *feeders = FR_NEW(struct fr_page_feeders);
    feeders->bus = bus;
    return feeders;
}

void fr_page_feeders_begin(struct fr_page_feeders *feeders, struct fr_hub *hub, struct fr_pages *pages)
{
    feeders->hub = hub;
    feeders->pages = pages;
}

void fr_page_feeders_free(struct fr_page_feeders *feeders)
{
    if (feeders == NULL)
        return;
    size_t count = feeders->feeders.count;
    int64_t *ids = fr_delivery_table_ids(&feeders->feeders);
    for (size_t i = 0; i < count; i++) {
        fr_page_feeders_drop(feeders, ids[i]);
        fr_pages_feed_refused(feeders->pages, ids[i]);
    }
    free(ids);
    fr_delivery_table_release(&feeders->feeders);
    free(feeders);
}
