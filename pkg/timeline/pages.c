#include "timeline/pages.h"

#include <stdlib.h>

#include "metrics/metrics.h"
#include "pages_internal.h"
#include "store/store.h"

enum {
    WARM_PERIOD_MS = 100,
    WARM_READS = 5, /* of one period, so that whoever asks is not kept waiting */
    IDLE_PERIOD_MS = 1000,
    FENCE_RENEW_MS = 15000,
    TRIES_MAX = 3,
};

/* ---- reading ---- */

/* A read on its way. */
struct page_read {
    struct fr_pages *pages;
    int64_t user_id;
    size_t skip, limit;        /* of what is read, for whoever asked */
    size_t read;               /* posts that were asked for */
    fr_timeline_posts_fn done; /* NULL: nobody waits */
    void *arg;
    uint32_t serial; /* of the page that it fills; 0: none */
    bool newest;     /* it begins with the newest post */
};

static void fill(struct page_read *read, struct fr_page_reader *reader, const struct fr_post *posts,
                 size_t count)
{
    struct page_entry entries[PAGE_RING_MAX];
    size_t kept = count < PAGE_RING_MAX ? count : PAGE_RING_MAX;
    for (size_t i = 0; i < kept; i++) {
        entries[i] = (struct page_entry){.post_id = posts[i].id,
                                         .author_id = posts[i].author_id,
                                         .revision = posts[i].revision,
                                         .state = PAGE_ENTRY_SURE};
        fr_bodies_put(read->pages->options.bodies, &posts[i]);
    }
    bool all = count == kept && count < read->read;
    fr_timeline_ring_fill(&reader->ring, entries, kept, all ? 0 : posts[kept - 1].id);
    reader->state = READER_KEPT;
    fr_metric_add(FR_METRIC_PAGES_KEPT, 1);
}

/* What he has seen, his kept page does not lack. */
static void add_seen(struct fr_pages *pages, struct fr_page_reader *reader, const struct fr_post *posts,
                     size_t count)
{
    for (size_t i = 0; i < count && posts[i].id >= reader->ring.floor; i++) {
        const struct page_entry entry = {
            .post_id = posts[i].id, .author_id = posts[i].author_id, .state = PAGE_ENTRY_NEW};
        fr_timeline_ring_add(&reader->ring, &entry);
    }
}

static void keep(struct page_read *read, enum fr_status status, const struct fr_post *posts, size_t count)
{
    struct fr_page_reader *reader = fr_pages_reader_find(read->pages, read->user_id);
    if (reader == NULL)
        return;
    bool fills = read->serial != 0 && reader->state == READER_FILLING && reader->serial == read->serial;
    if (fills && status == FR_OK)
        fill(read, reader, posts, count);
    else if (fills)
        fr_pages_give_up(read->pages, reader);
    else if (status == FR_OK && read->newest && reader->state == READER_KEPT)
        add_seen(read->pages, reader, posts, count);
}

static void on_read(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                    const struct fr_error *error)
{
    struct page_read *read = arg;
    keep(read, status, posts, count);
    size_t skip = read->skip < count ? read->skip : count;
    size_t left = count - skip;
    if (read->done != NULL && status == FR_OK)
        read->done(read->arg, FR_OK, posts + skip, left < read->limit ? left : read->limit, NULL);
    else if (read->done != NULL)
        read->done(read->arg, status, NULL, 0, error);
    free(read);
}

static void read_for(struct fr_pages *pages, const struct fr_page_request *request, fr_timeline_posts_fn done,
                     void *arg)
{
    struct page_read *read = FR_NEW(struct page_read);
    *read = (struct page_read){.pages = pages,
                               .user_id = request->user_id,
                               .limit = (size_t)request->limit,
                               .read = (size_t)request->limit,
                               .done = done,
                               .arg = arg,
                               .newest = request->before_id == INT64_MAX && request->offset == 0};
    fr_timeline_page(pages->options.store, request, on_read, read);
}

static bool flows(const struct fr_pages *pages)
{
    return !pages->fence.overdue &&
           (pages->options.flowing == NULL || pages->options.flowing(pages->options.arg));
}

static bool can_fill(const struct fr_pages *pages, const struct fr_page_reader *reader)
{
    return reader != NULL && reader->state == READER_IDLE && reader->feeds != NULL &&
           fr_pages_fence_holds(pages) && flows(pages);
}

/* Reads `posts` for his page, and for whoever asks for a part of them. What is told from now on is added to
 * what is read. */
static void fill_for(struct fr_pages *pages, struct fr_page_reader *reader, int posts,
                     const struct fr_page_request *request, fr_timeline_posts_fn done, void *arg)
{
    const struct fr_page_request wide = {.user_id = reader->link.id, .before_id = INT64_MAX, .limit = posts};
    struct page_read *read = FR_NEW(struct page_read);
    if (++pages->last_serial == 0)
        pages->last_serial = 1;
    *read = (struct page_read){.pages = pages,
                               .user_id = reader->link.id,
                               .skip = request != NULL ? (size_t)request->offset : 0,
                               .limit = request != NULL ? (size_t)request->limit : 0,
                               .read = (size_t)posts,
                               .done = done,
                               .arg = arg,
                               .serial = pages->last_serial,
                               .newest = true};
    fr_ring_remove(&reader->warm);
    fr_pages_enter_recent(pages, reader);
    reader->state = READER_FILLING;
    reader->source = reader->feeds;
    reader->serial = read->serial;
    reader->applied = pages->log_count;
    fr_timeline_page(pages->options.store, &wide, on_read, read);
}

