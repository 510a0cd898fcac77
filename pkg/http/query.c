#include "http/query.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The next byte of `raw` from *at on, decoded; -1 for a broken escape. */
static int next_byte(struct fr_str raw, size_t *at)
{
    char c = raw.data[(*at)++];
    if (c == '+')
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (raw.len - *at < 2)
        return -1;
    int high = hex_value(raw.data[*at]), low = hex_value(raw.data[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool name_matches(struct fr_str raw, const char *name)
{
    size_t at = 0;
    while (at < raw.len) {
        int byte = next_byte(raw, &at);
        if (*name == '\0' || byte != (unsigned char)*name)
            return false;
        name++;
    }
    return *name == '\0';
}

bool fr_query_find(struct fr_str query, const char *name, struct fr_str *ret_raw)
{
    struct fr_str pair;
    while (fr_str_next(&query, '&', &pair)) {
        const char *equals = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;
        size_t name_len = equals != NULL ? (size_t)(equals - pair.data) : pair.len;
        if (name_len == 0 || !name_matches((struct fr_str){pair.data, name_len}, name))
            continue;
        *ret_raw = equals != NULL ? (struct fr_str){equals + 1, pair.len - name_len - 1} : FR_STR_NONE;
        return true;
    }
    return false;
}

bool fr_query_decode(struct fr_str raw, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t at = 0; at < raw.len;) {
        int byte = next_byte(raw, &at);
        if (byte < 0)
            return false;
        out[len++] = (char)byte;
    }
    if (!fr_utf8_valid_text(out, len))
        return false;
    *ret_len = len;
    return true;
}
