/* Random numbers that repeat: the same seed, purpose and index give the same numbers on every machine, in
 * whatever order the streams are opened. For test and load data; never for secrets.
 *
 * splitmix64 (Steele, Lea, Flood 2014).
 */
#ifndef FR_BASE_RANDOM_H
#define FR_BASE_RANDOM_H

#include <stdint.h>

struct fr_random {
    uint64_t state;
};

/* One stream for the whole of a seed. */
static inline struct fr_random fr_random_of_seed(uint64_t seed)
{
    return (struct fr_random){seed};
}
/* The stream of `seed` for one purpose (the caller's own numbering) and one thing, such as a user's number.
 */
struct fr_random fr_random_stream(uint64_t seed, uint64_t purpose, uint64_t index);
uint64_t fr_random_next(struct fr_random *random);
/* 0..bound-1, each equally likely; `bound` from 1. */
uint64_t fr_random_below(struct fr_random *random, uint64_t bound);
/* min..max, both possible. */
int64_t fr_random_within(struct fr_random *random, int64_t min, int64_t max);

#endif
