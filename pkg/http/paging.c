#include "http/paging.h"

enum { LINK_MAX = 8192 };

enum fr_status fr_call_query_optional(struct fr_call *call, const char *name, struct fr_str *room,
                                      const struct fr_str **ret, struct fr_error *error)
{
    enum fr_status status = fr_call_query(call, name, room, error);
    *ret = status == FR_OK ? room : NULL;
    return status == FR_NOT_FOUND ? FR_OK : status;
}

enum fr_status fr_call_paging(struct fr_call *call, int fallback, struct fr_paging *ret,
                              struct fr_error *error)
{
    struct fr_str limit, cursor;
    struct fr_page_query query = {0};
    struct fr_page_request request = {0};
    enum fr_status status = fr_call_query_optional(call, "limit", &limit, &query.limit, error);
    if (status == FR_OK)
        status = fr_call_query_optional(call, "cursor", &cursor, &query.cursor, error);
    if (status == FR_OK)
        status = fr_page_request_parse(&query, &request, error);
    if (status == FR_OK)
        *ret = (struct fr_paging){
            .limit = query.limit != NULL ? request.limit : fallback,
            .first = query.cursor == NULL,
            .last_id = request.before_id,
        };
    return status;
}

void fr_call_link_next(struct fr_call *call, struct fr_str path, int64_t last_id, int limit)
{
    struct fr_buf link;
    char cursor[FR_PAGE_CURSOR_SIZE];
    fr_page_cursor_format(last_id, cursor);
    fr_buf_init(&link, LINK_MAX);
    fr_buf_append_char(&link, '<');
    fr_buf_append_str(&link, path);
    fr_buf_append_char(&link, path.len > 0 && memchr(path.data, '?', path.len) != NULL ? '&' : '?');
    fr_buf_printf(&link, "cursor=%s&limit=%d>; rel=\"next\"", cursor, limit);
    if (fr_buf_status(&link) == FR_OK)
        fr_call_add_header(call, "link", fr_buf_str(&link));
    fr_buf_release(&link);
}
