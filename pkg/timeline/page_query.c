#include "timeline/timeline.h"

static bool all_digits(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.len > 0;
}

static enum fr_status parse_limit(struct fr_str text, int *ret, struct fr_error *error)
{
    int64_t limit = 0;
    if (!all_digits(text))
        return fr_error_set(error, FR_INVALID, "limit", "limit must be a number from 1");
    /* However large it is, also past 64 bits, it means the largest page. */
    if (fr_str_to_i64(text, 0, FR_PAGE_LIMIT_MAX, &limit) != FR_OK)
        limit = FR_PAGE_LIMIT_MAX;
    if (limit == 0)
        return fr_error_set(error, FR_INVALID, "limit", "limit must be a number from 1");
    *ret = (int)limit;
    return FR_OK;
}

enum fr_status fr_page_request_parse(const struct fr_page_query *query, struct fr_page_request *ret,
                                     struct fr_error *error)
{
    struct fr_page_request request = {
        .user_id = ret->user_id, .before_id = INT64_MAX, .limit = FR_PAGE_LIMIT_DEFAULT};
    if (query->limit != NULL) {
        enum fr_status status = parse_limit(*query->limit, &request.limit, error);
        if (status != FR_OK)
            return status;
    }
    if (query->offset != NULL && query->cursor != NULL)
        return fr_error_set(error, FR_INVALID, "cursor", "cursor and offset exclude each other");
    if (query->offset != NULL) {
        int64_t offset = 0;
        if (!all_digits(*query->offset) ||
            fr_str_to_i64(*query->offset, 0, FR_PAGE_OFFSET_MAX, &offset) != FR_OK)
            return fr_error_set(error, FR_INVALID, "offset", "offset must be a number from 0 to %d",
                                FR_PAGE_OFFSET_MAX);
        request.offset = (int)offset;
    }
    if (query->cursor != NULL && fr_page_cursor_parse(*query->cursor, &request.before_id) != FR_OK)
        return fr_error_set(error, FR_INVALID, "cursor", "cursor is damaged or none of ours");
    *ret = request;
    return FR_OK;
}
