/* Pages, read with the statement and the cursors of the gateway, from the newest post to the end, and held
 * against what they must and may show. All of one user's is read from one snapshot, so that what is in flight
 * cannot come between: a post whose item is not there yet is not due, a post whose item is there is. */

#include "store/store.h"
#include "timeline/audit_internal.h"
#include "timeline/timeline.h"

enum {
    DUE_MAX = 2000,  /* posts read at once of what may stand on a page */
    TOLD_MAX = 1000, /* defects of one user's pages; then the rest is not read */
    ATTEMPTS = 3,
};

struct reading {
    struct fr_session *session;
    int64_t user_id;
    struct fr_audit_list *defects;
    size_t defects_before;
    int64_t pages, posts;
    /* What may stand between `before_id` (exclusive) and `from_id`, newest first, from `due_row` on. */
    struct fr_result *due;
    int due_row;
    int64_t before_id, from_id;
};

static void accuse(struct reading *reading, enum fr_audit_cause cause, int64_t author_id, int64_t post_id)
{
    fr_audit_list_add(reading->defects, &(struct fr_audit_defect){
                                            .kind = FR_AUDIT_PAGE,
                                            .cause = cause,
                                            .user_id = reading->user_id,
                                            .author_id = author_id,
                                            .post_id = post_id,
                                        });
}

/* The next post that may stand on the page; `ret_there` false: there is none in the range. */
static enum fr_status look_at_due(struct reading *reading, bool *ret_there, struct fr_error *error)
{
    while (reading->due == NULL || reading->due_row == fr_result_rows(reading->due)) {
        struct fr_query query;
        enum fr_status status;
        if (reading->due != NULL && reading->due_row < DUE_MAX) {
            *ret_there = false;
            return FR_OK;
        }
        if (reading->due != NULL)
            reading->before_id = fr_result_i64(reading->due, reading->due_row - 1, 0);
        fr_result_free(reading->due);
        reading->due = NULL;
        reading->due_row = 0;
        query = FR_QUERY(FR_SQL_AUDIT_PAGE_DUE, FR_P_I64(reading->user_id), FR_P_I64(reading->before_id),
                         FR_P_I64(reading->from_id), FR_P_I32(DUE_MAX));
        status = fr_session_query(reading->session, &query, &reading->due, error);
        if (status != FR_OK)
            return status;
    }
    *ret_there = true;
    return FR_OK;
}

/* Goes past all that may stand before the post `post_id` of the page, and past that post itself if it may
 * stand there, as `ret_justified` says. */
static enum fr_status pass_due(struct reading *reading, int64_t post_id, int64_t author_id,
                               bool *ret_justified, struct fr_error *error)
{
    enum { ID, AUTHOR_ID, DUE };

    *ret_justified = false;
    for (;;) {
        bool there = false;
        enum fr_status status = look_at_due(reading, &there, error);
        if (status != FR_OK || !there || fr_result_i64(reading->due, reading->due_row, ID) < post_id)
            return status;
        int64_t due_id = fr_result_i64(reading->due, reading->due_row, ID);
        int64_t due_author = fr_result_i64(reading->due, reading->due_row, AUTHOR_ID);
        bool due = fr_result_bool(reading->due, reading->due_row, DUE);
        reading->due_row++;
        if (due_id == post_id && due_author == author_id)
            *ret_justified = true;
        else if (due)
            accuse(reading, FR_AUDIT_PAGE_LACKS, due_author, due_id);
    }
}

/* `last_id`: the one before in the reading. False: the order is broken, nothing below can be compared. */
static bool check_order(struct reading *reading, int64_t last_id, int64_t post_id, int64_t author_id)
{
    if (post_id < last_id)
        return true;
    accuse(reading, post_id == last_id ? FR_AUDIT_PAGE_TWICE : FR_AUDIT_PAGE_ORDER, author_id, post_id);
    return false;
}

/* Compares one page with what may stand from `before_id` down to its last post, or to the end. */
static enum fr_status compare_page(struct reading *reading, const struct fr_result *page, int64_t before_id,
                                   bool *ret_in_order, struct fr_error *error)
{
    enum { ID, AUTHOR_ID };
    int rows = fr_result_rows(page);
    int64_t last_id = before_id;
    bool justified;
    enum fr_status status = FR_OK;

    for (int row = 0; row < rows; row++) {
        int64_t post_id = fr_result_i64(page, row, ID), author_id = fr_result_i64(page, row, AUTHOR_ID);
        *ret_in_order = check_order(reading, last_id, post_id, author_id);
        if (!*ret_in_order)
            return FR_OK;
        last_id = post_id;
    }
    reading->before_id = before_id;
    reading->from_id = rows == FR_PAGE_LIMIT_MAX ? last_id : INT64_MIN;
    for (int row = 0; row < rows && status == FR_OK; row++) {
        int64_t post_id = fr_result_i64(page, row, ID), author_id = fr_result_i64(page, row, AUTHOR_ID);
        status = pass_due(reading, post_id, author_id, &justified, error);
        if (status == FR_OK && !justified)
            accuse(reading, FR_AUDIT_PAGE_UNJUSTIFIED, author_id, post_id);
    }
    if (status == FR_OK)
        status = pass_due(reading, INT64_MIN, 0, &justified, error);
    fr_result_free(reading->due);
    reading->due = NULL;
    return status;
}

static enum fr_status read_all(struct reading *reading, struct fr_error *error)
{
    int64_t before_id = INT64_MAX;
    bool more = true;

    while (more && reading->defects->count - reading->defects_before < TOLD_MAX) {
        const struct fr_query query = FR_QUERY(FR_SQL_PAGE_HOME, FR_P_I64(reading->user_id),
                                               FR_P_I64(before_id), FR_P_I32(0), FR_P_I32(FR_PAGE_LIMIT_MAX));
        struct fr_result *page = NULL;
        bool in_order = true;
        enum fr_status status = fr_session_query(reading->session, &query, &page, error);
        if (status != FR_OK)
            return status;
        status = compare_page(reading, page, before_id, &in_order, error);
        more = in_order && fr_result_rows(page) == FR_PAGE_LIMIT_MAX;
        if (more)
            before_id = fr_result_i64(page, FR_PAGE_LIMIT_MAX - 1, 0);
        reading->pages++;
        reading->posts += fr_result_rows(page);
        fr_result_free(page);
        if (status != FR_OK)
            return status;
    }
    return FR_OK;
}

static enum fr_status read_in_one_snapshot(struct reading *reading, struct fr_error *error)
{
    const struct fr_query begin = FR_QUERY_NO_PARAMS(FR_SQL_AUDIT_BEGIN);
    enum fr_status status = fr_session_query(reading->session, &begin, NULL, error);

    if (status != FR_OK)
        return status;
    status = read_all(reading, error);
    fr_session_rollback(reading->session); /* nothing was written */
    return status;
}

enum fr_status fr_audit_pages(struct fr_session *session, int64_t user_id, struct fr_audit_report *report,
                              struct fr_audit_list *ret, struct fr_error *error)
{
    struct reading reading;
    size_t before = ret->count;

    /* What is wrong is read once more before it is believed: dropping a partition takes its rows away from
     * older snapshots too, which do not see that the floor rose. */
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        ret->count = before;
        reading = (struct reading){
            .session = session, .user_id = user_id, .defects = ret, .defects_before = before};
        enum fr_status status = read_in_one_snapshot(&reading, error);
        if (status != FR_OK)
            return status;
        if (ret->count == before)
            break;
    }
    report->page_users++;
    report->pages += reading.pages;
    report->page_posts += reading.posts;
    return FR_OK;
}
