#include "verify.h"

#include <errno.h>
#include <stdlib.h>

enum { FINDINGS_SHOWN = 10 };

struct check {
    const struct posts *posts;
    const struct people *readers, *authors;
    const struct follows *follows;
    uint32_t post_count;
    /* Accepted posts by author: those of author a are accepted[first[a]] … accepted[first[a + 1] - 1]. */
    uint32_t *accepted, *first;
    /* Of the connection at hand, which has the number `mark`, from 1: posts that it got, authors whom its
     * reader follows, and the newest id of each that came live. */
    uint32_t mark, *has, *follows_author;
    int64_t *newest;
    FILE *out;
    unsigned shown;
    struct verdict verdict;
};

static void sort_by_author(struct check *check)
{
    uint32_t *at = fr_alloc_array(check->authors->count + 1, sizeof *at);
    for (uint32_t i = 0; i < check->post_count; i++) {
        if (check->posts->list[i].accepted_ns > 0)
            check->first[check->posts->list[i].author + 1]++;
    }
    for (size_t a = 0; a < check->authors->count; a++) {
        check->first[a + 1] += check->first[a];
        at[a] = check->first[a];
    }
    for (uint32_t i = 0; i < check->post_count; i++) {
        if (check->posts->list[i].accepted_ns > 0)
            check->accepted[at[check->posts->list[i].author]++] = i;
    }
    free(at);
}

static void find(struct check *check, uint64_t *counter, size_t socket, uint32_t reader, uint32_t index,
                 const char *what)
{
    ++*counter;
    if (check->out == NULL || check->shown++ >= FINDINGS_SHOWN)
        return;
    fprintf(check->out, "wsbench: connection %zu, reader %lld: post %lld (index %u) %s\n", socket,
            (long long)check->readers->list[reader].id,
            index < check->post_count ? (long long)check->posts->list[index].id : 0LL, index, what);
}

static void check_arrivals(struct check *check, size_t socket, uint32_t reader, const uint32_t *arrivals,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t index = arrivals[i] & ~ARRIVED_IN_SNAPSHOT;
        bool live = (arrivals[i] & ARRIVED_IN_SNAPSHOT) == 0;
        const struct post *post = &check->posts->list[index];
        if (index >= check->post_count || check->follows_author[post->author] != check->mark) {
            find(check, &check->verdict.foreign, socket, reader, index, "was for somebody else");
            continue;
        }
        if (live && check->has[index] == check->mark)
            find(check, &check->verdict.doubled, socket, reader, index, "came twice");
        check->has[index] = check->mark;
        if (!live || post->accepted_ns <= 0)
            continue;
        if (post->id < check->newest[post->author])
            find(check, &check->verdict.reordered, socket, reader, index, "came after a younger one");
        else
            check->newest[post->author] = post->id;
    }
}

static void check_socket(struct check *check, const struct fleet *fleet, size_t socket)
{
    uint32_t reader = (uint32_t)(socket % check->readers->count);
    size_t count, followed = follows_count(check->follows, reader);
    const uint32_t *arrivals = fleet_arrivals(fleet, socket, &count);
    check->mark++;
    for (size_t i = 0; i < followed; i++) {
        uint32_t author = follows_at(check->follows, reader, i);
        check->follows_author[author] = check->mark;
        check->newest[author] = 0;
    }
    check_arrivals(check, socket, reader, arrivals, count);
    if (fleet_is_deaf(fleet, socket))
        return; /* what is missing, it did not want */
    for (size_t i = 0; i < followed; i++) {
        uint32_t author = follows_at(check->follows, reader, i);
        for (uint32_t at = check->first[author]; at < check->first[author + 1]; at++) {
            if (check->has[check->accepted[at]] != check->mark)
                find(check, &check->verdict.lost, socket, reader, check->accepted[at], "did not come");
        }
    }
}

void verify(const struct fleet *fleet, const struct posts *posts, const struct people *readers,
            const struct people *authors, const struct follows *follows, size_t sockets, FILE *out,
            struct verdict *ret)
{
    uint32_t count = atomic_load(&posts->count);
    struct check check = {
        .posts = posts,
        .readers = readers,
        .authors = authors,
        .follows = follows,
        .post_count = count,
        .accepted = fr_alloc_array((size_t)count + 1, sizeof *check.accepted),
        .first = fr_alloc_array(authors->count + 1, sizeof *check.first),
        .has = fr_alloc_array((size_t)count + 1, sizeof *check.has),
        .follows_author = fr_alloc_array(authors->count, sizeof *check.follows_author),
        .newest = fr_alloc_array(authors->count, sizeof *check.newest),
        .out = out,
    };
    sort_by_author(&check);
    for (size_t socket = 0; socket < sockets; socket++)
        check_socket(&check, fleet, socket);
    *ret = check.verdict;
    free(check.accepted);
    free(check.first);
    free(check.has);
    free(check.follows_author);
    free(check.newest);
}

static int compare_indexes(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void write_socket(FILE *out, int64_t reader, const uint32_t *arrivals, size_t count)
{
    uint32_t *sorted = fr_alloc_array(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = arrivals[i] & ~ARRIVED_IN_SNAPSHOT;
    qsort(sorted, count, sizeof *sorted, compare_indexes);
    fprintf(out, "%lld\t", (long long)reader);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1])
            fprintf(out, i == 0 ? "%u" : " %u", sorted[i]);
    }
    putc('\n', out);
    free(sorted);
}

enum fr_status verify_write_received(const char *path, const struct fleet *fleet,
                                     const struct people *readers, size_t sockets, struct fr_error *error)
{
    FILE *out = fopen(path, "we");
    if (out == NULL)
        return fr_error_set_errno(error, errno, "%s", path);
    for (size_t socket = 0; socket < sockets; socket++) {
        size_t count;
        const uint32_t *arrivals = fleet_arrivals(fleet, socket, &count);
        write_socket(out, readers->list[socket % readers->count].id, arrivals, count);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return fr_error_set_errno(error, errno, "%s", path);
    return FR_OK;
}
