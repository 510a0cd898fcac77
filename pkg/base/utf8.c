#include "base/utf8.h"

#include <string.h>

/* What a lead byte asks for; the table of RFC 3629 section 4. */
static bool lead(struct fr_utf8 *state, uint8_t c)
{
    state->low = 0x80;
    state->high = 0xbf;
    if (c < 0x80) {
        return true;
    } else if (c >= 0xc2 && c <= 0xdf) {
        state->wanted = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        state->wanted = 2;
        if (c == 0xe0)
            state->low = 0xa0;
        else if (c == 0xed)
            state->high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        state->wanted = 3;
        if (c == 0xf0)
            state->low = 0x90;
        else if (c == 0xf4)
            state->high = 0x8f;
    } else {
        return false;
    }
    return true;
}

bool fr_utf8_feed(struct fr_utf8 *state, const void *data, size_t len)
{
    if (len == 0)
        return true; /* `data` may be NULL */
    const uint8_t *p = data, *end = p + len;
    while (p < end) {
        if (state->wanted == 0) {
            uint64_t eight;
            while (end - p >= 8 && (memcpy(&eight, p, 8), (eight & 0x8080808080808080u) == 0))
                p += 8;
            if (p == end)
                break;
            if (!lead(state, *p++))
                return false;
        } else {
            uint8_t c = *p++;
            if (c < state->low || c > state->high)
                return false;
            state->low = 0x80;
            state->high = 0xbf;
            state->wanted--;
        }
    }
    return true;
}

bool fr_utf8_valid_text(const void *data, size_t len)
{
    struct fr_utf8 state = {0};
    if (len > 0 && memchr(data, '\0', len) != NULL)
        return false;
    return len == 0 || (fr_utf8_feed(&state, data, len) && fr_utf8_complete(&state));
}
