#include "celebrities.h"

#include <stdlib.h>

#include "graph/graph.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum {
    LOAD_CHUNK = 64, /* users of one statement; each may follow FR_FOLLOWS_MAX people */
    LOADS_MAX = 8,   /* statements at once */
    READINGS_MAX = 16,
    AUTHORS_MAX = 65536,      /* past it those are forgotten whom nobody here follows */
    HELD_OF_AUTHOR_MAX = 256, /* past either his followers have missed something */
    HELD_MAX = 4096,
    RETRY_FIRST_MS = 250,
    RETRY_LAST_MS = 5000,
};

_Static_assert(LOAD_CHUNK <= FR_GRAPH_USERS_MAX, "one call");

enum author_state {
    AUTHOR_UNKNOWN, /* nothing is read yet */
    AUTHOR_KNOWN,
    AUTHOR_WAITING, /* something is to be read */
    AUTHOR_READING, /* and is on its way */
};

struct held {
    struct held *next;
    struct live_event *event;
};

struct celebrity {
    int64_t id;
    enum author_state state;
    struct follower {
        struct local_user *user;
        uint32_t at; /* in user->index.follows */
    } * followers;
    uint32_t follower_count, follower_capacity;

    /* What is to be read: everybody's edge, or some users'. */
    bool read_all;
    int64_t *read_ids;
    size_t read_count, read_capacity;
    struct celebrity *next_waiting;
    uint64_t serial; /* of the reading on its way */

    struct held *held, **held_end;
    size_t held_count;
    bool overflowed; /* posts had to be dropped */
};

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
static void go_on(struct celebrities *celebrities, struct celebrity *author);

/* ---- edges: each known on both sides, with its place on the other ---- */

