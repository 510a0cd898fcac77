/* Tickets in text: base64url of a version, the ticket's random id, the token that it stands for, the times in
 * network order, and a check sum over all of that. */
#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "auth_internal.h"

enum {
    VERSION = 1,
    ID_BYTES = (FR_TICKET_ID_SIZE - 1) / 2,
    TOKEN_ID_BYTES = (FR_TOKEN_ID_SIZE - 1) / 2,
    NUMBERS = 4,
    ID_AT = 1,
    TOKEN_ID_AT = ID_AT + ID_BYTES,
    NUMBERS_AT = TOKEN_ID_AT + TOKEN_ID_BYTES,
    PLAIN_BYTES = NUMBERS_AT + 8 * NUMBERS,
    BYTES = PLAIN_BYTES + FR_MAC_SIZE,
};
_Static_assert(BYTES % 3 == 0, "no padding, so there is one text for each ticket");
_Static_assert(FR_TICKET_SIZE == BYTES / 3 * 4 + 1, "and NUL");

static struct fr_str signed_part(const unsigned char *bytes)
{
    return (struct fr_str){(const char *)bytes, PLAIN_BYTES};
}

void fr_ticket_make(const struct fr_keyring *ring, const struct fr_token *token, int64_t now_ms,
                    char out[static FR_TICKET_SIZE], struct fr_ticket *ret)
{
    struct fr_ticket ticket = {.token = *token, .expires_ms = now_ms + FR_TICKET_TTL_MS};
    if (ticket.expires_ms > token->expires_ms)
        ticket.expires_ms = token->expires_ms;
    const uint64_t numbers[NUMBERS] = {
        htobe64((uint64_t)token->user_id),
        htobe64((uint64_t)token->issued_ms),
        htobe64((uint64_t)token->expires_ms),
        htobe64((uint64_t)ticket.expires_ms),
    };
    unsigned char bytes[BYTES] = {VERSION};
    randombytes_buf(bytes + ID_AT, ID_BYTES);
    sodium_bin2hex(ticket.id, sizeof ticket.id, bytes + ID_AT, ID_BYTES);
    sodium_hex2bin(bytes + TOKEN_ID_AT, TOKEN_ID_BYTES, token->id, FR_TOKEN_ID_SIZE - 1, NULL, NULL, NULL);
    memcpy(bytes + NUMBERS_AT, numbers, sizeof numbers);
    fr_keyring_mac(ring, FR_MAC_TICKET, signed_part(bytes), bytes + PLAIN_BYTES);
    sodium_bin2base64(out, FR_TICKET_SIZE, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (ret != NULL)
        *ret = ticket;
}

static bool decode(struct fr_str text, unsigned char bytes[static BYTES])
{
    size_t len = 0;
    /* libsodium takes every byte from 0x80 on for a `_`. */
    return text.len == FR_TICKET_SIZE - 1 && fr_str_is_graphic(text) &&
           sodium_base642bin(bytes, BYTES, text.data, text.len, NULL, &len, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           len == BYTES;
}

enum fr_status fr_ticket_verify(const struct fr_keyring *ring, struct fr_str text, int64_t now_ms,
                                struct fr_ticket *ret, struct fr_error *error)
{
    unsigned char bytes[BYTES];
    if (!decode(text, bytes) || bytes[0] != VERSION)
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the ticket is malformed");
    if (!fr_keyring_mac_valid(ring, FR_MAC_TICKET, signed_part(bytes), bytes + PLAIN_BYTES))
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the ticket is not one of ours");
    uint64_t numbers[NUMBERS];
    memcpy(numbers, bytes + NUMBERS_AT, sizeof numbers);
    struct fr_ticket ticket = {
        .token = {.user_id = (int64_t)be64toh(numbers[0]),
                  .issued_ms = (int64_t)be64toh(numbers[1]),
                  .expires_ms = (int64_t)be64toh(numbers[2])},
        .expires_ms = (int64_t)be64toh(numbers[3]),
    };
    if (ticket.expires_ms <= now_ms)
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the ticket has expired");
    sodium_bin2hex(ticket.id, sizeof ticket.id, bytes + ID_AT, ID_BYTES);
    sodium_bin2hex(ticket.token.id, sizeof ticket.token.id, bytes + TOKEN_ID_AT, TOKEN_ID_BYTES);
    *ret = ticket;
    return FR_OK;
}
