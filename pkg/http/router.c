#include "http/router.h"

#include <stdio.h>

struct fr_str fr_router_param_name(const struct fr_route *route)
{
    const char *open = strchr(route->pattern, '{');
    if (open == NULL)
        return FR_STR_NONE;
    const char *close = strchr(open, '}');
    return (struct fr_str){open + 1, (size_t)(close - open) - 1};
}

static bool matches(const char *pattern, struct fr_str path, struct fr_str *ret_param)
{
    const char *open = strchr(pattern, '{');
    if (open == NULL) {
        *ret_param = FR_STR_NONE;
        return fr_str_equal(fr_str_of(pattern), path);
    }
    const char *after = strchr(open, '}') + 1;
    size_t head = (size_t)(open - pattern), tail = strlen(after);
    if (path.len <= head + tail || memcmp(path.data, pattern, head) != 0 ||
        memcmp(path.data + path.len - tail, after, tail) != 0)
        return false;
    struct fr_str param = {path.data + head, path.len - head - tail};
    if (memchr(param.data, '/', param.len) != NULL)
        return false;
    *ret_param = param;
    return true;
}

static bool takes_method(const struct fr_route *route, struct fr_str method)
{
    if (fr_str_equal(method, FR_STR("HEAD")))
        method = FR_STR("GET");
    return fr_str_equal(fr_str_of(route->method), method);
}

static void allow(char *list, const char *method)
{
    size_t len = strlen(list);
    snprintf(list + len, FR_ROUTER_ALLOW_SIZE - len, "%s%s", len > 0 ? ", " : "", method);
}

static void allow_route(char *list, const struct fr_route *route)
{
    allow(list, route->method);
    if (strcmp(route->method, "GET") == 0)
        allow(list, "HEAD");
}

enum fr_route_result fr_router_find(const struct fr_route *routes, size_t count, struct fr_str method,
                                    struct fr_str path, struct fr_route_match *ret)
{
    *ret = (struct fr_route_match){0};
    bool found = false, known_path = false;
    for (size_t i = 0; i < count; i++) {
        struct fr_str param;
        if (!matches(routes[i].pattern, path, &param))
            continue;
        known_path = true;
        if (takes_method(&routes[i], method) && (!found || param.len == 0)) {
            found = true;
            ret->route = &routes[i];
            ret->param = param;
        }
        allow_route(ret->allow, &routes[i]);
    }
    if (found)
        return FR_ROUTE_FOUND;
    if (!known_path)
        return FR_ROUTE_UNKNOWN_PATH;
    allow(ret->allow, "OPTIONS");
    return FR_ROUTE_WRONG_METHOD;
}

enum fr_route_result fr_router_check(const struct fr_route *route, struct fr_str method,
                                     struct fr_route_match *ret)
{
    *ret = (struct fr_route_match){0};
    allow_route(ret->allow, route);
    allow(ret->allow, "OPTIONS");
    if (!takes_method(route, method))
        return FR_ROUTE_WRONG_METHOD;
    ret->route = route;
    return FR_ROUTE_FOUND;
}