static bool find_edge(const struct local_user *user, const struct celebrity *author, uint32_t *ret_at)
{
    for (uint32_t i = 0; i < user->index.count; i++) {
        if (user->index.follows[i].author == author) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

static void add_edge(struct local_user *user, struct celebrity *author)
{
    struct index_part *part = &user->index;
    if (part->count == part->capacity) {
        part->capacity = part->capacity == 0 ? 4 : 2 * part->capacity;
        part->follows = fr_realloc_array(part->follows, part->capacity, sizeof *part->follows);
    }
    if (author->follower_count == author->follower_capacity) {
        author->follower_capacity = author->follower_capacity == 0 ? 4 : 2 * author->follower_capacity;
        author->followers =
            fr_realloc_array(author->followers, author->follower_capacity, sizeof *author->followers);
    }
    part->follows[part->count] = (struct follow){author, author->follower_count};
    author->followers[author->follower_count] = (struct follower){user, part->count};
    part->count++;
    author->follower_count++;
    fr_metric_add(FR_METRIC_CELEBRITY_EDGES, 1);
}

/* The last of each side takes the free place. */
static void remove_edge(struct local_user *user, uint32_t at)
{
    struct index_part *part = &user->index;
    struct celebrity *author = part->follows[at].author;
    uint32_t place = part->follows[at].at;
    author->followers[place] = author->followers[--author->follower_count];
    if (place < author->follower_count)
        author->followers[place].user->index.follows[author->followers[place].at].at = place;
    part->follows[at] = part->follows[--part->count];
    if (at < part->count)
        part->follows[at].author->followers[part->follows[at].at].at = at;
    fr_metric_add(FR_METRIC_CELEBRITY_EDGES, -1);
}

static void remove_edges(struct local_user *user)
{
    while (user->index.count > 0)
        remove_edge(user, user->index.count - 1);
    free(user->index.follows);
    user->index.follows = NULL;
    user->index.capacity = 0;
}

/* ---- authors ---- */

static void drop_held(struct celebrities *celebrities, struct celebrity *author)
{
    celebrities->held -= author->held_count;
    fr_metric_add(FR_METRIC_CELEBRITY_HELD, -(int64_t)author->held_count);
    while (author->held != NULL) {
        struct held *held = author->held;
        author->held = held->next;
        fr_delivery_event_release(held->event);
        free(held);
    }
    author->held_end = &author->held;
    author->held_count = 0;
}

static void stop_waiting(struct celebrities *celebrities, struct celebrity *author)
{
    struct celebrity **link = &celebrities->waiting;
    while (*link != author)
        link = &(*link)->next_waiting;
    *link = author->next_waiting;
    if (author->next_waiting == NULL)
        celebrities->waiting_end = link;
}

/* An answer that is still to come finds nobody. */
static void free_author(struct celebrities *celebrities, struct celebrity *author)
{
    while (author->follower_count > 0) {
        const struct follower *last = &author->followers[author->follower_count - 1];
        remove_edge(last->user, last->at);
    }
    drop_held(celebrities, author);
    if (author->state == AUTHOR_WAITING)
        stop_waiting(celebrities, author);
    fr_delivery_table_remove(&celebrities->authors, author->id);
    free(author->followers);
    free(author->read_ids);
    free(author);
}

static void forget_unfollowed(struct celebrities *celebrities)
{
    int64_t *ids = fr_delivery_table_ids(&celebrities->authors);
    size_t count = celebrities->authors.count;
    for (size_t i = 0; i < count; i++) {
        struct celebrity *author = fr_delivery_table_find(&celebrities->authors, ids[i]);
        if (author->follower_count == 0 && author->state == AUTHOR_KNOWN)
            free_author(celebrities, author);
    }
    free(ids);
}

static struct celebrity *get_author(struct celebrities *celebrities, int64_t id)
{
    struct celebrity *author = fr_delivery_table_find(&celebrities->authors, id);
    if (author != NULL)
        return author;
    if (celebrities->authors.count >= AUTHORS_MAX && celebrities->authors.count % AUTHORS_MAX == 0)
        forget_unfollowed(celebrities);
    author = FR_NEW(struct celebrity);
    author->id = id;
    author->held_end = &author->held;
    fr_delivery_table_add(&celebrities->authors, id, author);
    return author;
}

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

static void want_all(struct celebrity *author)
{
    author->read_all = true;
    author->read_count = 0;
}

static void want_one(struct celebrity *author, int64_t user_id)
{
    if (author->read_all)
        return;
    for (size_t i = 0; i < author->read_count; i++)
        if (author->read_ids[i] == user_id)
            return;
    /* So many at once: all is read sooner than they are compared. */
    if (author->read_count == FR_GRAPH_USERS_MAX) {
        want_all(author);
        return;
    }
    if (author->read_count == author->read_capacity) {
        author->read_capacity = author->read_capacity == 0 ? 4 : 2 * author->read_capacity;
        author->read_ids =
            fr_realloc_array(author->read_ids, author->read_capacity, sizeof *author->read_ids);
    }
    author->read_ids[author->read_count++] = user_id;
}

static void wait_for_reading(struct celebrities *celebrities, struct celebrity *author)
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
        bool is_known = find_edge(user, author, &at), follows = is_among(sorted, count, user->id);
        if (follows && !is_known)
            add_edge(user, author);
        else if (!follows && is_known)
            remove_edge(user, at);
        if (follows)
            celebrities->verbs->follows(celebrities->arg, user, author->id);
    }
}

/* Those who follow him were not told of what had to be dropped. From the last: the one who leaves is replaced
 * by one who was here before. */
static void tell_missed(struct celebrities *celebrities, struct celebrity *author)
{
    author->overflowed = false;
    for (uint32_t i = author->follower_count; i > 0; i--)
        if (i <= author->follower_count)
            celebrities->verbs->missed(celebrities->arg, author->followers[i - 1].user);
}

