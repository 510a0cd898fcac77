/* Readers: for whom a page may be kept, and how long. They are found by their id; those for whom something is
 * kept stand in the order in which they asked, and the one who asked least recently makes way. */
#include <stdlib.h>

#include "metrics/metrics.h"
#include "pages_internal.h"

enum { WARM_LATER_MS = 10000 };

struct fr_page_reader *fr_pages_reader_find(const struct fr_pages *pages, int64_t user_id)
{
    struct id_link *link = fr_timeline_index_find(&pages->readers, user_id);
    return link != NULL ? FR_CONTAINER_OF(link, struct fr_page_reader, link) : NULL;
}

static struct fr_page_reader *get_reader(struct fr_pages *pages, int64_t user_id)
{
    struct fr_page_reader *reader = fr_pages_reader_find(pages, user_id);
    if (reader != NULL)
        return reader;
    reader = FR_NEW(struct fr_page_reader);
    reader->link.id = user_id;
    fr_timeline_index_add(&pages->readers, &reader->link);
    fr_pages_look_soon(pages);
    return reader;
}

void fr_pages_enter_recent(struct fr_pages *pages, struct fr_page_reader *reader)
{
    if (!fr_ring_is_in(&reader->recent))
        pages->recent_count++;
    fr_ring_add(&pages->recent, &reader->recent);
}

static void leave_recent(struct fr_pages *pages, struct fr_page_reader *reader)
{
    if (fr_ring_is_in(&reader->recent))
        pages->recent_count--;
    fr_ring_remove(&reader->recent);
}

static void free_reader_of_nobody(struct fr_pages *pages, struct fr_page_reader *reader)
{
    if (reader->feeds != NULL || reader->wanted)
        return;
    leave_recent(pages, reader);
    fr_ring_remove(&reader->warm);
    fr_timeline_index_remove(&pages->readers, &reader->link);
    free(reader);
}

void fr_pages_give_up(struct fr_pages *pages, struct fr_page_reader *reader)
{
    if (reader->state == READER_IDLE)
        return;
    if (reader->state == READER_KEPT)
        fr_metric_add(FR_METRIC_PAGES_KEPT, -1);
    reader->state = READER_IDLE;
    reader->source = NULL;
    fr_timeline_ring_release(&reader->ring);
    if (!reader->wanted)
        leave_recent(pages, reader);
}

void fr_pages_void(struct fr_pages *pages, struct fr_page_reader *reader)
{
    if (reader->state != READER_IDLE)
        fr_metric_add(FR_METRIC_PAGES_VOIDED, 1);
    fr_pages_give_up(pages, reader);
}

void fr_pages_void_all(struct fr_pages *pages)
{
    for (struct fr_ring *at = pages->recent.next, *next; at != &pages->recent; at = next) {
        next = at->next;
        fr_pages_void(pages, FR_CONTAINER_OF(at, struct fr_page_reader, recent));
    }
}

/* Whatever is kept for him; he may be gone afterwards. */
static void evict(struct fr_pages *pages, struct fr_page_reader *reader)
{
    bool wanted = reader->wanted;
    int64_t user_id = reader->link.id;
    reader->wanted = false;
    fr_pages_give_up(pages, reader);
    leave_recent(pages, reader);
    if (reader->feeds == NULL)
        free_reader_of_nobody(pages, reader);
    if (wanted)
        pages->options.drop_feed(pages->options.arg, user_id);
}

bool fr_pages_is_full(const struct fr_pages *pages)
{
    return pages->recent_count >= pages->options.pages_max;
}

void fr_pages_make_room(struct fr_pages *pages)
{
    if (fr_pages_is_full(pages))
        evict(pages, FR_CONTAINER_OF(pages->recent.next, struct fr_page_reader, recent));
}

/* ---- live posts ---- */

static struct page_entry live_entry(struct fr_pages *pages, int64_t post_id)
{
    struct page_entry entry = {.post_id = post_id, .state = PAGE_ENTRY_NEW};
    struct fr_body *body = fr_bodies_find(pages->options.bodies, post_id, 0);
    if (body != NULL) {
        entry.author_id = fr_body_post(body)->author_id;
        entry.revision = fr_body_post(body)->revision;
        fr_body_release(body);
    }
    return entry;
}

