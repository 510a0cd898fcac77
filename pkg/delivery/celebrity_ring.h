/* The newest messages of CELEB without a hole, for those who resume. One thread, or under its owner's lock.
 *
 * It holds every message of its epoch behind `floor` up to `last`; what is too much (FR_CELEBRITY_RING_MAX,
 * FR_CELEBRITY_RING_BYTES) goes from the oldest on, and `floor` rises. */
#ifndef FR_DELIVERY_CELEBRITY_RING_H
#define FR_DELIVERY_CELEBRITY_RING_H

#include "event.h"

/* Zeroed at first. */
struct celebrity_ring {
    int64_t epoch; /* 0: nothing is known */
    uint64_t floor, last;
    struct live_event **events; /* of sequence s at s % capacity */
    size_t capacity, bytes;     /* capacity: a power of two, or 0 */
};

void fr_delivery_celebrity_ring_release(struct celebrity_ring *ring);
/* The next message; NULL: one that was not understood, and only its place counts. Holds the event. Behind a
 * hole, or of another epoch, it begins anew. */
void fr_delivery_celebrity_ring_add(struct celebrity_ring *ring, int64_t epoch, uint64_t sequence,
                                    struct live_event *event);
/* The reader has told everything up to this place: an empty ring stands there now. */
void fr_delivery_celebrity_ring_stand(struct celebrity_ring *ring, const struct fr_feed_place *place);
/* Something is missing between this and the next. */
void fr_delivery_celebrity_ring_clear(struct celebrity_ring *ring);
/* `to` is zeroed. */
void fr_delivery_celebrity_ring_copy(const struct celebrity_ring *ring, struct celebrity_ring *to);
/* Whether it has everything behind that place. */
bool fr_delivery_celebrity_ring_reaches(const struct celebrity_ring *ring, const struct fr_feed_place *place);
/* floor < sequence <= last. Borrowed; NULL for one that was not understood. */
struct live_event *fr_delivery_celebrity_ring_at(const struct celebrity_ring *ring, uint64_t sequence);

#endif
