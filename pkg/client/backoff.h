/* Waits between attempts: at random from 0 to a bound that doubles with each failure ("full jitter"), so that
 * those who lost the same server don't come back together. Not thread-safe. */
#ifndef FRESHET_BACKOFF_H
#define FRESHET_BACKOFF_H

#include "base/base.h"

struct backoff {
    int64_t min_ms, max_ms; /* the first bound, and the last */
    int failures;
    struct fr_random random;
};

/* `min_ms` from 1 to `max_ms`. */
void backoff_init(struct backoff *backoff, int64_t min_ms, int64_t max_ms, uint64_t seed);
/* One more failure: how long to wait now, in milliseconds. */
int64_t backoff_next(struct backoff *backoff);
/* It worked. */
void backoff_reset(struct backoff *backoff);

#endif
