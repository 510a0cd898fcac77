#include "sent.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

_Static_assert(FR_SENT_RING % FIRST_CAPACITY == 0 && FR_SENT_RING <= UINT8_MAX, "doubles up to the maximum");

/* Ids are appended until the ring has its full size; from then on each replaces the oldest, at `next`. Behind
 * the ids, as many of them as there is room for, stand their revisions. */
struct sent_ring {
    int64_t greatest; /* of the ids ever added: almost every post is younger, and need not be looked for */
    uint8_t count, capacity, next;
    int64_t ids[];
};

static int32_t *revisions_of(const struct sent_ring *ring)
{
    return (int32_t *)(uintptr_t)(ring->ids + ring->capacity);
}

/* ring->count if it is not there. */
static uint8_t find(const struct sent_ring *ring, int64_t post_id)
{
    uint8_t at = 0;
    while (at < ring->count && ring->ids[at] != post_id)
        at++;
    return at;
}

bool fr_delivery_sent_has(const struct sent_ring *ring, int64_t post_id)
{
    return ring != NULL && post_id <= ring->greatest && find(ring, post_id) < ring->count;
}

int32_t fr_delivery_sent_revision(const struct sent_ring *ring, int64_t post_id)
{
    return fr_delivery_sent_has(ring, post_id) ? revisions_of(ring)[find(ring, post_id)] : INT32_MIN;
}

static struct sent_ring *grow(struct sent_ring *ring)
{
    size_t capacity = ring == NULL ? FIRST_CAPACITY : (size_t)ring->capacity * 2;
    if (capacity > FR_SENT_RING)
        capacity = FR_SENT_RING;
    struct sent_ring *grown = fr_alloc(sizeof *grown + capacity * (sizeof ring->ids[0] + sizeof(int32_t)));
    grown->capacity = (uint8_t)capacity;
    if (ring != NULL) {
        grown->greatest = ring->greatest;
        grown->count = ring->count;
        memcpy(grown->ids, ring->ids, ring->count * sizeof ring->ids[0]);
        memcpy(revisions_of(grown), revisions_of(ring), ring->count * sizeof(int32_t));
    }
    free(ring);
    return grown;
}

void fr_delivery_sent_add(struct sent_ring **ring, int64_t post_id, int32_t revision)
{
    struct sent_ring *r = *ring;
    if (r == NULL || (r->count == r->capacity && r->capacity < FR_SENT_RING))
        *ring = r = grow(r);
    uint8_t at = r->count;
    if (at < r->capacity) {
        r->count++;
    } else {
        at = r->next;
        r->next = (uint8_t)((r->next + 1) % FR_SENT_RING);
    }
    r->ids[at] = post_id;
    revisions_of(r)[at] = revision;
    if (post_id > r->greatest)
        r->greatest = post_id;
}

void fr_delivery_sent_revise(struct sent_ring *ring, int64_t post_id, int32_t revision)
{
    if (fr_delivery_sent_has(ring, post_id))
        revisions_of(ring)[find(ring, post_id)] = revision;
}

void fr_delivery_sent_free(struct sent_ring *ring)
{
    free(ring);
}
