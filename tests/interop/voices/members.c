#include <inttypes.h>
#include <stdlib.h>

#include "voice.h"

const char *voice_text(const json_t *members, const char *name)
{
    const char *text = json_string_value(json_object_get(members, name));
    return text != NULL ? text : "";
}

struct fr_str voice_str(const json_t *members, const char *name)
{
    return fr_str_of(voice_text(members, name));
}

int64_t voice_number(const json_t *members, const char *name)
{
    const json_t *value = json_object_get(members, name);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

bool voice_flag(const json_t *members, const char *name)
{
    return json_is_true(json_object_get(members, name));
}

void voice_put_text(json_t *members, const char *name, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(members, name, json_string(text));
}

void voice_put_int64(json_t *members, const char *name, int64_t number)
{
    if (number != 0)
        json_object_set_new(members, name, json_sprintf("%" PRId64, number));
}

void voice_put_int32(json_t *members, const char *name, int32_t number)
{
    if (number != 0)
        json_object_set_new(members, name, json_integer(number));
}

void voice_put_flag(json_t *members, const char *name, bool flag)
{
    if (flag)
        json_object_set_new(members, name, json_true());
}
