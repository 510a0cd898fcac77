/* Private to log: how a line is made, apart from where it goes. */
#ifndef FR_LOG_INTERNAL_H
#define FR_LOG_INTERNAL_H

#include "log/log.h"

struct line {
    const char *program;
    enum fr_log_level level;
    enum fr_log_format format;
    int64_t unix_ms;
};

/* Appends one line with its newline to `out`, which is empty and has FR_LOG_LINE_MAX as its maximum. */
void line_format(struct fr_buf *out, const struct line *line, const char *message, const struct fr_kv *pairs,
                 size_t count);

#endif
