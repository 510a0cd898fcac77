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
