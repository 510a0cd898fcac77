/* The calls: what each asks, and what its answer decodes to. call.c does the rest. */
#include <inttypes.h>
#include <stdlib.h>

#include "call.h"
#include "codec.h"
#include "problem.h"

enum { LIST_MAX = 100, CODE_UNKNOWN_POST = 1303 };

/* ---- arguments ---- */

static freshet_kind check_id(int64_t id, const char *name, freshet_error *error)
{
    return id > 0 ? FRESHET_OK : problem_set(error, FRESHET_INVALID, name, "%s is no id", name);
}

static freshet_kind check_ids(const int64_t *ids, size_t count, freshet_error *error)
{
    if (ids == NULL || count < 1 || count > LIST_MAX)
        return problem_set(error, FRESHET_INVALID, "ids", "ids has not 1 to %d of them", LIST_MAX);
    freshet_kind kind = FRESHET_OK;
    for (size_t i = 0; kind == FRESHET_OK && i < count; i++)
        kind = check_id(ids[i], "ids", error);
    return kind;
}

static freshet_kind check_text(const char *text, const char *name, freshet_error *error)
{
    return text != NULL ? FRESHET_OK : problem_set(error, FRESHET_INVALID, name, "%s is wanted", name);
}

static void append_escaped(struct fr_buf *path, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, (int)strnlen(value, CALL_PATH_MAX + 1));
    if (escaped == NULL)
        abort(); /* no memory: see base/memory.h */
    char separator = memchr(path->data, '?', path->len) != NULL ? '&' : '?';
    fr_buf_printf(path, "%c%s=%s", separator, name, escaped);
    curl_free(escaped);
}

static void append_number(struct fr_buf *path, const char *name, int64_t value)
{
    char text[FR_ID_TEXT_SIZE];
    fr_id_format(value, text);
    append_escaped(path, name, text);
}

static freshet_kind append_page(struct fr_buf *path, const freshet_page *given, bool takes_offset,
                                freshet_error *error)
{
    freshet_page page;
    freshet_kind kind = client_read_struct(&page, sizeof page, given, "page", error);
    if (kind != FRESHET_OK)
        return kind;
    if (page.limit < 0)
        return problem_set(error, FRESHET_INVALID, "limit", "limit is negative");
    if (page.offset < 0 || (page.offset > 0 && !takes_offset))
        return problem_set(error, FRESHET_INVALID, "offset",
                           takes_offset ? "offset is negative"
                                        : "this list has no offset: go on by its cursor");
    if (page.limit > 0)
        append_number(path, "limit", page.limit);
    if (page.offset > 0)
        append_number(path, "offset", page.offset);
    if (page.cursor != NULL && page.cursor[0] != '\0')
        append_escaped(path, "cursor", page.cursor);
    return FRESHET_OK;
}

/* ---- answers ---- */

/* A taker that gives the block that `decoded` makes out of `bytes` and `next`. */
#define TAKER(name, type, decoded)                          \
    static bool name(const struct request *from, void *ret) \
    {                                                       \
        struct fr_str bytes = fr_buf_str(&from->answer);    \
        const char *next = from->next;                      \
        (void)next;                                         \
        type *made = decoded;                               \
        if (made != NULL && ret != NULL)                    \
            *(type **)ret = made;                           \
        else                                                \
            free(made);                                     \
        return made != NULL;                                \
    }

TAKER(take_token, freshet_token, codec_token(bytes))
TAKER(take_ticket, freshet_token, codec_ticket(bytes))
TAKER(take_user, freshet_user, codec_user(bytes))
TAKER(take_profile, freshet_profile, codec_profile(bytes))
TAKER(take_users, freshet_users, codec_users(bytes, next))
TAKER(take_post, freshet_post, codec_post(bytes))
TAKER(take_posts, freshet_posts, codec_posts(bytes, next))

