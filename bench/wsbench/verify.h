/* Did each connection get each post of those whom its reader follows, once, in the order of each author's
 * ids, and nothing else? Asked when all threads have ended. */
#ifndef WSBENCH_VERIFY_H
#define WSBENCH_VERIFY_H

#include <stdio.h>

#include "fleet.h"

struct verdict {
    uint64_t lost;      /* accepted posts that a connection did not get, unless it is deaf */
    uint64_t doubled;   /* live messages of a post that the connection had already */
    uint64_t foreign;   /* posts of somebody whom the reader does not follow, or that were never sent */
    uint64_t reordered; /* live posts that came after a younger one of the same author */
};
static inline bool verdict_is_good(const struct verdict *verdict)
{
    return verdict->lost + verdict->doubled + verdict->foreign + verdict->reordered == 0;
}

/* A post whose answer was no 200 may have come or not. The first findings are written to `out`. */
void verify(const struct fleet *fleet, const struct posts *posts, const struct people *readers,
            const struct people *authors, const struct follows *follows, size_t sockets, FILE *out,
            struct verdict *ret);
/* A line `id<TAB>index index…` for each connection, rising: what it got, each post once. */
FR_WARN_UNUSED enum fr_status verify_write_received(const char *path, const struct fleet *fleet,
                                                    const struct people *readers, size_t sockets,
                                                    struct fr_error *error);

#endif
