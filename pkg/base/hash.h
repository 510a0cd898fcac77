/* FNV-1a, 32 bits, and the partitions made with it. The NATS server computes `{{partition(n,1)}}` in the same
 * way from the same decimal text, so both sides agree on the stream of a user without talking. */
#ifndef FR_BASE_HASH_H
#define FR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint32_t fr_fnv1a32(const void *data, size_t len);
/* The partition, 0..count-1, of the decimal form of `id`. */
int fr_partition_of(int64_t id, int count);

#endif