static bool take_user_id(const struct request *from, void *ret)
{
    int64_t id = 0;
    bool good = codec_user_id(fr_buf_str(&from->answer), &id) && id > 0;
    if (good && ret != NULL)
        *(int64_t *)ret = id;
    return good;
}

static bool take_post_id(const struct request *from, void *ret)
{
    int64_t id = 0;
    bool good = codec_post_id(fr_buf_str(&from->answer), &id) && id > 0;
    if (good && ret != NULL)
        *(int64_t *)ret = id;
    return good;
}

/* ---- sessions ---- */

static bool settle_token(struct call *call)
{
    struct tokens *tokens = &call->request.client->tokens;
    freshet_token *token = codec_token(fr_buf_str(&call->request.answer));
    if (token == NULL)
        return false;
    if (call->password != NULL)
        tokens_sign_in(tokens, call->user_id, call->password);
    tokens_set(tokens, token->text, token->expires_at_ms);
    explicit_bzero((char *)(uintptr_t)token->text, strlen(token->text));
    free(token);
    return true;
}

static bool settle_nobody(struct call *call)
{
    tokens_forget(&call->request.client->tokens);
    return true;
}

freshet_kind freshet_login(freshet_client *client, int64_t user_id, const char *password,
                           const freshet_call *call, freshet_token **ret_token, freshet_error *error)
{
    static const struct call_spec spec = {.method = "POST",
                                          .auth = REQUEST_OPEN,
                                          .repeatable = true,
                                          .take = take_token,
                                          .settle = settle_token};
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_id(user_id, "user_id", error);
    if (kind == FRESHET_OK)
        kind = check_text(password, "password", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &spec);
    making.user_id = user_id;
    making.password = password;
    fr_buf_append_text(&making.path, "/login");
    codec_write_login(&making.body, user_id, password);
    return call_perform(&making, client, call, ret_token, error);
}

/* A call with nothing but its path. */
static freshet_kind plain(freshet_client *client, const struct call_spec *spec, const char *path,
                          const freshet_call *call, void *ret, freshet_error *error)
{
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, spec);
    fr_buf_append_text(&making.path, path);
    return call_perform(&making, client, call, ret, error);
}

freshet_kind freshet_logout(freshet_client *client, const freshet_call *call, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "POST", .auth = REQUEST_SIGN_OFF, .repeatable = true, .settle = settle_nobody};
    return plain(client, &spec, "/logout", call, NULL, error);
}

freshet_kind freshet_token_refresh(freshet_client *client, const freshet_call *call,
                                   freshet_token **ret_token, freshet_error *error)
{
    static const struct call_spec spec = {.method = "POST",
                                          .auth = REQUEST_SIGNED,
                                          .repeatable = true,
                                          .take = take_token,
                                          .settle = settle_token};
    return plain(client, &spec, "/token/refresh", call, ret_token, error);
}

freshet_kind freshet_ticket_create(freshet_client *client, const freshet_call *call,
                                   freshet_token **ret_ticket, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "POST", .auth = REQUEST_SIGNED, .repeatable = true, .take = take_ticket};
    return plain(client, &spec, "/token/ticket", call, ret_ticket, error);
}

/* ---- users ---- */

freshet_kind freshet_user_register(freshet_client *client, const freshet_registration *who,
                                   const freshet_call *call, int64_t *ret_user_id, freshet_error *error)
{
    /* Not repeatable: each registration makes one user more. */
    static const struct call_spec spec = {.method = "POST", .auth = REQUEST_OPEN, .take = take_user_id};
    struct call making;
    freshet_registration form;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = client_read_struct(&form, sizeof form, who, "who", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &spec);
    fr_buf_append_text(&making.path, "/user/register");
    codec_write_registration(&making.body, &form);
    return call_perform(&making, client, call, ret_user_id, error);
}

