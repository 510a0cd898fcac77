/* Validation of UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF). */
#ifndef FR_BASE_UTF8_H
#define FR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A validation that can be continued where the previous piece of a text ended. Start with a zeroed one. */
struct fr_utf8 {
    uint8_t wanted;    /* continuation bytes still to come */
    uint8_t low, high; /* bounds of the next continuation byte, while wanted > 0 */
};

/* False as soon as the bytes cannot be UTF-8. `state` keeps what is open across pieces. */
bool fr_utf8_feed(struct fr_utf8 *state, const void *data, size_t len);
/* True if no character is left unfinished. */
static inline bool fr_utf8_complete(const struct fr_utf8 *state)
{
    return state->wanted == 0;
}
/* The whole of a text at once. A NUL byte is refused: PostgreSQL cannot store it. */
bool fr_utf8_valid_text(const void *data, size_t len);

#endif
