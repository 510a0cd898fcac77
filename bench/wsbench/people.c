#include "people.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- lines of two columns ---- */

typedef enum fr_status (*take_line)(void *arg, struct fr_str first, struct fr_str second,
                                    struct fr_error *error);

static enum fr_status read_lines(const char *path, take_line take, void *arg, struct fr_error *error)
{
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return fr_error_set_errno(error, errno, "%s", path);
    enum fr_status status = FR_OK;
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    for (long number = 1; status == FR_OK && (len = getline(&line, &size, in)) >= 0; number++) {
        struct fr_str second = {line, (size_t)len}, first;
        if (second.data[second.len - 1] == '\n')
            second.len--;
        if (!fr_str_next(&second, '\t', &first) || second.len == 0)
            status = fr_error_set(error, FR_INVALID, NULL, "two columns are wanted");
        else
            status = take(arg, first, second, error);
        if (status != FR_OK) {
            char said[sizeof error->message];
            snprintf(said, sizeof said, "%s", error->message);
            fr_error_set(error, status, NULL, "%s, line %ld: %s", path, number, said);
        }
    }
    if (status == FR_OK && ferror(in))
        status = fr_error_set_errno(error, errno, "%s", path);
    free(line);
    fclose(in);
    return status;
}

/* ---- people ---- */

static size_t place_of(const struct people *people, int64_t id)
{
    uint64_t hash = (uint64_t)id * 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(hash >> 32) & people->place_mask;
    while (people->places[at] != 0 && people->list[people->places[at] - 1].id != id)
        at = (at + 1) & people->place_mask;
    return at;
}

uint32_t people_find(const struct people *people, int64_t id)
{
    uint32_t place = people->places[place_of(people, id)];
    return place > 0 ? place - 1 : PEOPLE_NOBODY;
}

/* For one more; twice as many places as people, at least. */
static void make_room(struct people *people)
{
    enum { PLACES_FIRST = 1024 };
    size_t places = people->places != NULL ? people->place_mask + 1 : 0;
    if (people->count * 2 < places)
        return;
    places = places > 0 ? places * 2 : PLACES_FIRST;
    free(people->places);
    people->places = fr_alloc_array(places, sizeof *people->places);
    people->place_mask = places - 1;
    people->list = fr_realloc_array(people->list, places / 2, sizeof *people->list);
    for (uint32_t i = 0; i < people->count; i++)
        people->places[place_of(people, people->list[i].id)] = i + 1;
}

static enum fr_status take_person(void *arg, struct fr_str first, struct fr_str second,
                                  struct fr_error *error)
{
    struct people *people = arg;
    int64_t id;
    if (fr_id_parse(first, &id) != FR_OK)
        return fr_error_set(error, FR_INVALID, NULL, "the first column must be an id");
    make_room(people);
    size_t place = place_of(people, id);
    if (people->places[place] != 0)
        return fr_error_set(error, FR_INVALID, NULL, "%lld is there twice", (long long)id);
    people->list[people->count++] = (struct person){id, fr_strndup(second.data, second.len)};
    people->places[place] = (uint32_t)people->count;
    return FR_OK;
}

enum fr_status people_read(const char *path, struct people *ret, struct fr_error *error)
{
    struct people people = {0};
    enum fr_status status = read_lines(path, take_person, &people, error);
    if (status == FR_OK && people.count == 0)
        status = fr_error_set(error, FR_INVALID, NULL, "%s: nobody is in it", path);
    if (status == FR_OK)
        *ret = people;
    else
        people_release(&people);
    return status;
}

void people_release(struct people *people)
{
    for (size_t i = 0; i < people->count; i++)
        free(people->list[i].token);
    free(people->list);
    free(people->places);
    *people = (struct people){0};
}

/* ---- follows ---- */

struct edge {
    uint32_t reader, author;
};

struct edges {
    const struct people *readers, *authors;
    struct edge *list;
    size_t count, room;
};

static enum fr_status take_follow(void *arg, struct fr_str first, struct fr_str second,
                                  struct fr_error *error)
{
    struct edges *edges = arg;
    int64_t follower, followed;
    if (fr_id_parse(first, &follower) != FR_OK || fr_id_parse(second, &followed) != FR_OK)
        return fr_error_set(error, FR_INVALID, NULL, "two ids are wanted");
    uint32_t reader = people_find(edges->readers, follower), author = people_find(edges->authors, followed);
    if (reader == PEOPLE_NOBODY || author == PEOPLE_NOBODY)
        return FR_OK;
    if (edges->count == edges->room) {
        edges->room = edges->room > 0 ? edges->room * 2 : 1024;
        edges->list = fr_realloc_array(edges->list, edges->room, sizeof *edges->list);
    }
    edges->list[edges->count++] = (struct edge){reader, author};
    return FR_OK;
}

static int compare_edges(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->reader != y->reader)
        return x->reader < y->reader ? -1 : 1;
    return x->author < y->author ? -1 : x->author > y->author;
}

static void make_follows(struct edges *edges, struct follows *ret)
{
    if (edges->count > 0)
        qsort(edges->list, edges->count, sizeof *edges->list, compare_edges);
    ret->authors = edges->authors->count;
    ret->first = fr_alloc_array(edges->readers->count + 1, sizeof *ret->first);
    ret->followed = fr_alloc_array(edges->count + 1, sizeof *ret->followed);
    uint32_t count = 0;
    size_t at = 0;
    for (uint32_t reader = 0; reader < edges->readers->count; reader++) {
        ret->first[reader] = count;
        for (; at < edges->count && edges->list[at].reader == reader; at++) {
            if (at == 0 || compare_edges(&edges->list[at], &edges->list[at - 1]) != 0)
                ret->followed[count++] = edges->list[at].author;
        }
    }
    ret->first[edges->readers->count] = count;
}

enum fr_status follows_read(const char *path, const struct people *readers, const struct people *authors,
                            struct follows *ret, struct fr_error *error)
{
    if (path == NULL) {
        *ret = (struct follows){.all = true, .authors = authors->count};
        return FR_OK;
    }
    struct edges edges = {.readers = readers, .authors = authors};
    enum fr_status status = read_lines(path, take_follow, &edges, error);
    if (status == FR_OK) {
        *ret = (struct follows){0};
        make_follows(&edges, ret);
    }
    free(edges.list);
    return status;
}

void follows_release(struct follows *follows)
{
    free(follows->first);
    free(follows->followed);
    *follows = (struct follows){0};
}

size_t follows_count(const struct follows *follows, uint32_t reader)
{
    return follows->all ? follows->authors : follows->first[reader + 1] - follows->first[reader];
}

uint32_t follows_at(const struct follows *follows, uint32_t reader, size_t place)
{
    return follows->all ? (uint32_t)place : follows->followed[follows->first[reader] + place];
}
