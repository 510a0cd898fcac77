#include "metrics/metrics.h"

#include <assert.h>
#include <math.h>

#include "metrics_internal.h"

/* One array of values for each family, of as many as it has labels. */
#define FR_COUNTER(id, name, help) static _Atomic int64_t values_##id[1];
#define FR_GAUGE(id, name, help) static _Atomic int64_t values_##id[1];
#define FR_HISTOGRAM(id, name, help) static struct histogram histogram_##id;
#define FR_COUNTER_BY(id, name, label, count, texts, help) static _Atomic int64_t values_##id[count];
#define FR_GAUGE_BY(id, name, label, count, texts, help) static _Atomic int64_t values_##id[count];
#include "metrics/metrics.def"
#undef FR_COUNTER
#undef FR_GAUGE
#undef FR_HISTOGRAM
#undef FR_COUNTER_BY
#undef FR_GAUGE_BY

static _Atomic bool touched[FR_METRIC_COUNT];

#define PLAIN(id, kind, name, help) \
    [FR_METRIC_##id] = {name, help, kind, NULL, 1, NULL, values_##id, NULL, &touched[FR_METRIC_##id]},
#define LABELLED(id, kind, name, label, count, texts, help) \
    [FR_METRIC_##id] = {name, help, kind, label, count, texts, values_##id, NULL, &touched[FR_METRIC_##id]},
#define FR_COUNTER(id, name, help) PLAIN(id, FAMILY_COUNTER, name, help)
#define FR_GAUGE(id, name, help) PLAIN(id, FAMILY_GAUGE, name, help)
#define FR_HISTOGRAM(id, name, help) \
    [FR_METRIC_##id] = {             \
        name, help, FAMILY_HISTOGRAM, NULL, 1, NULL, NULL, &histogram_##id, &touched[FR_METRIC_##id]},
#define FR_COUNTER_BY(id, name, label, count, texts, help) \
    LABELLED(id, FAMILY_COUNTER, name, label, count, texts, help)
#define FR_GAUGE_BY(id, name, label, count, texts, help) \
    LABELLED(id, FAMILY_GAUGE, name, label, count, texts, help)
static const struct family families[FR_METRIC_COUNT] = {
#include "metrics/metrics.def"
};
#undef FR_COUNTER
#undef FR_GAUGE
#undef FR_HISTOGRAM
#undef FR_COUNTER_BY
#undef FR_GAUGE_BY

static const struct family *touch(enum fr_metric metric)
{
    const struct family *family = &families[metric];
    if (!atomic_load_explicit(family->touched, memory_order_relaxed))
        atomic_store_explicit(family->touched, true, memory_order_relaxed);
    return family;
}

static _Atomic int64_t *value(enum fr_metric metric, int label)
{
    const struct family *family = touch(metric);
    assert(family->kind != FAMILY_HISTOGRAM && label >= 0 && label < family->count);
    return &family->values[label];
}

void fr_metrics_begin(int64_t now_s)
{
    fr_metric_set(FR_METRIC_STARTED, now_s);
}

void fr_metric_add(enum fr_metric metric, int64_t n)
{
    atomic_fetch_add_explicit(value(metric, 0), n, memory_order_relaxed);
}

void fr_metric_set(enum fr_metric metric, int64_t n)
{
    atomic_store_explicit(value(metric, 0), n, memory_order_relaxed);
}

void fr_metric_add_by(enum fr_metric metric, int label, int64_t n)
{
    atomic_fetch_add_explicit(value(metric, label), n, memory_order_relaxed);
}

void fr_metric_set_by(enum fr_metric metric, int label, int64_t n)
{
    atomic_store_explicit(value(metric, label), n, memory_order_relaxed);
}

void fr_metric_observe(enum fr_metric metric, double seconds)
{
    static const double bounds[] = HISTOGRAM_BOUNDS;
    _Static_assert(FR_COUNT_OF(bounds) == HISTOGRAM_BOUND_COUNT, "one bucket for each bound");
    assert(families[metric].kind == FAMILY_HISTOGRAM);
    if (isnan(seconds))
        return;
    if (seconds < 0)
        seconds = 0;
    size_t bucket = 0;
    while (bucket < FR_COUNT_OF(bounds) && seconds > bounds[bucket])
        bucket++;
    /* A day is longer than anything here lasts, and keeps the sum from running over. */
    double ns = (seconds < 86400 ? seconds : 86400) * 1e9;
    struct histogram *histogram = touch(metric)->histogram;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, (int64_t)ns, memory_order_relaxed);
}

int64_t fr_metric_get(enum fr_metric metric)
{
    const struct family *family = &families[metric];
    int64_t sum = 0;
    if (family->kind == FAMILY_HISTOGRAM) {
        for (size_t i = 0; i <= HISTOGRAM_BOUND_COUNT; i++)
            sum += atomic_load_explicit(&family->histogram->buckets[i], memory_order_relaxed);
        return sum;
    }
    for (int i = 0; i < family->count; i++)
        sum += atomic_load_explicit(&family->values[i], memory_order_relaxed);
    return sum;
}

void fr_metrics_expose(struct fr_buf *out)
{
    if (fr_metric_get(FR_METRIC_STARTED) != 0)
        process_measure();
    for (size_t i = 0; i < FR_COUNT_OF(families); i++)
        if (atomic_load_explicit(families[i].touched, memory_order_relaxed))
            family_expose(out, &families[i]);
}

void fr_metrics_describe(struct fr_buf *out)
{
    fr_buf_append_text(out, "| metric | type | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < FR_COUNT_OF(families); i++)
        family_describe(out, &families[i]);
}
