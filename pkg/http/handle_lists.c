#include "http/http_internal.h"

#include "http/bodies.h"
#include "http/paging.h"

/* ---- GET /user/{id}/posts, /user/{id}/followers, /user/{id}/following ---- */
struct list_call {
    struct fr_call *call;
    int64_t user_id;
    struct fr_paging page;
};

static struct list_call *begin(struct fr_call *call)
{
    struct fr_error error = {0};
    struct list_call *list = fr_call_alloc(call, sizeof(*list), NULL);
    list->call = call;
    enum fr_status status = fr_call_param_id(call, &list->user_id, &error);
    if (status == FR_OK)
        status = fr_call_paging(call, FR_PAGE_LIMIT_DEFAULT, &list->page, &error);
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
        return NULL;
    }
    return list;
}

static void fail(const struct list_call *list, enum fr_status status, const struct fr_error *error)
{
    if (status == FR_NOT_FOUND)
        fr_call_problem(list->call, FR_PROBLEM_UNKNOWN_USER, "id", NULL);
    else
        fr_call_fail(list->call, status, error);
}

/* One more than a page was asked for: it says whether there is a next one. */
static int with_one_more(const struct list_call *list)
{
    return list->page.limit + 1;
}

static bool has_more(const struct list_call *list, size_t *count)
{
    if (*count <= (size_t)list->page.limit)
        return false;
    *count = (size_t)list->page.limit;
    return true;
}

static void on_posts(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                     const struct fr_error *error)
{
    const struct list_call *list = arg;
    if (status != FR_OK) {
        fail(list, status, error);
        return;
    }
    if (has_more(list, &count))
        fr_call_link_next(list->call, fr_call_path(list->call), posts[count - 1].id, list->page.limit);
    fr_call_answer_posts(list->call, posts, count);
}

static void on_people(void *arg, enum fr_status status, const struct fr_user *users, size_t count,
                      const struct fr_error *error)
{
    const struct list_call *list = arg;
    if (status != FR_OK) {
        fail(list, status, error);
        return;
    }
    if (has_more(list, &count))
        fr_call_link_next(list->call, fr_call_path(list->call), users[count - 1].id, list->page.limit);
    fr_call_answer_users(list->call, users, count);
}

void fr_handle_user_posts(struct fr_call *call)
{
    struct list_call *list = begin(call);
    if (list != NULL)
        fr_timeline_user_posts(fr_call_loop(call)->store, list->user_id,
                               list->page.first ? INT64_MAX : list->page.last_id, with_one_more(list),
                               on_posts, list);
}

static int64_t after_id(const struct list_call *list)
{
    return list->page.first ? 0 : list->page.last_id;
}

void fr_handle_user_followers(struct fr_call *call)
{
    struct list_call *list = begin(call);
    if (list != NULL)
        fr_graph_followers(fr_call_loop(call)->store, list->user_id, after_id(list), with_one_more(list),
                           on_people, list);
}

void fr_handle_user_following(struct fr_call *call)
{
    struct list_call *list = begin(call);
    if (list != NULL)
        fr_graph_following(fr_call_loop(call)->store, list->user_id, after_id(list), with_one_more(list),
                           on_people, list);
}

/* ---- GET /users?ids= ---- */
static void on_users(void *arg, enum fr_status status, const struct fr_user *users, size_t count,
                     const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status != FR_OK)
        fr_call_fail(call, status, error);
    else
        fr_call_answer_users(call, users, count);
}

static bool contains(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

/* Ids separated by commas, each of them once in `ret`. */
static enum fr_status parse_ids(struct fr_str text, int64_t ret[static FR_USERS_BY_ID_MAX], size_t *ret_count,
                                struct fr_error *error)
{
    size_t commas = 0, count = 0;
    for (size_t i = 0; i < text.len; i++)
        commas += text.data[i] == ',';
    if (commas >= FR_USERS_BY_ID_MAX)
        return fr_error_set(error, FR_INVALID, "ids", "ids has more than %d ids", FR_USERS_BY_ID_MAX);
    for (size_t i = 0; i <= commas; i++) {
        int64_t id = 0;
        struct fr_str item = FR_STR_NONE;
        if (!fr_str_next(&text, ',', &item) || fr_id_parse(item, &id) != FR_OK)
            return fr_error_set(error, FR_INVALID, "ids",
                                "ids must be ids, decimal numbers of 1 to 19 digits, separated by commas");
        if (!contains(ret, count, id))
            ret[count++] = id;
    }
    *ret_count = count;
    return FR_OK;
}

void fr_handle_users(struct fr_call *call)
{
    struct fr_error error = {0};
    struct fr_str text = FR_STR_NONE;
    int64_t ids[FR_USERS_BY_ID_MAX];
    size_t count = 0;
    enum fr_status status = fr_call_query(call, "ids", &text, &error);
    if (status == FR_NOT_FOUND)
        status = fr_error_set(&error, FR_INVALID, "ids", "ids is missing");
    if (status == FR_OK)
        status = parse_ids(text, ids, &count, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_graph_get_many(fr_call_loop(call)->store, ids, count, on_users, call);
}
