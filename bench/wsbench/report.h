/* The result: a line for each value on standard output, and the same as one JSON object in a file. */
#ifndef WSBENCH_REPORT_H
#define WSBENCH_REPORT_H

#include "histogram.h"
#include "process.h"

struct report {
    struct fr_buf json;
};
void report_begin(struct report *report, const char *mode);
/* `name` is a member of JSON; in the table its underscores are spaces. */
void report_count(struct report *report, const char *name, uint64_t value);
void report_number(struct report *report, const char *name, double value, const char *unit);
void report_text(struct report *report, const char *name, const char *value);
/* p50, p90, p99, p99.9, max in ms, and how many; in JSON the buckets too that hold something, as [their end
 * in ms, how many]. Nothing for an empty one. */
void report_times(struct report *report, const char *name, const struct histogram *times);
/* Memory, and processor time since `before`. */
void report_process(struct report *report, const char *name, const struct process_sample *before,
                    const struct process_sample *after);
/* Writes `path` if it is not NULL. */
FR_WARN_UNUSED enum fr_status report_end(struct report *report, const char *path, struct fr_error *error);

#endif
