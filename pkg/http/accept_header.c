#include "http/accept_header.h"

static bool is_refused(struct fr_str parameters)
{
    struct fr_str parameter;
    while (fr_str_next(&parameters, ';', &parameter)) {
        parameter = fr_str_trim(parameter);
        if (parameter.len < 3 || (parameter.data[0] != 'q' && parameter.data[0] != 'Q') ||
            parameter.data[1] != '=')
            continue;
        for (size_t i = 2; i < parameter.len; i++) {
            if (parameter.data[i] != '0' && parameter.data[i] != '.')
                return false;
        }
        return true;
    }
    return false;
}

bool fr_accept_json_only(struct fr_str accept)
{
    bool json = false;
    struct fr_str range;
    while (fr_str_next(&accept, ',', &range)) {
        struct fr_str type = FR_STR_NONE;
        if (!fr_str_next(&range, ';', &type) || is_refused(range))
            continue;
        type = fr_str_trim(type);
        if (fr_str_equal_nocase(type, FR_STR("application/json")))
            json = true;
        else if (fr_str_equal_nocase(type, FR_STR("application/problem+json")) ||
                 fr_str_equal_nocase(type, FR_STR("application/*")) ||
                 fr_str_equal_nocase(type, FR_STR("*/*")))
            return false;
    }
    return json;
}

/* In thousandths (RFC 9110 section 12.4.2): "0", "1", "0.875". What is none counts as 0. */
static int quality_of(struct fr_str text)
{
    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.'))
        return 0;
    int quality = (text.data[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < text.len; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        quality += (text.data[i] - '0') * (int)unit;
    }
    return quality > 1000 ? 0 : quality;
}

static int quality_among(struct fr_str parameters)
{
    struct fr_str parameter;
    while (fr_str_next(&parameters, ';', &parameter)) {
        parameter = fr_str_trim(parameter);
        if (parameter.len >= 2 && (parameter.data[0] | 0x20) == 'q' && parameter.data[1] == '=')
            return quality_of((struct fr_str){parameter.data + 2, parameter.len - 2});
    }
    return 1000;
}

/* 3: the type itself, 2: its kind, 1: anything, 0: something else. */
static int specificity(struct fr_str range, struct fr_str type)
{
    if (fr_str_equal_nocase(range, type))
        return 3;
    if (fr_str_equal(range, FR_STR("*/*")))
        return 1;
    const char *slash = memchr(type.data, '/', type.len);
    size_t kind = (size_t)(slash - type.data) + 1;
    bool of_kind = range.len == kind + 1 && range.data[kind] == '*' &&
                   fr_str_equal_nocase((struct fr_str){range.data, kind}, (struct fr_str){type.data, kind});
    return of_kind ? 2 : 0;
}

static int quality_for(struct fr_str accept, struct fr_str type)
{
    int best = 0, quality = 0;
    struct fr_str rest;
    while (fr_str_next(&accept, ',', &rest)) {
        struct fr_str range = FR_STR_NONE;
        if (!fr_str_next(&rest, ';', &range))
            continue;
        int match = specificity(fr_str_trim(range), type);
        if (match > best) {
            best = match;
            quality = quality_among(rest);
        }
    }
    return quality;
}

int fr_accept_choose(struct fr_str accept, const char *const types[], int count)
{
    if (fr_str_trim(accept).len == 0)
        return 0;
    int chosen = -1, best = 0;
    for (int i = 0; i < count; i++) {
        int quality = quality_for(accept, fr_str_of(types[i]));
        if (quality > best) {
            best = quality;
            chosen = i;
        }
    }
    return chosen;
}
