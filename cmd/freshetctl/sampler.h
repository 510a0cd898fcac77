/* Draws authors with given chances, until they are full. Exact in integers: the same random numbers draw the
 * same authors on every machine. */
#ifndef FR_CTL_SAMPLER_H
#define FR_CTL_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define SAMPLER_WEIGHT_MAX UINT32_MAX
#define SAMPLER_AUTHORS_MAX (1u << 22)

struct sampler {
    const uint32_t *weights; /* of each author, borrowed */
    uint32_t *authors;       /* those in the table; some of them may be full by now */
    uint64_t *shares;        /* alias method: of `total`, what place i keeps for itself … */
    uint32_t *aliases;       /* … and the place that has the rest */
    uint32_t *work;
    size_t count;
    uint64_t total, full_weight;
};

void sampler_init(struct sampler *sampler, const uint32_t *weights, size_t authors_max);
void sampler_release(struct sampler *sampler);
/* Takes these authors, at least one, in this order: part of what decides the draws. */
void sampler_fill(struct sampler *sampler, const uint32_t *authors, size_t count);
/* One of those filled in, full ones among them: the caller draws again. */
uint32_t sampler_draw(const struct sampler *sampler, struct fr_random *random);
/* Tells that an author is full. True when so many are that the table should be filled again with the others.
 */
bool sampler_note_full(struct sampler *sampler, uint32_t author);

#endif
