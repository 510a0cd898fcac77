#include "http/user_counts.h"

#include <pthread.h>
#include <stdlib.h>

#include "delivery/id_table.h"

enum { SLICES = 64 };

struct slice {
    pthread_mutex_t lock;
    struct id_table table; /* of users to their number, which is never 0, as a pointer */
};

struct fr_user_counts {
    struct slice slices[SLICES];
};

struct fr_user_counts *fr_user_counts_new(void)
{
    struct fr_user_counts *counts = FR_NEW(struct fr_user_counts);
    for (size_t i = 0; i < SLICES; i++)
        pthread_mutex_init(&counts->slices[i].lock, NULL);
    return counts;
}

void fr_user_counts_free(struct fr_user_counts *counts)
{
    if (counts == NULL)
        return;
    for (size_t i = 0; i < SLICES; i++) {
        fr_delivery_table_release(&counts->slices[i].table);
        pthread_mutex_destroy(&counts->slices[i].lock);
    }
    free(counts);
}

static struct slice *slice_of(struct fr_user_counts *counts, int64_t user_id)
{
    return &counts->slices[fr_partition_of(user_id, SLICES)];
}

static uintptr_t number_of(const struct slice *slice, int64_t user_id)
{
    return (uintptr_t)fr_delivery_table_find(&slice->table, user_id);
}

static void set_number(struct slice *slice, int64_t user_id, uintptr_t number)
{
    fr_delivery_table_remove(&slice->table, user_id);
    if (number > 0)
        fr_delivery_table_add(&slice->table, user_id, (void *)number); /* NOLINT: never followed */
}

bool fr_user_counts_take(struct fr_user_counts *counts, int64_t user_id, int64_t limit)
{
    struct slice *slice = slice_of(counts, user_id);
    pthread_mutex_lock(&slice->lock);
    uintptr_t number = number_of(slice, user_id);
    bool taken = limit == 0 || number < (uintptr_t)limit;
    if (taken)
        set_number(slice, user_id, number + 1);
    pthread_mutex_unlock(&slice->lock);
    return taken;
}

void fr_user_counts_give_back(struct fr_user_counts *counts, int64_t user_id)
{
    struct slice *slice = slice_of(counts, user_id);
    pthread_mutex_lock(&slice->lock);
    uintptr_t number = number_of(slice, user_id);
    if (number > 0)
        set_number(slice, user_id, number - 1);
    pthread_mutex_unlock(&slice->lock);
}
