/* lag: what waits in each author partition, asked of the database at this moment. For the gateway, which owns
 * no partition; what the materializers' gauges say (measure.h) is each one's own part. On the store's loop.
 */
#ifndef FR_TIMELINE_LAG_H
#define FR_TIMELINE_LAG_H

#include "base/base.h"

struct fr_store;

struct fr_partition_lag {
    int64_t pending;   /* events to be brought into feeds */
    int64_t committed; /* events in feeds, whose live messages are not all acked */
    int64_t oldest_ms; /* age of the oldest of both; 0: there is none */
};

struct fr_lag {
    struct fr_partition_lag partitions[FR_AUTHOR_PARTITIONS];
};

/* `lag` is borrowed until the callback returns and NULL unless status is FR_OK. */
typedef void (*fr_lag_fn)(void *arg, enum fr_status status, const struct fr_lag *lag,
                          const struct fr_error *error);

/* Counts every event that waits: after a long outage that takes seconds. `done` is called once, never from
 * within the call. */
void fr_lag_read(struct fr_store *store, fr_lag_fn done, void *arg);

#endif
