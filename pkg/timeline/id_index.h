/* Things found by their id: chains through links that the things embed. Grows at need. One thread, or under
 * the lock of whoever owns it. */
#ifndef FR_TIMELINE_ID_INDEX_H
#define FR_TIMELINE_ID_INDEX_H

#include "base/base.h"

struct id_link {
    struct id_link *next;
    int64_t id;
};

/* Zeroed at first. */
struct id_index {
    struct id_link **chains;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* NULL if it is not there. */
struct id_link *fr_timeline_index_find(const struct id_index *index, int64_t id);
/* `link->id` is set and not in the index yet. */
void fr_timeline_index_add(struct id_index *index, struct id_link *link);
/* It must be in the index. */
void fr_timeline_index_remove(struct id_index *index, struct id_link *link);
/* What is in it is the caller's to free. */
void fr_timeline_index_release(struct id_index *index);

#endif
