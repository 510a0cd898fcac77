#include "timeline/timeline.h"

/* 12 bytes: the version, the id (most significant byte first), three bytes of a hash of those nine. 12 is a
 * multiple of 3, so base64url (RFC 4648 section 5) needs no padding and has one written form. */
enum {
    CURSOR_VERSION = 1,
    CURSOR_ID_BYTES = 8,
    CURSOR_SUM_AT = 1 + CURSOR_ID_BYTES,
    CURSOR_BYTES = 12,
    CURSOR_CHARS = FR_PAGE_CURSOR_SIZE - 1,
};
_Static_assert(CURSOR_BYTES % 3 == 0 && CURSOR_BYTES / 3 * 4 == CURSOR_CHARS, "a cursor needs no padding");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void fill_bytes(int64_t last_id, uint8_t bytes[static CURSOR_BYTES])
{
    bytes[0] = CURSOR_VERSION;
    for (int i = 0; i < CURSOR_ID_BYTES; i++)
        bytes[1 + i] = (uint8_t)((uint64_t)last_id >> (8 * (CURSOR_ID_BYTES - 1 - i)));
    uint32_t sum = fr_fnv1a32(bytes, CURSOR_SUM_AT);
    for (int i = CURSOR_SUM_AT; i < CURSOR_BYTES; i++, sum >>= 8)
        bytes[i] = (uint8_t)sum;
}

void fr_page_cursor_format(int64_t last_id, char out[static FR_PAGE_CURSOR_SIZE])
{
    uint8_t bytes[CURSOR_BYTES];
    fill_bytes(last_id, bytes);
    for (int i = 0; i < CURSOR_BYTES / 3; i++) {
        uint32_t group = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];
        for (int j = 0; j < 4; j++)
            out[4 * i + j] = alphabet[group >> (18 - 6 * j) & 63];
    }
    out[CURSOR_CHARS] = '\0';
}

enum fr_status fr_page_cursor_parse(struct fr_str text, int64_t *ret_last_id)
{
    if (text.len != CURSOR_CHARS)
        return FR_INVALID;
    uint8_t bytes[CURSOR_BYTES];
    for (int i = 0; i < CURSOR_BYTES / 3; i++) {
        uint32_t group = 0;
        for (int j = 0; j < 4; j++) {
            char c = text.data[4 * i + j];
            const char *found = c != '\0' ? strchr(alphabet, c) : NULL;
            if (found == NULL)
                return FR_INVALID;
            group = group << 6 | (uint32_t)(found - alphabet);
        }
        bytes[3 * i] = (uint8_t)(group >> 16);
        bytes[3 * i + 1] = (uint8_t)(group >> 8);
        bytes[3 * i + 2] = (uint8_t)group;
    }
    uint64_t id = 0;
    for (int i = 0; i < CURSOR_ID_BYTES; i++)
        id = id << 8 | bytes[1 + i];
    if (id == 0 || id > INT64_MAX)
        return FR_INVALID;
    uint8_t wanted[CURSOR_BYTES];
    fill_bytes((int64_t)id, wanted);
    if (memcmp(bytes, wanted, CURSOR_BYTES) != 0)
        return FR_INVALID;
    *ret_last_id = (int64_t)id;
    return FR_OK;
}
