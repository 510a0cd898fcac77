/* Who of the local users follows which celebrity: edges that are known on both sides. */
#include <stdlib.h>

#include "celebrities_internal.h"
#include "metrics/metrics.h"

enum { AUTHORS_MAX = 65536 }; /* past it those are forgotten whom nobody here follows */

/* ---- edges: each known on both sides, with its place on the other ---- */

/* On the shorter of both sides: one may follow thousands, or be followed by all who are here. */
bool fr_delivery_edge_find(const struct local_user *user, const struct celebrity *author, uint32_t *ret_at)
{
    if (author->follower_count < user->index.count) {
        for (uint32_t i = 0; i < author->follower_count; i++) {
            if (author->followers[i].user == user) {
                *ret_at = author->followers[i].at;
                return true;
            }
        }
        return false;
    }
    for (uint32_t i = 0; i < user->index.count; i++) {
        if (user->index.follows[i].author == author) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

void fr_delivery_edge_add(struct local_user *user, struct celebrity *author)
{
    struct index_part *part = &user->index;
    if (part->count == part->capacity) {
        part->capacity = part->capacity == 0 ? 1 : 2 * part->capacity; /* most follow one or two of them */
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
void fr_delivery_edge_remove(struct local_user *user, uint32_t at)
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

void fr_delivery_edges_remove(struct local_user *user)
{
    while (user->index.count > 0)
        fr_delivery_edge_remove(user, user->index.count - 1);
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
        fr_ring_remove(&held->in_order);
        fr_delivery_event_release(held->event);
        free(held);
    }
    fr_ring_remove(&author->dropped.in_order);
    author->held_end = &author->held;
    author->held_count = 0;
}

void fr_delivery_author_stop_waiting(struct celebrities *celebrities, struct celebrity *author)
{
    struct celebrity **link = &celebrities->waiting;
    while (*link != author)
        link = &(*link)->next_waiting;
    *link = author->next_waiting;
    if (author->next_waiting == NULL)
        celebrities->waiting_end = link;
}

/* An answer that is still to come finds nobody. */
void fr_delivery_author_free(struct celebrities *celebrities, struct celebrity *author)
{
    while (author->follower_count > 0) {
        const struct follower *last = &author->followers[author->follower_count - 1];
        fr_delivery_edge_remove(last->user, last->at);
    }
    drop_held(celebrities, author);
    if (author->state == AUTHOR_WAITING)
        fr_delivery_author_stop_waiting(celebrities, author);
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
            fr_delivery_author_free(celebrities, author);
    }
    free(ids);
}

struct celebrity *fr_delivery_author_get(struct celebrities *celebrities, int64_t id)
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
