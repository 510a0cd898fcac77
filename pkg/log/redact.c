#include "log/log.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next character, in lower case, as a server reads it: percent escapes decoded, also of percent signs, as
 * they are where one URL is a value in another. */
static char next_char(struct fr_str path, size_t *at)
{
    char c = path.data[(*at)++];
    while (c == '%' && path.len - *at >= 2 && hex_value(path.data[*at]) >= 0 &&
           hex_value(path.data[*at + 1]) >= 0) {
        c = (char)(hex_value(path.data[*at]) << 4 | hex_value(path.data[*at + 1]));
        *at += 2;
    }
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Where the value begins if a secret's name and '=' stand at `at`; else 0. */
static size_t value_of_secret(struct fr_str path, size_t at)
{
    static const char *const names[] = {"token=", "ticket="};
    for (size_t i = 0; i < FR_COUNT_OF(names); i++) {
        size_t end = at;
        const char *name = names[i];
        while (*name != '\0' && end < path.len && next_char(path, &end) == *name)
            name++;
        if (*name == '\0')
            return end;
    }
    return 0;
}

static bool begins_parameter(char c)
{
    return c == '?' || c == '&' || c == ';' || c == '#';
}

void fr_log_redact(struct fr_buf *out, struct fr_str path)
{
    size_t kept = 0;
    for (size_t at = 0; at < path.len;) {
        if (!begins_parameter(next_char(path, &at)))
            continue;
        size_t value = value_of_secret(path, at);
        if (value == 0)
            continue;
        fr_buf_append(out, path.data + kept, value - kept);
        fr_buf_append_text(out, "***");
        /* Up to a plain '&': what is escaped belongs to the value. */
        const char *end = memchr(path.data + value, '&', path.len - value);
        kept = at = end != NULL ? (size_t)(end - path.data) : path.len;
    }
    if (kept < path.len)
        fr_buf_append(out, path.data + kept, path.len - kept);
}
