/* Cursors in text: base64url of a version, the numbers in network order, and a check sum over them and the
 * user's id, which is not in it: a cursor is of use to its user only. */
#include <endian.h>
#include <string.h>

#include "auth/auth.h"
#include "delivery/delivery.h"

enum { VERSION = 1, NUMBERS = 5, PLAIN_BYTES = 1 + 8 * NUMBERS, BYTES = PLAIN_BYTES + FR_MAC_SIZE };
_Static_assert(BYTES % 3 == 0, "no padding");
_Static_assert(FR_CURSOR_SIZE == BYTES / 3 * 4 + 1, "and NUL");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void make_message(int64_t user_id, const unsigned char plain[static PLAIN_BYTES],
                         unsigned char message[static PLAIN_BYTES + 8])
{
    uint64_t user = htobe64((uint64_t)user_id);
    memcpy(message, plain, PLAIN_BYTES);
    memcpy(message + PLAIN_BYTES, &user, sizeof user);
}

static struct fr_str signed_part(const unsigned char *message)
{
    return (struct fr_str){(const char *)message, PLAIN_BYTES + 8};
}

void fr_cursor_format(const struct fr_keyring *keyring, int64_t user_id, const struct fr_cursor *cursor,
                      char out[static FR_CURSOR_SIZE])
{
    unsigned char bytes[BYTES], message[PLAIN_BYTES + 8];
    const uint64_t numbers[NUMBERS] = {
        htobe64((uint64_t)cursor->present_ms), htobe64((uint64_t)cursor->feed.epoch),
        htobe64(cursor->feed.sequence),        htobe64((uint64_t)cursor->celebrities.epoch),
        htobe64(cursor->celebrities.sequence),
    };
    bytes[0] = VERSION;
    memcpy(bytes + 1, numbers, sizeof numbers);
    make_message(user_id, bytes, message);
    fr_keyring_mac(keyring, FR_MAC_CURSOR, signed_part(message), bytes + PLAIN_BYTES);
    for (size_t i = 0; i < BYTES; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *out++ = alphabet[three >> shift & 63];
    }
    *out = '\0';
}

static bool decode(struct fr_str text, unsigned char bytes[static BYTES])
{
    if (text.len != FR_CURSOR_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t three = 0;
        for (size_t j = i; j < i + 4; j++) {
            const char *at = text.data[j] != '\0' ? strchr(alphabet, text.data[j]) : NULL;
            if (at == NULL)
                return false;
            three = three << 6 | (uint32_t)(at - alphabet);
        }
        *bytes++ = (unsigned char)(three >> 16);
        *bytes++ = (unsigned char)(three >> 8);
        *bytes++ = (unsigned char)three;
    }
    return true;
}

enum fr_status fr_cursor_parse(const struct fr_keyring *keyring, int64_t user_id, struct fr_str text,
                               struct fr_cursor *ret, struct fr_error *error)
{
    unsigned char bytes[BYTES], message[PLAIN_BYTES + 8];
    uint64_t numbers[NUMBERS];
    bool whole = decode(text, bytes) && bytes[0] == VERSION;
    if (whole) {
        make_message(user_id, bytes, message);
        whole = fr_keyring_mac_valid(keyring, FR_MAC_CURSOR, signed_part(message), bytes + PLAIN_BYTES);
    }
    if (!whole)
        return fr_error_set(error, FR_INVALID, "cursor", "cursor is not one that this user was given");
    memcpy(numbers, bytes + 1, sizeof numbers);
    *ret = (struct fr_cursor){
        .present_ms = (int64_t)be64toh(numbers[0]),
        .feed = {(int64_t)be64toh(numbers[1]), be64toh(numbers[2])},
        .celebrities = {(int64_t)be64toh(numbers[3]), be64toh(numbers[4])},
    };
    return FR_OK;
}
