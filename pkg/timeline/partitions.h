/* partitions: which partitions a worker has. Looks at who shares the outbox, takes its share of what is free,
 * hands over what is above its share. On the worker's thread.
 *
 * A partition is owned while the session holds its advisory lock. One that is handed over is LEAVING first:
 * nothing new of it is read; what is in memory is told and removed; then its lock alone is given up, and the
 * others are told that something is free. One after the other, so that most are worked off at any time.
 */
#ifndef FR_TIMELINE_PARTITIONS_H
#define FR_TIMELINE_PARTITIONS_H

#include "timeline/share.h"
#include "timeline/timeline_internal.h"

enum fr_partition_state {
    FR_PARTITION_ELSEWHERE, /* somebody has it, or nobody looked yet */
    FR_PARTITION_FREE,
    FR_PARTITION_OWNED,   /* its lock is held by our session */
    FR_PARTITION_LEAVING, /* so it is, but no longer than needed */
};
enum { FR_PARTITION_STATES = FR_PARTITION_LEAVING + 1 };

struct fr_partitions {
    struct fr_intake *intake; /* these four are borrowed */
    struct fr_tell *tell;
    struct fr_wake *wake;
    struct fr_bus *bus;
    int worker;
    int32_t number; /* of this member; set by fr_partitions_join() */
    enum fr_partition_state states[FR_AUTHOR_PARTITIONS];
    size_t owned; /* and not leaving */
    int leaving;  /* the one that leaves, or -1 */
    int64_t leaving_since_ms, look_due_ms;
    size_t handed_over; /* since the last line about it */
    struct fr_share share;
};

void fr_partitions_init(struct fr_partitions *partitions, int worker, struct fr_intake *intake,
                        struct fr_tell *tell, struct fr_wake *wake, struct fr_bus *bus);
/* The session is new: makes it a member. */
FR_WARN_UNUSED enum fr_status fr_partitions_join(struct fr_partitions *partitions, struct fr_session *session,
                                                 struct fr_error *error);
/* The session is gone, and with it every lock. */
void fr_partitions_lose(struct fr_partitions *partitions);
/* Looks if it is time to (or `look`: somebody said that something is free), takes and hands over. */
FR_WARN_UNUSED enum fr_status fr_partitions_step(struct fr_partitions *partitions, struct fr_session *session,
                                                 bool look, struct fr_error *error);
/* Milliseconds until the next look; what leaves is looked after in each round. */
int64_t fr_partitions_wait_ms(const struct fr_partitions *partitions, int64_t now_ms);
/* Bit p: partition p is owned and not leaving. */
unsigned fr_partitions_mask(const struct fr_partitions *partitions);
/* Locks held: also of the one that leaves. */
size_t fr_partitions_held(const struct fr_partitions *partitions);

#endif
