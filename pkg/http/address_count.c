#include "http/address_count.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

enum { ROWS = 4, ROW_BITS = 16, ROW_SIZE = 1 << ROW_BITS };

struct fr_address_count {
    uint64_t salt[2];
    _Atomic uint32_t rows[ROWS][ROW_SIZE];
};

struct fr_address_count *fr_address_count_new(void)
{
    struct fr_address_count *counts = FR_NEW(struct fr_address_count);
    if (getrandom(counts->salt, sizeof counts->salt, GRND_NONBLOCK) != (ssize_t)sizeof counts->salt)
        counts->salt[0] = (uint64_t)fr_clock_monotonic_ns();
    return counts;
}

void fr_address_count_free(struct fr_address_count *counts)
{
    free(counts);
}

/* The places of an address, one in each row: 16 bits each of one hash. */
static uint64_t places_of(const struct fr_address_count *counts, const struct fr_client_address *site)
{
    uint64_t words[2], hash = counts->salt[0];
    memcpy(words, site->bytes, sizeof words);
    for (size_t i = 0; i < FR_COUNT_OF(words); i++) {
        hash = (hash ^ words[i]) + counts->salt[1];
        hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
        hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
        hash ^= hash >> 31;
    }
    return hash;
}

bool fr_address_count_enter(struct fr_address_count *counts, const struct fr_client_address *site,
                            int64_t limit)
{
    uint64_t places = places_of(counts, site);
    uint32_t least = UINT32_MAX;
    for (int row = 0; row < ROWS; row++) {
        uint32_t before = atomic_fetch_add_explicit(
            &counts->rows[row][(places >> (row * ROW_BITS)) % ROW_SIZE], 1, memory_order_relaxed);
        least = before < least ? before : least;
    }
    if (least < limit)
        return true;
    fr_address_count_leave(counts, site);
    return false;
}

void fr_address_count_leave(struct fr_address_count *counts, const struct fr_client_address *site)
{
    uint64_t places = places_of(counts, site);
    for (int row = 0; row < ROWS; row++)
        atomic_fetch_sub_explicit(&counts->rows[row][(places >> (row * ROW_BITS)) % ROW_SIZE], 1,
                                  memory_order_relaxed);
}
