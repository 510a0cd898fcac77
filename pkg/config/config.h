/* config: the settings of a process, from four places in this precedence: flag, environment, file, default.
 *
 * settings.def is the one table; struct fr_settings has a member for each of its rows. Errors name the flag, the
 * variable or the file's line at fault. Read once at start, constant afterwards, shared by all threads.
 */
#ifndef FR_CONFIG_H
#define FR_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"

enum fr_program {
    FR_PROGRAM_GATEWAY = 1,
    FR_PROGRAM_MATERIALIZER = 2,
    FR_PROGRAM_CTL = 4,
};

#define FR_SETTING_TYPE_TEXT char *
#define FR_SETTING_TYPE_INTEGER int64_t
#define FR_SETTING_TYPE_BOOLEAN bool
#define FR_SETTING_TYPE_DURATION int64_t
#define FR_SETTING_TYPE_SIZE int64_t

struct fr_settings {
#define FR_SETTING(kind, member, flag, fallback, min, max, programs, secret, metavar, help)                    \
    FR_SETTING_TYPE_##kind member;
#include "config/settings.def"
#undef FR_SETTING
};

/* What load found on the command line besides settings. */
enum fr_config_action { FR_CONFIG_RUN, FR_CONFIG_HELP, FR_CONFIG_VERSION };

/* Reads argv (from argv[1]; flags `--name=value` or `--name value`, BOOLEAN also as bare `--name`), the environment
 * and the file. Operands (not starting with "--", or after "--") are moved to argv[1..*ret_operands] in order; an
 * operand is an error if `ret_operands` is NULL. FR_INVALID, with error->field naming the flag, for anything
 * unknown, malformed or out of range. The caller releases `ret` in every case. */
FR_WARN_UNUSED enum fr_status fr_config_load(enum fr_program program, int argc, char **argv, char *const *environment,
                                             struct fr_settings *ret, enum fr_config_action *ret_action,
                                             int *ret_operands, struct fr_error *error);
void fr_config_release(struct fr_settings *settings);
/* Usage line, then each setting of the program with its default and variable. */
void fr_config_print_help(enum fr_program program, const char *usage, FILE *out);
/* The table of docs/operations.md, in Markdown. */
void fr_config_print_markdown(FILE *out);

#endif
