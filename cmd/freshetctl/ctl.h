/* freshetctl: what its subcommands share.
 *
 * A subcommand is a row of the table in main.c and a file of its own. It prints its result on standard
 * output, and progress and complaints on standard error. Exit codes: 0 done, 1 failed, 2 wrong usage;
 * audit also 3: it could not be told.
 */
#ifndef FR_CTL_H
#define FR_CTL_H

#include "base/base.h"
#include "config/config.h"

#define CTL_PROGRAM "freshetctl"

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_UNDECIDED = 3, CTL_INTERRUPTED = 130 };

/* The options of subcommands; those of all programs are settings. options.c has their table. */
enum ctl_option {
    CTL_OPTION_NO_STREAMS,
    CTL_OPTION_SKIP_BAD,
    CTL_OPTION_LIMIT,
    CTL_OPTION_SEED,
    CTL_OPTION_USER,
    CTL_OPTION_SAMPLE,
    CTL_OPTION_ALL,
    CTL_OPTION_PAGES,
    CTL_OPTION_REPAIR,
    CTL_OPTION_WAIT,
    CTL_OPTION_YES,
    CTL_OPTION_USERS,
    CTL_OPTION_FOLLOWS,
    CTL_OPTION_POSTS,
    CTL_OPTION_CELEBRITIES,
    CTL_OPTION_ZIPF,
    CTL_OPTION_FEEDS,
    CTL_OPTION_UNTIL,
    CTL_OPTION_COUNT
};
#define CTL_OPTION_BIT(option) (1u << (option))

struct ctl {
    struct fr_settings settings;
    const char *options[CTL_OPTION_COUNT]; /* as given; NULL: not given; "" for one without a value */
    char **operands;                       /* after the subcommand's name */
    int operand_count;
};

struct ctl_command {
    const char *name;     /* one word or two */
    const char *operands; /* as usage shows them */
    int operand_min, operand_max;
    unsigned options;    /* CTL_OPTION_BITs */
    const char *summary; /* one line of the list */
    const char *about;   /* paragraphs of its own help */
    int (*run)(struct ctl *ctl);
};
extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

/* ---- one file each ---- */
int ctl_migrate(struct ctl *ctl);
int ctl_token_mint(struct ctl *ctl);
int ctl_import_follows(struct ctl *ctl);
int ctl_import_posts(struct ctl *ctl);
int ctl_generate(struct ctl *ctl);
int ctl_status(struct ctl *ctl);
int ctl_audit(struct ctl *ctl);
int ctl_dead_list(struct ctl *ctl);
int ctl_rebuild(struct ctl *ctl);
int ctl_dead_show(struct ctl *ctl);
int ctl_dead_replay(struct ctl *ctl);
int ctl_dead_drop(struct ctl *ctl);
int ctl_settings(struct ctl *ctl);
int ctl_metrics(struct ctl *ctl);
int ctl_help(struct ctl *ctl);

/* ---- help.c ---- */
void ctl_print_commands(FILE *out);
void ctl_print_command_help(const struct ctl_command *command, FILE *out);
/* The one whose words the operands begin with; NULL if none. *ret_words: how many operands its name took. */
const struct ctl_command *ctl_find_command(char *const *operands, int count, int *ret_words);
/* Says that there is no such subcommand, with the nearest name or the list. Returns CTL_USAGE. */
int ctl_refuse_command(char *const *operands, int count);

/* ---- options.c ---- */
struct ctl_option_row {
    const char *name, *metavar, *help; /* metavar NULL: takes no value */
};
extern const struct ctl_option_row ctl_option_table[CTL_OPTION_COUNT];
/* Takes the options of the table out of argv, in place. FR_INVALID naming the option. */
FR_WARN_UNUSED enum fr_status ctl_take_options(int *argc, char **argv, const char **ret_options,
                                               struct fr_error *error);
/* A whole number within [min, max]; `fallback` if the option was not given. */
FR_WARN_UNUSED enum fr_status ctl_option_i64(const struct ctl *ctl, enum ctl_option option, int64_t min,
                                             int64_t max, int64_t fallback, int64_t *ret,
                                             struct fr_error *error);

/* ---- connect.c ---- */
struct fr_session;
/* Opens a session and checks that the schema is this program's. */
FR_WARN_UNUSED enum fr_status ctl_open_session(const struct ctl *ctl, bool check_schema,
                                               struct fr_session **ret, struct fr_error *error);
struct fr_bus;
/* Connects to NATS, to look and to declare when told to. */
FR_WARN_UNUSED enum fr_status ctl_open_bus(const struct ctl *ctl, struct fr_bus **ret,
                                           struct fr_error *error);
/* Prints the error on standard error; returns CTL_FAILED, or CTL_USAGE for an error of the command line. */
int ctl_fail(const struct fr_error *error);
int ctl_fail_usage(const struct fr_error *error);

#endif
