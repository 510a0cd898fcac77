#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"
#include "freshet/v1/api.pb-c.h"
#include "wire/wire.h"

/* ---- the rules: one table for each request, whatever it is written in ---- */

enum member_kind {
    MEMBER_TEXT, /* char * */
    MEMBER_ID,   /* int64_t */
    MEMBER_DATE, /* int32_t, days since 1970-01-01, and a bool that says whether there is one */
};

struct member {
    const char *name; /* the same in JSON and in the message */
    enum member_kind kind;
    size_t at, has_at; /* where it belongs in the struct */
    size_t min, max;   /* bytes of a text */
    bool optional;     /* absent or null: "" or no date */
    bool not_blank;
};

struct request {
    const ProtobufCMessageDescriptor *type;
    size_t size; /* of the struct */
    size_t member_count;
    struct member members[6]; /* in the order in which they are judged */
};

#define TEXT(request, member, least, most, ...)                                                 \
    {                                                                                           \
        .name = #member, .kind = MEMBER_TEXT, .at = offsetof(struct fr_wire_##request, member), \
        .min = (least), .max = (most), __VA_ARGS__                                              \
    }
#define ID(request, member)                                                                  \
    {                                                                                        \
        .name = #member, .kind = MEMBER_ID, .at = offsetof(struct fr_wire_##request, member) \
    }

static const struct request login = {
    .type = &freshet__v1__login_request__descriptor,
    .size = sizeof(struct fr_wire_login),
    .member_count = 2,
    .members = {ID(login, id), TEXT(login, password, 1, FR_PASSWORD_MAX)},
};

static const struct request password = {
    .type = &freshet__v1__delete_account_request__descriptor,
    .size = sizeof(struct fr_wire_password),
    .member_count = 1,
    .members = {TEXT(password, password, 1, FR_PASSWORD_MAX)},
};

static const struct request registration = {
    .type = &freshet__v1__register_request__descriptor,
    .size = sizeof(struct fr_wire_register),
    .member_count = 6,
    .members =
        {
            TEXT(register, first_name, 1, FR_NAME_MAX, .not_blank = true),
            TEXT(register, second_name, 1, FR_NAME_MAX, .not_blank = true),
            {
                .name = "birthdate",
                .kind = MEMBER_DATE,
                .at = offsetof(struct fr_wire_register, birthdate),
                .has_at = offsetof(struct fr_wire_register, has_birthdate),
                .optional = true,
            },
            TEXT(register, biography, 0, FR_BIOGRAPHY_MAX, .optional = true),
            TEXT(register, city, 0, FR_CITY_MAX, .optional = true),
            TEXT(register, password, FR_PASSWORD_MIN, FR_PASSWORD_MAX),
        },
};

static const struct request post_create = {
    .type = &freshet__v1__post_create_request__descriptor,
    .size = sizeof(struct fr_wire_post_create),
    .member_count = 1,
    .members = {TEXT(post_create, text, 1, FR_POST_TEXT_MAX)},
};

static const struct request post_update = {
    .type = &freshet__v1__post_update_request__descriptor,
    .size = sizeof(struct fr_wire_post_update),
    .member_count = 2,
    .members = {ID(post_update, id), TEXT(post_update, text, 1, FR_POST_TEXT_MAX)},
};

/* ---- judging ---- */

static bool is_blank(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n\v\f", text.data[i]) == NULL)
            return false;
    }
    return true;
}

static enum fr_status check_text(const struct member *rule, struct fr_str text, struct fr_error *error)
{
    const char *name = rule->name;
    if (text.len > rule->max)
        return fr_error_set(error, FR_INVALID, name, "%s has more than %zu bytes", name, rule->max);
    if (text.len == 0 && rule->min > 0)
        return fr_error_set(error, FR_INVALID, name, "%s must not be empty", name);
    if (text.len < rule->min)
        return fr_error_set(error, FR_INVALID, name, "%s has less than %zu bytes", name, rule->min);
    if (rule->not_blank && is_blank(text))
        return fr_error_set(error, FR_INVALID, name, "%s must not be blank", name);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return fr_error_set(error, FR_INVALID, name, "%s must not hold U+0000", name);
    return FR_OK;
}

