/* Time. Wall time is int64_t milliseconds (or microseconds) since the Unix epoch; durations and deadlines use
 * the monotonic clock. Text form is RFC 3339, UTC, milliseconds: "2026-01-02T03:04:05.678Z". */
#ifndef FR_BASE_CLOCK_H
#define FR_BASE_CLOCK_H

#include <stdint.h>

#include "base/str.h"

#define FR_CLOCK_TEXT_SIZE 25

int64_t fr_clock_wall_ms(void);
int64_t fr_clock_wall_us(void);
int64_t fr_clock_monotonic_ms(void);
int64_t fr_clock_monotonic_ns(void);

/* Writes 24 characters and NUL; `unix_ms` must lie within the years 1 to 9999. Returns 24. */
size_t fr_clock_format_ms(int64_t unix_ms, char out[static FR_CLOCK_TEXT_SIZE]);
/* A civil date "YYYY-MM-DD" as days since 1970-01-01; FR_INVALID if there is no such day in the years 1 to
 * 9999. */
__attribute__((warn_unused_result)) enum fr_status fr_clock_parse_date(struct fr_str text, int32_t *ret_days);
/* Writes "YYYY-MM-DD" and NUL; returns 10. */
size_t fr_clock_format_date(int32_t days, char out[static 11]);

#endif
