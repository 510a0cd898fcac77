/* share: how many of the partitions a worker should have, from nothing but the members that it sees.
 *
 * Every worker of every process is a member with a number of its own. Whoever looks sees the same numbers in
 * the same order and comes to the same result, so nobody has to be asked: the shares differ by one at most,
 * the lower ranks have the larger ones, members past the number of partitions stand by with none.
 *
 * A member that came is believed after a moment, so that the workers of a process that starts find each other
 * before the first of them takes everything. One that went is believed at once.
 */
#ifndef FR_TIMELINE_SHARE_H
#define FR_TIMELINE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* Free partitions are taken when no member came for so long … */
#define FR_SHARE_TAKE_MS 250
/* … and surplus ones handed over when none came or went for so long. */
#define FR_SHARE_HAND_OVER_MS 1000

struct fr_share {
    int32_t members[FR_AUTHOR_PARTITIONS]; /* the lowest ones; those behind stand by */
    size_t count;
    size_t rank;                 /* of this worker, from 0 */
    size_t target;               /* partitions that it should have */
    int64_t came_ms, changed_ms; /* since when the members are these */
};

/* Members' numbers order the workers of all processes by their place in the process first, so that the larger
 * shares spread over the processes. `backend_pid`: of the worker's session. */
int32_t fr_share_number(int worker, int backend_pid);
/* What one look found: all members in rising order, `self` among them. */
void fr_share_see(struct fr_share *share, int32_t self, const int32_t *members, size_t count, int64_t now_ms);
bool fr_share_may_take(const struct fr_share *share, int64_t now_ms);
bool fr_share_may_hand_over(const struct fr_share *share, int64_t now_ms);
/* Milliseconds until another look may decide what this one had to leave open; -1: it left nothing open. */
int64_t fr_share_wait_ms(const struct fr_share *share, int64_t now_ms);

#endif
