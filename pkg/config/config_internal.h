/* Private to config: the table of settings as data, and the pieces that load() is made of. */
#ifndef FR_CONFIG_INTERNAL_H
#define FR_CONFIG_INTERNAL_H

#include "config/config.h"

#define CONFIG_FILE_MAX (1024 * 1024)
#define CONFIG_NAME_MAX 64 /* of "FRESHET_LIKE_THIS" with NUL */

enum setting_kind {
    SETTING_TEXT,
    SETTING_CHOICE,
    SETTING_INTEGER,
    SETTING_BOOLEAN,
    SETTING_DURATION,
    SETTING_SIZE,
};

struct setting {
    const char *flag, *fallback, *metavar, *help;
    enum setting_kind kind;
    int64_t min, max;
    unsigned programs;
    bool secret;
    size_t offset; /* of the member in struct fr_settings */
};

#define SETTING_COUNT_MAX 128
extern const struct setting settings_table[];
extern const int settings_count;
/* The index of the config file's own setting. */
int setting_find_member(size_t offset);
/* -1: no program has it. */
int setting_find(struct fr_str flag);
/* The flag of `program` (any setting, if 0) that `word` was probably meant to be, or NULL. */
const char *setting_nearest(struct fr_str word, unsigned program);
/* "FRESHET_LIKE_THIS" */
void setting_variable(const struct setting *setting, char out[static CONFIG_NAME_MAX]);

/* Parses and stores. `place` begins the message: "--threads", "FRESHET_THREADS", "freshet.conf:3: threads";
 * the error's field is set to `field`. The former value of a text is freed. */
FR_WARN_UNUSED enum fr_status value_store(const struct setting *setting, struct fr_str text,
                                          const char *place, const char *field, struct fr_settings *settings,
                                          struct fr_error *error);
/* The shortest way to write a number of this kind: "5m", "64k", "12". */
void value_format(enum setting_kind kind, int64_t value, char out[static 32]);

struct file_value {
    struct fr_str text; /* borrowed from file_values.bytes */
    int line;           /* 0: not in the file */
};
struct file_values {
    char *path;
    struct fr_buf bytes;
    struct file_value values[SETTING_COUNT_MAX];
};
FR_WARN_UNUSED enum fr_status file_read(const char *path, struct file_values *ret, struct fr_error *error);
void file_release(struct file_values *values);

#endif