void fr_pages_feed_start(struct fr_pages *pages, struct fr_page_feed *feed, int64_t user_id, bool soon)
{
    if (pages->options.pages_max == 0 || feed->reader != NULL)
        return;
    struct fr_page_reader *reader = get_reader(pages, user_id);
    struct fr_page_feed **end = &reader->feeds, *last = NULL;
    for (; *end != NULL; end = &(*end)->next)
        last = *end;
    *end = feed;
    *feed = (struct fr_page_feed){.prev = last, .reader = reader};
    if (!fr_pages_fence_holds(pages))
        fr_pages_fence_renew(pages);
    if (reader->state != READER_IDLE)
        return;
    reader->warm_ms = fr_clock_monotonic_ms() + (soon ? 0 : WARM_LATER_MS);
    fr_ring_add(soon ? &pages->warm_now : &pages->warm_later, &reader->warm);
}

void fr_pages_feed_post(struct fr_pages *pages, struct fr_page_feed *feed, int64_t post_id)
{
    struct fr_page_reader *reader = feed->reader;
    if (reader == NULL || reader->state == READER_IDLE || post_id < reader->ring.floor ||
        fr_timeline_ring_find(&reader->ring, post_id) != NULL)
        return;
    struct page_entry entry = live_entry(pages, post_id);
    fr_timeline_ring_add(&reader->ring, &entry);
}

void fr_pages_feed_doubt(struct fr_pages *pages, struct fr_page_feed *feed)
{
    if (feed->reader != NULL && feed->reader->source == feed)
        fr_pages_void(pages, feed->reader);
}

void fr_pages_feed_stop(struct fr_pages *pages, struct fr_page_feed *feed)
{
    struct fr_page_reader *reader = feed->reader;
    if (reader == NULL)
        return;
    fr_pages_feed_doubt(pages, feed);
    if (feed->prev != NULL)
        feed->prev->next = feed->next;
    else
        reader->feeds = feed->next;
    if (feed->next != NULL)
        feed->next->prev = feed->prev;
    *feed = (struct fr_page_feed){0};
    free_reader_of_nobody(pages, reader);
}

void fr_pages_feed_refused(struct fr_pages *pages, int64_t user_id)
{
    struct fr_page_reader *reader = fr_pages_reader_find(pages, user_id);
    if (reader == NULL || !reader->wanted)
        return;
    reader->wanted = false;
    if (reader->state == READER_IDLE)
        leave_recent(pages, reader);
    free_reader_of_nobody(pages, reader);
}

/* ---- frequent readers ---- */

/* Reads are counted by place: users who share one take it from each other, and count a little late. */
static bool is_hot(struct fr_pages *pages, int64_t user_id, int64_t now_ms)
{
    uint64_t hash = (uint64_t)user_id * UINT64_C(0x9e3779b97f4a7c15);
    struct read_count *count = &pages->counts[(hash >> 32) & (PAGES_READS_COUNTED - 1)];
    if (count->user_id != user_id || now_ms - count->since_ms > FR_HOT_READS_MS)
        *count = (struct read_count){.user_id = user_id, .since_ms = now_ms};
    return ++count->count >= FR_HOT_READS;
}

/* He has no connection here, and reads often. */
static void want_feed(struct fr_pages *pages, int64_t user_id, int64_t now_ms)
{
    if (pages->options.want_feed == NULL)
        return;
    fr_pages_make_room(pages);
    struct fr_page_reader *reader = get_reader(pages, user_id);
    reader->wanted = true;
    reader->asked_ms = now_ms;
    fr_pages_enter_recent(pages, reader);
    if (!pages->options.want_feed(pages->options.arg, user_id))
        fr_pages_feed_refused(pages, user_id);
}

void fr_pages_count_read(struct fr_pages *pages, int64_t user_id, int64_t now_ms)
{
    if (is_hot(pages, user_id, now_ms))
        want_feed(pages, user_id, now_ms);
}

void fr_pages_drop_idle(struct fr_pages *pages, int64_t now_ms)
{
    for (struct fr_ring *at = pages->recent.next, *next; at != &pages->recent; at = next) {
        struct fr_page_reader *reader = FR_CONTAINER_OF(at, struct fr_page_reader, recent);
        next = at->next;
        if (now_ms - reader->asked_ms < FR_HOT_IDLE_MS)
            return; /* and so was everybody behind */
        if (reader->wanted)
            evict(pages, reader);
    }
}
