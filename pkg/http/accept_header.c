#include "http/accept_header.h"

enum closeness { NOWHERE, ANY, ANY_APPLICATION, BY_NAME };

/* How a media type is accepted: by the range that names it most closely. */
struct acceptance {
    enum closeness closeness;
    int quality; /* thousandths */
    size_t place;
};

/* RFC 9110 section 12.4.2: 0 to 1 with up to three decimals. What is no quality counts as 1. */
static int parse_quality(struct fr_str text)
{
    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.'))
        return 1000;
    int quality = (text.data[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < text.len; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 1000;
        quality += (text.data[i] - '0') * (int)unit;
    }
    return quality > 1000 ? 1000 : quality;
}

static int quality_of(struct fr_str parameters)
{
    struct fr_str parameter;
    while (fr_str_next(&parameters, ';', &parameter)) {
        parameter = fr_str_trim(parameter);
        if (parameter.len >= 2 && (parameter.data[0] == 'q' || parameter.data[0] == 'Q') &&
            parameter.data[1] == '=')
            return parse_quality((struct fr_str){parameter.data + 2, parameter.len - 2});
    }
    return 1000;
}

static void accept_range(struct acceptance *type, struct fr_str name, struct fr_str range, int quality,
                         size_t place)
{
    enum closeness closeness = fr_str_equal_nocase(range, name)                      ? BY_NAME
                               : fr_str_equal_nocase(range, FR_STR("application/*")) ? ANY_APPLICATION
                               : fr_str_equal_nocase(range, FR_STR("*/*"))           ? ANY
                                                                                     : NOWHERE;
    if (closeness > type->closeness)
        *type = (struct acceptance){closeness, quality, place};
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
    struct acceptance json = {0}, problem = {0}, protobuf = {0};
    struct fr_str range;
    for (size_t place = 1; fr_str_next(&accept, ',', &range); place++) {
        struct fr_str name = FR_STR_NONE;
        if (!fr_str_next(&range, ';', &name))
            continue;
        name = fr_str_trim(name);
        int quality = quality_of(range);
        accept_range(&json, FR_STR("application/json"), name, quality, place);
        accept_range(&problem, FR_STR("application/problem+json"), name, quality, place);
        accept_range(&protobuf, FR_STR("application/x-protobuf"), name, quality, place);
    }
    if (protobuf.quality > 0 && is_preferred(&protobuf, &json))
        return FR_ACCEPT_PROTOBUF;
    return json.quality > 0 && problem.quality == 0 ? FR_ACCEPT_JSON_ONLY : FR_ACCEPT_JSON;
}
