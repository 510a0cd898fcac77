#include "id_table.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

/* Ids are snowflakes or small numbers: the multiplication spreads both. */
static size_t home_of(const struct id_table *table, int64_t id)
{
    return (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (table->capacity - 1);
}

static size_t place_of(const struct id_table *table, int64_t id)
{
    size_t at = home_of(table, id);
    while (table->places[at].thing != NULL && table->places[at].id != id)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

void *fr_delivery_table_find(const struct id_table *table, int64_t id)
{
    return table->count == 0 ? NULL : table->places[place_of(table, id)].thing;
}

static void grow(struct id_table *table)
{
    struct id_table grown = {.capacity = table->capacity == 0 ? FIRST_CAPACITY : 2 * table->capacity,
                             .count = table->count};
    grown.places = fr_alloc_array(grown.capacity, sizeof *grown.places);
    for (size_t i = 0; i < table->capacity; i++)
        if (table->places[i].thing != NULL)
            grown.places[place_of(&grown, table->places[i].id)] = table->places[i];
    free(table->places);
    *table = grown;
}

void fr_delivery_table_add(struct id_table *table, int64_t id, void *thing)
{
    if (4 * (table->count + 1) > 3 * table->capacity)
        grow(table);
    struct id_place *place = &table->places[place_of(table, id)];
    assert(place->thing == NULL && thing != NULL);
    *place = (struct id_place){id, thing};
    table->count++;
}

/* Those behind it that it stood in the way of move up. */
void fr_delivery_table_remove(struct id_table *table, int64_t id)
{
    if (table->count == 0)
        return;
    size_t mask = table->capacity - 1, hole = place_of(table, id);
    if (table->places[hole].thing == NULL)
        return;
    for (size_t at = (hole + 1) & mask; table->places[at].thing != NULL; at = (at + 1) & mask) {
        size_t home = home_of(table, table->places[at].id);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        table->places[hole] = table->places[at];
        hole = at;
    }
    table->places[hole] = (struct id_place){0};
    table->count--;
}

int64_t *fr_delivery_table_ids(const struct id_table *table)
{
    if (table->count == 0)
        return NULL;
    int64_t *ids = fr_alloc_array(table->count, sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->places[i].thing != NULL)
            ids[count++] = table->places[i].id;
    fr_delivery_sort_ids(ids, count);
    return ids;
}

void fr_delivery_table_release(struct id_table *table)
{
    free(table->places);
    *table = (struct id_table){0};
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void fr_delivery_sort_ids(int64_t *ids, size_t count)
{
    if (count > 1)
        qsort(ids, count, sizeof *ids, compare);
}
