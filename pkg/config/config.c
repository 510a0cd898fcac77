#include "config/config.h"

#include <stdlib.h>

#include "config_internal.h"

/* What the command line says, before it is weighed against the other places. */
struct command_line {
    const char *values[SETTING_COUNT_MAX]; /* borrowed from argv; NULL: not there */
    enum fr_config_action action;
    int operands;
};

const char *fr_config_version(void)
{
    return FRESHET_VERSION;
}

static enum fr_status unknown_flag(enum fr_program program, struct fr_str name, struct fr_error *error)
{
    /* A flag that is none may be anything, a pasted connection string too: only what looks like a flag is
     * repeated. */
    for (size_t i = 0; i < name.len; i++)
        if (!(name.data[i] >= 'a' && name.data[i] <= 'z') && name.data[i] != '-' && name.data[i] != '_')
            return fr_error_set(error, FR_INVALID, NULL,
                                "an argument is no flag of this program; see --help");
    if (name.len > 40)
        return fr_error_set(error, FR_INVALID, NULL, "an argument is no flag of this program; see --help");
    char flag[48];
    snprintf(flag, sizeof flag, "--%.*s", FR_STR_ARG(name));
    const char *nearest = setting_nearest(name, program);
    if (nearest != NULL)
        return fr_error_set(error, FR_INVALID, flag, "%s: there is no such flag; did you mean --%s?", flag,
                            nearest);
    return fr_error_set(error, FR_INVALID, flag, "%s: there is no such flag; see --help", flag);
}

static enum fr_status find_flag(enum fr_program program, struct fr_str name, int *ret, struct fr_error *error)
{
    int index = setting_find(name);
    if (index < 0)
        return unknown_flag(program, name, error);
    const struct setting *setting = &settings_table[index];
    char flag[48], variable[CONFIG_NAME_MAX];
    snprintf(flag, sizeof flag, "--%s", setting->flag);
    setting_variable(setting, variable);
    if ((setting->programs & program) == 0)
        return fr_error_set(error, FR_INVALID, flag, "%s: this program has no such setting", flag);
    if (setting->secret)
        return fr_error_set(
            error, FR_INVALID, flag,
            "%s: a secret can't be a flag, because the list of processes would show it; set %s or put "
            "it into the config file",
            flag, variable);
    *ret = index;
    return FR_OK;
}

static bool is_switch_word(const char *text)
{
    return text != NULL && (strcmp(text, "on") == 0 || strcmp(text, "off") == 0);
}

/* Takes the flag argv[at] and its value; *ret_taken tells how many arguments that were. */
static enum fr_status take_flag(enum fr_program program, char **argv, int at, struct command_line *line,
                                int *ret_taken, struct fr_error *error)
{
    const char *text = argv[at] + 2, *equals = strchr(text, '=');
    struct fr_str name = {text, equals != NULL ? (size_t)(equals - text) : strlen(text)};
    int index = -1;
    enum fr_status status = find_flag(program, name, &index, error);
    if (status != FR_OK)
        return status;
    const char *next = argv[at + 1];
    *ret_taken = 1;
    if (equals != NULL) {
        line->values[index] = equals + 1;
    } else if (settings_table[index].kind == SETTING_BOOLEAN) {
        /* `--name on` and `--name off` are a pair; any other word after a bare `--name` is on its own. */
        line->values[index] = is_switch_word(next) ? next : "on";
        *ret_taken = is_switch_word(next) ? 2 : 1;
    } else if (next == NULL || strncmp(next, "--", 2) == 0) {
        return fr_error_set(error, FR_INVALID, argv[at], "%s: wants a value, as in %s=%s", argv[at], argv[at],
                            settings_table[index].metavar);
    } else {
        line->values[index] = next;
        *ret_taken = 2;
    }
    return FR_OK;
}

