/* Tokens, tickets, the names of revocations and the text of key rings: nothing that was not signed is
 * accepted, and a token or ticket that was made and then changed is refused. */
#include "auth/auth.h"
#include "auth/revocations.h"
#include "fuzz.h"

#define NOW_MS INT64_C(1767225600000)
enum { HOUR_MS = 3600000 };

static struct fr_keyring *keyring;

void fr_fuzz_begin(void)
{
    struct fr_error error = {0};
    if (fr_auth_init(&error) != FR_OK ||
        fr_keyring_load(NULL, "k1:0123456789abcdef0123456789abcdef", &keyring, &error) != FR_OK)
        abort();
}

static void any_text(struct fr_fuzz_input input)
{
    struct fr_token token;
    struct fr_error error = {0};
    enum fr_status status = fr_token_verify(keyring, (struct fr_str){(const char *)input.data, input.len},
                                            NOW_MS, &token, &error);
    FR_FUZZ_RULE(status == FR_UNAUTHENTICATED, "nobody can sign without the key");
    fr_fuzz_check_error(status, &error, false);
}

static void made_and_changed(struct fr_fuzz_input input)
{
    struct fr_token made, again;
    struct fr_error error = {0};
    char *text = NULL;
    int64_t user_id = 1 + (fr_fuzz_take_i64(&input) & (INT64_MAX >> 1));
    if (fr_token_mint(keyring, user_id, NOW_MS, HOUR_MS, &made, &text, &error) != FR_OK)
        abort();
    size_t len = strlen(text);
    FR_FUZZ_RULE(fr_token_verify(keyring, fr_str_of(text), NOW_MS, &again, &error) == FR_OK,
                 "a fresh token is good");
    FR_FUZZ_RULE(again.user_id == user_id && strcmp(again.id, made.id) == 0, "and says who");
    FR_FUZZ_RULE(fr_token_verify(keyring, fr_str_of(text), NOW_MS + HOUR_MS + 1000, &again, &error) ==
                     FR_UNAUTHENTICATED,
                 "and ends");
    size_t place = (size_t)(fr_fuzz_take_byte(&input) << 8 | fr_fuzz_take_byte(&input)) % len;
    char other = (char)fr_fuzz_take_byte(&input), before = text[place];
    text[place] = other;
    /* The last character of base64 has bits that say nothing. */
    bool idle_bits = place == len - 1;
    FR_FUZZ_RULE(other == before || idle_bits ||
                     fr_token_verify(keyring, (struct fr_str){text, len}, NOW_MS, &again, &error) ==
                         FR_UNAUTHENTICATED,
                 "no character may be changed");
    free(text);
}

static void any_ticket(struct fr_fuzz_input input)
{
    struct fr_ticket ticket;
    struct fr_error error = {0};
    enum fr_status status = fr_ticket_verify(keyring, (struct fr_str){(const char *)input.data, input.len},
                                             NOW_MS, &ticket, &error);
    FR_FUZZ_RULE(status == FR_UNAUTHENTICATED, "nobody can sign without the key");
    fr_fuzz_check_error(status, &error, false);
}

static void ticket_made_and_changed(struct fr_fuzz_input input)
{
    struct fr_token token = {.issued_ms = NOW_MS, .expires_ms = NOW_MS + HOUR_MS};
    struct fr_ticket made, again;
    struct fr_error error = {0};
    char text[FR_TICKET_SIZE];
    token.user_id = 1 + (fr_fuzz_take_i64(&input) & (INT64_MAX >> 1));
    memset(token.id, 'a', sizeof token.id - 1);
    fr_ticket_make(keyring, &token, NOW_MS, text, &made);
    FR_FUZZ_RULE(fr_ticket_verify(keyring, fr_str_of(text), NOW_MS, &again, &error) == FR_OK,
                 "a fresh ticket is good");
    FR_FUZZ_RULE(again.token.user_id == token.user_id && strcmp(again.id, made.id) == 0 &&
                     strcmp(again.token.id, token.id) == 0,
                 "and says whose");
    size_t place = fr_fuzz_take_byte(&input) % (sizeof text - 1);
    char other = (char)fr_fuzz_take_byte(&input), before = text[place];
    text[place] = other;
    FR_FUZZ_RULE(other == before || fr_ticket_verify(keyring, (struct fr_str){text, sizeof text - 1}, NOW_MS,
                                                     &again, &error) == FR_UNAUTHENTICATED,
                 "no character may be changed");
}

static void any_revocation(struct fr_fuzz_input input)
{
    struct fr_revocation revocation;
    if (fr_revocation_parse((struct fr_str){(const char *)input.data, input.len}, &revocation) == FR_OK)
        FR_FUZZ_RULE(revocation.user_id > 0 || input.len == FR_TOKEN_ID_SIZE - 1, "a user, or a token");
}

static void any_keys(struct fr_fuzz_input input)
{
    struct fr_keyring *ring = NULL;
    struct fr_error error = {0};
    char *keys = fr_strndup((const char *)input.data, input.len);
    enum fr_status status = fr_keyring_load(NULL, keys, &ring, &error);
    fr_fuzz_check_error(status, &error, false);
    if (status == FR_OK)
        fr_keyring_free(ring);
    free(keys);
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_fuzz_input input = {data, len};
    switch (fr_fuzz_take_byte(&input) % 6) {
    case 0:
        any_text(input);
        return;
    case 1:
        made_and_changed(input);
        return;
    case 2:
        any_keys(input);
        return;
    case 3:
        any_ticket(input);
        return;
    case 4:
        ticket_made_and_changed(input);
        return;
    default:
        any_revocation(input);
        return;
    }
}