static enum fr_status take_text(const struct fr_form *form, const struct member *rule, char **ret,
                                struct fr_error *error)
{
    struct fr_str text = FR_STR("");
    enum fr_status status = fr_form_text(form, rule->name, &text, error);
    if (status == FR_NOT_FOUND)
        status =
            rule->optional ? FR_OK : fr_error_set(error, FR_INVALID, rule->name, "%s is missing", rule->name);
    if (status == FR_OK)
        status = check_text(rule, text, error);
    if (status == FR_OK)
        *ret = fr_strndup(text.data, text.len);
    return status;
}

static enum fr_status take_id(const struct fr_form *form, const struct member *rule, int64_t *ret,
                              struct fr_error *error)
{
    enum fr_status status = fr_form_id(form, rule->name, ret, error);
    if (status == FR_NOT_FOUND)
        return fr_error_set(error, FR_INVALID, rule->name, "%s is missing", rule->name);
    return status;
}

static enum fr_status take_date(const struct fr_form *form, const struct member *rule, bool *ret_has,
                                int32_t *ret_days, struct fr_error *error)
{
    struct fr_str text = FR_STR_NONE;
    enum fr_status status = fr_form_text(form, rule->name, &text, error);
    *ret_has = status == FR_OK;
    if (status != FR_OK)
        return status == FR_NOT_FOUND ? FR_OK : status;
    if (fr_clock_parse_date(text, ret_days) != FR_OK)
        return fr_error_set(error, FR_INVALID, rule->name, "%s must be a date as in 2017-02-01", rule->name);
    return FR_OK;
}

static enum fr_status take(const struct fr_form *form, const struct member *rule, char *fields,
                           struct fr_error *error)
{
    void *at = fields + rule->at;
    switch (rule->kind) {
    case MEMBER_TEXT:
        return take_text(form, rule, at, error);
    case MEMBER_ID:
        return take_id(form, rule, at, error);
    case MEMBER_DATE:
        return take_date(form, rule, (void *)(fields + rule->has_at), at, error);
    }
    return FR_INTERNAL;
}

/* Texts are wiped, since one of them may be a password. */
static void release(const struct request *request, void *fields)
{
    for (size_t i = 0; i < request->member_count; i++) {
        if (request->members[i].kind != MEMBER_TEXT)
            continue;
        char **text = (void *)((char *)fields + request->members[i].at);
        if (*text != NULL)
            explicit_bzero(*text, strlen(*text));
        free(*text);
    }
    memset(fields, 0, request->size);
}

static enum fr_status decode(const struct request *request, struct fr_wire_body body, void *ret,
                             struct fr_error *error)
{
    union {
        struct fr_wire_login login;
        struct fr_wire_password password;
        struct fr_wire_register registration;
        struct fr_wire_post_create post_create;
        struct fr_wire_post_update post_update;
    } fields = {0};
    struct fr_form form;
    enum fr_status status = fr_form_open(body, request->type, &form, error);
    for (size_t i = 0; status == FR_OK && i < request->member_count; i++)
        status = take(&form, &request->members[i], (char *)&fields, error);
    fr_form_close(&form);
    if (status == FR_OK)
        memcpy(ret, &fields, request->size);
    else
        release(request, &fields);
    return status;
}

/* ---- the requests ---- */

enum fr_status fr_wire_decode_login(struct fr_wire_body body, struct fr_wire_login *ret,
                                    struct fr_error *error)
{
    return decode(&login, body, ret, error);
}

enum fr_status fr_wire_decode_password(struct fr_wire_body body, struct fr_wire_password *ret,
                                       struct fr_error *error)
{
    return decode(&password, body, ret, error);
}

enum fr_status fr_wire_decode_register(struct fr_wire_body body, struct fr_wire_register *ret,
                                       struct fr_error *error)
{
    return decode(&registration, body, ret, error);
}

enum fr_status fr_wire_decode_post_create(struct fr_wire_body body, struct fr_wire_post_create *ret,
                                          struct fr_error *error)
{
    return decode(&post_create, body, ret, error);
}

enum fr_status fr_wire_decode_post_update(struct fr_wire_body body, struct fr_wire_post_update *ret,
                                          struct fr_error *error)
{
    return decode(&post_update, body, ret, error);
}

void fr_wire_login_release(struct fr_wire_login *fields)
{
    release(&login, fields);
}

void fr_wire_password_release(struct fr_wire_password *fields)
{
    release(&password, fields);
}

void fr_wire_register_release(struct fr_wire_register *fields)
{
    release(&registration, fields);
}

void fr_wire_post_create_release(struct fr_wire_post_create *fields)
{
    release(&post_create, fields);
}

void fr_wire_post_update_release(struct fr_wire_post_update *fields)
{
    release(&post_update, fields);
}
