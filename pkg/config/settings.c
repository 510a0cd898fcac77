#include <stddef.h>

#include "config_internal.h"

/* As settings.def spells them. */
enum {
    GATEWAY = FR_PROGRAM_GATEWAY,
    MATERIALIZER = FR_PROGRAM_MATERIALIZER,
    CTL = FR_PROGRAM_CTL,
    ALL = GATEWAY | MATERIALIZER | CTL,
};

#define FR_SETTING(kind, member, flag, fallback, min, max, programs, secret, metavar, help) \
    {flag, fallback, metavar,  help,   SETTING_##kind,                                      \
     min,  max,      programs, secret, offsetof(struct fr_settings, member)},
const struct setting settings_table[] = {
#include "config/settings.def"
};
#undef FR_SETTING
const int settings_count = FR_COUNT_OF(settings_table);

_Static_assert(FR_COUNT_OF(settings_table) <= SETTING_COUNT_MAX, "raise SETTING_COUNT_MAX");
#define FR_SETTING(kind, member, flag, fallback, min, max, programs, secret, metavar, help) \
    _Static_assert(sizeof("FRESHET_" flag) <= CONFIG_NAME_MAX && sizeof("--" flag) <= 40, "flag too long");
#include "config/settings.def"
#undef FR_SETTING

int setting_find_member(size_t offset)
{
    for (int i = 0; i < settings_count; i++)
        if (settings_table[i].offset == offset)
            return i;
    return -1;
}

int setting_find(struct fr_str flag)
{
    for (int i = 0; i < settings_count; i++)
        if (fr_str_equal(flag, fr_str_of(settings_table[i].flag)))
            return i;
    return -1;
}

const char *setting_nearest(struct fr_str word, unsigned program)
{
    const char *names[SETTING_COUNT_MAX];
    size_t count = 0;
    for (int i = 0; i < settings_count; i++)
        if (program == 0 || ((settings_table[i].programs & program) != 0 && !settings_table[i].secret))
            names[count++] = settings_table[i].flag;
    return fr_config_nearest(word, names, count);
}

void setting_variable(const struct setting *setting, char out[static CONFIG_NAME_MAX])
{
    size_t len = sizeof "FRESHET_" - 1;
    memcpy(out, "FRESHET_", len);
    for (const char *c = setting->flag; *c != '\0'; c++)
        out[len++] = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    out[len] = '\0';
}
