#include "http/origin.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct origin {
    struct fr_str scheme, host, port; /* no port: empty */
};

static bool scheme_valid(struct fr_str scheme)
{
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.data[i];
        if (!is_letter(c) && (i == 0 || (!is_digit(c) && c != '+' && c != '-' && c != '.')))
            return false;
    }
    return scheme.len > 0;
}

static bool host_valid(struct fr_str host)
{
    bool literal = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    size_t from = literal ? 1 : 0, to = host.len - from;
    for (size_t i = from; i < to; i++) {
        char c = host.data[i];
        if (!is_letter(c) && !is_digit(c) && c != '.' && (literal ? c != ':' : c != '-' && c != '_'))
            return false;
    }
    return host.len > 0;
}

/* The port of `text` is cut off it; a colon within brackets is an address's. */
static bool cut_port(struct fr_str *text, struct fr_str *ret_port)
{
    size_t at = text->len;
    while (at > 0 && is_digit(text->data[at - 1]))
        at--;
    *ret_port = FR_STR_NONE;
    if (at == 0 || text->data[at - 1] != ':')
        return true;
    int64_t number;
    struct fr_str port = {text->data + at, text->len - at};
    if (fr_str_to_i64(port, 1, UINT16_MAX, &number) != FR_OK)
        return false;
    text->len = at - 1;
    *ret_port = port;
    return true;
}

static bool is_default_port(struct fr_str scheme, struct fr_str port)
{
    return (fr_str_equal_nocase(scheme, FR_STR("http")) && fr_str_equal(port, FR_STR("80"))) ||
           (fr_str_equal_nocase(scheme, FR_STR("https")) && fr_str_equal(port, FR_STR("443")));
}

static bool parse(struct fr_str text, struct origin *ret)
{
    const char *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    if (colon == NULL)
        return false;
    struct origin origin = {.scheme = {text.data, (size_t)(colon - text.data)}};
    struct fr_str rest = {colon, text.len - origin.scheme.len};
    if (!fr_str_starts_with(rest, FR_STR("://")))
        return false;
    origin.host = (struct fr_str){rest.data + 3, rest.len - 3};
    if (!cut_port(&origin.host, &origin.port) || !scheme_valid(origin.scheme) || !host_valid(origin.host))
        return false;
    if (is_default_port(origin.scheme, origin.port))
        origin.port = FR_STR_NONE;
    *ret = origin;
    return true;
}

static bool same_host(const struct origin *origin, struct fr_str host, struct fr_str port)
{
    return fr_str_equal_nocase(origin->host, host) && fr_str_equal(origin->port, port);
}

static bool is_own(const struct origin *origin, struct fr_str scheme, struct fr_str authority)
{
    struct fr_str host = authority, port;
    if (scheme.len > 0 && !fr_str_equal_nocase(origin->scheme, scheme))
        return false;
    if (!fr_str_equal_nocase(origin->scheme, FR_STR("http")) &&
        !fr_str_equal_nocase(origin->scheme, FR_STR("https")))
        return false;
    if (!cut_port(&host, &port))
        return false;
    return same_host(origin, host, is_default_port(origin->scheme, port) ? FR_STR_NONE : port);
}

bool fr_origins_any(struct fr_str allowed)
{
    return fr_str_equal(fr_str_trim(allowed), FR_STR("*"));
}

bool fr_origin_allowed(struct fr_str allowed, struct fr_str origin, struct fr_str scheme,
                       struct fr_str authority)
{
    struct origin asking, listed;
    if (origin.len == 0)
        return true;
    /* It is written into the answer as it came, and in HTTP/2 libh2o lets anything come. */
    if (!fr_str_is_graphic(origin))
        return false;
    if (fr_origins_any(allowed))
        return true;
    if (!parse(origin, &asking))
        return false;
    if (is_own(&asking, scheme, authority))
        return true;
    struct fr_str item;
    while (fr_str_next(&allowed, ',', &item)) {
        if (parse(fr_str_trim(item), &listed) && fr_str_equal_nocase(listed.scheme, asking.scheme) &&
            same_host(&listed, asking.host, asking.port))
            return true;
    }
    return false;
}

enum fr_status fr_origins_check(struct fr_str allowed, const char *flag, struct fr_error *error)
{
    struct fr_str item;
    struct origin unused;
    if (fr_str_trim(allowed).len == 0 || fr_origins_any(allowed))
        return FR_OK;
    while (fr_str_next(&allowed, ',', &item)) {
        item = fr_str_trim(item);
        if (fr_str_equal(item, FR_STR("*")))
            return fr_error_set(error, FR_INVALID, flag, "%s: `*` is any origin and can't stand in a list",
                                flag);
        if (!parse(item, &unused))
            return fr_error_set(error, FR_INVALID, flag,
                                "%s: \"%.*s\" is no origin: scheme://host[:port], without a path", flag,
                                (int)(item.len < 80 ? item.len : 80), item.data);
    }
    return FR_OK;
}
