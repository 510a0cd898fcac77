#include <stdio.h>
#include <stdlib.h>

#include "config_internal.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: value_format() takes the first that divides. */
static const struct unit duration_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit size_units[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum fr_status parse_amount(struct fr_str text, const struct unit *units, size_t count, int64_t *ret)
{
    size_t digits = 0;
    while (digits < text.len && is_digit(text.data[digits]))
        digits++;
    int64_t amount;
    struct fr_str unit = {text.data + digits, text.len - digits};
    if (fr_str_to_i64((struct fr_str){text.data, digits}, 0, INT64_MAX, &amount) != FR_OK)
        return FR_INVALID;
    for (size_t i = 0; i < count; i++) {
        if (fr_str_equal_nocase(unit, fr_str_of(units[i].name)) || (amount == 0 && unit.len == 0))
            return __builtin_mul_overflow(amount, units[i].factor, ret) ? FR_INVALID : FR_OK;
    }
    return FR_INVALID;
}

static void format_amount(int64_t value, const struct unit *units, size_t count, char out[static 32])
{
    for (size_t i = 0; i < count; i++) {
        if ((value != 0 && value % units[i].factor == 0) || i + 1 == count) {
            snprintf(out, 32, "%lld%s", (long long)(value / units[i].factor), units[i].name);
            return;
        }
    }
}

void value_format(enum setting_kind kind, int64_t value, char out[static 32])
{
    switch (kind) {
    case SETTING_DURATION:
        format_amount(value, duration_units, FR_COUNT_OF(duration_units), out);
        return;
    case SETTING_SIZE:
        format_amount(value, size_units, FR_COUNT_OF(size_units), out);
        return;
    case SETTING_BOOLEAN:
        snprintf(out, 32, "%s", value != 0 ? "on" : "off");
        return;
    case SETTING_TEXT:
    case SETTING_CHOICE:
    case SETTING_INTEGER:
        snprintf(out, 32, "%lld", (long long)value);
        return;
    }
}

static enum fr_status parse_number(enum setting_kind kind, struct fr_str text, int64_t *ret)
{
    switch (kind) {
    case SETTING_INTEGER:
        return fr_str_to_i64(text, INT64_MIN, INT64_MAX, ret);
    case SETTING_DURATION:
        return parse_amount(text, duration_units, FR_COUNT_OF(duration_units), ret);
    case SETTING_SIZE:
        return parse_amount(text, size_units, FR_COUNT_OF(size_units), ret);
    case SETTING_BOOLEAN:
        *ret = fr_str_equal(text, FR_STR("on"));
        return *ret != 0 || fr_str_equal(text, FR_STR("off")) ? FR_OK : FR_INVALID;
    case SETTING_TEXT:
    case SETTING_CHOICE:
        return FR_INVALID;
    }
    return FR_INVALID;
}

static const char *kind_wish(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_INTEGER:
        return "must be a whole number";
    case SETTING_BOOLEAN:
        return "must be on or off";
    case SETTING_DURATION:
        return "must be a time such as 250ms, 5s, 10m or 2h";
    case SETTING_SIZE:
        return "must be a size in bytes such as 4096, 64k or 2m";
    case SETTING_TEXT:
    case SETTING_CHOICE:
        return "is malformed";
    }
    return "is malformed";
}

/* What may be repeated in a message: a short word that can be neither a URL nor a connection string. */
static bool may_show(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-' && c != '.')
            return false;
    }
    return text.len > 0 && text.len <= 20;
}

static enum fr_status refuse(const struct setting *setting, struct fr_str text, const char *place,
                             const char *field, const char *wish, struct fr_error *error)
{
    if (!setting->secret && may_show(text))
        return fr_error_set(error, FR_INVALID, field, "%s: %s, not \"%.*s\"", place, wish, FR_STR_ARG(text));
    return fr_error_set(error, FR_INVALID, field, "%s: %s", place, wish);
}

static enum fr_status store_text(const struct setting *setting, struct fr_str text, const char *place,
                                 const char *field, char **member, struct fr_error *error)
{
    if ((int64_t)text.len < setting->min)
        return fr_error_set(error, FR_INVALID, field, "%s: must not be empty", place);
    if ((int64_t)text.len > setting->max)
        return fr_error_set(error, FR_INVALID, field, "%s: must not be longer than %lld bytes, has %zu",
                            place, (long long)setting->max, text.len);
    if (!fr_utf8_valid_text(text.data, text.len))
        return fr_error_set(error, FR_INVALID, field, "%s: must be UTF-8", place);
    free(*member);
    *member = fr_strndup(text.len > 0 ? text.data : "", text.len);
    return FR_OK;
}

static enum fr_status store_choice(const struct setting *setting, struct fr_str text, const char *place,
                                   const char *field, char **member, struct fr_error *error)
{
    struct fr_str rest = fr_str_of(setting->metavar), choice;
    while (fr_str_next(&rest, '|', &choice)) {
        if (fr_str_equal(choice, text)) {
            free(*member);
            *member = fr_strndup(text.data, text.len);
            return FR_OK;
        }
    }
    char wish[96];
    snprintf(wish, sizeof wish, "must be one of %s", setting->metavar);
    return refuse(setting, text, place, field, wish, error);
}

static enum fr_status store_number(const struct setting *setting, struct fr_str text, const char *place,
                                   const char *field, void *member, struct fr_error *error)
{
    int64_t value;
    if (parse_number(setting->kind, text, &value) != FR_OK)
        return refuse(setting, text, place, field, kind_wish(setting->kind), error);
    if (value < setting->min || value > setting->max) {
        char min[32], max[32], wish[96];
        value_format(setting->kind, setting->min, min);
        value_format(setting->kind, setting->max, max);
        snprintf(wish, sizeof wish, "must lie within %s and %s", min, max);
        return refuse(setting, text, place, field, wish, error);
    }
    if (setting->kind == SETTING_BOOLEAN)
        *(bool *)member = value != 0;
    else
        *(int64_t *)member = value;
    return FR_OK;
}

enum fr_status value_store(const struct setting *setting, struct fr_str text, const char *place,
                           const char *field, struct fr_settings *settings, struct fr_error *error)
{
    void *member = (char *)settings + setting->offset;
    switch (setting->kind) {
    case SETTING_TEXT:
        return store_text(setting, text, place, field, member, error);
    case SETTING_CHOICE:
        return store_choice(setting, text, place, field, member, error);
    case SETTING_INTEGER:
    case SETTING_BOOLEAN:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return store_number(setting, text, place, field, member, error);
    }
    return FR_INTERNAL;
}
