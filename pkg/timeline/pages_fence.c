/* The fence: one statement that tells what changed since the one before, and behind it, if there are entries
 * that are not sure, one that looks at them; once a second, one that looks whether live posts are overdue.
 * One fence runs at a time; whoever comes meanwhile waits for the next, so what it tells is never older than
 * a request that it answers. */
#include <stdlib.h>

#include "log/log.h"
#include "metrics/metrics.h"
#include "pages_internal.h"
#include "store/store.h"

#define FENCE_KEY UINT64_C(0x66656e6365) /* fences keep their order on one connection */

/* Kinds of page_changes; the first row of page_fence.sql is of none. */
enum { CHANGED_POST = 1, CHANGED_FOLLOW = 2, CHANGED_ACCOUNT = 3, CHANGED_EVERYTHING = 4 };

enum { COL_KIND, COL_AUTHOR, COL_SUBJECT, COL_SNAPSHOT, COL_BACKEND };
enum { COL_OVERDUE };                                                      /* of page_overdue.sql */
enum { COL_PLACE, COL_REVISION, COL_BODY, COL_CREATED_AT, COL_EDITED_AT }; /* of page_check.sql */

#define NO_TEXT (-1) /* as a revision: somebody else asks for it */

static struct fr_pages *pages_of(struct fr_task *task)
{
    return FR_CONTAINER_OF(task, struct fr_pages, fence.task);
}

static struct page_ask *first_of(struct fr_ring *asks)
{
    return FR_CONTAINER_OF(asks->next, struct page_ask, ring);
}

/* ---- what is to be looked at ---- */

/* Texts are asked for once, however many pages lack them. */
static bool is_asked_for(const struct fence *fence, int64_t post_id)
{
    for (size_t i = 0; i < fence->checked_count; i++)
        if (fence->posts[i] == post_id && fence->revisions[i] == 0)
            return true;
    return false;
}

/* False: nobody here knows whose post it is. */
static bool find_author(struct fr_pages *pages, struct page_entry *entry)
{
    struct fr_body *body =
        entry->author_id != 0 ? NULL : fr_bodies_find(pages->options.bodies, entry->post_id, entry->revision);
    if (body != NULL) {
        entry->author_id = fr_body_post(body)->author_id;
        entry->revision = fr_body_post(body)->revision;
        fr_body_release(body);
    }
    return entry->author_id != 0;
}

static void check_entry(struct fence *fence, const struct fr_page_reader *reader,
                        const struct page_entry *entry)
{
    int64_t revision = entry->revision;
    if (revision == 0 && is_asked_for(fence, entry->post_id))
        revision = NO_TEXT;
    size_t at = fence->checked_count++;
    fence->users[at] = reader->link.id;
    fence->authors[at] = entry->author_id;
    fence->posts[at] = entry->post_id;
    fence->revisions[at] = revision;
    fence->serials[at] = reader->serial;
}

static bool is_checked(const struct fence *fence, const struct fr_page_reader *reader)
{
    for (size_t i = 0; i < fence->checked_count; i++)
        if (fence->users[i] == reader->link.id)
            return true;
    return false;
}

static void check_page(struct fr_pages *pages, struct fr_page_reader *reader)
{
    if (reader->state != READER_KEPT)
        return;
    fr_pages_apply_changes(pages, reader);
    size_t unsure = 0;
    for (size_t i = 0; i < reader->ring.count; i++)
        unsure += reader->ring.entries[i].state != PAGE_ENTRY_SURE;
    if (unsure == 0 || is_checked(&pages->fence, reader))
        return;
    for (size_t i = 0; i < reader->ring.count; i++) {
        struct page_entry *entry = &reader->ring.entries[i];
        if (entry->state == PAGE_ENTRY_SURE)
            continue;
        if (!find_author(pages, entry)) {
            fr_pages_void(pages, reader);
            return;
        }
        check_entry(&pages->fence, reader, entry);
    }
}

/* Moves those who wait to those for whom the fence is asked, as far as it has room for their pages. */
static void take_asks(struct fr_pages *pages)
{
    struct fence *fence = &pages->fence;
    while (!fr_ring_is_empty(&fence->waiting) && fence->checked_count + PAGE_RING_MAX <= PAGES_CHECKED_MAX) {
        struct page_ask *ask = first_of(&fence->waiting);
        struct fr_page_reader *reader = fr_pages_reader_find(pages, ask->request.user_id);
        fr_ring_add(&fence->asking, &ask->ring);
        if (reader != NULL)
            check_page(pages, reader);
    }
}

/* ---- what it tells ---- */

