#include "celebrities_internal.h"

#include <stdlib.h>

#include "metrics/metrics.h"

enum {
    HELD_OF_AUTHOR_MAX = 256, /* past either his followers have missed something */
    HELD_MAX = 4096,
};

/* ---- messages ---- */

/* Nothing of ten thousand users is in the processor's cache when their turn comes, and each thing tells where
 * the next one is. A write takes long enough for one of these steps. */
static void look_ahead(const struct celebrities *celebrities, const struct celebrity *author, uint32_t i)
{
    if (i > 3)
        __builtin_prefetch(author->followers[i - 4].user);
    for (uint32_t others = 2; others > 0; others--)
        if (i > others)
            celebrities->verbs->soon(celebrities->arg, author->followers[i - 1 - others].user, others);
}

static void deliver(struct celebrities *celebrities, struct celebrity *author, struct live_event *event,
                    uint64_t sequence)
{
    for (uint32_t i = author->follower_count; i > 0; i--) {
        if (i > author->follower_count)
            continue;
        look_ahead(celebrities, author, i);
        celebrities->verbs->deliver(celebrities->arg, author->followers[i - 1].user, event, sequence);
    }
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
            fr_delivery_author_want_all(author);
        else if (user != NULL && user->index.state == INDEX_LOADED)
            fr_delivery_author_want_one(author, user->id);
        return true;
    }
    case FR_EVENT_CELEBRITY:
    case FR_EVENT_ORDINARY:
        load_all_again(celebrities);
        fr_delivery_author_want_all(author);
        return true;
    }
    return false;
}

enum judgement { JUDGED_DONE, JUDGED_WAITS, JUDGED_DELIVER };

static enum judgement judge(struct celebrities *celebrities, struct celebrity *author,
                            const struct live_event *event)
{
    if (note_change(celebrities, author, event))
        return JUDGED_DONE;
    if (author->state == AUTHOR_UNKNOWN)
        fr_delivery_author_want_all(author);
    return fr_delivery_author_has_to_read(author) ? JUDGED_WAITS : JUDGED_DELIVER;
}

static void hold(struct celebrities *celebrities, struct celebrity *author, struct live_event *event,
                 uint64_t sequence)
{
    if (author->held_count >= HELD_OF_AUTHOR_MAX || celebrities->held >= HELD_MAX) {
        /* What it was about is known when all of it is read again; a post is gone. */
        if (!author->overflowed) {
            author->dropped.sequence = sequence;
            fr_ring_add(&celebrities->held_in_order, &author->dropped.in_order);
        }
        author->overflowed = true;
        note_change(celebrities, author, event);
        return;
    }
    struct held *held = FR_NEW(struct held);
    held->event = fr_delivery_event_hold(event);
    held->sequence = sequence;
    fr_ring_add(&celebrities->held_in_order, &held->in_order);
    *author->held_end = held;
    author->held_end = &held->next;
    author->held_count++;
    celebrities->held++;
    fr_metric_add(FR_METRIC_CELEBRITY_HELD, 1);
}

/* The first of the held ones; it and its event are the caller's now. */
static struct held *take_held(struct celebrities *celebrities, struct celebrity *author)
{
    struct held *held = author->held;
    author->held = held->next;
    fr_ring_remove(&held->in_order);
    if (author->held == NULL)
        author->held_end = &author->held;
    author->held_count--;
    celebrities->held--;
    fr_metric_add(FR_METRIC_CELEBRITY_HELD, -1);
    return held;
}

/* Those who follow him were not told of what had to be dropped. From the last: the one who leaves is replaced
 * by one who was here before. */
static void tell_missed(struct celebrities *celebrities, struct celebrity *author)
{
    author->overflowed = false;
    for (uint32_t i = author->follower_count; i > 0; i--)
        if (i <= author->follower_count)
            celebrities->verbs->missed(celebrities->arg, author->followers[i - 1].user);
    fr_ring_remove(&author->dropped.in_order);
}

/* Works off what was held, up to where something has to be read first: changes that follow one another are
 * read in one. */
