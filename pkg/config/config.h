/* config: the settings of a process, from four places in this precedence: flag, environment, file, default.
 *
 * settings.def is the one table; struct fr_settings has a member for each of its rows. Errors begin with the
 * flag, the variable or the file's line at fault; they never show the value of a text setting, of an unknown
 * flag or of an operand: it might be a URL with a password in it. Read once at start, constant afterwards,
 * shared by all threads.
 *
 * A variable that is empty counts as not set. The file (named by --config or FRESHET_CONFIG) has lines
 * `flag-name = value`, blank lines and lines that begin with #; it may hold settings of all programs, so that
 * one file serves them all; a name that none has, or one given twice, is an error.
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
#define FR_SETTING_TYPE_CHOICE char *
#define FR_SETTING_TYPE_INTEGER int64_t
#define FR_SETTING_TYPE_BOOLEAN bool
#define FR_SETTING_TYPE_DURATION int64_t
#define FR_SETTING_TYPE_SIZE int64_t

struct fr_settings {
#define FR_SETTING(kind, member, flag, fallback, min, max, programs, secret, metavar, help) \
    FR_SETTING_TYPE_##kind member;
#include "config/settings.def"
#undef FR_SETTING
};

/* What load found on the command line besides settings. */
enum fr_config_action { FR_CONFIG_RUN, FR_CONFIG_HELP, FR_CONFIG_VERSION };

/* Reads argv (from argv[1]; flags `--name=value` or `--name value`, BOOLEAN also as bare `--name`), the
 * environment and the file. Operands (not starting with "--", or after "--") are moved to
 * argv[1..*ret_operands] in order; an operand is an error if `ret_operands` is NULL. After --help or
 * --version nothing else is read and `ret` is empty. FR_INVALID, with error->field naming the flag or
 * variable, for anything unknown, malformed or out of range; FR_IO for a file that cannot be read. The
 * message names the place by itself. The caller releases `ret` in every case. */
FR_WARN_UNUSED enum fr_status fr_config_load(enum fr_program program, int argc, char **argv,
                                             char *const *environment, struct fr_settings *ret,
                                             enum fr_config_action *ret_action, int *ret_operands,
                                             struct fr_error *error);
void fr_config_release(struct fr_settings *settings);
/* "0.1.0" */
const char *fr_config_version(void);
/* The one of `names` that `word` was probably meant to be, or NULL: at most a third of its letters are wrong.
 */
const char *fr_config_nearest(struct fr_str word, const char *const *names, size_t count);
/* Usage line, then each setting of the program with its default and variable. */
void fr_config_print_help(enum fr_program program, const char *usage, FILE *out);
/* The table of docs/operations.md, in Markdown. */
void fr_config_print_markdown(FILE *out);

#endif
