#include "base/snowflake.h"

#include <assert.h>

#define SEQUENCE_MASK ((INT64_C(1) << FR_SNOWFLAKE_SEQUENCE_BITS) - 1)

void fr_snowflake_init(struct fr_snowflake *flake, int node, int64_t start_after_ms, int64_t lease_until_ms)
{
    assert(node >= 0 && node < FR_SNOWFLAKE_NODES);
    int64_t start = start_after_ms - FR_SNOWFLAKE_EPOCH_MS;
    if (start < 0)
        start = 0;
    flake->node = node;
    atomic_init(&flake->last, start << FR_SNOWFLAKE_SEQUENCE_BITS | SEQUENCE_MASK);
    atomic_init(&flake->lease_until_ms, lease_until_ms);
}

void fr_snowflake_extend(struct fr_snowflake *flake, int64_t lease_until_ms)
{
    atomic_store_explicit(&flake->lease_until_ms, lease_until_ms, memory_order_relaxed);
}

enum fr_status fr_snowflake_next(struct fr_snowflake *flake, int64_t now_ms, int64_t *ret_id)
{
    int64_t first_of_now = (now_ms - FR_SNOWFLAKE_EPOCH_MS) << FR_SNOWFLAKE_SEQUENCE_BITS;
    int64_t lease_end =
        atomic_load_explicit(&flake->lease_until_ms, memory_order_relaxed) - FR_SNOWFLAKE_EPOCH_MS;
    int64_t last = atomic_load_explicit(&flake->last, memory_order_relaxed);
    int64_t next;
    do {
        next = last + 1 > first_of_now ? last + 1 : first_of_now;
        if (next >> FR_SNOWFLAKE_SEQUENCE_BITS >= lease_end)
            return FR_UNAVAILABLE;
    } while (!atomic_compare_exchange_weak_explicit(&flake->last, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    *ret_id = (next >> FR_SNOWFLAKE_SEQUENCE_BITS) << (FR_SNOWFLAKE_NODE_BITS + FR_SNOWFLAKE_SEQUENCE_BITS) |
              (int64_t)flake->node << FR_SNOWFLAKE_SEQUENCE_BITS | (next & SEQUENCE_MASK);
    return FR_OK;
}

int64_t fr_snowflake_time_ms(int64_t id)
{
    return (id >> (FR_SNOWFLAKE_NODE_BITS + FR_SNOWFLAKE_SEQUENCE_BITS)) + FR_SNOWFLAKE_EPOCH_MS;
}

int64_t fr_snowflake_first_of_ms(int64_t unix_ms)
{
    return (unix_ms - FR_SNOWFLAKE_EPOCH_MS) << (FR_SNOWFLAKE_NODE_BITS + FR_SNOWFLAKE_SEQUENCE_BITS);
}
