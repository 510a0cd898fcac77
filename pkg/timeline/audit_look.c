#include <stdlib.h>

#include "store/store.h"
#include "timeline/audit_internal.h"

void fr_audit_list_add(struct fr_audit_list *list, const struct fr_audit_defect *defect)
{
    if (list->count == list->room) {
        list->room = list->room > 0 ? 2 * list->room : 64;
        list->items = fr_realloc_array(list->items, list->room, sizeof(list->items[0]));
    }
    list->items[list->count++] = *defect;
}

void fr_audit_list_release(struct fr_audit_list *list)
{
    free(list->items);
    *list = (struct fr_audit_list){0};
}

/* ---- suspects ---- */
static enum fr_status suspect(struct fr_session *session, const struct fr_query *query,
                              enum fr_audit_kind kind, struct fr_audit_list *ret, bool *ret_cut,
                              struct fr_error *error)
{
    enum { USER_ID, AUTHOR_ID, POST_ID };
    struct fr_result *rows = NULL;
    enum fr_status status = fr_session_query(session, query, &rows, error);

    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++)
        fr_audit_list_add(ret, &(struct fr_audit_defect){
                                   .kind = kind,
                                   .user_id = fr_result_i64(rows, row, USER_ID),
                                   .author_id = fr_result_i64(rows, row, AUTHOR_ID),
                                   .post_id = fr_result_i64(rows, row, POST_ID),
                               });
    *ret_cut = fr_result_rows(rows) == FR_AUDIT_SUSPECTS_MAX;
    fr_result_free(rows);
    return FR_OK;
}

enum fr_status fr_audit_suspect_missing(struct fr_session *session, const int64_t *users, size_t count,
                                        struct fr_audit_list *ret, bool *ret_cut, struct fr_error *error)
{
    const struct fr_query query =
        FR_QUERY(FR_SQL_AUDIT_MISSING, FR_P_I64S(users, count), FR_P_I32(FR_AUDIT_SUSPECTS_MAX));

    return suspect(session, &query, FR_AUDIT_MISSING, ret, ret_cut, error);
}

enum fr_status fr_audit_suspect_extra(struct fr_session *session, const int64_t *users, size_t count,
                                      struct fr_audit_list *ret, bool *ret_cut, struct fr_error *error)
{
    const struct fr_query query =
        FR_QUERY(FR_SQL_AUDIT_EXTRA, FR_P_I64S(users, count), FR_P_I32(FR_AUDIT_SUSPECTS_MAX));

    return suspect(session, &query, FR_AUDIT_EXTRA, ret, ret_cut, error);
}

enum fr_status fr_audit_suspect_orphans(struct fr_session *session, int64_t after, int64_t upto,
                                        struct fr_audit_list *ret, bool *ret_cut, struct fr_error *error)
{
    const struct fr_query query =
        FR_QUERY(FR_SQL_AUDIT_ORPHANS, FR_P_I64(after), FR_P_I64(upto), FR_P_I32(FR_AUDIT_SUSPECTS_MAX));

    return suspect(session, &query, FR_AUDIT_EXTRA, ret, ret_cut, error);
}

static struct fr_audit_event event_at(const struct fr_result *rows, int row, int column)
{
    return (struct fr_audit_event){
        .id = fr_result_i64(rows, row, column),
        .kind = (int16_t)fr_result_i64(rows, row, column + 1),
        .state = (int16_t)fr_result_i64(rows, row, column + 2),
    };
}

