/* The query of calls that answer with a page of a list: `limit` and `cursor`, and the link to the next page.
 */
#ifndef FR_HTTP_PAGING_H
#define FR_HTTP_PAGING_H

#include "http/http_internal.h"
#include "timeline/timeline.h"

/* A text of the query that may be absent: *ret points to `room`, or is NULL. FR_INVALID for bad encoding. */
FR_WARN_UNUSED enum fr_status fr_call_query_optional(struct fr_call *call, const char *name,
                                                     struct fr_str *room, const struct fr_str **ret,
                                                     struct fr_error *error);

struct fr_paging {
    int limit;       /* 1..FR_PAGE_LIMIT_MAX */
    bool first;      /* no cursor: the list's beginning */
    int64_t last_id; /* else: of the item behind which the page begins */
};
/* `limit` as of the feed, `fallback` when absent. */
FR_WARN_UNUSED enum fr_status fr_call_paging(struct fr_call *call, int fallback, struct fr_paging *ret,
                                             struct fr_error *error);
/* Adds Link to the page behind `last_id` of the list at `path`, which may have a query already. Call it
 * before answering. */
void fr_call_link_next(struct fr_call *call, struct fr_str path, int64_t last_id, int limit);

#endif