void fr_delivery_author_go_on(struct celebrities *celebrities, struct celebrity *author)
{
    while (author->held != NULL) {
        enum judgement judgement = judge(celebrities, author, author->held->event);
        if (judgement == JUDGED_WAITS)
            break;
        struct held *held = take_held(celebrities, author);
        if (judgement == JUDGED_DELIVER)
            deliver(celebrities, author, held->event, held->sequence);
        fr_delivery_event_release(held->event);
        free(held);
    }
    if (fr_delivery_author_has_to_read(author))
        fr_delivery_author_wait(celebrities, author);
    else if (author->overflowed)
        tell_missed(celebrities, author);
}

void fr_delivery_celebrities_take(struct celebrities *celebrities, struct live_event *event,
                                  uint64_t sequence)
{
    int64_t author_id = fr_delivery_event_author(event);
    if (fr_delivery_event_kind(event) == FR_EVENT_ACCOUNT) {
        struct celebrity *gone = fr_delivery_table_find(&celebrities->authors, author_id);
        if (gone != NULL)
            fr_delivery_author_free(celebrities, gone);
        return;
    }
    struct celebrity *author = fr_delivery_author_get(celebrities, author_id);
    if (author->state == AUTHOR_WAITING || author->state == AUTHOR_READING) {
        hold(celebrities, author, event, sequence);
        return;
    }
    switch (judge(celebrities, author, event)) {
    case JUDGED_DONE:
        break;
    case JUDGED_WAITS:
        hold(celebrities, author, event, sequence);
        break;
    case JUDGED_DELIVER:
        deliver(celebrities, author, event, sequence);
        break;
    }
    if (fr_delivery_author_has_to_read(author))
        fr_delivery_author_wait(celebrities, author);
}

uint64_t fr_delivery_celebrities_done(const struct celebrities *celebrities, uint64_t last)
{
    if (fr_ring_is_empty(&celebrities->held_in_order))
        return last;
    uint64_t first = FR_CONTAINER_OF(celebrities->held_in_order.next, struct held, in_order)->sequence;
    return first <= last ? first - 1 : last;
}

bool fr_delivery_celebrities_holds(const struct celebrities *celebrities, int64_t author_id,
                                   uint64_t sequence)
{
    const struct celebrity *author = fr_delivery_table_find(&celebrities->authors, author_id);
    return author != NULL && author->held != NULL && sequence >= author->held->sequence;
}

bool fr_delivery_celebrities_follows(const struct celebrities *celebrities, const struct local_user *user,
                                     int64_t author_id)
{
    const struct celebrity *author = fr_delivery_table_find(&celebrities->authors, author_id);
    uint32_t at;
    return author != NULL && fr_delivery_edge_find(user, author, &at);
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
        fr_delivery_edges_remove(user);
        /* He may have begun to follow somebody in what is lost. */
        user->index.suspect = !follows;
        fr_delivery_load_queue(celebrities, user);
        if (follows)
            celebrities->verbs->missed(celebrities->arg, user);
    }
    for (size_t i = 0; i < author_count; i++)
        fr_delivery_author_free(celebrities, fr_delivery_table_find(&celebrities->authors, authors[i]));
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
    fr_ring_init(&celebrities->load_queue);
    fr_ring_init(&celebrities->held_in_order);
}

void fr_delivery_celebrities_release(struct celebrities *celebrities)
{
    fr_timer_stop(&celebrities->retry);
    int64_t *authors = fr_delivery_table_ids(&celebrities->authors);
    size_t count = celebrities->authors.count;
    for (size_t i = 0; i < count; i++)
        fr_delivery_author_free(celebrities, fr_delivery_table_find(&celebrities->authors, authors[i]));
    free(authors);
    fr_task_cancel(&celebrities->begin);
    fr_delivery_table_release(&celebrities->authors);
}

void fr_delivery_celebrities_load(struct celebrities *celebrities, struct local_user *user)
{
    if (user->index.state == INDEX_NONE)
        fr_delivery_load_queue(celebrities, user);
}

void fr_delivery_celebrities_leave(struct celebrities *celebrities, struct local_user *user)
{
    fr_delivery_edges_remove(user);
    fr_ring_remove(&user->index.ring);
    user->index.state = INDEX_NONE;
}
