#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

/* ---- the body ---- */

static const char BODY[] = "body"; /* what is named when no one member is at fault */

/* In our words: the library's own message quotes the body, and a password may be what it quotes. */
static enum fr_status refuse_body(const json_error_t *why, struct fr_error *error)
{
    const char *reason = "is not JSON";
    switch (json_error_code(why)) {
    case json_error_invalid_utf8:
        reason = "is not UTF-8";
        break;
    case json_error_premature_end_of_input:
        reason = "ends before the JSON object does";
        break;
    case json_error_end_of_input_expected:
        reason = "goes on after the JSON object";
        break;
    case json_error_stack_overflow:
        reason = "is nested too deeply";
        break;
    case json_error_numeric_overflow:
        reason = "holds a number that is out of range";
        break;
    case json_error_null_byte_in_key:
        reason = "holds U+0000 in the name of a member";
        break;
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_character:
    case json_error_null_value:
    case json_error_duplicate_key:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return fr_error_set(error, FR_INVALID, BODY, "body %s (line %d, column %d)", reason, why->line,
                        why->column);
}

/* U+0000 is let in, so that the member that holds it can be named. */
static json_t *parse(const char *data, size_t len, json_error_t *why)
{
    return json_loadb(data, len, JSON_ALLOW_NUL, why);
}

/* Also the parser's own copy of a password goes before its memory does. */
static void drop_object(json_t *object)
{
    const json_t *password = json_object_get(object, "password");
    if (json_is_string(password))
        explicit_bzero((void *)(uintptr_t)json_string_value(password), json_string_length(password));
    json_decref(object);
}

enum { MARK = 0x7f };

/* A copy with each byte that does not belong to a character replaced by MARK. */
static char *mark_bad_bytes(struct fr_str text)
{
    char *copy = fr_alloc(text.len);
    memcpy(copy, text.data, text.len);
    struct fr_utf8 state = {0};
    size_t start = 0; /* of the character being read */
    for (size_t i = 0; i < text.len; i++) {
        bool inside = !fr_utf8_complete(&state);
        if (!inside)
            start = i;
        if (fr_utf8_feed(&state, &text.data[i], 1))
            continue;
        state = (struct fr_utf8){0};
        memset(copy + start, MARK, inside ? i - start : 1);
        if (inside)
            i--; /* the byte that broke it off may begin a character */
    }
    if (!fr_utf8_complete(&state))
        memset(copy + start, MARK, text.len - start);
    return copy;
}

/* Names of members come from outside: only a short plain one is repeated to its sender. */
static bool is_plain_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 32 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

/* Bytes that are no UTF-8 stop the parser; the member in which they are is found by parsing once more without
 * them. */
static enum fr_status refuse_bad_utf8(struct fr_str body, const json_error_t *why, struct fr_error *error)
{
    char *marked = mark_bad_bytes(body);
    json_error_t ignored;
    json_t *root = parse(marked, body.len, &ignored);
    enum fr_status status = FR_OK;
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        if (!json_is_string(value) || !is_plain_name(name) ||
            memchr(json_string_value(value), MARK, json_string_length(value)) == NULL)
            continue;
        status = fr_error_set(error, FR_INVALID, name, "%s is not UTF-8", name);
        break;
    }
    if (status == FR_OK)
        status = refuse_body(why, error);
    drop_object(root);
    explicit_bzero(marked, body.len);
    free(marked);
    return status;
}

static enum fr_status parse_object(struct fr_str body, json_t **ret, struct fr_error *error)
{
    json_error_t why;
    if (body.len == 0)
        body = FR_STR("");
    json_t *root = parse(body.data, body.len, &why);
    if (root == NULL) {
        if (json_error_code(&why) == json_error_invalid_utf8)
            return refuse_bad_utf8(body, &why, error);
        return refuse_body(&why, error);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return fr_error_set(error, FR_INVALID, BODY, "body must be a JSON object");
    }
    *ret = root;
    return FR_OK;
}

/* ---- its members ---- */

struct text_rule {
    const char *name;
    size_t min, max; /* bytes */
    bool optional;   /* absent or null: "" */
    bool not_blank;
};

static const struct text_rule login_password = {"password", 1, FR_PASSWORD_MAX, false, false};
static const struct text_rule new_password = {"password", FR_PASSWORD_MIN, FR_PASSWORD_MAX, false, false};
static const struct text_rule first_name = {"first_name", 1, FR_NAME_MAX, false, true};
static const struct text_rule second_name = {"second_name", 1, FR_NAME_MAX, false, true};
static const struct text_rule biography = {"biography", 0, FR_BIOGRAPHY_MAX, true, false};
static const struct text_rule city = {"city", 0, FR_CITY_MAX, true, false};
static const struct text_rule post_text = {"text", 1, FR_POST_TEXT_MAX, false, false};

static bool is_blank(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n\v\f", text.data[i]) == NULL)
            return false;
    }
    return true;
}

/* The string called `name`; FR_NOT_FOUND if it is optional and absent or null. */
static enum fr_status take_string(const json_t *object, const char *name, bool optional, struct fr_str *ret,
                                  struct fr_error *error)
{
    const json_t *value = json_object_get(object, name);
    if (optional && (value == NULL || json_is_null(value)))
        return FR_NOT_FOUND;
    if (value == NULL)
        return fr_error_set(error, FR_INVALID, name, "%s is missing", name);
    if (!json_is_string(value))
        return fr_error_set(error, FR_INVALID, name, "%s must be a string", name);
    *ret = (struct fr_str){json_string_value(value), json_string_length(value)};
    return FR_OK;
}

