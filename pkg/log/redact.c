#include "log/log.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Compares as a server reads it: percent escapes decoded. Capitals count as the same, to be on the safe side.
 */
static bool name_is(struct fr_str name, struct fr_str secret)
{
    size_t at = 0;
    for (size_t i = 0; i < name.len; i++, at++) {
        char c = name.data[i];
        if (c == '%' && name.len - i > 2 && hex_value(name.data[i + 1]) >= 0 &&
            hex_value(name.data[i + 2]) >= 0) {
            c = (char)(hex_value(name.data[i + 1]) << 4 | hex_value(name.data[i + 2]));
            i += 2;
        }
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if (at == secret.len || c != secret.data[at])
            return false;
    }
    return at == secret.len;
}

static void put_parameter(struct fr_buf *out, struct fr_str parameter)
{
    const char *equals = parameter.len > 0 ? memchr(parameter.data, '=', parameter.len) : NULL;
    if (equals != NULL) {
        struct fr_str name = {parameter.data, (size_t)(equals - parameter.data)};
        if (name_is(name, FR_STR("token")) || name_is(name, FR_STR("ticket"))) {
            fr_buf_append_str(out, name);
            fr_buf_append_text(out, "=***");
            return;
        }
    }
    fr_buf_append_str(out, parameter);
}

void fr_log_redact(struct fr_buf *out, struct fr_str path)
{
    const char *question = path.len > 0 ? memchr(path.data, '?', path.len) : NULL;
    if (question == NULL) {
        fr_buf_append_str(out, path);
        return;
    }
    size_t before = (size_t)(question - path.data) + 1;
    fr_buf_append(out, path.data, before);
    struct fr_str rest = {path.data + before, path.len - before}, parameter;
    for (bool first = true; fr_str_next(&rest, '&', &parameter); first = false) {
        if (!first)
            fr_buf_append_char(out, '&');
        put_parameter(out, parameter);
    }
}
