#include "http/http_internal.h"

#include <stdlib.h>

#include "config/config.h"
#include "http/bodies.h"
#include "http/paging.h"

enum {
    SEARCH_PATH_MAX = 3 * 2 * FR_NAME_MAX + 64,
    REGISTER_TRIES = 3,
};

/* ---- POST /login ---- */
static void release_login(void *memory)
{
    fr_wire_login_release(memory);
}

struct login_call {
    struct fr_wire_login login; /* first: released as one */
    struct fr_call *call;
    int64_t asked_ms;
};

static void on_verified(struct fr_call *call, void *arg, enum fr_status status, const char *hash,
                        const struct fr_error *error)
{
    const struct login_call *login = arg;
    struct fr_loop_state *state = fr_call_loop(call);
    if (status == FR_UNAUTHENTICATED) {
        fr_call_login_failed(call);
        fr_call_problem(call, FR_PROBLEM_WRONG_PASSWORD, "password", NULL);
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    fr_call_login_passed(call);
    struct fr_token token;
    struct fr_error minting = {0};
    char *text = NULL;
    /* From when the account was asked for: if it was deleted meanwhile, the token is from before that. */
    status = fr_token_mint(state->keyring, login->login.id, login->asked_ms, state->settings->token_ttl,
                           &token, &text, &minting);
    if (status != FR_OK) {
        fr_call_fail(call, status, &minting);
        return;
    }
    fr_call_answer_token(call, fr_str_of(text), token.expires_ms);
    free(text);
}

static void on_credentials(void *arg, enum fr_status status, const char *password_hash,
                           const struct fr_error *error)
{
    struct login_call *login = arg;
    if (status == FR_NOT_FOUND) {
        fr_call_login_failed(login->call);
        fr_call_problem(login->call, FR_PROBLEM_UNKNOWN_USER, "id", NULL);
    } else if (status != FR_OK) {
        fr_call_fail(login->call, status, error);
    } else {
        fr_call_verify_password(login->call, fr_str_of(login->login.password), password_hash, on_verified,
                                login);
    }
}

void fr_handle_login(struct fr_call *call)
{
    struct fr_error error = {0};
    struct login_call *login = fr_call_alloc(call, sizeof(*login), release_login);
    login->call = call;
    login->asked_ms = fr_clock_wall_ms();
    enum fr_status status = fr_wire_decode_login(fr_call_body(call), &login->login, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else if (fr_call_login_begins(call, login->login.id))
        fr_graph_credentials(fr_call_loop(call)->store, login->login.id, on_credentials, login);
}

/* ---- POST /user/register ---- */
struct register_call {
    struct fr_wire_register form; /* first: released as one */
    struct fr_call *call;
    char hash[FR_PASSWORD_HASH_SIZE];
    int64_t user_id;
    int tries;
};

static void release_register(void *memory)
{
    fr_wire_register_release(memory);
}

static void on_registered(void *arg, enum fr_status status, const struct fr_error *error);

static void register_with_next_id(struct register_call *reg)
{
    struct fr_loop_state *state = fr_call_loop(reg->call);
    if (fr_snowflake_next(state->snowflake, fr_clock_wall_ms(), &reg->user_id) != FR_OK) {
        fr_call_problem(reg->call, FR_PROBLEM_NO_IDS, NULL, NULL);
        return;
    }
    struct fr_user user = {
        .id = reg->user_id,
        .first_name = fr_str_of(reg->form.first_name),
        .second_name = fr_str_of(reg->form.second_name),
        .biography = fr_str_of(reg->form.biography),
        .city = fr_str_of(reg->form.city),
        .has_birthdate = reg->form.has_birthdate,
        .birthdate = reg->form.birthdate,
    };
    reg->tries++;
    fr_graph_register(state->store, &user, reg->hash, on_registered, reg);
}

static void on_registered(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct register_call *reg = arg;
    /* Imported people have ids of their own, which one of ours may meet. */
    if (status == FR_CONFLICT && reg->tries < REGISTER_TRIES) {
        register_with_next_id(reg);
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(reg->call, status, error);
        return;
    }
    struct fr_buf body;
    fr_buf_init(&body, 64);
    fr_wire_answer_user_id(&body, fr_call_encoding(reg->call), reg->user_id);
    fr_call_answer_body(reg->call, &body);
    fr_buf_release(&body);
}

static void on_hashed(struct fr_call *call, void *arg, enum fr_status status, const char *hash,
                      const struct fr_error *error)
{
    struct register_call *reg = arg;
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    memcpy(reg->hash, hash, strnlen(hash, sizeof(reg->hash) - 1));
    register_with_next_id(reg);
}

void fr_handle_user_register(struct fr_call *call)
{
    struct fr_error error = {0};
    struct register_call *reg = fr_call_alloc(call, sizeof(*reg), release_register);
    reg->call = call;
    enum fr_status status = fr_wire_decode_register(fr_call_body(call), &reg->form, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_call_hash_password(call, fr_str_of(reg->form.password), on_hashed, reg);
}

/* ---- GET /user/get/{id} ---- */
static void on_user(void *arg, enum fr_status status, const struct fr_user *users, size_t count,
                    const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status == FR_NOT_FOUND) {
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_USER, "id", NULL);
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    fr_call_answer_user(call, &users[0]);
}

void fr_handle_user_get(struct fr_call *call)
{
    struct fr_error error = {0};
    int64_t user_id = 0;
    enum fr_status status = fr_call_param_id(call, &user_id, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_graph_get(fr_call_loop(call)->store, user_id, on_user, call);
}

/* ---- GET /user/{id}/profile ---- */
static void on_profile(void *arg, enum fr_status status, const struct fr_profile *profile,
                       const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status == FR_NOT_FOUND)
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_USER, "id", NULL);
    else if (status != FR_OK)
        fr_call_fail(call, status, error);
    else
        fr_call_answer_profile(call, profile);
}

void fr_handle_user_profile(struct fr_call *call)
{
    struct fr_error error = {0};
    int64_t user_id = 0;
    enum fr_status status = fr_call_param_id(call, &user_id, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_graph_profile(fr_call_loop(call)->store, user_id, fr_call_user_id(call), on_profile, call);
}

/* ---- GET /user/search ---- */
struct search_call {
    struct fr_call *call;
    struct fr_str first_name, last_name;
    struct fr_paging page;
};

static void append_encoded(struct fr_buf *out, struct fr_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain) {
            fr_buf_append_char(out, (char)c);
        } else {
            fr_buf_append_char(out, '%');
            fr_buf_append_char(out, hex[c >> 4]);
            fr_buf_append_char(out, hex[c & 15]);
        }
    }
}