/* A call about one thing, such as /user/get/7. `after` may be empty. */
static freshet_kind about(freshet_client *client, const struct call_spec *spec, const char *before,
                          int64_t id, const char *name, const char *after, const freshet_call *call,
                          void *ret, freshet_error *error)
{
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_id(id, name, error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, spec);
    fr_buf_printf(&making.path, "%s%" PRId64 "%s", before, id, after);
    return call_perform(&making, client, call, ret, error);
}

freshet_kind freshet_user_get(freshet_client *client, int64_t user_id, const freshet_call *call,
                              freshet_user **ret_user, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "GET", .auth = REQUEST_SIGNED_IF, .repeatable = true, .take = take_user};
    return about(client, &spec, "/user/get/", user_id, "user_id", "", call, ret_user, error);
}

freshet_kind freshet_user_profile(freshet_client *client, int64_t user_id, const freshet_call *call,
                                  freshet_profile **ret_profile, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "GET", .auth = REQUEST_SIGNED_IF, .repeatable = true, .take = take_profile};
    return about(client, &spec, "/user/", user_id, "user_id", "/profile", call, ret_profile, error);
}

static const struct call_spec list_users = {
    .method = "GET", .auth = REQUEST_SIGNED_IF, .repeatable = true, .take = take_users};

freshet_kind freshet_user_list(freshet_client *client, const int64_t *ids, size_t count,
                               const freshet_call *call, freshet_users **ret_users, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "GET", .auth = REQUEST_SIGNED, .repeatable = true, .take = take_users};
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_ids(ids, count, error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &spec);
    fr_buf_append_text(&making.path, "/users?ids=");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            fr_buf_append_char(&making.path, ',');
        fr_buf_append_i64(&making.path, ids[i]);
    }
    return call_perform(&making, client, call, ret_users, error);
}

/* Appends the page and does it. */
static freshet_kind finish_page(struct call *making, freshet_client *client, const freshet_page *page,
                                bool takes_offset, const freshet_call *call, void *ret, freshet_error *error)
{
    freshet_kind kind = append_page(&making->path, page, takes_offset, error);
    if (kind == FRESHET_OK)
        return call_perform(making, client, call, ret, error);
    call_release(making);
    return kind;
}

freshet_kind freshet_user_search(freshet_client *client, const char *first_name, const char *last_name,
                                 const freshet_page *page, const freshet_call *call,
                                 freshet_users **ret_users, freshet_error *error)
{
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_text(first_name, "first_name", error);
    if (kind == FRESHET_OK)
        kind = check_text(last_name, "last_name", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &list_users);
    fr_buf_append_text(&making.path, "/user/search");
    append_escaped(&making.path, "first_name", first_name);
    append_escaped(&making.path, "last_name", last_name);
    return finish_page(&making, client, page, false, call, ret_users, error);
}

/* A list that belongs to a user, such as /user/7/posts. */
static freshet_kind list_of(freshet_client *client, const struct call_spec *spec, int64_t user_id,
                            const char *what, const freshet_page *page, const freshet_call *call, void *ret,
                            freshet_error *error)
{
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_id(user_id, "user_id", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, spec);
    fr_buf_printf(&making.path, "/user/%" PRId64 "/%s", user_id, what);
    return finish_page(&making, client, page, false, call, ret, error);
}

freshet_kind freshet_user_followers(freshet_client *client, int64_t user_id, const freshet_page *page,
                                    const freshet_call *call, freshet_users **ret_users, freshet_error *error)
{
    return list_of(client, &list_users, user_id, "followers", page, call, ret_users, error);
}

freshet_kind freshet_user_following(freshet_client *client, int64_t user_id, const freshet_page *page,
                                    const freshet_call *call, freshet_users **ret_users, freshet_error *error)
{
    return list_of(client, &list_users, user_id, "following", page, call, ret_users, error);
}

