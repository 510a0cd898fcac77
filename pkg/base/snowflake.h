/* Snowflake ids: 41 bits of milliseconds since FR_SNOWFLAKE_EPOCH_MS, 10 bits of node, 12 bits of sequence;
 * so ids of one node rise, ids of different nodes never collide, and an id tells when it was made.
 *
 * A node number is leased (store, node_lease); the generator refuses to make ids outside its lease, so two
 * processes can never make the same one even when a clock steps. Thread-safe: any thread may call
 * fr_snowflake_next().
 */
#ifndef FR_BASE_SNOWFLAKE_H
#define FR_BASE_SNOWFLAKE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"

#define FR_SNOWFLAKE_EPOCH_MS INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */
#define FR_SNOWFLAKE_NODE_BITS 10
#define FR_SNOWFLAKE_SEQUENCE_BITS 12
#define FR_SNOWFLAKE_NODES (1 << FR_SNOWFLAKE_NODE_BITS)

struct fr_snowflake {
    _Atomic int64_t last;           /* (ms since epoch << 12) | sequence of the newest id */
    _Atomic int64_t lease_until_ms; /* Unix time; ids of this millisecond and later are not made */
    int node;
};

/* `start_after_ms`, Unix time: no id of this millisecond or an earlier one will be made (the end of the lease
 * of whoever had the node before). */
void fr_snowflake_init(struct fr_snowflake *flake, int node, int64_t start_after_ms, int64_t lease_until_ms);
/* Moves the end of the lease, after it was renewed. */
void fr_snowflake_extend(struct fr_snowflake *flake, int64_t lease_until_ms);
/* The next id at `now_ms` (Unix time). Should the clock have stepped back, ids go on from the newest one
 * made. FR_UNAVAILABLE when the lease does not cover the id's millisecond. */
__attribute__((warn_unused_result)) enum fr_status fr_snowflake_next(struct fr_snowflake *flake,
                                                                     int64_t now_ms, int64_t *ret_id);

/* Unix time in milliseconds at which `id` was made. */
int64_t fr_snowflake_time_ms(int64_t id);
/* The smallest id of that millisecond. */
int64_t fr_snowflake_first_of_ms(int64_t unix_ms);

#endif
