/* measure: the gauges of the partitions that a worker owns, from a look at the outbox now and then. On the
 * worker's thread. */
#ifndef FR_TIMELINE_MEASURE_H
#define FR_TIMELINE_MEASURE_H

#include "timeline/timeline_internal.h"

struct fr_measure {
    unsigned shown; /* bit p: gauges of partition p hold something */
    int64_t due_ms;
};

/* Looks if it is due. Partitions that are not in `owned` show 0: their next owner speaks for them. */
FR_WARN_UNUSED enum fr_status fr_measure_step(struct fr_measure *measure, struct fr_session *session,
                                              unsigned owned, struct fr_error *error);
/* Nothing is owned any more. */
void fr_measure_clear(struct fr_measure *measure);

#endif
