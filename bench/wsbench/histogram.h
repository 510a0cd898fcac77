/* Times in nanoseconds, counted in buckets that are at most a sixty-fourth of their value wide. One writer;
 * merged when the writers have ended. */
#ifndef WSBENCH_HISTOGRAM_H
#define WSBENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_FINE = 64,   /* buckets for each power of two */
    HISTOGRAM_POWERS = 42, /* longer than an hour: counted as the longest */
    HISTOGRAM_BUCKETS = (HISTOGRAM_POWERS - 6) * HISTOGRAM_FINE + HISTOGRAM_FINE,
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    int64_t max_ns;
};

/* Less than 0 counts as 0. */
void histogram_add(struct histogram *histogram, int64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The least time within which `share` (0..1) of all lie, to the bucket's upper end but not past the greatest
 * of all; 0 for an empty one. */
int64_t histogram_at(const struct histogram *histogram, double share);
/* The greatest time that falls into bucket 0 .. HISTOGRAM_BUCKETS - 1. */
int64_t histogram_bucket_end(unsigned bucket);

#endif
