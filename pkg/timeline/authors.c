#include <stdlib.h>
#include <string.h>

#include "timeline/tell_internal.h"

static const bool may_move[FR_AUTHOR_STATES][FR_AUTHOR_STATES] = {
    [FR_AUTHOR_READY] = {[FR_AUTHOR_SENDING] = true, [FR_AUTHOR_TOLD] = true},
    [FR_AUTHOR_SENDING] = {[FR_AUTHOR_FLYING] = true, [FR_AUTHOR_TOLD] = true},
    [FR_AUTHOR_FLYING] = {[FR_AUTHOR_RESTING] = true, [FR_AUTHOR_TOLD] = true},
    [FR_AUTHOR_RESTING] = {[FR_AUTHOR_READY] = true},
    [FR_AUTHOR_TOLD] = {[FR_AUTHOR_READY] = true},
};

void fr_author_append(struct fr_author_list *list, struct fr_author *author)
{
    author->list_next = NULL;
    *list->last = author;
    list->last = &author->list_next;
}

struct fr_author *fr_author_take_first(struct fr_author_list *list)
{
    struct fr_author *author = list->first;

    list->first = author->list_next;
    if (list->first == NULL)
        list->last = &list->first;
    return author;
}

void fr_author_move(struct fr_tell *tell, struct fr_author *author, enum fr_author_state to)
{
    if (!may_move[author->state][to])
        abort();
    if (author->state == FR_AUTHOR_FLYING)
        tell->flying--;
    author->state = to;
    switch (to) {
    case FR_AUTHOR_READY:
        fr_author_append(&tell->ready, author);
        break;
    case FR_AUTHOR_SENDING:
        break;
    case FR_AUTHOR_FLYING:
        tell->flying++;
        break;
    case FR_AUTHOR_RESTING:
        fr_author_append(&tell->resting, author);
        break;
    case FR_AUTHOR_TOLD:
        author->failures = 0;
        tell->told[tell->told_count++] = author;
        break;
    }
}

static size_t bucket_of(int64_t author_id)
{
    return fr_fnv1a32(&author_id, sizeof(author_id)) % FR_TELL_BUCKETS;
}

const struct fr_author *fr_author_find(const struct fr_tell *tell, int64_t author_id)
{
    const struct fr_author *author = tell->buckets[bucket_of(author_id)];

    while (author != NULL && author->author_id != author_id)
        author = author->bucket_next;
    return author;
}

static struct fr_author **find_place(struct fr_tell *tell, int64_t author_id)
{
    struct fr_author **place = &tell->buckets[bucket_of(author_id)];

    while (*place != NULL && (*place)->author_id != author_id)
        place = &(*place)->bucket_next;
    return place;
}

void fr_author_add_event(struct fr_tell *tell, const struct fr_outbox_event *event)
{
    struct fr_author **place = find_place(tell, event->author_id);
    struct fr_author_event *item = FR_NEW(struct fr_author_event);
    struct fr_author *author = *place;

    item->event = *event;
    if (author == NULL) {
        author = *place = FR_NEW(struct fr_author);
        author->author_id = event->author_id;
        author->state = FR_AUTHOR_READY;
        author->last = &author->first;
        fr_author_append(&tell->ready, author);
    }
    *author->last = item;
    author->last = &item->next;
    tell->events++;
    tell->of_partition[event->partition]++;
}

void fr_author_drop_event(struct fr_tell *tell, struct fr_author *author)
{
    struct fr_author_event *item = author->first;

    tell->events--;
    tell->of_partition[item->event.partition]--;
    author->first = item->next;
    free(item);
    author->told_live = author->told_outward = false;
    if (author->first != NULL) {
        fr_author_move(tell, author, FR_AUTHOR_READY);
        return;
    }
    *find_place(tell, author->author_id) = author->bucket_next;
    free(author);
}

void fr_authors_forget(struct fr_tell *tell)
{
    for (size_t i = 0; i < FR_TELL_BUCKETS; i++)
        while (tell->buckets[i] != NULL) {
            struct fr_author *author = tell->buckets[i];
            tell->buckets[i] = author->bucket_next;
            while (author->first != NULL) {
                struct fr_author_event *item = author->first;
                author->first = item->next;
                free(item);
            }
            free(author);
        }
    tell->ready = (struct fr_author_list){NULL, &tell->ready.first};
    tell->resting = (struct fr_author_list){NULL, &tell->resting.first};
    tell->events = tell->flying = tell->told_count = 0;
    memset(tell->of_partition, 0, sizeof(tell->of_partition));
}
