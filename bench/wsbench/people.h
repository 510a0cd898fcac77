/* Who reads, who writes, and who follows whom: read from files once, then constant and for any thread. */
#ifndef WSBENCH_PEOPLE_H
#define WSBENCH_PEOPLE_H

#include "base/base.h"

struct person {
    int64_t id;
    char *token;
};

/* A list of people, each once. */
struct people {
    struct person *list;
    size_t count;
    uint32_t *places; /* hash table: place in the list + 1 */
    size_t place_mask;
};
/* Lines `id<TAB>token`, as `freshetctl token mint FIRST..LAST` prints them. FR_INVALID names the line. */
FR_WARN_UNUSED enum fr_status people_read(const char *path, struct people *ret, struct fr_error *error);
void people_release(struct people *people);
#define PEOPLE_NOBODY UINT32_MAX
uint32_t people_find(const struct people *people, int64_t id);

/* For each reader the authors whom he follows, as places in the lists. */
struct follows {
    bool all;           /* everybody follows every author */
    size_t authors;     /* how many there are */
    uint32_t *first;    /* of each reader, and one more: where his begin in `followed` */
    uint32_t *followed; /* rising within a reader */
};
/* Lines `follower<TAB>followed` of ids; people who are in neither list are passed over. `path` NULL: all. */
FR_WARN_UNUSED enum fr_status follows_read(const char *path, const struct people *readers,
                                           const struct people *authors, struct follows *ret,
                                           struct fr_error *error);
void follows_release(struct follows *follows);
size_t follows_count(const struct follows *follows, uint32_t reader);
/* The `place`th of whom the reader follows, 0 … count - 1. */
uint32_t follows_at(const struct follows *follows, uint32_t reader, size_t place);

#endif
