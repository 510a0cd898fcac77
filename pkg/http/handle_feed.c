#include "http/http_internal.h"

#include "http/post_json.h"
#include "timeline/pages.h"

struct feed_call {
    struct fr_call *call;
    struct fr_page_request request;
};

static void add_next_link(const struct feed_call *feed, int64_t last_id)
{
    char cursor[FR_PAGE_CURSOR_SIZE];
    fr_page_cursor_format(last_id, cursor);
    struct fr_buf link;
    fr_buf_init(&link, 128);
    fr_buf_printf(&link, "</post/feed?cursor=%s&limit=%d>; rel=\"next\"", cursor, feed->request.limit);
    if (fr_buf_status(&link) == FR_OK)
        fr_call_add_header(feed->call, "link", fr_buf_str(&link));
    fr_buf_release(&link);
}

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
        add_next_link(feed, posts[count - 1].id);
    struct fr_buf body;
    fr_buf_init(&body, (size_t)FR_PAGE_LIMIT_MAX * FR_POST_JSON_MAX);
    fr_buf_append_char(&body, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            fr_buf_append_char(&body, ',');
        fr_post_json_append(&body, &posts[i]);
    }
    fr_buf_append_char(&body, ']');
    fr_call_answer_json(feed->call, &body);
    fr_buf_release(&body);
}

/* *ret points to `room` if the query has `name`, else is NULL. */
static enum fr_status read_text(struct fr_call *call, const char *name, struct fr_str *room,
                                const struct fr_str **ret, struct fr_error *error)
{
    enum fr_status status = fr_call_query(call, name, room, error);
    *ret = status == FR_OK ? room : NULL;
    return status == FR_NOT_FOUND ? FR_OK : status;
}

void fr_handle_post_feed(struct fr_call *call)
{
    struct fr_error error = {0};
    struct feed_call *feed = fr_call_alloc(call, sizeof(*feed), NULL);
    feed->call = call;
    feed->request.user_id = fr_call_user_id(call);
    struct fr_str limit, offset, cursor;
    struct fr_page_query query;
    enum fr_status status = read_text(call, "limit", &limit, &query.limit, &error);
    if (status == FR_OK)
        status = read_text(call, "offset", &offset, &query.offset, &error);
    if (status == FR_OK)
        status = read_text(call, "cursor", &cursor, &query.cursor, &error);
    if (status == FR_OK)
        status = fr_page_request_parse(&query, &feed->request, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_pages_read(fr_call_loop(call)->pages, &feed->request, on_page, feed);
}
