/* Things found by their id: open addressing, grown at need. One thread. */
#ifndef FR_DELIVERY_ID_TABLE_H
#define FR_DELIVERY_ID_TABLE_H

#include "base/base.h"

/* Zeroed at first. */
struct id_table {
    struct id_place {
        int64_t id;
        void *thing; /* NULL: free */
    } * places;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* NULL if it is not there. */
void *fr_delivery_table_find(const struct id_table *table, int64_t id);
/* The id must not be there yet. */
void fr_delivery_table_add(struct id_table *table, int64_t id, void *thing);
/* Harmless for an id that is not there. */
void fr_delivery_table_remove(struct id_table *table, int64_t id);
/* The ids in rising order; the caller frees. NULL when there is none. */
int64_t *fr_delivery_table_ids(const struct id_table *table);
/* What the things are is the caller's to free. */
void fr_delivery_table_release(struct id_table *table);

/* Sorts, for statements with arrays and for merging with their answers. */
void fr_delivery_sort_ids(int64_t *ids, size_t count);

#endif