/* The server may have gone back in time, and what is known says nothing: another one took over, a backup was
 * put back, or it crashed and lost transactions that nobody waited for, whose ids it gives out once more.
 * None of these leaves a connection as it was. */
static bool may_have_gone_back(const struct fence *fence, const char *snapshot, int64_t backend)
{
    return fence->since != NULL &&
           (backend != fence->backend || strtoull(snapshot, NULL, 10) < strtoull(fence->since, NULL, 10));
}

static void take_snapshot(struct fr_pages *pages, const struct fr_result *result)
{
    struct fence *fence = &pages->fence;
    struct fr_str text = fr_result_text(result, 0, COL_SNAPSHOT);
    char *snapshot = fr_strndup(text.data, text.len);
    int64_t backend = fr_result_i64(result, 0, COL_BACKEND);
    if (fence->asked_all || may_have_gone_back(fence, snapshot, backend))
        fr_pages_void_all(pages);
    free(fence->since);
    fence->since = snapshot;
    fence->backend = backend;
    fence->since_ms = fence->asked_ms;
}

static void take_change(struct fr_pages *pages, int64_t kind, int64_t subject_id)
{
    struct fr_page_reader *reader;
    switch (kind) {
    case CHANGED_POST:
        pages->log[pages->log_count++ % PAGES_LOG] = subject_id;
        return;
    case CHANGED_FOLLOW:
        reader = fr_pages_reader_find(pages, subject_id);
        if (reader != NULL)
            fr_pages_void(pages, reader);
        return;
    case CHANGED_ACCOUNT:
        pages->all_changed_at = ++pages->log_count;
        return;
    case CHANGED_EVERYTHING:
    default: /* a kind of a later version */
        fr_pages_void_all(pages);
        return;
    }
}

static void take_changes(struct fr_pages *pages, const struct fr_result *result)
{
    int rows = fr_result_rows(result);
    for (int row = 1; row < rows; row++)
        take_change(pages, fr_result_i64(result, row, COL_KIND), fr_result_i64(result, row, COL_SUBJECT));
    if (rows > PAGES_LOG)
        fr_pages_void_all(pages); /* there may be more */
}

/* The page whose entry was looked at, if it is still that page. */
static struct fr_page_reader *reader_of(struct fr_pages *pages, size_t at)
{
    struct fr_page_reader *reader = fr_pages_reader_find(pages, pages->fence.users[at]);
    bool same = reader != NULL && reader->state == READER_KEPT && reader->serial == pages->fence.serials[at];
    return same ? reader : NULL;
}

static void take_text(struct fr_pages *pages, const struct fr_result *result, int row, size_t at)
{
    if (fr_result_is_null(result, row, COL_BODY))
        return;
    const struct fr_post post = {
        .id = pages->fence.posts[at],
        .author_id = pages->fence.authors[at],
        .text = fr_result_text(result, row, COL_BODY),
        .revision = (int32_t)fr_result_i64(result, row, COL_REVISION),
        .created_at_ms = fr_result_time_ms(result, row, COL_CREATED_AT),
        .edited_at_ms =
            fr_result_is_null(result, row, COL_EDITED_AT) ? 0 : fr_result_time_ms(result, row, COL_EDITED_AT),
    };
    fr_bodies_put(pages->options.bodies, &post);
}

/* What was looked at and is not among the rows does not belong there. */
static void take_checked(struct fr_pages *pages, const struct fr_result *result)
{
    struct fence *fence = &pages->fence;
    int32_t revisions[PAGES_CHECKED_MAX] = {0};
    for (int row = 0; row < fr_result_rows(result); row++) {
        size_t at = (size_t)fr_result_i64(result, row, COL_PLACE) - 1;
        revisions[at] = (int32_t)fr_result_i64(result, row, COL_REVISION);
        take_text(pages, result, row, at);
    }
    for (size_t at = 0; at < fence->checked_count; at++) {
        struct fr_page_reader *reader = reader_of(pages, at);
        if (reader == NULL)
            continue;
        fr_pages_apply_changes(pages, reader);
        struct page_entry *entry = fr_timeline_ring_find(&reader->ring, fence->posts[at]);
        if (entry == NULL)
            continue;
        if (revisions[at] == 0) {
            fr_timeline_ring_remove(&reader->ring, fence->posts[at]);
            continue;
        }
        entry->author_id = fence->authors[at];
        entry->revision = revisions[at];
        entry->state = PAGE_ENTRY_SURE;
    }
}

static void start_later(struct fr_pages *pages);

/* Nobody waits for a fence that is gone: the reads themselves say what is wrong. */
static void read_instead(struct fr_pages *pages)
{
    struct fence *fence = &pages->fence;
    while (!fr_ring_is_empty(&fence->asking)) {
        struct page_ask *ask = first_of(&fence->asking);
        fr_ring_remove(&ask->ring);
        fr_pages_miss(pages, &ask->request, ask->done, ask->arg);
        free(ask);
    }
}

