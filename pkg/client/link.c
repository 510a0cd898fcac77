#include "link.h"

#include "base/base.h"

/* One of several links, such as <…>; rel="next". */
static bool is_next(struct fr_str parameters)
{
    struct fr_str parameter;
    while (fr_str_next(&parameters, ';', &parameter)) {
        parameter = fr_str_trim(parameter);
        if (fr_str_equal_nocase(parameter, FR_STR("rel=\"next\"")) ||
            fr_str_equal_nocase(parameter, FR_STR("rel=next")))
            return true;
    }
    return false;
}

static struct fr_str cursor_of(struct fr_str target)
{
    struct fr_str path, parameter;
    fr_str_next(&target, '?', &path);
    while (fr_str_next(&target, '&', &parameter)) {
        if (fr_str_starts_with(parameter, FR_STR("cursor=")))
            return (struct fr_str){parameter.data + 7, parameter.len - 7};
    }
    return FR_STR_NONE;
}

/* The next <target>; parameters of a list that commas separate. */
static bool take_link(struct fr_str *rest, struct fr_str *ret_target, struct fr_str *ret_parameters)
{
    struct fr_str before;
    if (!fr_str_next(rest, '<', &before) || !fr_str_next(rest, '>', ret_target) || rest->data == NULL)
        return false;
    return fr_str_next(rest, ',', ret_parameters);
}

void link_next_cursor(const char *header, char ret_cursor[static LINK_CURSOR_SIZE])
{
    ret_cursor[0] = '\0';
    struct fr_str rest = fr_str_of(header), target, parameters;
    while (take_link(&rest, &target, &parameters)) {
        struct fr_str cursor = is_next(parameters) ? cursor_of(target) : FR_STR_NONE;
        if (cursor.len == 0 || cursor.len >= LINK_CURSOR_SIZE)
            continue;
        memcpy(ret_cursor, cursor.data, cursor.len);
        ret_cursor[cursor.len] = '\0';
        return;
    }
}
