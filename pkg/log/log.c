#include "log/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "log_internal.h"

static const char *_Atomic log_program = "freshet";
static _Atomic int log_level = FR_LEVEL_INFO;
static _Atomic int log_format = FR_LOG_HUMAN;

void fr_log_open(const char *program, enum fr_log_level level, enum fr_log_format format)
{
    atomic_store(&log_program, program);
    atomic_store(&log_level, level);
    atomic_store(&log_format, format);
}

enum fr_log_level fr_log_level(void)
{
    return (enum fr_log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

static enum fr_status parse_name(struct fr_str text, const char *const *names, size_t count, int *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (fr_str_equal(text, fr_str_of(names[i]))) {
            *ret = (int)i;
            return FR_OK;
        }
    }
    return FR_INVALID;
}

enum fr_status fr_log_parse_level(struct fr_str text, enum fr_log_level *ret)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int found;
    if (parse_name(text, names, FR_COUNT_OF(names), &found) != FR_OK)
        return FR_INVALID;
    *ret = (enum fr_log_level)found;
    return FR_OK;
}

enum fr_status fr_log_parse_format(struct fr_str text, enum fr_log_format *ret)
{
    static const char *const names[] = {"human", "json"};
    int found;
    if (parse_name(text, names, FR_COUNT_OF(names), &found) != FR_OK)
        return FR_INVALID;
    *ret = (enum fr_log_format)found;
    return FR_OK;
}

/* Where nobody can read the log there is nobody to tell either. */
static void emit(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

void fr_log_write(enum fr_log_level level, const char *message, const struct fr_kv *pairs, size_t count)
{
    if (level < fr_log_level())
        return;
    int saved = errno;
    struct line line = {
        .program = atomic_load(&log_program),
        .level = level,
        .format = (enum fr_log_format)atomic_load(&log_format),
        .unix_ms = fr_clock_wall_ms(),
    };
    struct fr_buf out;
    fr_buf_init(&out, FR_LOG_LINE_MAX);
    line_format(&out, &line, message, pairs, count);
    emit(out.data, out.len);
    fr_buf_release(&out);
    errno = saved;
}
