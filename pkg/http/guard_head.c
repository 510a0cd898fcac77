#include "http/guard_head.h"

static enum fr_head_result finish(struct fr_head_scan *scan)
{
    scan->done = true;
    /* The first line is the request's. */
    return scan->lines > HTTP_HEADER_FIELDS_MAX + 1 ? FR_HEAD_TOO_MANY_FIELDS : FR_HEAD_DONE;
}

static enum fr_head_result more(const struct fr_head_scan *scan)
{
    if (scan->lines > HTTP_HEADER_FIELDS_MAX + 1)
        return FR_HEAD_TOO_MANY_FIELDS;
    if (scan->seen < HTTP_HEAD_MAX)
        return FR_HEAD_MORE;
    return scan->lines == 0 ? FR_HEAD_TARGET_TOO_LONG : FR_HEAD_TOO_LARGE;
}

enum fr_head_result fr_head_scan(struct fr_head_scan *scan, const char *bytes, size_t len)
{
    if (scan->done)
        return FR_HEAD_DONE;
    size_t end = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
    while (scan->seen < end) {
        const char *line = bytes + scan->seen, *newline = memchr(line, '\n', end - scan->seen);
        size_t line_len = newline != NULL ? (size_t)(newline - line) : end - scan->seen;
        if (line_len > 1 || (line_len == 1 && line[0] != '\r'))
            scan->line_used = true;
        scan->seen += (uint32_t)line_len + (newline != NULL);
        if (newline == NULL)
            break;
        if (!scan->line_used && scan->lines > 0)
            return finish(scan);
        /* Empty lines before the first are skipped (RFC 9112 section 2.2). */
        scan->lines += scan->line_used && scan->lines < UINT16_MAX;
        scan->line_used = false;
    }
    return more(scan);
}

/* ---- what several readers may understand in several ways ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool next_line(struct fr_str *rest, struct fr_str *ret)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    if (end == NULL)
        return false;
    *ret = (struct fr_str){rest->data, (size_t)(end - rest->data)};
    *rest = (struct fr_str){end + 1, rest->len - ret->len - 1};
    if (ret->len > 0 && ret->data[ret->len - 1] == '\r')
        ret->len--;
    return true;
}

bool fr_head_is_ambiguous(struct fr_str head, bool http10)
{
    int hosts = 0, lengths = 0, codings = 0;
    struct fr_str line = FR_STR_NONE;
    while (line.len == 0) { /* the request's, behind empty ones */
        if (!next_line(&head, &line))
            return false;
    }
    while (next_line(&head, &line) && line.len > 0) {
        const char *colon = memchr(line.data, ':', line.len);
        if (colon == NULL || colon == line.data || is_blank(line.data[0]) || is_blank(colon[-1]))
            return true;
        struct fr_str name = {line.data, (size_t)(colon - line.data)};
        hosts += fr_str_equal_nocase(name, FR_STR("host"));
        lengths += fr_str_equal_nocase(name, FR_STR("content-length"));
        codings += fr_str_equal_nocase(name, FR_STR("transfer-encoding"));
    }
    return hosts > 1 || lengths + codings > 1 || (http10 && codings > 0);
}
