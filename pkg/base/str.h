/* struct fr_str: a borrowed slice of bytes, not NUL-terminated. Whoever hands one out says until when it
 * lives. */
#ifndef FR_BASE_STR_H
#define FR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

struct fr_str {
    const char *data; /* may be NULL when len is 0 */
    size_t len;
};

#define FR_STR(literal) ((struct fr_str){"" literal, sizeof(literal) - 1})
#define FR_STR_NONE ((struct fr_str){NULL, 0})
/* For printf's %.*s */
#define FR_STR_ARG(str) (int)(str).len, (str).data != NULL ? (str).data : ""

static inline struct fr_str fr_str_of(const char *text)
{
    return (struct fr_str){text, text != NULL ? strlen(text) : 0};
}

bool fr_str_equal(struct fr_str a, struct fr_str b);
/* ASCII letters only. */
bool fr_str_equal_nocase(struct fr_str a, struct fr_str b);
bool fr_str_starts_with(struct fr_str str, struct fr_str prefix);
/* All of it visible ASCII characters, without blanks; so is nothing. */
bool fr_str_is_graphic(struct fr_str str);
/* Without ASCII space and tab at both ends. */
struct fr_str fr_str_trim(struct fr_str str);
/* Cuts the next piece up to `separator` off the front of `rest`; false when nothing is left. */
bool fr_str_next(struct fr_str *rest, char separator, struct fr_str *ret_piece);
/* Decimal digits, with a leading '-' allowed, within [min, max]; anything else is FR_INVALID. */
__attribute__((warn_unused_result)) enum fr_status fr_str_to_i64(struct fr_str str, int64_t min, int64_t max,
                                                                 int64_t *ret);

#endif
