/* What the index of celebrities asks of the database: a user's part, and an author's edges. */
#include <stdlib.h>

#include "celebrities_internal.h"
#include "graph/graph.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum {
    LOAD_CHUNK = 64, /* users of one statement; each may follow FR_FOLLOWS_MAX people */
    LOADS_MAX = 8,   /* statements at once */
    READINGS_MAX = 16,
    RETRY_FIRST_MS = 250,
    RETRY_LAST_MS = 5000,
};

_Static_assert(LOAD_CHUNK <= FR_GRAPH_USERS_MAX, "one call");

/* One statement about an author, or one of several when all users are many. */
struct reading {
    struct celebrities *celebrities;
    int64_t author_id;
    uint64_t serial;
    size_t parts, failed; /* statements not answered yet; those that failed */
    size_t count;
    int64_t ids[];
};

struct reading_part {
    struct reading *reading;
    size_t first, count;
};

struct load {
    struct celebrities *celebrities;
    uint64_t serial;
    size_t count;
    int64_t ids[LOAD_CHUNK];
};

static void begin_soon(struct celebrities *celebrities);

/* ---- failures of the database ---- */

static void note_failure(struct celebrities *celebrities, enum fr_status status, const struct fr_error *error)
{
    if (!celebrities->failing && status != FR_CANCELLED)
        FR_LOG_WARN("followers of celebrities cannot be read", FR_KV_ERROR(error));
    if (!fr_timer_is_queued(&celebrities->retry)) {
        celebrities->backoff_ms = celebrities->backoff_ms == 0 ? RETRY_FIRST_MS : 2 * celebrities->backoff_ms;
        if (celebrities->backoff_ms > RETRY_LAST_MS)
            celebrities->backoff_ms = RETRY_LAST_MS;
    }
    celebrities->failing = true;
}

static void note_success(struct celebrities *celebrities)
{
    if (celebrities->failing)
        FR_LOG_INFO("followers of celebrities are read again");
    celebrities->failing = false;
    celebrities->backoff_ms = 0;
}

static void on_retry(struct fr_timer *timer)
{
    begin_soon(FR_CONTAINER_OF(timer, struct celebrities, retry));
}

static void try_later(struct celebrities *celebrities)
{
    int64_t ms = celebrities->backoff_ms;
    if (!fr_timer_is_queued(&celebrities->retry))
        fr_timer_start(celebrities->loop, &celebrities->retry,
                       ms + fr_clock_monotonic_ns() / 1000 % (ms / 2 + 1), on_retry);
}

/* ---- reading an author's edges ---- */

void fr_delivery_author_want_all(struct celebrity *author)
{
    author->read_all = true;
    author->read_count = 0;
}

void fr_delivery_author_want_one(struct celebrity *author, int64_t user_id)
{
    if (author->read_all)
        return;
    for (size_t i = 0; i < author->read_count; i++)
        if (author->read_ids[i] == user_id)
            return;
    /* So many at once: all is read sooner than they are compared. */
    if (author->read_count == FR_GRAPH_USERS_MAX) {
        fr_delivery_author_want_all(author);
        return;
    }
    if (author->read_count == author->read_capacity) {
        author->read_capacity = author->read_capacity == 0 ? 4 : 2 * author->read_capacity;
        author->read_ids =
            fr_realloc_array(author->read_ids, author->read_capacity, sizeof *author->read_ids);
    }
    author->read_ids[author->read_count++] = user_id;
}

void fr_delivery_author_wait(struct celebrities *celebrities, struct celebrity *author)
{
    author->state = AUTHOR_WAITING;
    author->next_waiting = NULL;
    *celebrities->waiting_end = author;
    celebrities->waiting_end = &author->next_waiting;
    begin_soon(celebrities);
}

static bool is_among(const struct fr_graph_pair *pairs, size_t count, int64_t id)
{
    /* Sorted by on_part(). */
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pairs[middle].follower_id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && pairs[low].follower_id == id;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct fr_graph_pair *x = a, *y = b;
    return (x->follower_id > y->follower_id) - (x->follower_id < y->follower_id);
}

