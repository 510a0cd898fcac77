#include "http/http_internal.h"

#include "http/bodies.h"
#include "http/paging.h"
#include "timeline/pages.h"

struct feed_call {
    struct fr_call *call;
    struct fr_page_request request;
};

static void on_page(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                    const struct fr_error *error)
{
    const struct feed_call *feed = arg;
    if (status != FR_OK) {
        fr_call_fail(feed->call, status, error);
        return;
    }
    /* A page that is not full was the last one. */
    if (count == (size_t)feed->request.limit)
        fr_call_link_next(feed->call, FR_STR("/post/feed"), posts[count - 1].id, feed->request.limit);
    fr_call_answer_posts(feed->call, posts, count);
}

void fr_handle_post_feed(struct fr_call *call)
{
    struct fr_error error = {0};
    struct feed_call *feed = fr_call_alloc(call, sizeof(*feed), NULL);
    feed->call = call;
    feed->request.user_id = fr_call_user_id(call);
    struct fr_str limit, offset, cursor;
    struct fr_page_query query;
    enum fr_status status = fr_call_query_optional(call, "limit", &limit, &query.limit, &error);
    if (status == FR_OK)
        status = fr_call_query_optional(call, "offset", &offset, &query.offset, &error);
    if (status == FR_OK)
        status = fr_call_query_optional(call, "cursor", &cursor, &query.cursor, &error);
    if (status == FR_OK)
        status = fr_page_request_parse(&query, &feed->request, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_pages_read(fr_call_loop(call)->pages, &feed->request, fr_call_encoding(call), on_page, feed);
}
