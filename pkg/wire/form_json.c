#include "form.h"

#include <stdlib.h>
#include <string.h>

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
    return fr_error_set(error, FR_INVALID, FR_FORM_BODY, "body %s (line %d, column %d)", reason, why->line,
                        why->column);
}

/* U+0000 is let in, so that the member that holds it can be named; and what is JSON but no object, to be told
 * from what is none. */
static json_t *parse(const char *data, size_t len, json_error_t *why)
{
    return json_loadb(data, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, why);
}

void fr_form_drop_json(json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (json_is_string(value))
            explicit_bzero((void *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
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
    fr_form_drop_json(root);
    explicit_bzero(marked, body.len);
    free(marked);
    return status;
}

enum fr_status fr_form_parse_json(struct fr_str body, json_t **ret, struct fr_error *error)
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
        return fr_error_set(error, FR_INVALID, FR_FORM_BODY, "body must be a JSON object");
    }
    *ret = root;
    return FR_OK;
}
