#include <math.h>
#include <stdio.h>

#include "log_internal.h"

/* Kept free at the end of a line for the mark of a cut one, the closing brace and the newline. */
enum { TAIL = sizeof ",\"cut\":true}\n" };

static const char *level_name(enum fr_log_level level)
{
    static const char *const names[] = {
        [FR_LEVEL_DEBUG] = "debug",
        [FR_LEVEL_INFO] = "info",
        [FR_LEVEL_WARN] = "warn",
        [FR_LEVEL_ERROR] = "error",
    };
    return names[level];
}

/* Length of the UTF-8 character at `p`; 0 if there is none. */
static size_t character(const char *p, size_t len)
{
    struct fr_utf8 state = {0};
    for (size_t i = 0; i < len && i < 4; i++) {
        if (!fr_utf8_feed(&state, p + i, 1))
            return 0;
        if (fr_utf8_complete(&state))
            return i + 1;
    }
    return 0;
}

/* U+0080..U+009F steer some terminals as the control characters below U+0020 do. */
static bool is_control(const char *p, size_t len)
{
    unsigned char first = (unsigned char)p[0];
    return len == 1 ? first < 0x20 || first == 0x7f : len == 2 && first == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static void put_control(struct fr_buf *out, const char *p, size_t len, bool json)
{
    unsigned code = len == 1 ? (unsigned char)p[0] : (unsigned char)p[1];
    if (code == '\n')
        fr_buf_append_text(out, "\\n");
    else if (code == '\r')
        fr_buf_append_text(out, "\\r");
    else if (code == '\t')
        fr_buf_append_text(out, "\\t");
    else
        fr_buf_printf(out, json ? "\\u%04x" : "\\x%02x", code);
}

/* The inside of a quoted text. Bytes that are not UTF-8 become U+FFFD in JSON and \xNN for people. */
static void put_escaped(struct fr_buf *out, struct fr_str text, bool json)
{
    size_t end = text.len < FR_LOG_VALUE_MAX ? text.len : FR_LOG_VALUE_MAX;
    for (size_t i = 0; i < end;) {
        const char *p = text.data + i;
        size_t len = character(p, text.len - i);
        if (len == 0) {
            if (json)
                fr_buf_append_text(out, "\\ufffd");
            else
                fr_buf_printf(out, "\\x%02x", (unsigned char)*p);
            len = 1;
        } else if (is_control(p, len)) {
            put_control(out, p, len, json);
        } else if (*p == '"' || *p == '\\') {
            fr_buf_append_char(out, '\\');
            fr_buf_append_char(out, *p);
        } else {
            fr_buf_append(out, p, len);
        }
        i += len;
    }
    if (end < text.len)
        fr_buf_append_text(out, "…");
}

static void put_quoted(struct fr_buf *out, struct fr_str text, bool json)
{
    fr_buf_append_char(out, '"');
    put_escaped(out, text, json);
    fr_buf_append_char(out, '"');
}

/* People read a bare word more easily, and a bare word is what they type into a search. */
static bool is_word(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return text.len > 0 && text.len <= FR_LOG_VALUE_MAX;
}

static void put_text(struct fr_buf *out, struct fr_str text, bool json)
{
    if (!json && is_word(text))
        fr_buf_append_str(out, text);
    else
        put_quoted(out, text, json);
}

static void put_path(struct fr_buf *out, struct fr_str path, bool json)
{
    struct fr_buf clean;
    /* Blanking can make a text longer: an empty value becomes three stars. */
    fr_buf_init(&clean, path.len * 4 + 8);
    fr_log_redact(&clean, path);
    put_text(out, fr_buf_str(&clean), json);
    fr_buf_release(&clean);
}

static void put_number(struct fr_buf *out, double value, bool json)
{
    if (isfinite(value))
        fr_buf_printf(out, "%.6g", value);
    else
        fr_buf_append_text(out, json ? "null" : isnan(value) ? "nan" : "inf");
}

static void put_pair(struct fr_buf *out, const struct fr_kv *pair, bool json)
{
    fr_buf_append_char(out, json ? ',' : ' ');
    if (json) {
        put_quoted(out, fr_str_of(pair->key), true);
        fr_buf_append_char(out, ':');
    } else {
        fr_buf_append_text(out, pair->key);
        fr_buf_append_char(out, '=');
    }
    switch (pair->kind) {
    case FR_KV_KIND_I64:
        fr_buf_append_i64(out, pair->i64);
        break;
    case FR_KV_KIND_F64:
        put_number(out, pair->f64, json);
        break;
    case FR_KV_KIND_STR:
        put_text(out, pair->str, json);
        break;
    case FR_KV_KIND_PATH:
        put_path(out, pair->str, json);
        break;
    case FR_KV_KIND_BOOL:
        fr_buf_append_text(out, pair->i64 != 0 ? "true" : "false");
        break;
    }
}

static bool is_empty(const struct fr_kv *pair)
{
    return (pair->kind == FR_KV_KIND_STR || pair->kind == FR_KV_KIND_PATH) && pair->str.len == 0;
}

static void put_head(struct fr_buf *out, const struct line *line, const char *message)
{
    char time[FR_CLOCK_TEXT_SIZE];
    fr_clock_format_ms(line->unix_ms, time);
    if (line->format == FR_LOG_JSON) {
        fr_buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":", time, level_name(line->level));
        put_quoted(out, fr_str_of(line->program), true);
        fr_buf_append_text(out, ",\"message\":");
        put_quoted(out, fr_str_of(message), true);
    } else {
        fr_buf_printf(out, "%s %-5s %s: ", time, level_name(line->level), line->program);
        put_escaped(out, fr_str_of(message), false);
    }
}

void line_format(struct fr_buf *out, const struct line *line, const char *message, const struct fr_kv *pairs,
                 size_t count)
{
    bool json = line->format == FR_LOG_JSON, cut = false;
    put_head(out, line, message);
    for (size_t i = 0; i < count; i++) {
        if (is_empty(&pairs[i]))
            continue;
        struct fr_buf pair;
        fr_buf_init(&pair, FR_LOG_LINE_MAX);
        put_pair(&pair, &pairs[i], json);
        if (pair.full || out->len + pair.len + TAIL > out->max)
            cut = true;
        else
            fr_buf_append(out, pair.data, pair.len);
        fr_buf_release(&pair);
    }
    if (cut)
        fr_buf_append_text(out, json ? ",\"cut\":true" : " cut=true");
    fr_buf_append_text(out, json ? "}\n" : "\n");
}