static void apply(struct celebrities *celebrities, struct celebrity *author, const struct reading_part *part,
                  const struct fr_graph_pair *sorted, size_t count)
{
    const struct reading *reading = part->reading;
    for (size_t i = part->first; i < part->first + part->count; i++) {
        struct local_user *user = fr_delivery_table_find(celebrities->users, reading->ids[i]);
        /* Of one whose part was asked for later that is newer than this. */
        if (user == NULL || user->index.state != INDEX_LOADED || user->index.serial > reading->serial)
            continue;
        uint32_t at;
        bool is_known = fr_delivery_edge_find(user, author, &at), follows = is_among(sorted, count, user->id);
        if (follows && !is_known)
            fr_delivery_edge_add(user, author);
        else if (!follows && is_known)
            fr_delivery_edge_remove(user, at);
        if (follows)
            celebrities->verbs->follows(celebrities->arg, user, author->id);
    }
}

static void finish_reading(struct celebrities *celebrities, struct reading *reading)
{
    struct celebrity *author = fr_delivery_table_find(&celebrities->authors, reading->author_id);
    celebrities->readings--;
    if (author != NULL && author->serial == reading->serial) {
        if (reading->failed > 0) {
            fr_delivery_author_want_all(author);
            fr_delivery_author_wait(celebrities, author);
        } else {
            author->state = AUTHOR_KNOWN;
            fr_delivery_author_go_on(celebrities, author);
        }
    }
    free(reading);
    begin_soon(celebrities);
}

static void on_part(void *arg, enum fr_status status, const struct fr_graph_pair *pairs, size_t count,
                    const struct fr_error *error)
{
    struct reading_part *part = arg;
    struct reading *reading = part->reading;
    struct celebrities *celebrities = reading->celebrities;
    struct celebrity *author = fr_delivery_table_find(&celebrities->authors, reading->author_id);
    if (status != FR_OK) {
        note_failure(celebrities, status, error);
        try_later(celebrities);
        reading->failed++;
    } else if (author != NULL && author->serial == reading->serial) {
        note_success(celebrities);
        struct fr_graph_pair *sorted = fr_alloc_array(count > 0 ? count : 1, sizeof *sorted);
        if (count > 0)
            memcpy(sorted, pairs, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_pairs);
        apply(celebrities, author, part, sorted, count);
        free(sorted);
    }
    free(part);
    if (--reading->parts == 0)
        finish_reading(celebrities, reading);
}

/* Sorted, and only those whose own part is there: the others' will be newer. */
static struct reading *collect(struct celebrities *celebrities, struct celebrity *author)
{
    size_t count = author->read_all ? celebrities->users->count : author->read_count, loaded = 0;
    int64_t *all = author->read_all ? fr_delivery_table_ids(celebrities->users) : NULL;
    const int64_t *ids = author->read_all ? all : author->read_ids;
    struct reading *reading = fr_alloc(sizeof *reading + count * sizeof reading->ids[0]);
    *reading = (struct reading){
        .celebrities = celebrities, .author_id = author->id, .serial = ++celebrities->serial};
    for (size_t i = 0; i < count; i++) {
        const struct local_user *user = fr_delivery_table_find(celebrities->users, ids[i]);
        if (user != NULL && user->index.state == INDEX_LOADED)
            reading->ids[loaded++] = ids[i];
    }
    free(all);
    reading->count = loaded;
    fr_delivery_sort_ids(reading->ids, loaded);
    author->read_all = false;
    author->read_count = 0;
    author->serial = reading->serial;
    author->state = AUTHOR_READING;
    return reading;
}

static void begin_reading(struct celebrities *celebrities, struct celebrity *author)
{
    struct reading *reading = collect(celebrities, author);
    fr_metric_add(FR_METRIC_CELEBRITY_READINGS, 1);
    celebrities->readings++;
    reading->parts = (reading->count + FR_GRAPH_USERS_MAX - 1) / FR_GRAPH_USERS_MAX;
    if (reading->parts == 0) {
        finish_reading(celebrities, reading);
        return;
    }
    for (size_t first = 0; first < reading->count; first += FR_GRAPH_USERS_MAX) {
        struct reading_part *part = FR_NEW(struct reading_part);
        size_t left = reading->count - first;
        *part = (struct reading_part){reading, first, left < FR_GRAPH_USERS_MAX ? left : FR_GRAPH_USERS_MAX};
        fr_graph_followers_among(celebrities->store, author->id, reading->ids + first, part->count, on_part,
                                 part);
    }
}

/* ---- reading a user's part ---- */

void fr_delivery_load_queue(struct celebrities *celebrities, struct local_user *user)
{
    user->index.state = INDEX_QUEUED;
    fr_ring_add(&celebrities->load_queue, &user->index.ring);
    begin_soon(celebrities);
}

