/* The posts of a run, each with its times: written by whoever posts, read and told of arrivals by the
 * readers' threads. Times are CLOCK_MONOTONIC in ns. */
#ifndef WSBENCH_POSTS_H
#define WSBENCH_POSTS_H

#include <stdatomic.h>

#include "base/base.h"

enum { POSTS_MAX = 4000000, POST_FAILED = -1 };

struct post {
    _Atomic int64_t sent_ns;
    _Atomic int64_t accepted_ns; /* when the answer was read; 0: not yet; POST_FAILED: it was no 200 */
    int64_t id;
    uint32_t author;                   /* place in the list of authors */
    _Atomic uint32_t got;              /* connections that got it */
    _Atomic int64_t first_ns, last_ns; /* when the first and the last of them did; 0: none yet */
};

struct posts {
    struct post *list;
    size_t max;
    _Atomic uint32_t count; /* begun */
    uint32_t run;           /* stands in their marks */
};

/* At most `max` posts; memory is used as they come. */
void posts_init(struct posts *posts, size_t max, uint32_t run);
void posts_release(struct posts *posts);
/* A connection got it. Any thread. */
void post_arrived(struct post *post, int64_t now_ns);

struct people;
/* A line `author's id<TAB>connections that got it` for each accepted post, in the order in which they were
 * sent. */
FR_WARN_UNUSED enum fr_status posts_write_told(const char *path, const struct posts *posts,
                                               const struct people *authors, struct fr_error *error);

#endif