static bool may_be_kept(const struct fr_pages *pages, const struct fr_page_request *request)
{
    return pages->options.pages_max > 0 && request->before_id == INT64_MAX &&
           request->offset + request->limit <= PAGE_RING_MAX;
}

void fr_pages_miss(struct fr_pages *pages, const struct fr_page_request *request, fr_timeline_posts_fn done,
                   void *arg)
{
    struct fr_page_reader *reader = fr_pages_reader_find(pages, request->user_id);
    fr_metric_add(FR_METRIC_PAGE_MISSES, 1);
    if (!can_fill(pages, reader)) {
        read_for(pages, request, done, arg);
        return;
    }
    if (!fr_ring_is_in(&reader->recent))
        fr_pages_make_room(pages);
    fill_for(pages, reader, PAGE_RING_MAX, request, done, arg);
}

void fr_pages_read(struct fr_pages *pages, const struct fr_page_request *request, enum fr_encoding encoding,
                   fr_timeline_posts_fn done, void *arg)
{
    if (!may_be_kept(pages, request)) {
        read_for(pages, request, done, arg);
        return;
    }
    int64_t now_ms = fr_clock_monotonic_ms();
    struct fr_page_reader *reader = fr_pages_reader_find(pages, request->user_id);
    if (reader == NULL) {
        fr_pages_count_read(pages, request->user_id, now_ms);
        fr_pages_miss(pages, request, done, arg);
        return;
    }
    reader->asked_ms = now_ms;
    if (fr_ring_is_in(&reader->recent))
        fr_pages_enter_recent(pages, reader);
    if (reader->state != READER_KEPT || !flows(pages)) {
        fr_pages_miss(pages, request, done, arg);
        return;
    }
    struct page_ask *ask = FR_NEW(struct page_ask);
    ask->request = *request;
    ask->encoding = encoding;
    ask->done = done;
    ask->arg = arg;
    fr_pages_fence_wait(pages, ask);
}

void fr_pages_read_through(struct fr_pages *pages, const struct fr_page_request *request,
                           fr_timeline_posts_fn done, void *arg)
{
    struct fr_page_reader *reader = fr_pages_reader_find(pages, request->user_id);
    bool newest = request->before_id == INT64_MAX && request->offset == 0;
    if (newest && can_fill(pages, reader) && (!fr_pages_is_full(pages) || fr_ring_is_in(&reader->recent)))
        fill_for(pages, reader, request->limit, request, done, arg);
    else
        read_for(pages, request, done, arg);
}

/* ---- answering from memory ---- */

void fr_pages_apply_changes(struct fr_pages *pages, struct fr_page_reader *reader)
{
    uint64_t from = reader->applied;
    reader->applied = pages->log_count;
    if (from < pages->all_changed_at || pages->log_count - from > PAGES_LOG) {
        fr_timeline_ring_doubt_all(&reader->ring);
        return;
    }
    for (; from < pages->log_count; from++) {
        struct page_entry *entry = fr_timeline_ring_find(&reader->ring, pages->log[from % PAGES_LOG]);
        if (entry != NULL && entry->state == PAGE_ENTRY_SURE)
            entry->state = PAGE_ENTRY_DOUBTED;
    }
}

enum outcome { ANSWERED, NOT_YET, NOT_KEPT };

struct page_bodies {
    struct fr_body *bodies[PAGE_RING_MAX];
    size_t count, lacking;
};

/* One that is not there is to be looked at, and read, by the next fence. */
static bool hold_bodies(struct fr_pages *pages, struct fr_page_reader *reader,
                        const struct fr_page_request *request, struct page_bodies *held)
{
    size_t place = 0, end = (size_t)(request->offset + request->limit);
    bool sure = true;
    for (size_t i = 0; i < reader->ring.count && place < end; i++) {
        struct page_entry *entry = &reader->ring.entries[i];
        if (entry->state == PAGE_ENTRY_NEW)
            continue; /* it came after the fence began */
        if (entry->state == PAGE_ENTRY_DOUBTED) {
            sure = false;
            place++;
            continue;
        }
        if (place++ < (size_t)request->offset)
            continue;
        struct fr_body *body = fr_bodies_find(pages->options.bodies, entry->post_id, entry->revision);
        if (body != NULL) {
            held->bodies[held->count++] = body;
            continue;
        }
        entry->state = PAGE_ENTRY_DOUBTED;
        entry->revision = 0;
        held->lacking++;
    }
    return sure && held->lacking == 0 && (place == end || reader->ring.floor == 0);
}

static bool reaches(const struct page_ring *ring, const struct fr_page_request *request)
{
    size_t known = 0;
    for (size_t i = 0; i < ring->count; i++)
        known += ring->entries[i].state != PAGE_ENTRY_NEW;
    return ring->floor == 0 || known >= (size_t)(request->offset + request->limit);
}

