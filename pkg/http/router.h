/* Finds the route of a request in a table. Pure: knows neither the HTTP library nor the handlers. */
#ifndef FR_HTTP_ROUTER_H
#define FR_HTTP_ROUTER_H

#include "http/http_internal.h"

#define FR_ROUTER_ALLOW_SIZE 96

enum fr_route_result { FR_ROUTE_FOUND, FR_ROUTE_UNKNOWN_PATH, FR_ROUTE_WRONG_METHOD };

struct fr_route_match {
    const struct fr_route *route;
    struct fr_str param;              /* what stands for {…}, as it came; empty if the route has none */
    char allow[FR_ROUTER_ALLOW_SIZE]; /* with FR_ROUTE_WRONG_METHOD: "GET, HEAD, OPTIONS" */
};

/* `path` without the query. A segment for {…} is not empty. A route without a parameter wins over one with.
 * HEAD finds GET. OPTIONS is never found: it gives FR_ROUTE_WRONG_METHOD and the list for `Allow`. */
enum fr_route_result fr_router_find(const struct fr_route *routes, size_t count, struct fr_str method,
                                    struct fr_str path, struct fr_route_match *ret);

/* The same for a route whose path is known to be the one asked for. */
enum fr_route_result fr_router_check(const struct fr_route *route, struct fr_str method,
                                     struct fr_route_match *ret);

/* The name within {…} of a pattern; empty if it has none. */
struct fr_str fr_router_param_name(const struct fr_route *route);

#endif
