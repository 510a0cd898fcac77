/* Rings: doubly linked, heads and members are the same struct. */
#ifndef FR_HTTP_RING_H
#define FR_HTTP_RING_H

#include <stdbool.h>

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
static inline void fr_ring_add(struct fr_ring *head, struct fr_ring *item)
{
    item->next = head;
    item->prev = head->prev;
    head->prev->next = item;
    head->prev = item;
}
/* Also of one that is in no ring, if it was initialised. */
static inline void fr_ring_remove(struct fr_ring *item)
{
    item->next->prev = item->prev;
    item->prev->next = item->next;
    item->next = item->prev = item;
}

#endif
