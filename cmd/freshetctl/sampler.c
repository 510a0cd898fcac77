/* The alias method (Walker 1974, Vose 1991) with integers. */
#include "sampler.h"

#include <assert.h>
#include <stdlib.h>

void sampler_init(struct sampler *sampler, const uint32_t *weights, size_t authors_max)
{
    *sampler = (struct sampler){
        .weights = weights,
        .authors = fr_alloc_array(authors_max, sizeof(uint32_t)),
        .shares = fr_alloc_array(authors_max, sizeof(uint64_t)),
        .aliases = fr_alloc_array(authors_max, sizeof(uint32_t)),
        .work = fr_alloc_array(authors_max, sizeof(uint32_t)),
    };
}

void sampler_release(struct sampler *sampler)
{
    free(sampler->authors);
    free(sampler->shares);
    free(sampler->aliases);
    free(sampler->work);
    *sampler = (struct sampler){0};
}

void sampler_fill(struct sampler *sampler, const uint32_t *authors, size_t count)
{
    assert(count > 0 && count <= SAMPLER_AUTHORS_MAX);
    uint64_t total = 0, *shares = sampler->shares;
    /* Places with less than the average are kept at the front of `work`, the others at its end. */
    uint32_t *work = sampler->work;
    size_t small = 0, large = count;
    for (size_t i = 0; i < count; i++)
        total += sampler->weights[authors[i]];
    for (size_t i = 0; i < count; i++) {
        sampler->authors[i] = authors[i];
        shares[i] = (uint64_t)sampler->weights[authors[i]] * count; /* below 2^54 */
        sampler->aliases[i] = (uint32_t)i;
        work[shares[i] < total ? small++ : --large] = (uint32_t)i;
    }
    while (small > 0 && large < count) {
        uint32_t poor = work[--small], rich = work[large];
        sampler->aliases[poor] = rich;
        shares[rich] -= total - shares[poor];
        if (shares[rich] < total) {
            large++;
            work[small++] = rich;
        }
    }
    sampler->count = count;
    sampler->total = total;
    sampler->full_weight = 0;
}

uint32_t sampler_draw(const struct sampler *sampler, struct fr_random *random)
{
    size_t place = fr_random_below(random, sampler->count);
    if (sampler->shares[place] < sampler->total &&
        fr_random_below(random, sampler->total) >= sampler->shares[place])
        place = sampler->aliases[place];
    return sampler->authors[place];
}

bool sampler_note_full(struct sampler *sampler, uint32_t author)
{
    sampler->full_weight += sampler->weights[author];
    return sampler->full_weight > sampler->total / 2;
}
