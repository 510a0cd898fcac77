/* The newest posts of one user's feed, by id: which they are, and how sure that is. Pure. */
#ifndef FR_TIMELINE_PAGE_RING_H
#define FR_TIMELINE_PAGE_RING_H

#include "base/base.h"

#define PAGE_RING_MAX 32

enum page_entry_state {
    PAGE_ENTRY_SURE,    /* it belongs here, in this revision, but for changes that are told */
    PAGE_ENTRY_NEW,     /* it came live: neither its author nor its text was looked at yet */
    PAGE_ENTRY_DOUBTED, /* it was sure, and something changed */
};

struct page_entry {
    int64_t post_id, author_id; /* author 0: not known yet */
    int32_t revision;           /* 0: its text is to be read */
    enum page_entry_state state;
};

/* Zeroed at first: everything from the first post on, which is nothing. */
struct page_ring {
    struct page_entry *entries; /* newest first */
    int64_t floor;              /* what has this id or a greater one is here; 0: everything */
    uint16_t count, capacity;
};

/* NULL if it is not there. */
struct page_entry *fr_timeline_ring_find(const struct page_ring *ring, int64_t post_id);
/* Harmless if the post is there, or below the floor. Past PAGE_RING_MAX the oldest makes way. */
void fr_timeline_ring_add(struct page_ring *ring, const struct page_entry *entry);
void fr_timeline_ring_remove(struct page_ring *ring, int64_t post_id);
/* What was read becomes what is there, newest first, with `floor`; of what was there only what came live
 * stays, and only if it was not read. */
void fr_timeline_ring_fill(struct page_ring *ring, const struct page_entry *entries, size_t count,
                           int64_t floor);
/* All that was sure. */
void fr_timeline_ring_doubt_all(struct page_ring *ring);
/* It is zeroed then. */
void fr_timeline_ring_release(struct page_ring *ring);

#endif
