#include "config_internal.h"

static void print_default(const struct setting *setting, FILE *out)
{
    if (setting->fallback[0] != '\0')
        fprintf(out, "default %s", setting->fallback);
    else
        fputs("no default", out);
}

/* `text` in lines of `width`, each after `indent` spaces. */
static void print_wrapped(const char *text, int indent, int width, FILE *out)
{
    struct fr_str rest = fr_str_of(text), word;
    int column = 0;
    while (fr_str_next(&rest, ' ', &word)) {
        if (column != 0 && column + 1 + (int)word.len > width) {
            fputc('\n', out);
            column = 0;
        }
        if (column == 0)
            column = fprintf(out, "%*s%.*s", indent, "", FR_STR_ARG(word));
        else
            column += fprintf(out, " %.*s", FR_STR_ARG(word));
    }
    fputc('\n', out);
}

void fr_config_print_help(enum fr_program program, const char *usage, FILE *out)
{
    fprintf(out,
            "usage: %s\n\n"
            "Each setting is a flag, an environment variable or a line `flag-name = value` of the config "
            "file; the flag\n"
            "wins over the variable, the variable over the file.\n\n",
            usage);
    for (int i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        if ((setting->programs & program) == 0)
            continue;
        char variable[CONFIG_NAME_MAX];
        setting_variable(setting, variable);
        if (setting->secret)
            fprintf(out, "  %s=%s\n", variable, setting->metavar);
        else
            fprintf(out, "  --%s=%s\n", setting->flag, setting->metavar);
        print_wrapped(setting->help, 6, 100, out);
        fprintf(out, "      ");
        print_default(setting, out);
        if (setting->secret)
            fprintf(out, "; secret, so no flag: the variable, or `%s = ` in the config file\n",
                    setting->flag);
        else
            fprintf(out, "; variable %s\n", variable);
    }
    fprintf(out, "  --help\n      show this and end\n  --version\n      show the version and end\n");
}

static void print_range(const struct setting *setting, FILE *out)
{
    char min[32], max[32];
    switch (setting->kind) {
    case SETTING_TEXT:
        fprintf(out, "text, at most %lld bytes", (long long)setting->max);
        return;
    case SETTING_CHOICE:
    case SETTING_BOOLEAN:
        for (const char *c = setting->metavar; *c != '\0'; c++)
            fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, out);
        return;
    case SETTING_INTEGER:
    case SETTING_DURATION:
    case SETTING_SIZE:
        value_format(setting->kind, setting->min, min);
        value_format(setting->kind, setting->max, max);
        fprintf(out, "%s to %s", min, max);
        return;
    }
}

static void print_programs(unsigned programs, FILE *out)
{
    static const struct {
        unsigned program;
        const char *name;
    } names[] = {
        {FR_PROGRAM_GATEWAY, "gateway"}, {FR_PROGRAM_MATERIALIZER, "materializer"}, {FR_PROGRAM_CTL, "ctl"}};
    const char *separator = "";
    for (size_t i = 0; i < FR_COUNT_OF(names); i++) {
        if ((programs & names[i].program) != 0) {
            fprintf(out, "%s%s", separator, names[i].name);
            separator = ", ";
        }
    }
}

void fr_config_print_markdown(FILE *out)
{
    fputs("| setting | default | values | of | meaning |\n| --- | --- | --- | --- | --- |\n", out);
    for (int i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        char variable[CONFIG_NAME_MAX];
        setting_variable(setting, variable);
        if (setting->secret)
            fprintf(out, "| `%s` (secret: no flag) | ", variable);
        else
            fprintf(out, "| `--%s` | ", setting->flag);
        if (setting->fallback[0] != '\0')
            fprintf(out, "`%s`", setting->fallback);
        fputs(" | ", out);
        print_range(setting, out);
        fputs(" | ", out);
        print_programs(setting->programs, out);
        fprintf(out, " | %s |\n", setting->help);
    }
}
