/* struct fr_ring: doubly linked rings; heads and members are the same struct. Whoever embeds a member owns
 * its memory, and takes it out before that goes. A head is initialised; a member is zeroed or initialised.
 * Not thread-safe. */
#ifndef FR_BASE_RING_H
#define FR_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct fr_ring {
    struct fr_ring *next, *prev;
};

static inline void fr_ring_init(struct fr_ring *head)
{
    head->next = head->prev = head;
}

static inline bool fr_ring_is_empty(const struct fr_ring *head)
{
    return head->next == head;
}

/* Whether a member is in a ring. */
static inline bool fr_ring_is_in(const struct fr_ring *item)
{
    return item->next != NULL && item->next != item;
}

/* Harmless for one that is in no ring. */
static inline void fr_ring_remove(struct fr_ring *item)
{
    if (item->next == NULL)
        return;
    item->next->prev = item->prev;
    item->prev->next = item->next;
    item->next = item->prev = item;
}

/* As the last, or before whichever member `head` is; out of the ring that it is in. */
static inline void fr_ring_add(struct fr_ring *head, struct fr_ring *item)
{
    fr_ring_remove(item);
    item->next = head;
    item->prev = head->prev;
    head->prev->next = item;
    head->prev = item;
}

static inline void fr_ring_add_first(struct fr_ring *head, struct fr_ring *item)
{
    fr_ring_remove(item);
    fr_ring_add(head->next, item);
}

#endif
