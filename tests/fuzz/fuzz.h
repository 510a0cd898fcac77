/* What fuzz targets share. A target is one file fuzz_<name>.c with fr_fuzz_one(); it is linked with libFuzzer
 * (preset fuzz, ./dev fuzz) or with replay.c, which runs the kept inputs as an ordinary test. */
#ifndef FR_TESTS_FUZZ_H
#define FR_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* Called once. */
void fr_fuzz_begin(void);
/* One input, which stays the caller's. */
void fr_fuzz_one(const uint8_t *data, size_t len);

/* A rule that every input must keep; with a reason for whoever reads the crash. */
#define FR_FUZZ_RULE(condition, why)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken rule: %s (%s)\n", __FILE__, __LINE__, why, #condition); \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Whoever refuses an input must say what is wrong, in a line of printable text that names a field. */
static inline void fr_fuzz_check_error(enum fr_status status, const struct fr_error *error, bool with_field)
{
    if (status == FR_OK)
        return;
    FR_FUZZ_RULE(error->status == status, "the error's status is the one returned");
    FR_FUZZ_RULE(error->message[0] != '\0', "a refusal has a message");
    FR_FUZZ_RULE(!with_field || error->field[0] != '\0', "a refusal names the field");
    for (const char *at = error->message; *at != '\0'; at++)
        FR_FUZZ_RULE((unsigned char)*at >= ' ' && (unsigned char)*at != 0x7f,
                     "no control characters in a message");
}

/* The input is a queue of numbers and bytes. */
struct fr_fuzz_input {
    const uint8_t *data;
    size_t len;
};

static inline uint8_t fr_fuzz_take_byte(struct fr_fuzz_input *input)
{
    if (input->len == 0)
        return 0;
    input->len--;
    return *input->data++;
}

static inline struct fr_str fr_fuzz_take(struct fr_fuzz_input *input, size_t len)
{
    struct fr_str taken = {(const char *)input->data, len < input->len ? len : input->len};
    input->data += taken.len;
    input->len -= taken.len;
    return taken;
}

static inline int64_t fr_fuzz_take_i64(struct fr_fuzz_input *input)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | fr_fuzz_take_byte(input);
    return (int64_t)value;
}

#endif