freshet_kind freshet_user_posts(freshet_client *client, int64_t user_id, const freshet_page *page,
                                const freshet_call *call, freshet_posts **ret_posts, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "GET", .auth = REQUEST_SIGNED_IF, .repeatable = true, .take = take_posts};
    return list_of(client, &spec, user_id, "posts", page, call, ret_posts, error);
}

freshet_kind freshet_account_delete(freshet_client *client, const char *password, const freshet_call *call,
                                    freshet_error *error)
{
    /* Not repeatable: a second one would find nobody, which can't be told from a token that is not good. */
    static const struct call_spec spec = {
        .method = "DELETE", .auth = REQUEST_SIGNED, .settle = settle_nobody};
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_text(password, "password", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &spec);
    fr_buf_append_text(&making.path, "/user/me");
    codec_write_account_delete(&making.body, password);
    return call_perform(&making, client, call, NULL, error);
}

/* ---- follows ---- */

static const struct call_spec change = {.method = "PUT", .auth = REQUEST_SIGNED, .repeatable = true};

freshet_kind freshet_follow(freshet_client *client, int64_t user_id, const freshet_call *call,
                            freshet_error *error)
{
    return about(client, &change, "/friend/set/", user_id, "user_id", "", call, NULL, error);
}

freshet_kind freshet_unfollow(freshet_client *client, int64_t user_id, const freshet_call *call,
                              freshet_error *error)
{
    return about(client, &change, "/friend/delete/", user_id, "user_id", "", call, NULL, error);
}

/* ---- posts ---- */

freshet_kind freshet_post_create(freshet_client *client, const char *text, const freshet_call *call,
                                 int64_t *ret_post_id, freshet_error *error)
{
    /* Repeatable by its key. */
    static const struct call_spec spec = {
        .method = "POST", .auth = REQUEST_SIGNED, .repeatable = true, .keyed = true, .take = take_post_id};
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_text(text, "text", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &spec);
    fr_buf_append_text(&making.path, "/post/create");
    codec_write_post(&making.body, text);
    return call_perform(&making, client, call, ret_post_id, error);
}

freshet_kind freshet_post_update(freshet_client *client, int64_t post_id, const char *text,
                                 const freshet_call *call, freshet_error *error)
{
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind == FRESHET_OK)
        kind = check_id(post_id, "id", error);
    if (kind == FRESHET_OK)
        kind = check_text(text, "text", error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &change);
    fr_buf_append_text(&making.path, "/post/update");
    codec_write_post_update(&making.body, post_id, text);
    return call_perform(&making, client, call, NULL, error);
}

freshet_kind freshet_post_delete(freshet_client *client, int64_t post_id, const freshet_call *call,
                                 freshet_error *error)
{
    /* A repeat whose first attempt worked finds no post any more: just what was wanted. */
    static const struct call_spec spec = {
        .method = "PUT", .auth = REQUEST_SIGNED, .repeatable = true, .settled_code = CODE_UNKNOWN_POST};
    return about(client, &spec, "/post/delete/", post_id, "id", "", call, NULL, error);
}

freshet_kind freshet_post_get(freshet_client *client, int64_t post_id, const freshet_call *call,
                              freshet_post **ret_post, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "GET", .auth = REQUEST_SIGNED_IF, .repeatable = true, .take = take_post};
    return about(client, &spec, "/post/get/", post_id, "id", "", call, ret_post, error);
}

freshet_kind freshet_feed_page(freshet_client *client, const freshet_page *page, const freshet_call *call,
                               freshet_posts **ret_posts, freshet_error *error)
{
    static const struct call_spec spec = {
        .method = "GET", .auth = REQUEST_SIGNED, .repeatable = true, .take = take_posts};
    struct call making;
    freshet_kind kind = client_check(client, error);
    if (kind != FRESHET_OK)
        return kind;
    call_init(&making, &spec);
    fr_buf_append_text(&making.path, "/post/feed");
    return finish_page(&making, client, page, true, call, ret_posts, error);
}