enum fr_status fr_audit_suspect_graph(struct fr_session *session, const int64_t *ids, size_t count,
                                      bool with_followees, struct fr_audit_list *ret, bool *ret_cut,
                                      struct fr_error *error)
{
    enum { KIND, CAUSE, USER_ID, AUTHOR_ID, POST_ID, COUNTED, FOUND, EVENT };
    const struct fr_query query = FR_QUERY(FR_SQL_AUDIT_GRAPH, FR_P_I64S(ids, count),
                                           FR_P_BOOL(with_followees), FR_P_I32(FR_AUDIT_SUSPECTS_MAX));
    struct fr_result *rows = NULL;
    enum fr_status status = fr_session_query(session, &query, &rows, error);

    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++)
        fr_audit_list_add(ret, &(struct fr_audit_defect){
                                   .kind = (enum fr_audit_kind)fr_result_i64(rows, row, KIND),
                                   .cause = (enum fr_audit_cause)fr_result_i64(rows, row, CAUSE),
                                   .user_id = fr_result_i64(rows, row, USER_ID),
                                   .author_id = fr_result_i64(rows, row, AUTHOR_ID),
                                   .post_id = fr_result_i64(rows, row, POST_ID),
                                   .counted = fr_result_i64(rows, row, COUNTED),
                                   .found = fr_result_i64(rows, row, FOUND),
                                   .event = event_at(rows, row, EVENT),
                               });
    *ret_cut = fr_result_rows(rows) == FR_AUDIT_SUSPECTS_MAX;
    fr_result_free(rows);
    return FR_OK;
}

/* ---- judging ---- */
/* Columns of what the suspects are. */
struct columns {
    int64_t users[FR_AUDIT_JUDGED_MAX], authors[FR_AUDIT_JUDGED_MAX], posts[FR_AUDIT_JUDGED_MAX];
};

static enum fr_status judge_items(struct fr_session *session, const struct fr_audit_defect *suspects,
                                  size_t count, struct fr_audit_list *ret, struct fr_error *error)
{
    enum { PLACE, CAUSE };
    bool missing = suspects[0].kind == FR_AUDIT_MISSING;
    struct columns *columns = FR_NEW(struct columns);
    struct fr_result *rows = NULL;
    struct fr_query query;
    enum fr_status status;

    for (size_t i = 0; i < count; i++) {
        columns->users[i] = suspects[i].user_id;
        columns->authors[i] = suspects[i].author_id;
        columns->posts[i] = suspects[i].post_id;
    }
    query = FR_QUERY(missing ? FR_SQL_AUDIT_MISSING_AGAIN : FR_SQL_AUDIT_EXTRA_AGAIN,
                     FR_P_I64S(columns->users, count), FR_P_I64S(columns->authors, count),
                     FR_P_I64S(columns->posts, count));
    status = fr_session_query(session, &query, &rows, error);
    free(columns);
    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++) {
        struct fr_audit_defect defect = suspects[fr_result_i64(rows, row, PLACE) - 1];
        if (!missing) {
            defect.cause = (enum fr_audit_cause)fr_result_i64(rows, row, CAUSE);
            defect.kind = defect.cause == FR_AUDIT_STORED_TOO ? FR_AUDIT_DOUBLED : FR_AUDIT_EXTRA;
        }
        defect.event = event_at(rows, row, missing ? CAUSE : CAUSE + 1);
        fr_audit_list_add(ret, &defect);
    }
    fr_result_free(rows);
    return FR_OK;
}

/* By what names a defect of the graph. */
static int compare_graph(const void *a, const void *b)
{
    const struct fr_audit_defect *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->author_id != y->author_id)
        return x->author_id < y->author_id ? -1 : 1;
    if (x->user_id != y->user_id)
        return x->user_id < y->user_id ? -1 : 1;
    return (x->post_id > y->post_id) - (x->post_id < y->post_id);
}

/* Looks at the same people again: what is found both times. */
static enum fr_status judge_graph(struct fr_session *session, const struct fr_audit_defect *suspects,
                                  size_t count, struct fr_audit_list *ret, struct fr_error *error)
{
    int64_t *ids = fr_alloc_array(2 * count, sizeof(*ids));
    struct fr_audit_defect *known = fr_alloc_array(count, sizeof(*known));
    struct fr_audit_list now = {0};
    size_t id_count = 0;
    bool cut = false;
    enum fr_status status;

    memcpy(known, suspects, count * sizeof(*known));
    qsort(known, count, sizeof(*known), compare_graph);
    for (size_t i = 0; i < count; i++) {
        ids[id_count++] = suspects[i].author_id;
        if (suspects[i].user_id != 0)
            ids[id_count++] = suspects[i].user_id;
    }
    status = fr_audit_suspect_graph(session, ids, id_count, false, &now, &cut, error);
    for (size_t i = 0; status == FR_OK && i < now.count; i++)
        if (bsearch(&now.items[i], known, count, sizeof(*known), compare_graph) != NULL)
            fr_audit_list_add(ret, &now.items[i]);
    fr_audit_list_release(&now);
    free(known);
    free(ids);
    return status;
}

