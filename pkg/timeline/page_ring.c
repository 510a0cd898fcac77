#include "page_ring.h"

#include <stdlib.h>

enum { CAPACITY_STEP = 8 };

/* Where the first entry stands that is not newer. */
static size_t place_of(const struct page_ring *ring, int64_t post_id)
{
    size_t low = 0, high = ring->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ring->entries[middle].post_id > post_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct page_entry *fr_timeline_ring_find(const struct page_ring *ring, int64_t post_id)
{
    size_t at = place_of(ring, post_id);
    return at < ring->count && ring->entries[at].post_id == post_id ? &ring->entries[at] : NULL;
}

static void make_room(struct page_ring *ring)
{
    if (ring->count == PAGE_RING_MAX) {
        ring->count--;
        ring->floor = ring->entries[ring->count].post_id + 1;
    } else if (ring->count == ring->capacity) {
        ring->capacity += CAPACITY_STEP;
        ring->entries = fr_realloc_array(ring->entries, ring->capacity, sizeof *ring->entries);
    }
}

void fr_timeline_ring_add(struct page_ring *ring, const struct page_entry *entry)
{
    if (entry->post_id < ring->floor || fr_timeline_ring_find(ring, entry->post_id) != NULL)
        return;
    if (ring->count == PAGE_RING_MAX && entry->post_id < ring->entries[ring->count - 1].post_id) {
        ring->floor = entry->post_id + 1;
        return;
    }
    make_room(ring);
    size_t at = place_of(ring, entry->post_id);
    memmove(&ring->entries[at + 1], &ring->entries[at], (ring->count - at) * sizeof *ring->entries);
    ring->entries[at] = *entry;
    ring->count++;
}

void fr_timeline_ring_remove(struct page_ring *ring, int64_t post_id)
{
    struct page_entry *entry = fr_timeline_ring_find(ring, post_id);
    if (entry == NULL)
        return;
    ring->count--;
    memmove(entry, entry + 1, (size_t)(&ring->entries[ring->count] - entry) * sizeof *entry);
}

void fr_timeline_ring_fill(struct page_ring *ring, const struct page_entry *entries, size_t count,
                           int64_t floor)
{
    struct page_entry came[PAGE_RING_MAX];
    size_t came_count = 0;
    for (size_t i = 0; i < ring->count; i++)
        if (ring->entries[i].state == PAGE_ENTRY_NEW)
            came[came_count++] = ring->entries[i];
    ring->count = 0;
    /* Of what came live the oldest may have made way. */
    ring->floor = floor > ring->floor ? floor : ring->floor;
    for (size_t i = 0; i < count; i++)
        fr_timeline_ring_add(ring, &entries[i]);
    for (size_t i = 0; i < came_count; i++)
        fr_timeline_ring_add(ring, &came[i]);
}

void fr_timeline_ring_doubt_all(struct page_ring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        if (ring->entries[i].state == PAGE_ENTRY_SURE)
            ring->entries[i].state = PAGE_ENTRY_DOUBTED;
}

void fr_timeline_ring_release(struct page_ring *ring)
{
    free(ring->entries);
    *ring = (struct page_ring){0};
}
