#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/memory.h"

enum { BUF_FIRST = 64 };

void fr_buf_init(struct fr_buf *buf, size_t max)
{
    *buf = (struct fr_buf){.max = max};
}

void fr_buf_release(struct fr_buf *buf)
{
    free(buf->data);
    *buf = (struct fr_buf){.max = buf->max};
}

void fr_buf_reset(struct fr_buf *buf)
{
    buf->len = 0;
    buf->full = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

char *fr_buf_detach(struct fr_buf *buf, size_t *ret_len)
{
    char *data = buf->data;
    if (ret_len != NULL)
        *ret_len = buf->len;
    *buf = (struct fr_buf){.max = buf->max};
    return data;
}

char *fr_buf_reserve(struct fr_buf *buf, size_t len)
{
    if (buf->full || len > buf->max || buf->len > buf->max - len) {
        buf->full = true;
        return NULL;
    }
    size_t need = buf->len + len + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap != 0 ? buf->cap : BUF_FIRST;
        while (cap < need)
            cap *= 2;
        if (cap > buf->max + 1)
            cap = buf->max + 1;
        buf->data = fr_realloc_array(buf->data, cap, 1);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void fr_buf_append(struct fr_buf *buf, const void *data, size_t len)
{
    char *room = fr_buf_reserve(buf, len);
    if (room == NULL)
        return;
    if (len > 0)
        memcpy(room, data, len);
    room[len] = '\0';
    buf->len += len;
}

void fr_buf_append_str(struct fr_buf *buf, struct fr_str str)
{
    fr_buf_append(buf, str.data, str.len);
}

void fr_buf_append_text(struct fr_buf *buf, const char *text)
{
    fr_buf_append(buf, text, strlen(text));
}

void fr_buf_append_char(struct fr_buf *buf, char c)
{
    fr_buf_append(buf, &c, 1);
}

void fr_buf_append_i64(struct fr_buf *buf, int64_t value)
{
    char digits[FR_ID_TEXT_SIZE];
    size_t len = fr_id_format(value, digits);
    fr_buf_append(buf, digits, len);
}

void fr_buf_printf(struct fr_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n >= 0) {
        char *room = fr_buf_reserve(buf, (size_t)n);
        if (room != NULL) {
            vsnprintf(room, (size_t)n + 1, fmt, again);
            buf->len += (size_t)n;
        }
    }
    va_end(again);
}

void fr_buf_consume(struct fr_buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->data, buf->data + len, buf->len - len + 1);
    buf->len -= len;
}