static void add_next_link(const struct search_call *search, int64_t last_id)
{
    struct fr_buf path;
    fr_buf_init(&path, SEARCH_PATH_MAX);
    fr_buf_append_text(&path, "/user/search?first_name=");
    append_encoded(&path, search->first_name);
    fr_buf_append_text(&path, "&last_name=");
    append_encoded(&path, search->last_name);
    if (fr_buf_status(&path) == FR_OK)
        fr_call_link_next(search->call, fr_buf_str(&path), last_id, search->page.limit);
    fr_buf_release(&path);
}

static void on_found(void *arg, enum fr_status status, const struct fr_user *users, size_t count,
                     const struct fr_error *error)
{
    const struct search_call *search = arg;
    if (status != FR_OK) {
        fr_call_fail(search->call, status, error);
        return;
    }
    /* One more than a page was asked for: it says whether there is a next one. */
    if (count > (size_t)search->page.limit) {
        count = (size_t)search->page.limit;
        add_next_link(search, users[count - 1].id);
    }
    fr_call_answer_users(search->call, users, count);
}

static enum fr_status read_prefix(struct fr_call *call, const char *name, struct fr_str *ret,
                                  struct fr_error *error)
{
    enum fr_status status = fr_call_query(call, name, ret, error);
    if (status == FR_NOT_FOUND || (status == FR_OK && ret->len == 0))
        return fr_error_set(error, FR_INVALID, name, "%s is missing", name);
    if (status == FR_OK && ret->len > FR_NAME_MAX)
        return fr_error_set(error, FR_INVALID, name, "%s is longer than %d bytes", name, FR_NAME_MAX);
    return status;
}

void fr_handle_user_search(struct fr_call *call)
{
    struct fr_error error = {0};
    struct search_call *search = fr_call_alloc(call, sizeof(*search), NULL);
    search->call = call;
    enum fr_status status = read_prefix(call, "first_name", &search->first_name, &error);
    if (status == FR_OK)
        status = read_prefix(call, "last_name", &search->last_name, &error);
    if (status == FR_OK)
        status = fr_call_paging(call, FR_SEARCH_RESULTS_MAX, &search->page, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_graph_search(fr_call_loop(call)->store, search->first_name, search->last_name,
                        search->page.first ? 0 : search->page.last_id, search->page.limit + 1, on_found,
                        search);
}
