/* metrics: counters, gauges and histograms for Prometheus, declared in metrics.def with their help and unit.
 *
 * Thread-safe and lock-free; updates are relaxed atomics. The values live in one process-wide table that is
 * zero at start: a counter is not a setting, and passing it through every call would tell the reader nothing.
 */
#ifndef FR_METRICS_H
#define FR_METRICS_H

#include <stdint.h>

#include "base/base.h"
#include "metrics/reasons.h"

/* FR_COUNTER(ID, "name_total", "help") FR_GAUGE(ID, "name", "help") FR_HISTOGRAM(ID, "name_seconds", "help")
 * and with a label whose values are 0..n-1, named by a table of texts:
 * FR_COUNTER_BY(ID, "name_total", "label", count, texts, "help") FR_GAUGE_BY(...)
 * where `texts` is an array of `count` texts, or NULL: the labels are the numbers themselves. */
enum fr_metric {
#define FR_COUNTER(id, name, help) FR_METRIC_##id,
#define FR_GAUGE(id, name, help) FR_METRIC_##id,
#define FR_HISTOGRAM(id, name, help) FR_METRIC_##id,
#define FR_COUNTER_BY(id, name, label, count, texts, help) FR_METRIC_##id,
#define FR_GAUGE_BY(id, name, label, count, texts, help) FR_METRIC_##id,
#include "metrics/metrics.def"
#undef FR_COUNTER
#undef FR_GAUGE
#undef FR_HISTOGRAM
#undef FR_COUNTER_BY
#undef FR_GAUGE_BY
    FR_METRIC_COUNT
};

/* What a service calls as it begins: from now on the exposition tells when that was, and what memory the
 * process has. */
void fr_metrics_begin(int64_t now_s);

void fr_metric_add(enum fr_metric metric, int64_t n);
void fr_metric_set(enum fr_metric metric, int64_t value);
void fr_metric_add_by(enum fr_metric metric, int label, int64_t n);
void fr_metric_set_by(enum fr_metric metric, int label, int64_t value);
/* Seconds, into buckets from 0.5 ms to 30 s; a negative time (a clock that stepped) counts as 0, NaN not at
 * all. */
void fr_metric_observe(enum fr_metric metric, double seconds);
/* The value; of a metric with a label the sum over its labels, of a histogram the number of observations. */
int64_t fr_metric_get(enum fr_metric metric);

/* Appends the whole exposition, Prometheus text format 0.0.4. Allow FR_METRICS_EXPOSITION_MAX bytes. */
#define FR_METRICS_EXPOSITION_MAX (256 * 1024)
void fr_metrics_expose(struct fr_buf *out);
/* The table of docs/operations.md, in Markdown. */
void fr_metrics_describe(struct fr_buf *out);

#endif
