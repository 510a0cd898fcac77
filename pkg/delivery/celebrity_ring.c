#include "celebrity_ring.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

_Static_assert((FR_CELEBRITY_RING_MAX & (FR_CELEBRITY_RING_MAX - 1)) == 0, "doubles up to the maximum");

static struct live_event **place_of(const struct celebrity_ring *ring, uint64_t sequence)
{
    return &ring->events[sequence & (ring->capacity - 1)];
}

static void drop_oldest(struct celebrity_ring *ring)
{
    struct live_event **place = place_of(ring, ++ring->floor);
    if (*place == NULL)
        return;
    ring->bytes -= fr_delivery_event_bytes(*place);
    fr_delivery_event_release(*place);
    *place = NULL;
}

void fr_delivery_celebrity_ring_clear(struct celebrity_ring *ring)
{
    while (ring->floor < ring->last)
        drop_oldest(ring);
    ring->epoch = 0;
}

void fr_delivery_celebrity_ring_release(struct celebrity_ring *ring)
{
    fr_delivery_celebrity_ring_clear(ring);
    free(ring->events);
    *ring = (struct celebrity_ring){0};
}

void fr_delivery_celebrity_ring_stand(struct celebrity_ring *ring, const struct fr_feed_place *place)
{
    if (ring->epoch == place->epoch && ring->last == place->sequence)
        return;
    fr_delivery_celebrity_ring_clear(ring);
    ring->epoch = place->epoch;
    ring->floor = ring->last = place->sequence;
}

static void grow(struct celebrity_ring *ring)
{
    struct celebrity_ring grown = *ring;
    grown.capacity = ring->capacity == 0 ? FIRST_CAPACITY : 2 * ring->capacity;
    grown.events = fr_alloc_array(grown.capacity, sizeof *grown.events);
    for (uint64_t s = ring->floor + 1; s <= ring->last; s++)
        *place_of(&grown, s) = *place_of(ring, s);
    free(ring->events);
    *ring = grown;
}

void fr_delivery_celebrity_ring_add(struct celebrity_ring *ring, int64_t epoch, uint64_t sequence,
                                    struct live_event *event)
{
    if (ring->epoch != epoch || ring->last + 1 != sequence)
        fr_delivery_celebrity_ring_stand(ring, &(struct fr_feed_place){epoch, sequence - 1});
    if (ring->last - ring->floor == ring->capacity) {
        if (ring->capacity < FR_CELEBRITY_RING_MAX)
            grow(ring);
        else
            drop_oldest(ring);
    }
    ring->last = sequence;
    *place_of(ring, sequence) = event != NULL ? fr_delivery_event_hold(event) : NULL;
    if (event != NULL)
        ring->bytes += fr_delivery_event_bytes(event);
    while (ring->bytes > FR_CELEBRITY_RING_BYTES)
        drop_oldest(ring);
}

void fr_delivery_celebrity_ring_copy(const struct celebrity_ring *ring, struct celebrity_ring *to)
{
    if (ring->epoch == 0)
        return;
    fr_delivery_celebrity_ring_stand(to, &(struct fr_feed_place){ring->epoch, ring->floor});
    for (uint64_t s = ring->floor + 1; s <= ring->last; s++)
        fr_delivery_celebrity_ring_add(to, ring->epoch, s, *place_of(ring, s));
}

bool fr_delivery_celebrity_ring_reaches(const struct celebrity_ring *ring, const struct fr_feed_place *place)
{
    return ring->epoch != 0 && place->epoch == ring->epoch && place->sequence >= ring->floor;
}

struct live_event *fr_delivery_celebrity_ring_at(const struct celebrity_ring *ring, uint64_t sequence)
{
    return *place_of(ring, sequence);
}
