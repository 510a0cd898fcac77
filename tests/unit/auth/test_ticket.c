#include "auth/auth.h"

#include <stdlib.h>

#include "check.h"

#define SECRET_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECRET_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NOW_MS INT64_C(1767323045678)
#define DAY_MS INT64_C(86400000)

static struct fr_keyring *load(const char *keys)
{
    struct fr_keyring *ring = NULL;
    assert_int_equal(fr_keyring_load(NULL, keys, &ring, NULL), FR_OK);
    return ring;
}

static int init(void **state)
{
    return fr_auth_init(NULL) == FR_OK ? 0 : -1;
}

static struct fr_token mint(const struct fr_keyring *ring, int64_t ttl_ms)
{
    struct fr_token token;
    char *text = NULL;
    assert_int_equal(fr_token_mint(ring, 4711, NOW_MS, ttl_ms, &token, &text, NULL), FR_OK);
    free(text);
    return token;
}

static void assert_same_ticket(const struct fr_ticket *a, const struct fr_ticket *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->token.id, b->token.id);
    assert_int_equal(a->token.user_id, b->token.user_id);
    assert_int_equal(a->token.issued_ms, b->token.issued_ms);
    assert_int_equal(a->token.expires_ms, b->token.expires_ms);
    assert_int_equal(a->expires_ms, b->expires_ms);
}

static void a_ticket_says_what_it_was_made_from(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET_A);
    struct fr_token token = mint(ring, DAY_MS);
    char text[FR_TICKET_SIZE], other[FR_TICKET_SIZE];
    struct fr_ticket made, read;
    fr_ticket_make(ring, &token, NOW_MS, text, &made);
    assert_int_equal(strlen(text), FR_TICKET_SIZE - 1);
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     FR_TICKET_SIZE - 1);
    assert_int_equal(made.expires_ms, NOW_MS + FR_TICKET_TTL_MS);
    assert_int_equal(fr_ticket_verify(ring, fr_str_of(text), NOW_MS, &read, NULL), FR_OK);
    assert_same_ticket(&read, &made);
    assert_int_equal(read.token.user_id, 4711);
    assert_string_equal(read.token.id, token.id);
    fr_ticket_make(ring, &token, NOW_MS, other, &read);
    assert_string_not_equal(other, text);
    assert_string_not_equal(read.id, made.id);
    fr_keyring_free(ring);
}

static void a_ticket_ends_after_a_minute_or_with_its_token(void **state)
{
    static const struct {
        const char *comment;
        int64_t ttl_ms, at_ms;
        enum fr_status status;
    } rows[] = {
        {"at once", DAY_MS, NOW_MS, FR_OK},
        {"at its last moment", DAY_MS, NOW_MS + FR_TICKET_TTL_MS - 1, FR_OK},
        {"after a minute", DAY_MS, NOW_MS + FR_TICKET_TTL_MS, FR_UNAUTHENTICATED},
        {"its token lives for 5 s more", 5000, NOW_MS + 4999, FR_OK},
        {"its token has ended", 5000, NOW_MS + 6000, FR_UNAUTHENTICATED},
    };
    struct fr_keyring *ring = load("a:" SECRET_A);
    FR_FOR_ROWS(row, rows)
    {
        struct fr_token token = mint(ring, row->ttl_ms);
        char text[FR_TICKET_SIZE];
        struct fr_ticket ticket;
        fr_ticket_make(ring, &token, NOW_MS, text, NULL);
        FR_ASSERT_ROW(row, fr_ticket_verify(ring, fr_str_of(text), row->at_ms, &ticket, NULL) == row->status);
    }
    fr_keyring_free(ring);
}