/* The pairs of one answer that are this user's. */
static size_t apply_pairs(struct celebrities *celebrities, struct local_user *user,
                          const struct fr_graph_pair *pairs, size_t count)
{
    size_t found = 0;
    for (; found < count && pairs[found].follower_id == user->id; found++) {
        struct celebrity *author = fr_delivery_author_get(celebrities, pairs[found].followed_id);
        fr_delivery_edge_add(user, author);
        celebrities->verbs->follows(celebrities->arg, user, author->id);
    }
    return found;
}

static void finish_load(struct celebrities *celebrities, struct local_user *user)
{
    struct index_part *part = &user->index;
    int64_t id = user->id;
    bool missed = part->suspect && part->count > 0;
    part->state = INDEX_LOADED;
    part->suspect = false;
    if (missed)
        celebrities->verbs->missed(celebrities->arg, user);
    user = fr_delivery_table_find(celebrities->users, id);
    if (user != NULL)
        celebrities->verbs->loaded(celebrities->arg, user);
}

static struct local_user *find_loading(const struct load *load, int64_t id)
{
    struct local_user *user = fr_delivery_table_find(load->celebrities->users, id);
    return user != NULL && user->index.state == INDEX_LOADING && user->index.serial == load->serial ? user
                                                                                                    : NULL;
}

static void fail_load(struct celebrities *celebrities, const struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        struct local_user *user = find_loading(load, load->ids[i]);
        if (user == NULL)
            continue;
        fr_delivery_load_queue(celebrities, user);
        celebrities->verbs->load_failed(celebrities->arg, user);
    }
}

static void take_load(struct celebrities *celebrities, const struct load *load,
                      const struct fr_graph_pair *pairs, size_t count)
{
    struct fr_graph_pair *sorted = fr_alloc_array(count > 0 ? count : 1, sizeof *sorted);
    if (count > 0)
        memcpy(sorted, pairs, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    /* Both are in the order of the ids. */
    size_t at = 0;
    for (size_t i = 0; i < load->count; i++) {
        while (at < count && sorted[at].follower_id < load->ids[i])
            at++;
        struct local_user *user = find_loading(load, load->ids[i]);
        if (user == NULL)
            continue;
        if (user->index.again) {
            fr_delivery_load_queue(celebrities, user);
            continue;
        }
        at += apply_pairs(celebrities, user, sorted + at, count - at);
        finish_load(celebrities, user);
    }
    free(sorted);
}

static void on_load(void *arg, enum fr_status status, const struct fr_graph_pair *pairs, size_t count,
                    const struct fr_error *error)
{
    struct load *load = arg;
    struct celebrities *celebrities = load->celebrities;
    celebrities->loads--;
    if (status == FR_OK) {
        note_success(celebrities);
        take_load(celebrities, load, pairs, count);
    } else {
        note_failure(celebrities, status, error);
        try_later(celebrities);
        fail_load(celebrities, load);
    }
    free(load);
    begin_soon(celebrities);
}

static void begin_load(struct celebrities *celebrities)
{
    struct load *load = FR_NEW(struct load);
    load->celebrities = celebrities;
    load->serial = ++celebrities->serial;
    while (!fr_ring_is_empty(&celebrities->load_queue) && load->count < LOAD_CHUNK) {
        struct local_user *user =
            FR_CONTAINER_OF(celebrities->load_queue.next, struct local_user, index.ring);
        fr_ring_remove(&user->index.ring);
        user->index.state = INDEX_LOADING;
        user->index.again = false;
        user->index.serial = load->serial;
        load->ids[load->count++] = user->id;
    }
    fr_delivery_sort_ids(load->ids, load->count);
    celebrities->loads++;
    fr_graph_followed_celebrities(celebrities->store, load->ids, load->count, on_load, load);
}

/* ---- beginning ---- */

static void on_begin(struct fr_task *task)
{
    struct celebrities *celebrities = FR_CONTAINER_OF(task, struct celebrities, begin);
    if (fr_timer_is_queued(&celebrities->retry))
        return;
    while (!fr_ring_is_empty(&celebrities->load_queue) && celebrities->loads < LOADS_MAX)
        begin_load(celebrities);
    while (celebrities->waiting != NULL && celebrities->readings < READINGS_MAX) {
        struct celebrity *author = celebrities->waiting;
        fr_delivery_author_stop_waiting(celebrities, author);
        begin_reading(celebrities, author);
    }
}

static void begin_soon(struct celebrities *celebrities)
{
    fr_task_defer(celebrities->loop, &celebrities->begin, on_begin);
}