enum fr_status fr_audit_judge(struct fr_session *session, const struct fr_audit_defect *suspects,
                              size_t count, struct fr_audit_list *ret, struct fr_error *error)
{
    enum fr_status status = FR_OK;

    for (size_t done = 0; done < count && status == FR_OK;) {
        size_t some = count - done < FR_AUDIT_JUDGED_MAX ? count - done : FR_AUDIT_JUDGED_MAX;
        switch (suspects[done].kind) {
        case FR_AUDIT_MISSING:
        case FR_AUDIT_EXTRA:
        case FR_AUDIT_DOUBLED:
            status = judge_items(session, suspects + done, some, ret, error);
            break;
        case FR_AUDIT_STORED:
        case FR_AUDIT_MIRROR:
        case FR_AUDIT_COUNT:
        case FR_AUDIT_CELEBRITY:
        case FR_AUDIT_ORDER:
            status = judge_graph(session, suspects + done, some, ret, error);
            break;
        case FR_AUDIT_PAGE: /* judged where it is read */
            break;
        }
        done += some;
    }
    return status;
}

/* ---- whom ---- */
enum fr_status fr_audit_sample(struct fr_session *session, int64_t seed, int64_t count, int64_t **ret,
                               size_t *ret_count, struct fr_error *error)
{
    struct fr_result *rows = NULL;
    const struct fr_query query = FR_QUERY(FR_SQL_AUDIT_SAMPLE, FR_P_I64(seed), FR_P_I64(count));
    enum fr_status status = fr_session_query(session, &query, &rows, error);
    int64_t *users;

    if (status != FR_OK)
        return status;
    users = fr_alloc_array((size_t)fr_result_rows(rows) + 1, sizeof(*users));
    for (int row = 0; row < fr_result_rows(rows); row++)
        users[row] = fr_result_i64(rows, row, 0);
    *ret = users;
    *ret_count = (size_t)fr_result_rows(rows);
    fr_result_free(rows);
    return FR_OK;
}

enum fr_status fr_audit_figures(struct fr_session *session, int64_t user_id, struct fr_audit_figures *ret,
                                struct fr_error *error)
{
    enum {
        DELETED,
        DEPARTED,
        FOLLOWS,
        FOLLOWERS,
        HORIZON,
        FLOOR,
        ITEMS,
        NEWEST,
        OLDEST,
        CELEBRITIES,
        STORED,
        PENDING
    };
    struct fr_result *row = NULL;
    const struct fr_query query = FR_QUERY(FR_SQL_AUDIT_USER, FR_P_I64(user_id));
    enum fr_status status = fr_session_query(session, &query, &row, error);

    if (status != FR_OK)
        return status;
    if (fr_result_rows(row) == 0) {
        fr_result_free(row);
        return fr_error_set(error, FR_NOT_FOUND, "user", "there is no user %lld", (long long)user_id);
    }
    *ret = (struct fr_audit_figures){
        .deleted = fr_result_bool(row, 0, DELETED),
        .departed = fr_result_bool(row, 0, DEPARTED),
        .follows = fr_result_i64(row, 0, FOLLOWS),
        .followers = fr_result_i64(row, 0, FOLLOWERS),
        .horizon = fr_result_i64(row, 0, HORIZON),
        .floor = fr_result_i64(row, 0, FLOOR),
        .items = fr_result_i64(row, 0, ITEMS),
        .newest = fr_result_i64(row, 0, NEWEST),
        .oldest = fr_result_i64(row, 0, OLDEST),
        .celebrities = fr_result_i64(row, 0, CELEBRITIES),
        .celebrity_posts = fr_result_i64(row, 0, STORED),
        .pending = fr_result_i64(row, 0, PENDING),
    };
    fr_result_free(row);
    return FR_OK;
}
