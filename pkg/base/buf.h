/* struct fr_buf: bytes that grow up to a maximum given at init.
 *
 * Invariants: len <= cap <= max + 1; data[len] is NUL whenever data is not NULL. An append that would pass
 * max changes nothing and sets `full`, which stays set until reset: write all pieces, then ask
 * fr_buf_status() once. Not thread-safe; owned by whoever initialised it.
 */
#ifndef FR_BASE_BUF_H
#define FR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct fr_buf {
    char *data;
    size_t len, cap, max;
    bool full;
};

/* Allocates nothing yet. `max` in bytes. */
void fr_buf_init(struct fr_buf *buf, size_t max);
/* Frees the bytes; the buffer may be used again. Harmless on a zeroed one. */
void fr_buf_release(struct fr_buf *buf);
/* Empties it and clears `full`, keeping the memory. */
void fr_buf_reset(struct fr_buf *buf);
/* Hands the NUL-terminated bytes to the caller, who calls free(); NULL when nothing was ever appended. */
char *fr_buf_detach(struct fr_buf *buf, size_t *ret_len);

void fr_buf_append(struct fr_buf *buf, const void *data, size_t len);
void fr_buf_append_str(struct fr_buf *buf, struct fr_str str);
void fr_buf_append_text(struct fr_buf *buf, const char *text);
void fr_buf_append_char(struct fr_buf *buf, char c);
void fr_buf_append_i64(struct fr_buf *buf, int64_t value);
void fr_buf_printf(struct fr_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for `len` more bytes to be written by the caller, who then adds to buf->len; NULL past max. */
char *fr_buf_reserve(struct fr_buf *buf, size_t len);
/* Drops the first `len` bytes. */
void fr_buf_consume(struct fr_buf *buf, size_t len);

static inline struct fr_str fr_buf_str(const struct fr_buf *buf)
{
    return (struct fr_str){buf->data, buf->len};
}

/* FR_FULL if any append since the last reset found no room. */
__attribute__((warn_unused_result)) static inline enum fr_status fr_buf_status(const struct fr_buf *buf)
{
    return buf->full ? FR_FULL : FR_OK;
}

#endif
