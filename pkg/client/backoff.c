#include "backoff.h"

void backoff_init(struct backoff *backoff, int64_t min_ms, int64_t max_ms, uint64_t seed)
{
    *backoff = (struct backoff){.min_ms = min_ms, .max_ms = max_ms, .random = fr_random_of_seed(seed)};
}

int64_t backoff_next(struct backoff *backoff)
{
    int64_t bound = backoff->min_ms;
    for (int i = 0; i < backoff->failures && bound < backoff->max_ms; i++)
        bound = bound <= backoff->max_ms / 2 ? bound * 2 : backoff->max_ms;
    if (bound < backoff->max_ms) /* no further: it would only count */
        backoff->failures++;
    return fr_random_within(&backoff->random, 0, bound);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}
