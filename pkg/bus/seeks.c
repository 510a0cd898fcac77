#include "seeks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "names.h"
#include "streams.h"

enum { IN_FLIGHT_MAX = 32, WAITING_MAX = 8192, SUBJECT_SIZE = 64, BODY_SIZE = 128 };

static void on_answer(void *owner, const struct call_tag *tag, enum fr_status status, struct fr_str reply)
{
    struct seeks *seeks = owner;
    pthread_mutex_lock(&seeks->lock);
    bool more = seeks->count > 0;
    pthread_mutex_unlock(&seeks->lock);
    if (more)
        fr_bus_sender_wake(seeks->bus);
    struct fr_feed_sought sought = {.consumer = tag->number, .head = tag->sequence};
    if (status == FR_OK && fr_bus_stream_parse_message(reply, &sought.next) == FR_OK)
        seeks->found(seeks->owner, &sought);
}

enum fr_status seeks_init(struct seeks *seeks, struct fr_bus *bus, seeks_found_fn found, void *owner,
                          struct fr_error *error)
{
    *seeks = (struct seeks){.bus = bus, .found = found, .owner = owner};
    seeks->end = &seeks->head;
    const struct calls_bounds bounds = {.capacity = IN_FLIGHT_MAX};
    enum fr_status status = calls_init(&seeks->calls, bus->nc, &bounds, on_answer, seeks, error);
    if (status == FR_OK)
        pthread_mutex_init(&seeks->lock, NULL);
    else
        *seeks = (struct seeks){0};
    return status;
}

static struct seek *next(struct seeks *seeks)
{
    pthread_mutex_lock(&seeks->lock);
    struct seek *seek = seeks->head;
    if (seek != NULL) {
        seeks->head = seek->next;
        if (seeks->head == NULL)
            seeks->end = &seeks->head;
        seeks->count--;
    }
    pthread_mutex_unlock(&seeks->lock);
    return seek;
}

void seeks_release(struct seeks *seeks)
{
    if (seeks->bus == NULL)
        return;
    calls_release(&seeks->calls);
    struct seek *seek;
    while ((seek = next(seeks)) != NULL)
        free(seek);
    pthread_mutex_destroy(&seeks->lock);
    *seeks = (struct seeks){0};
}

void seeks_ask(struct seeks *seeks, const struct seek *wish)
{
    struct seek *seek = FR_NEW(struct seek);
    *seek = *wish;
    seek->next = NULL;
    pthread_mutex_lock(&seeks->lock);
    bool room = seeks->count < WAITING_MAX;
    if (room) {
        *seeks->end = seek;
        seeks->end = &seek->next;
        seeks->count++;
    }
    pthread_mutex_unlock(&seeks->lock);
    if (room)
        fr_bus_sender_wake(seeks->bus);
    else
        free(seek);
}

static enum fr_status send(struct seeks *seeks, const struct seek *seek)
{
    char filter[NAMES_SUBJECT_SIZE], subject[SUBJECT_SIZE], body[BODY_SIZE];
    fr_bus_format_feed(seek->user_id, filter);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.MSG.GET.FEED_%02d",
             fr_partition_of(seek->user_id, FR_FEED_PARTITIONS));
    int len =
        snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\"%s\"}", seek->after + 1, filter);
    const struct call_tag tag = {.number = seek->consumer, .sequence = seek->head};
    return calls_send(&seeks->calls, subject, (struct fr_str){body, (size_t)len}, &tag, NULL);
}

void seeks_send(struct seeks *seeks)
{
    struct seek *seek;
    while (atomic_load(&seeks->bus->ready) && !calls_full(&seeks->calls) && (seek = next(seeks)) != NULL) {
        /* Without an answer somebody asks again. */
        (void)!send(seeks, seek);
        free(seek);
    }
}
