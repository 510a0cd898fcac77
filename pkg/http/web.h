/* The page, the operations page and what they load, for paths that no call has: so no file takes one. */
#ifndef FR_HTTP_WEB_H
#define FR_HTTP_WEB_H

#include "http/router.h"

/* As fr_router_find(). */
enum fr_route_result fr_web_find_route(const struct fr_call *call, struct fr_route_match *ret);
/* Neither a call nor a file has the path: answers 404. Who looks for a page is told how to get it. */
void fr_web_refuse(struct fr_call *call);

#endif