static enum outcome answer_from(struct fr_pages *pages, struct fr_page_reader *reader,
                                const struct page_ask *ask)
{
    struct page_bodies held = {.count = 0};
    fr_pages_apply_changes(pages, reader);
    if (!reaches(&reader->ring, &ask->request)) {
        fr_pages_give_up(pages, reader); /* too much was taken out: it is read anew */
        return NOT_KEPT;
    }
    bool whole = hold_bodies(pages, reader, &ask->request, &held);
    fr_metric_add(FR_METRIC_BODY_HITS, (int64_t)held.count);
    fr_metric_add(FR_METRIC_BODY_MISSES, (int64_t)held.lacking);
    if (whole) {
        struct fr_post posts[PAGE_RING_MAX];
        for (size_t i = 0; i < held.count; i++) {
            held.bodies[i] = fr_bodies_write(pages->options.bodies, held.bodies[i], ask->encoding);
            posts[i] = *fr_body_post(held.bodies[i]);
            posts[i].written = fr_body_written(held.bodies[i], ask->encoding);
        }
        fr_metric_add(FR_METRIC_PAGE_HITS, 1);
        ask->done(ask->arg, FR_OK, posts, held.count, NULL);
    }
    for (size_t i = 0; i < held.count; i++)
        fr_body_release(held.bodies[i]);
    return whole ? ANSWERED : NOT_YET;
}

void fr_pages_answer(struct fr_pages *pages, struct page_ask *ask)
{
    struct fr_page_reader *reader = fr_pages_reader_find(pages, ask->request.user_id);
    enum outcome outcome = NOT_KEPT;
    if (reader != NULL && reader->state == READER_KEPT && flows(pages))
        outcome = answer_from(pages, reader, ask);
    if (outcome == NOT_YET && ask->tries++ < TRIES_MAX) {
        fr_pages_fence_wait(pages, ask);
        return;
    }
    if (outcome != ANSWERED)
        fr_pages_miss(pages, &ask->request, ask->done, ask->arg);
    free(ask);
}

/* ---- now and then ---- */

static void warm(struct fr_pages *pages, int64_t now_ms)
{
    while (!fr_ring_is_empty(&pages->warm_later)) {
        struct fr_page_reader *first = FR_CONTAINER_OF(pages->warm_later.next, struct fr_page_reader, warm);
        if (first->warm_ms > now_ms)
            break;
        fr_ring_add(&pages->warm_now, &first->warm);
    }
    for (int reads = 0; reads < WARM_READS && !fr_ring_is_empty(&pages->warm_now); reads++) {
        struct fr_page_reader *reader = FR_CONTAINER_OF(pages->warm_now.next, struct fr_page_reader, warm);
        /* What changed before would else be told when he asks, and the page, which shows it, given up for it.
         */
        if (!fr_pages_fence_holds(pages) || pages->fence.since_ms < reader->warm_ms) {
            fr_pages_fence_renew(pages);
            return;
        }
        fr_ring_remove(&reader->warm);
        if (!can_fill(pages, reader) || fr_pages_is_full(pages))
            continue;
        fill_for(pages, reader, PAGE_RING_MAX, NULL, NULL, NULL);
        /* Whoever asked comes before. */
        fr_ring_add_first(&pages->recent, &reader->recent);
    }
}

static void on_timer(struct fr_timer *timer)
{
    struct fr_pages *pages = FR_CONTAINER_OF(timer, struct fr_pages, timer);
    int64_t now_ms = fr_clock_monotonic_ms();
    warm(pages, now_ms);
    fr_pages_drop_idle(pages, now_ms);
    if (pages->fence.overdue || (pages->recent_count > 0 && now_ms - pages->fence.asked_ms >= FENCE_RENEW_MS))
        fr_pages_fence_renew(pages);
    bool warming = !fr_ring_is_empty(&pages->warm_now) || !fr_ring_is_empty(&pages->warm_later);
    if (pages->readers.count > 0)
        fr_timer_start(pages->loop, timer, warming ? WARM_PERIOD_MS : IDLE_PERIOD_MS, on_timer);
}

void fr_pages_look_soon(struct fr_pages *pages)
{
    if (!fr_timer_is_queued(&pages->timer))
        fr_timer_start(pages->loop, &pages->timer, WARM_PERIOD_MS, on_timer);
}

/* ---- */

struct fr_pages *fr_pages_new(const struct fr_pages_options *options)
{
    struct fr_pages *pages = FR_NEW(struct fr_pages);
    pages->options = *options;
    pages->loop = options->loop;
    fr_ring_init(&pages->recent);
    fr_ring_init(&pages->warm_now);
    fr_ring_init(&pages->warm_later);
    fr_pages_fence_init(pages);
    return pages;
}

void fr_pages_free(struct fr_pages *pages)
{
    if (pages == NULL)
        return;
    fr_timer_stop(&pages->timer);
    fr_pages_fence_release(pages);
    fr_timeline_index_release(&pages->readers);
    free(pages);
}
