#include "base/str.h"

#include <strings.h>

bool fr_str_equal(struct fr_str a, struct fr_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool fr_str_equal_nocase(struct fr_str a, struct fr_str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

bool fr_str_starts_with(struct fr_str str, struct fr_str prefix)
{
    return str.len >= prefix.len && (prefix.len == 0 || memcmp(str.data, prefix.data, prefix.len) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool fr_str_is_graphic(struct fr_str str)
{
    for (size_t i = 0; i < str.len; i++) {
        if (str.data[i] <= ' ' || str.data[i] > '~')
            return false;
    }
    return true;
}

struct fr_str fr_str_trim(struct fr_str str)
{
    while (str.len > 0 && is_blank(str.data[0])) {
        str.data++;
        str.len--;
    }
    while (str.len > 0 && is_blank(str.data[str.len - 1]))
        str.len--;
    return str;
}

bool fr_str_next(struct fr_str *rest, char separator, struct fr_str *ret_piece)
{
    if (rest->data == NULL)
        return false;
    const char *end = memchr(rest->data, separator, rest->len);
    if (end == NULL) {
        *ret_piece = *rest;
        *rest = FR_STR_NONE;
        return true;
    }
    *ret_piece = (struct fr_str){rest->data, (size_t)(end - rest->data)};
    rest->len -= ret_piece->len + 1;
    rest->data = end + 1;
    return true;
}

enum fr_status fr_str_to_i64(struct fr_str str, int64_t min, int64_t max, int64_t *ret)
{
    size_t i = 0;
    bool negative = str.len > 0 && str.data[0] == '-';
    if (negative)
        i++;
    if (i == str.len)
        return FR_INVALID;
    int64_t value = 0;
    for (; i < str.len; i++) {
        char c = str.data[i];
        if (c < '0' || c > '9')
            return FR_INVALID;
        int digit = c - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return FR_INVALID;
    }
    if (value < min || value > max)
        return FR_INVALID;
    *ret = value;
    return FR_OK;
}