static enum fr_status read_command_line(enum fr_program program, int argc, char **argv, bool operands_allowed,
                                        struct command_line *line, struct fr_error *error)
{
    bool flags_end = false;
    for (int i = 1, taken; i < argc; i += taken) {
        taken = 1;
        if (flags_end || strncmp(argv[i], "--", 2) != 0) {
            if (!operands_allowed)
                return fr_error_set(error, FR_INVALID, NULL,
                                    "argument %d is no flag; this program takes nothing else", i);
            argv[1 + line->operands++] = argv[i];
        } else if (argv[i][2] == '\0') {
            flags_end = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0) {
            line->action = argv[i][2] == 'h' ? FR_CONFIG_HELP : FR_CONFIG_VERSION;
            return FR_OK;
        } else {
            enum fr_status status = take_flag(program, argv, i, line, &taken, error);
            if (status != FR_OK)
                return status;
        }
    }
    return FR_OK;
}

/* NULL when it is not there or empty. */
static const char *from_environment(char *const *environment, const char *variable)
{
    size_t len = strlen(variable);
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, variable, len) == 0 && (*environment)[len] == '=')
            return (*environment)[len + 1] != '\0' ? *environment + len + 1 : NULL;
    return NULL;
}

/* From the first place in the order of precedence that has it. */
static enum fr_status settle(int index, const struct command_line *line, char *const *environment,
                             const struct file_values *file, struct fr_settings *settings,
                             struct fr_error *error)
{
    const struct setting *setting = &settings_table[index];
    char flag[48], variable[CONFIG_NAME_MAX];
    snprintf(flag, sizeof flag, "--%s", setting->flag);
    setting_variable(setting, variable);
    if (line->values[index] != NULL)
        return value_store(setting, fr_str_of(line->values[index]), flag, flag, settings, error);
    const char *text = from_environment(environment, variable);
    if (text != NULL)
        return value_store(setting, fr_str_of(text), variable, variable, settings, error);
    if (file != NULL && file->values[index].line != 0) {
        char place[192];
        snprintf(place, sizeof place, "%.120s:%d: %s", file->path, file->values[index].line, setting->flag);
        return value_store(setting, file->values[index].text, place, flag, settings, error);
    }
    return value_store(setting, fr_str_of(setting->fallback), flag, flag, settings, error);
}

enum fr_status fr_config_load(enum fr_program program, int argc, char **argv, char *const *environment,
                              struct fr_settings *ret, enum fr_config_action *ret_action, int *ret_operands,
                              struct fr_error *error)
{
    struct command_line line = {.action = FR_CONFIG_RUN};
    struct file_values file = {0};
    *ret = (struct fr_settings){0};
    enum fr_status status = read_command_line(program, argc, argv, ret_operands != NULL, &line, error);
    if (status != FR_OK)
        return status;
    *ret_action = line.action;
    if (ret_operands != NULL)
        *ret_operands = line.operands;
    if (line.action != FR_CONFIG_RUN)
        return FR_OK;
    int config_file = setting_find_member(offsetof(struct fr_settings, config_file));
    status = settle(config_file, &line, environment, NULL, ret, error);
    if (status == FR_OK && strstr(ret->config_file, "://") != NULL)
        status = fr_error_set(error, FR_INVALID, "--config", "--config: must name a file, not a URL");
    if (status == FR_OK && ret->config_file[0] != '\0')
        status = file_read(ret->config_file, &file, error);
    for (int i = 0; i < settings_count && status == FR_OK; i++)
        if (i != config_file && (settings_table[i].programs & program) != 0)
            status = settle(i, &line, environment, &file, ret, error);
    file_release(&file);
    return status;
}

void fr_config_release(struct fr_settings *settings)
{
    for (int i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        if (setting->kind == SETTING_TEXT || setting->kind == SETTING_CHOICE)
            free(*(char **)(void *)((char *)settings + setting->offset));
    }
    *settings = (struct fr_settings){0};
}
