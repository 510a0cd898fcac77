/* log: one line per event on standard error, for people or as JSON.
 *
 * A line has a time, a level, a message that never varies (so that it can be searched for) and key-value
 * pairs: FR_LOG_INFO("partition taken", FR_KV_I64("partition", p), FR_KV_TEXT("owner", name)); Messages are
 * lower case without a full stop. Nothing secret is logged: whoever logs a URL passes it through FR_KV_PATH,
 * which blanks the values of `token` and `ticket` in the query.
 *
 * Thread-safe; a line is one write(2). The level and format are the only mutable globals of Freshet.
 */
#ifndef FR_LOG_H
#define FR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define FR_LOG_LINE_MAX 4096  /* bytes: PIPE_BUF, up to which a pipe takes a line whole */
#define FR_LOG_VALUE_MAX 1024 /* bytes of one text before escaping */

enum fr_log_level { FR_LEVEL_DEBUG, FR_LEVEL_INFO, FR_LEVEL_WARN, FR_LEVEL_ERROR };
enum fr_log_format { FR_LOG_HUMAN, FR_LOG_JSON };

enum fr_kv_kind { FR_KV_KIND_I64, FR_KV_KIND_F64, FR_KV_KIND_STR, FR_KV_KIND_PATH, FR_KV_KIND_BOOL };

struct fr_kv {
    const char *key;
    enum fr_kv_kind kind;
    int64_t i64;
    double f64;
    struct fr_str str;
};

#define FR_KV_I64(k, v) ((struct fr_kv){.key = (k), .kind = FR_KV_KIND_I64, .i64 = (v)})
#define FR_KV_F64(k, v) ((struct fr_kv){.key = (k), .kind = FR_KV_KIND_F64, .f64 = (v)})
#define FR_KV_BOOL(k, v) ((struct fr_kv){.key = (k), .kind = FR_KV_KIND_BOOL, .i64 = (v)})
#define FR_KV_STR(k, v) ((struct fr_kv){.key = (k), .kind = FR_KV_KIND_STR, .str = (v)})
#define FR_KV_TEXT(k, v) FR_KV_STR(k, fr_str_of(v))
#define FR_KV_PATH(k, v) ((struct fr_kv){.key = (k), .kind = FR_KV_KIND_PATH, .str = (v)})
/* Expands to status, message and, where there are any, field and SQLSTATE: an fr_error in three pairs. */
#define FR_KV_ERROR(e)                                                                    \
    FR_KV_TEXT("status", fr_status_name((e)->status)), FR_KV_TEXT("error", (e)->message), \
        FR_KV_TEXT("field", (e)->field), FR_KV_TEXT("sqlstate", (e)->sqlstate)

/* `program` is borrowed for ever; it names the process in every line. */
void fr_log_open(const char *program, enum fr_log_level level, enum fr_log_format format);
/* The names that the settings log-level and log-format take ("debug", "info", "warn", "error"; "human",
 * "json"). FR_INVALID for any other text. */
FR_WARN_UNUSED enum fr_status fr_log_parse_level(struct fr_str text, enum fr_log_level *ret);
FR_WARN_UNUSED enum fr_status fr_log_parse_format(struct fr_str text, enum fr_log_format *ret);
enum fr_log_level fr_log_level(void);
/* Pairs with an empty text are left out. Text is escaped: a log line is always one line, and shows no control
 * characters to a terminal. A text past FR_LOG_VALUE_MAX is cut; what does not fit into FR_LOG_LINE_MAX is
 * left out, and the line ends with cut=true. Keeps errno. */
void fr_log_write(enum fr_log_level level, const char *message, const struct fr_kv *pairs, size_t count);
/* Appends `path` with the values of the query parameters `token` and `ticket` replaced by "***", also where
 * the name is spelled in capitals or with percent escapes. */
void fr_log_redact(struct fr_buf *out, struct fr_str path);

#define FR_LOG_AT(level, message, ...)                                                         \
    do {                                                                                       \
        if ((level) >= fr_log_level()) {                                                       \
            const struct fr_kv fr_log_pairs[] = {{0}, ##__VA_ARGS__};                          \
            fr_log_write((level), (message), fr_log_pairs + 1, FR_COUNT_OF(fr_log_pairs) - 1); \
        }                                                                                      \
    } while (0)
#define FR_LOG_DEBUG(message, ...) FR_LOG_AT(FR_LEVEL_DEBUG, message, ##__VA_ARGS__)
#define FR_LOG_INFO(message, ...) FR_LOG_AT(FR_LEVEL_INFO, message, ##__VA_ARGS__)
#define FR_LOG_WARN(message, ...) FR_LOG_AT(FR_LEVEL_WARN, message, ##__VA_ARGS__)
#define FR_LOG_ERROR(message, ...) FR_LOG_AT(FR_LEVEL_ERROR, message, ##__VA_ARGS__)

#endif
