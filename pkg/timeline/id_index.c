#include "id_index.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

/* Ids are snowflakes or small numbers: the multiplication spreads both. */
static struct id_link **chain_of(const struct id_index *index, int64_t id)
{
    size_t hash = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 20);
    return &index->chains[hash & (index->capacity - 1)];
}

struct id_link *fr_timeline_index_find(const struct id_index *index, int64_t id)
{
    if (index->count == 0)
        return NULL;
    struct id_link *link = *chain_of(index, id);
    while (link != NULL && link->id != id)
        link = link->next;
    return link;
}

static void put(const struct id_index *index, struct id_link *link)
{
    struct id_link **chain = chain_of(index, link->id);
    link->next = *chain;
    *chain = link;
}

static void grow(struct id_index *index)
{
    struct id_index grown = {.capacity = index->capacity == 0 ? FIRST_CAPACITY : 2 * index->capacity,
                             .count = index->count};
    grown.chains = fr_alloc_array(grown.capacity, sizeof(struct id_link *));
    for (size_t i = 0; i < index->capacity; i++) {
        for (struct id_link *link = index->chains[i], *next; link != NULL; link = next) {
            next = link->next;
            put(&grown, link);
        }
    }
    free(index->chains);
    *index = grown;
}

void fr_timeline_index_add(struct id_index *index, struct id_link *link)
{
    if (index->count == index->capacity)
        grow(index);
    put(index, link);
    index->count++;
}

void fr_timeline_index_remove(struct id_index *index, struct id_link *link)
{
    struct id_link **at = chain_of(index, link->id);
    while (*at != link) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = link->next;
    index->count--;
}

void fr_timeline_index_release(struct id_index *index)
{
    free(index->chains);
    *index = (struct id_index){0};
}
