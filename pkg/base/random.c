#include "base/random.h"

#include <assert.h>

#define GAMMA UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct fr_random fr_random_stream(uint64_t seed, uint64_t purpose, uint64_t index)
{
    uint64_t state = mix(seed + GAMMA);
    state = mix(state ^ (purpose + 2 * GAMMA));
    return (struct fr_random){mix(state ^ (index + 3 * GAMMA))};
}

uint64_t fr_random_next(struct fr_random *random)
{
    return mix(random->state += GAMMA);
}

/* Lemire 2019: the upper half of a product; a draw from the part that does not divide evenly is drawn again.
 */
uint64_t fr_random_below(struct fr_random *random, uint64_t bound)
{
    assert(bound > 0);
    unsigned __int128 product = (unsigned __int128)fr_random_next(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t uneven = -bound % bound;
        while ((uint64_t)product < uneven)
            product = (unsigned __int128)fr_random_next(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

int64_t fr_random_within(struct fr_random *random, int64_t min, int64_t max)
{
    assert(min <= max && (uint64_t)max - (uint64_t)min < UINT64_MAX);
    return (int64_t)((uint64_t)min + fr_random_below(random, (uint64_t)max - (uint64_t)min + 1));
}