static void keys_may_be_rotated(void **state)
{
    struct fr_keyring *before = load("a:" SECRET_A), *after = load("b:" SECRET_B ",a:" SECRET_A);
    struct fr_keyring *other = load("a:" SECRET_B);
    struct fr_token token = mint(before, DAY_MS);
    char text[FR_TICKET_SIZE];
    struct fr_ticket ticket;
    fr_ticket_make(before, &token, NOW_MS, text, NULL);
    assert_int_equal(fr_ticket_verify(after, fr_str_of(text), NOW_MS, &ticket, NULL), FR_OK);
    assert_int_equal(fr_ticket_verify(other, fr_str_of(text), NOW_MS, &ticket, NULL), FR_UNAUTHENTICATED);
    fr_keyring_free(before);
    fr_keyring_free(after);
    fr_keyring_free(other);
}

static void whatever_is_changed_makes_it_bad(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET_A);
    struct fr_token token = mint(ring, DAY_MS);
    char text[FR_TICKET_SIZE];
    struct fr_ticket ticket;
    fr_ticket_make(ring, &token, NOW_MS, text, NULL);
    static const char replacements[] = "Ab_=.\0 ";
    for (size_t at = 0; at < FR_TICKET_SIZE - 1; at++) {
        for (size_t i = 0; i < sizeof replacements - 1; i++) {
            char kept = text[at];
            if (replacements[i] == kept)
                continue;
            text[at] = replacements[i];
            if (fr_ticket_verify(ring, (struct fr_str){text, FR_TICKET_SIZE - 1}, NOW_MS, &ticket, NULL) !=
                FR_UNAUTHENTICATED)
                fail_msg("byte %zu may be 0x%02x", at, (unsigned)replacements[i]);
            text[at] = kept;
        }
    }
    for (size_t len = 0; len < FR_TICKET_SIZE - 1; len++)
        assert_int_equal(fr_ticket_verify(ring, (struct fr_str){text, len}, NOW_MS, &ticket, NULL),
                         FR_UNAUTHENTICATED);
    char longer[FR_TICKET_SIZE + 1];
    memcpy(longer, text, FR_TICKET_SIZE - 1);
    longer[FR_TICKET_SIZE - 1] = 'A';
    assert_int_equal(fr_ticket_verify(ring, (struct fr_str){longer, FR_TICKET_SIZE}, NOW_MS, &ticket, NULL),
                     FR_UNAUTHENTICATED);
    assert_int_equal(fr_ticket_verify(ring, fr_str_of(text), NOW_MS, &ticket, NULL), FR_OK);
    fr_keyring_free(ring);
}

static void a_token_is_no_ticket(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET_A);
    struct fr_ticket ticket;
    char *text = NULL;
    assert_int_equal(fr_token_mint(ring, 1, NOW_MS, DAY_MS, NULL, &text, NULL), FR_OK);
    assert_int_equal(fr_ticket_verify(ring, fr_str_of(text), NOW_MS, &ticket, NULL), FR_UNAUTHENTICATED);
    free(text);
    fr_keyring_free(ring);
}

/* libsodium's decoder takes what is no ASCII for the last letter of its alphabet. */
static void there_is_one_text_for_each_ticket(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET_A);
    struct fr_token token = mint(ring, DAY_MS);
    char text[FR_TICKET_SIZE], *last = NULL;
    struct fr_ticket read;
    while (last == NULL) {
        fr_ticket_make(ring, &token, NOW_MS, text, NULL);
        last = strchr(text, '_');
    }
    assert_int_equal(fr_ticket_verify(ring, fr_str_of(text), NOW_MS, &read, NULL), FR_OK);
    for (int byte = 1; byte < 256; byte++) {
        *last = (char)byte;
        assert_int_equal(fr_ticket_verify(ring, fr_str_of(text), NOW_MS, &read, NULL),
                         byte == '_' ? FR_OK : FR_UNAUTHENTICATED);
    }
    fr_keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_one_text_for_each_ticket),
        cmocka_unit_test(a_ticket_says_what_it_was_made_from),
        cmocka_unit_test(a_ticket_ends_after_a_minute_or_with_its_token),
        cmocka_unit_test(keys_may_be_rotated),
        cmocka_unit_test(whatever_is_changed_makes_it_bad),
        cmocka_unit_test(a_token_is_no_ticket),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