static enum fr_status take_text(const json_t *object, const struct text_rule *rule, char **ret,
                                struct fr_error *error)
{
    struct fr_str text = FR_STR("");
    enum fr_status status = take_string(object, rule->name, rule->optional, &text, error);
    if (status != FR_OK && status != FR_NOT_FOUND)
        return status;
    if (text.len > rule->max)
        return fr_error_set(error, FR_INVALID, rule->name, "%s has more than %zu bytes", rule->name,
                            rule->max);
    if (text.len == 0 && rule->min > 0)
        return fr_error_set(error, FR_INVALID, rule->name, "%s must not be empty", rule->name);
    if (text.len < rule->min)
        return fr_error_set(error, FR_INVALID, rule->name, "%s has less than %zu bytes", rule->name,
                            rule->min);
    if (rule->not_blank && is_blank(text))
        return fr_error_set(error, FR_INVALID, rule->name, "%s must not be blank", rule->name);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return fr_error_set(error, FR_INVALID, rule->name, "%s must not hold U+0000", rule->name);
    *ret = fr_strndup(text.data, text.len);
    return FR_OK;
}

static enum fr_status take_id(const json_t *object, const char *name, int64_t *ret, struct fr_error *error)
{
    struct fr_str text = FR_STR_NONE;
    enum fr_status status = take_string(object, name, false, &text, error);
    if (status != FR_OK)
        return status;
    if (fr_id_parse(text, ret) != FR_OK)
        return fr_error_set(error, FR_INVALID, name, "%s must be an id, a string of 1 to 19 decimal digits",
                            name);
    return FR_OK;
}

static enum fr_status take_optional_date(const json_t *object, const char *name, bool *ret_has,
                                         int32_t *ret_days, struct fr_error *error)
{
    struct fr_str text = FR_STR_NONE;
    enum fr_status status = take_string(object, name, true, &text, error);
    if (status == FR_NOT_FOUND) {
        *ret_has = false;
        return FR_OK;
    }
    if (status != FR_OK)
        return status;
    if (fr_clock_parse_date(text, ret_days) != FR_OK)
        return fr_error_set(error, FR_INVALID, name, "%s must be a date as in 2017-02-01", name);
    *ret_has = true;
    return FR_OK;
}

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* ---- the requests ---- */

enum fr_status fr_wire_decode_login(struct fr_str json, struct fr_wire_login *ret, struct fr_error *error)
{
    json_t *object = NULL;
    struct fr_wire_login login = {0};
    enum fr_status status = parse_object(json, &object, error);
    if (status == FR_OK)
        status = take_id(object, "id", &login.id, error);
    if (status == FR_OK)
        status = take_text(object, &login_password, &login.password, error);
    if (status == FR_OK)
        *ret = login;
    else
        fr_wire_login_release(&login);
    drop_object(object);
    return status;
}

enum fr_status fr_wire_decode_password(struct fr_str json, struct fr_wire_password *ret,
                                       struct fr_error *error)
{
    json_t *object = NULL;
    enum fr_status status = parse_object(json, &object, error);
    if (status == FR_OK)
        status = take_text(object, &login_password, &ret->password, error);
    drop_object(object);
    return status;
}

enum fr_status fr_wire_decode_register(struct fr_str json, struct fr_wire_register *ret,
                                       struct fr_error *error)
{
    json_t *object = NULL;
    struct fr_wire_register user = {0};
    enum fr_status status = parse_object(json, &object, error);
    if (status == FR_OK)
        status = take_text(object, &first_name, &user.first_name, error);
    if (status == FR_OK)
        status = take_text(object, &second_name, &user.second_name, error);
    if (status == FR_OK)
        status = take_optional_date(object, "birthdate", &user.has_birthdate, &user.birthdate, error);
    if (status == FR_OK)
        status = take_text(object, &biography, &user.biography, error);
    if (status == FR_OK)
        status = take_text(object, &city, &user.city, error);
    if (status == FR_OK)
        status = take_text(object, &new_password, &user.password, error);
    if (status == FR_OK)
        *ret = user;
    else
        fr_wire_register_release(&user);
    drop_object(object);
    return status;
}

enum fr_status fr_wire_decode_post_create(struct fr_str json, struct fr_wire_post_create *ret,
                                          struct fr_error *error)
{
    json_t *object = NULL;
    enum fr_status status = parse_object(json, &object, error);
    if (status == FR_OK)
        status = take_text(object, &post_text, &ret->text, error);
    json_decref(object);
    return status;
}

enum fr_status fr_wire_decode_post_update(struct fr_str json, struct fr_wire_post_update *ret,
                                          struct fr_error *error)
{
    json_t *object = NULL;
    struct fr_wire_post_update post = {0};
    enum fr_status status = parse_object(json, &object, error);
    if (status == FR_OK)
        status = take_id(object, "id", &post.id, error);
    if (status == FR_OK)
        status = take_text(object, &post_text, &post.text, error);
    if (status == FR_OK)
        *ret = post;
    json_decref(object);
    return status;
}

void fr_wire_login_release(struct fr_wire_login *login)
{
    wipe(login->password);
    *login = (struct fr_wire_login){0};
}

void fr_wire_password_release(struct fr_wire_password *form)
{
    wipe(form->password);
    *form = (struct fr_wire_password){0};
}

void fr_wire_register_release(struct fr_wire_register *user)
{
    free(user->first_name);
    free(user->second_name);
    free(user->biography);
    free(user->city);
    wipe(user->password);
    *user = (struct fr_wire_register){0};
}

void fr_wire_post_create_release(struct fr_wire_post_create *post)
{
    free(post->text);
    *post = (struct fr_wire_post_create){0};
}

void fr_wire_post_update_release(struct fr_wire_post_update *post)
{
    free(post->text);
    *post = (struct fr_wire_post_update){0};
}
