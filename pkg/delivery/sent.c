#include "sent.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

_Static_assert(FR_SENT_RING % FIRST_CAPACITY == 0 && FR_SENT_RING <= UINT8_MAX, "doubles up to the maximum");

/* Ids are appended until the ring has its full size; from then on each replaces the oldest, at `next`. */
struct sent_ring {
    uint8_t count, capacity, next;
    int64_t ids[];
};

bool fr_delivery_sent_has(const struct sent_ring *ring, int64_t post_id)
{
    if (ring == NULL)
        return false;
    for (uint8_t i = 0; i < ring->count; i++)
        if (ring->ids[i] == post_id)
            return true;
    return false;
}

static struct sent_ring *grow(struct sent_ring *ring)
{
    size_t capacity = ring == NULL ? FIRST_CAPACITY : (size_t)ring->capacity * 2;
    if (capacity > FR_SENT_RING)
        capacity = FR_SENT_RING;
    size_t size = sizeof *ring + capacity * sizeof ring->ids[0];
    struct sent_ring *grown = fr_realloc_array(ring, 1, size);
    if (ring == NULL)
        grown->count = grown->next = 0;
    grown->capacity = (uint8_t)capacity;
    return grown;
}

void fr_delivery_sent_add(struct sent_ring **ring, int64_t post_id)
{
    struct sent_ring *r = *ring;
    if (r == NULL || (r->count == r->capacity && r->capacity < FR_SENT_RING))
        *ring = r = grow(r);
    if (r->count < r->capacity) {
        r->ids[r->count++] = post_id;
        return;
    }
    r->ids[r->next] = post_id;
    r->next = (uint8_t)((r->next + 1) % FR_SENT_RING);
}

void fr_delivery_sent_free(struct sent_ring *ring)
{
    free(ring);
}