static void cancel(struct fr_pages *pages)
{
    struct fence *fence = &pages->fence;
    struct fr_error error;
    enum fr_status status = fr_error_set(&error, FR_CANCELLED, NULL, "the gateway is stopping");
    while (!fr_ring_is_empty(&fence->asking)) {
        struct page_ask *ask = first_of(&fence->asking);
        fr_ring_remove(&ask->ring);
        ask->done(ask->arg, status, NULL, 0, &error);
        free(ask);
    }
}

static void on_fence(void *arg, enum fr_status status, struct fr_result *const *results,
                     const struct fr_error *error)
{
    struct fr_pages *pages = arg;
    struct fence *fence = &pages->fence;
    bool failed = status != FR_OK && status != FR_CANCELLED;
    fence->running = false;
    if (status != FR_OK) {
        if (failed && !fence->failing)
            FR_LOG_WARN("changes of pages cannot be asked for", FR_KV_ERROR(error));
        if (failed)
            read_instead(pages);
        else
            cancel(pages);
    } else {
        take_snapshot(pages, results[0]);
        take_changes(pages, results[0]);
        size_t behind = 1;
        if (fence->checked_count > 0)
            take_checked(pages, results[behind++]);
        if (fence->looked)
            fence->overdue = fr_result_bool(results[behind], 0, COL_OVERDUE);
        while (!fr_ring_is_empty(&fence->asking)) {
            struct page_ask *ask = first_of(&fence->asking);
            fr_ring_remove(&ask->ring);
            fr_pages_answer(pages, ask);
        }
    }
    fence->failing = failed;
    if (!fr_ring_is_empty(&fence->waiting))
        start_later(pages);
}

/* ---- asking ---- */

static void start(struct fr_task *task)
{
    struct fr_pages *pages = pages_of(task);
    struct fence *fence = &pages->fence;
    if (fence->running)
        return;
    int64_t now_ms = fr_clock_monotonic_ms();
    fence->running = true;
    fence->checked_count = 0;
    fence->asked_all = !fr_pages_fence_holds(pages);
    fence->asked_ms = now_ms;
    fence->looked = fence->overdue || now_ms - fence->looked_ms >= PAGES_LOOK_EVERY_MS;
    if (fence->looked)
        fence->looked_ms = now_ms;
    take_asks(pages);
    size_t count = fence->checked_count;
    struct fr_query queries[3] = {
        FR_QUERY(FR_SQL_PAGE_FENCE, fence->asked_all ? FR_P_NULL : FR_P_TEXT(fr_str_of(fence->since)),
                 FR_P_I64(PAGES_LOG)),
    };
    size_t statements = 1;
    if (count > 0)
        queries[statements++] =
            FR_QUERY(FR_SQL_PAGE_CHECK, FR_P_I64S(fence->users, count), FR_P_I64S(fence->authors, count),
                     FR_P_I64S(fence->posts, count), FR_P_I64S(fence->revisions, count));
    if (fence->looked)
        queries[statements++] = FR_QUERY_NO_PARAMS(FR_SQL_PAGE_OVERDUE);
    fr_metric_add(FR_METRIC_PAGE_FENCES, 1);
    fr_store_ask(pages->options.store, FENCE_KEY, queries, statements, on_fence, pages);
}

static void start_later(struct fr_pages *pages)
{
    if (!pages->fence.running)
        fr_task_defer(pages->loop, &pages->fence.task, start);
}

bool fr_pages_fence_holds(const struct fr_pages *pages)
{
    const struct fence *fence = &pages->fence;
    return fence->since != NULL && fr_clock_monotonic_ms() - fence->since_ms < PAGES_FENCE_AGE_MS;
}

void fr_pages_fence_wait(struct fr_pages *pages, struct page_ask *ask)
{
    fr_ring_add(&pages->fence.waiting, &ask->ring);
    start_later(pages);
}

void fr_pages_fence_renew(struct fr_pages *pages)
{
    start_later(pages);
}

void fr_pages_fence_init(struct fr_pages *pages)
{
    fr_ring_init(&pages->fence.waiting);
    fr_ring_init(&pages->fence.asking);
}

void fr_pages_fence_release(struct fr_pages *pages)
{
    struct fence *fence = &pages->fence;
    fr_task_cancel(&fence->task);
    while (!fr_ring_is_empty(&fence->waiting))
        fr_ring_add(&fence->asking, &first_of(&fence->waiting)->ring);
    cancel(pages);
    free(fence->since);
}