static void finish_reading(struct celebrities *celebrities, struct reading *reading)
{
    struct celebrity *author = fr_delivery_table_find(&celebrities->authors, reading->author_id);
    celebrities->readings--;
    if (author != NULL && author->serial == reading->serial) {
        if (reading->failed > 0) {
            want_all(author);
            wait_for_reading(celebrities, author);
        } else {
            author->state = AUTHOR_KNOWN;
            go_on(celebrities, author);
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

static void queue_load(struct celebrities *celebrities, struct local_user *user)
{
    user->index.state = INDEX_QUEUED;
    fr_delivery_ring_enter(&celebrities->load_queue, &user->index.ring);
    begin_soon(celebrities);
}

/* The pairs of one answer that are this user's. */
static size_t apply_pairs(struct celebrities *celebrities, struct local_user *user,
                          const struct fr_graph_pair *pairs, size_t count)
{
    size_t found = 0;
    for (; found < count && pairs[found].follower_id == user->id; found++) {
        struct celebrity *author = get_author(celebrities, pairs[found].followed_id);
        add_edge(user, author);
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
        queue_load(celebrities, user);
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
            queue_load(celebrities, user);
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
    while (!fr_delivery_ring_is_empty(&celebrities->load_queue) && load->count < LOAD_CHUNK) {
        struct local_user *user =
            FR_CONTAINER_OF(celebrities->load_queue.next, struct local_user, index.ring);
        fr_delivery_ring_leave(&user->index.ring);
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
    while (!fr_delivery_ring_is_empty(&celebrities->load_queue) && celebrities->loads < LOADS_MAX)
        begin_load(celebrities);
    while (celebrities->waiting != NULL && celebrities->readings < READINGS_MAX) {
        struct celebrity *author = celebrities->waiting;
        stop_waiting(celebrities, author);
        begin_reading(celebrities, author);
    }
}

static void begin_soon(struct celebrities *celebrities)
{
    fr_task_defer(celebrities->loop, &celebrities->begin, on_begin);
}

/* ---- messages ---- */

static void deliver(struct celebrities *celebrities, struct celebrity *author, struct live_event *event)
{
    for (uint32_t i = author->follower_count; i > 0; i--)
        if (i <= author->follower_count)
            celebrities->verbs->deliver(celebrities->arg, author->followers[i - 1].user, event);
}

/* Everybody who is just being read may be read too early. */
static void load_all_again(struct celebrities *celebrities)
{
    for (size_t i = 0; i < celebrities->users->capacity; i++) {
        struct local_user *user = celebrities->users->places[i].thing;
        if (user != NULL && user->index.state == INDEX_LOADING)
            user->index.again = true;
    }
}

/* Notes what a message is reason to read; true if it was such a one. */
static bool note_change(struct celebrities *celebrities, struct celebrity *author,
                        const struct live_event *event)
{
    switch (fr_delivery_event_kind(event)) {
    case FR_EVENT_POST:
    case FR_EVENT_EDIT:
    case FR_EVENT_DELETE:
    case FR_EVENT_ACCOUNT:
        return false;
    case FR_EVENT_FOLLOW:
    case FR_EVENT_UNFOLLOW: {
        struct local_user *user =
            fr_delivery_table_find(celebrities->users, fr_delivery_event_follower(event));
        if (user != NULL && user->index.state == INDEX_LOADING)
            user->index.again = true;
        if (user != NULL && user->index.state == INDEX_LOADED && author->state == AUTHOR_UNKNOWN)
            want_all(author);
        else if (user != NULL && user->index.state == INDEX_LOADED)
            want_one(author, user->id);
        return true;
    }
    case FR_EVENT_CELEBRITY:
    case FR_EVENT_ORDINARY:
        load_all_again(celebrities);
        want_all(author);
        return true;
    }
    return false;
}

static bool has_to_read(const struct celebrity *author)
{
    return author->read_all || author->read_count > 0;
}

/* True: done with. False: something has to be read before. */
static bool process(struct celebrities *celebrities, struct celebrity *author, struct live_event *event)
{
    if (note_change(celebrities, author, event))
        return true;
    if (author->state == AUTHOR_UNKNOWN)
        want_all(author);
    if (has_to_read(author))
        return false;
    deliver(celebrities, author, event);
    return true;
}

static void hold(struct celebrities *celebrities, struct celebrity *author, struct live_event *event)
{
    if (author->held_count >= HELD_OF_AUTHOR_MAX || celebrities->held >= HELD_MAX) {
        /* What it was about is known when all of it is read again; a post is gone. */
        author->overflowed = true;
        note_change(celebrities, author, event);
        return;
    }
    struct held *held = FR_NEW(struct held);
    held->event = fr_delivery_event_hold(event);
    *author->held_end = held;
    author->held_end = &held->next;
    author->held_count++;
    celebrities->held++;
    fr_metric_add(FR_METRIC_CELEBRITY_HELD, 1);
}

/* The first of the held ones, which is the caller's now. */
static struct live_event *take_held(struct celebrities *celebrities, struct celebrity *author)
{
    struct held *held = author->held;
    struct live_event *event = held->event;
    author->held = held->next;
    if (author->held == NULL)
        author->held_end = &author->held;
    author->held_count--;
    celebrities->held--;
    fr_metric_add(FR_METRIC_CELEBRITY_HELD, -1);
    free(held);
    return event;
}

/* Works off what was held, up to where something has to be read first: changes that follow one another are
 * read in one. */
static void go_on(struct celebrities *celebrities, struct celebrity *author)
{
    while (author->held != NULL) {
        if (!process(celebrities, author, author->held->event))
            break;
        fr_delivery_event_release(take_held(celebrities, author));
    }
    if (has_to_read(author))
        wait_for_reading(celebrities, author);
    else if (author->overflowed)
        tell_missed(celebrities, author);
}

void fr_delivery_celebrities_take(struct celebrities *celebrities, struct live_event *event)
{
    int64_t author_id = fr_delivery_event_author(event);
    if (fr_delivery_event_kind(event) == FR_EVENT_ACCOUNT) {
        struct celebrity *gone = fr_delivery_table_find(&celebrities->authors, author_id);
        if (gone != NULL)
            free_author(celebrities, gone);
        return;
    }
    struct celebrity *author = get_author(celebrities, author_id);
    if (author->state == AUTHOR_WAITING || author->state == AUTHOR_READING) {
        hold(celebrities, author, event);
        return;
    }
    if (!process(celebrities, author, event))
        hold(celebrities, author, event);
    if (has_to_read(author))
        wait_for_reading(celebrities, author);
}

void fr_delivery_celebrities_lost(struct celebrities *celebrities)
{
    int64_t *authors = fr_delivery_table_ids(&celebrities->authors);
    size_t author_count = celebrities->authors.count;
    int64_t *users = fr_delivery_table_ids(celebrities->users);
    size_t user_count = celebrities->users->count;
    for (size_t i = 0; i < user_count; i++) {
        struct local_user *user = fr_delivery_table_find(celebrities->users, users[i]);
        if (user == NULL)
            continue;
        if (user->index.state == INDEX_LOADING)
            user->index.again = true;
        if (user->index.state != INDEX_LOADED)
            continue;
        bool follows = user->index.count > 0;
        remove_edges(user);
        /* He may have begun to follow somebody in what is lost. */
        user->index.suspect = !follows;
        queue_load(celebrities, user);
        if (follows)
            celebrities->verbs->missed(celebrities->arg, user);
    }
    for (size_t i = 0; i < author_count; i++)
        free_author(celebrities, fr_delivery_table_find(&celebrities->authors, authors[i]));
    free(users);
    free(authors);
}

/* ---- the hub's side ---- */

void fr_delivery_celebrities_init(struct celebrities *celebrities, struct fr_loop *loop,
                                  struct fr_store *store, const struct id_table *users,
                                  const struct celebrities_verbs *verbs, void *arg)
{
    *celebrities =
        (struct celebrities){.loop = loop, .store = store, .users = users, .verbs = verbs, .arg = arg};
    celebrities->waiting_end = &celebrities->waiting;
    fr_delivery_ring_init(&celebrities->load_queue);
}

void fr_delivery_celebrities_release(struct celebrities *celebrities)
{
    fr_timer_stop(&celebrities->retry);
    int64_t *authors = fr_delivery_table_ids(&celebrities->authors);
    size_t count = celebrities->authors.count;
    for (size_t i = 0; i < count; i++)
        free_author(celebrities, fr_delivery_table_find(&celebrities->authors, authors[i]));
    free(authors);
    fr_task_cancel(&celebrities->begin);
    fr_delivery_table_release(&celebrities->authors);
}

void fr_delivery_celebrities_load(struct celebrities *celebrities, struct local_user *user)
{
    if (user->index.state == INDEX_NONE)
        queue_load(celebrities, user);
}

void fr_delivery_celebrities_leave(struct celebrities *celebrities, struct local_user *user)
{
    remove_edges(user);
    fr_delivery_ring_leave(&user->index.ring);
    user->index.state = INDEX_NONE;
}
