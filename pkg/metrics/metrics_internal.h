/* Private to metrics: families as data, so that exposition is apart from the table and can be tested with
 * another. */
#ifndef FR_METRICS_INTERNAL_H
#define FR_METRICS_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "metrics/metrics.h"

/* Upper bounds in seconds; one more bucket counts what is above the last. */
#define HISTOGRAM_BOUNDS                                                                   \
    {                                                                                      \
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30 \
    }
#define HISTOGRAM_BOUND_COUNT 15

enum family_kind { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM };

struct histogram {
    _Atomic int64_t buckets[HISTOGRAM_BOUND_COUNT + 1]; /* not cumulative */
    _Atomic int64_t sum_ns;
};

struct family {
    const char *name, *help;
    enum family_kind kind;
    const char *label; /* NULL: none, and `count` is 1 */
    int count;
    const char *const *texts;
    _Atomic int64_t *values;     /* `count` of them */
    struct histogram *histogram; /* FAMILY_HISTOGRAM only */
    _Atomic bool *touched;       /* set by the first update */
};

void family_expose(struct fr_buf *out, const struct family *family);
void family_describe(struct fr_buf *out, const struct family *family);
/* Brings what is known of the process itself up to date. */
void process_measure(void);

#endif
