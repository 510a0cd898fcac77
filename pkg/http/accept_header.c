#include "http/accept_header.h"

enum closeness { NOWHERE, ANYTHING, ITS_KIND, ITSELF };

/* How a media type is accepted: by the range that names it most closely. */
struct acceptance {
    enum closeness closeness;
    int quality; /* thousandths; 0: not at all */
    size_t place;
};

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

static enum closeness closeness_of(struct fr_str range, struct fr_str type)
{
    if (fr_str_equal_nocase(range, type))
        return ITSELF;
    if (fr_str_equal(range, FR_STR("*/*")))
        return ANYTHING;
    const char *slash = memchr(type.data, '/', type.len);
    size_t kind = (size_t)(slash - type.data) + 1;
    bool of_kind = range.len == kind + 1 && range.data[kind] == '*' &&
                   fr_str_equal_nocase((struct fr_str){range.data, kind}, (struct fr_str){type.data, kind});
    return of_kind ? ITS_KIND : NOWHERE;
}

static struct acceptance acceptance_of(struct fr_str accept, struct fr_str type)
{
    struct acceptance found = {0};
    struct fr_str rest;
    for (size_t place = 0; fr_str_next(&accept, ',', &rest); place++) {
        struct fr_str range = FR_STR_NONE;
        if (!fr_str_next(&rest, ';', &range))
            continue;
        enum closeness closeness = closeness_of(fr_str_trim(range), type);
        if (closeness > found.closeness)
            found = (struct acceptance){closeness, quality_among(rest), place};
    }
    return found;
}

static bool is_preferred(const struct acceptance *a, const struct acceptance *b)
{
    if (a->quality != b->quality)
        return a->quality > b->quality;
    if (a->closeness != b->closeness)
        return a->closeness > b->closeness;
    return a->place < b->place;
}

enum fr_accept fr_accept_parse(struct fr_str accept)
{
    struct acceptance protobuf = acceptance_of(accept, FR_STR("application/x-protobuf")),
                      json = acceptance_of(accept, FR_STR("application/json")),
                      problem = acceptance_of(accept, FR_STR("application/problem+json"));
    if (protobuf.quality > 0 && is_preferred(&protobuf, &json))
        return FR_ACCEPT_PROTOBUF;
    return json.quality > 0 && problem.quality == 0 ? FR_ACCEPT_JSON_ONLY : FR_ACCEPT_JSON;
}

int fr_accept_choose(struct fr_str accept, const char *const types[], int count)
{
    if (fr_str_trim(accept).len == 0)
        return 0;
    int chosen = -1, best = 0;
    for (int i = 0; i < count; i++) {
        struct acceptance acceptance = acceptance_of(accept, fr_str_of(types[i]));
        if (acceptance.quality > best) {
            best = acceptance.quality;
            chosen = i;
        }
    }
    return chosen;
}

bool fr_accept_gzip(struct fr_str accept_encoding)
{
    enum { UNSAID = -1 };
    int gzip = UNSAID, identity = UNSAID, others = UNSAID;
    struct fr_str rest;
    while (fr_str_next(&accept_encoding, ',', &rest)) {
        struct fr_str coding = FR_STR_NONE;
        if (!fr_str_next(&rest, ';', &coding))
            continue;
        coding = fr_str_trim(coding);
        if (fr_str_equal_nocase(coding, FR_STR("gzip")) || fr_str_equal_nocase(coding, FR_STR("x-gzip")))
            gzip = quality_among(rest);
        else if (fr_str_equal_nocase(coding, FR_STR("identity")))
            identity = quality_among(rest);
        else if (fr_str_equal(coding, FR_STR("*")))
            others = quality_among(rest);
    }
    if (gzip == UNSAID)
        gzip = others;
    return gzip > 0 && gzip >= identity;
}
