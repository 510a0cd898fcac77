#include "auth/auth.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#define OLD_SECRET "old-old-old-old-old-old-old-old-old"
#define NEW_SECRET "new-new-new-new-new-new-new-new-new"
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

/* ---- tokens made without the library ---- */

static void append_base64url(struct fr_buf *out, const void *data, size_t len)
{
    char text[2048];
    sodium_bin2base64(text, sizeof text, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    fr_buf_append_text(out, text);
}

static struct fr_buf forge(const char *header, const char *claims, const char *secret)
{
    struct fr_buf out;
    fr_buf_init(&out, 4096);
    append_base64url(&out, header, strlen(header));
    fr_buf_append_char(&out, '.');
    append_base64url(&out, claims, strlen(claims));
    const unsigned char *key = (const unsigned char *)secret, *signed_part = (const unsigned char *)out.data;
    unsigned char mac[crypto_auth_hmacsha512_BYTES];
    size_t mac_len = crypto_auth_hmacsha256_BYTES;
    if (strstr(header, "HS512") != NULL) { /* rightly signed, if only it were allowed */
        crypto_auth_hmacsha512_state state;
        crypto_auth_hmacsha512_init(&state, key, strlen(secret));
        crypto_auth_hmacsha512_update(&state, signed_part, out.len);
        crypto_auth_hmacsha512_final(&state, mac);
        mac_len = sizeof mac;
    } else {
        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state, key, strlen(secret));
        crypto_auth_hmacsha256_update(&state, signed_part, out.len);
        crypto_auth_hmacsha256_final(&state, mac);
    }
    fr_buf_append_char(&out, '.');
    append_base64url(&out, mac, mac_len);
    return out;
}

/* ---- */

static void token_comes_back_as_it_went(void **state)
{
    struct fr_keyring *ring = load("k1:" NEW_SECRET);
    struct fr_token minted, token;
    char *text = NULL, *other = NULL;
    assert_int_equal(fr_token_mint(ring, INT64_MAX, NOW_MS, DAY_MS, &minted, &text, NULL), FR_OK);
    assert_int_equal(fr_token_verify(ring, fr_str_of(text), NOW_MS, &token, NULL), FR_OK);
    assert_true(token.user_id == INT64_MAX && minted.user_id == INT64_MAX);
    assert_int_equal(token.issued_ms, NOW_MS / 1000 * 1000);
    assert_int_equal(token.expires_ms, (NOW_MS / 1000 + 1) * 1000 + DAY_MS);
    assert_int_equal(token.issued_ms, minted.issued_ms);
    assert_int_equal(token.expires_ms, minted.expires_ms);
    assert_string_equal(token.id, minted.id);
    assert_int_equal(strlen(token.id), 32);
    assert_int_equal(fr_token_mint(ring, 5, NOW_MS, DAY_MS, &token, &other, NULL), FR_OK);
    assert_string_not_equal(token.id, minted.id);
    free(text);
    free(other);
    fr_keyring_free(ring);
}

static void token_ends_in_time(void **state)
{
    struct fr_keyring *ring = load("k1:" NEW_SECRET);
    struct fr_token token;
    struct fr_error error = {0};
    char *text = NULL;
    assert_int_equal(fr_token_mint(ring, 5, NOW_MS, 1000, &token, &text, NULL), FR_OK);
    int64_t end_ms = token.expires_ms;
    assert_true(end_ms >= NOW_MS + 1000 && end_ms < NOW_MS + 2000);
    assert_int_equal(fr_token_verify(ring, fr_str_of(text), end_ms - 1, &token, NULL), FR_OK);
    assert_int_equal(fr_token_verify(ring, fr_str_of(text), end_ms, &token, &error), FR_UNAUTHENTICATED);
    assert_non_null(strstr(error.message, "expired"));
    /* Whoever wants to know whose it was can. */
    struct fr_token ended = {0};
    assert_int_equal(fr_token_read(ring, fr_str_of(text), end_ms + DAY_MS, &ended, &error), FR_OK);
    assert_int_equal(ended.user_id, 5);
    assert_int_equal(ended.expires_ms, end_ms);
    /* Clocks of two machines differ a little. */
    assert_int_equal(fr_token_verify(ring, fr_str_of(text), token.issued_ms - 60000, &token, NULL), FR_OK);
    assert_int_equal(fr_token_verify(ring, fr_str_of(text), token.issued_ms - 60001, &token, &error),
                     FR_UNAUTHENTICATED);
    assert_non_null(strstr(error.message, "future"));
    free(text);
    fr_keyring_free(ring);
}

static void mint_checks_what_it_is_given(void **state)
{
    struct fr_keyring *ring = load("k1:" NEW_SECRET);
    char *text = NULL;
    assert_int_equal(fr_token_mint(ring, 0, NOW_MS, 1000, NULL, &text, NULL), FR_INVALID);
    assert_int_equal(fr_token_mint(ring, -1, NOW_MS, 1000, NULL, &text, NULL), FR_INVALID);
    assert_int_equal(fr_token_mint(ring, 5, NOW_MS, 0, NULL, &text, NULL), FR_INVALID);
    assert_int_equal(fr_token_mint(ring, 5, NOW_MS, INT64_MAX, NULL, &text, NULL), FR_INVALID);
    assert_null(text);
    fr_keyring_free(ring);
}

static void keys_are_rotated(void **state)
{
    struct fr_keyring *before = load("old:" OLD_SECRET), *during = load("new:" NEW_SECRET ",old:" OLD_SECRET);
    struct fr_keyring *after = load("new:" NEW_SECRET), *swapped = load("old:" NEW_SECRET);
    struct fr_token token;
    char *old_text = NULL, *new_text = NULL;
    assert_int_equal(fr_token_mint(before, 5, NOW_MS, DAY_MS, NULL, &old_text, NULL), FR_OK);
    assert_int_equal(fr_token_mint(during, 6, NOW_MS, DAY_MS, NULL, &new_text, NULL), FR_OK);
    const struct {
        const char *comment;
        const struct fr_keyring *ring;
        const char *text;
        enum fr_status status;
    } rows[] = {
        {"old token, before", before, old_text, FR_OK},
        {"old token, during", during, old_text, FR_OK},
        {"old token, after", after, old_text, FR_UNAUTHENTICATED},
        {"new token, before", before, new_text, FR_UNAUTHENTICATED},
        {"new token, during", during, new_text, FR_OK},
        {"new token, after", after, new_text, FR_OK},
        {"same kid, other secret", swapped, old_text, FR_UNAUTHENTICATED},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_token_verify(row->ring, fr_str_of(row->text), NOW_MS, &token, NULL) == row->status);
    free(old_text);
    free(new_text);
    fr_keyring_free(before);
    fr_keyring_free(during);
    fr_keyring_free(after);
    fr_keyring_free(swapped);
}

/* No bit of a token can be changed, and none left out. */
static void every_change_is_noticed(void **state)
{
    struct fr_keyring *ring = load("k1:" NEW_SECRET);
    struct fr_token token;
    char *text = NULL;
    assert_int_equal(fr_token_mint(ring, 5, NOW_MS, DAY_MS, NULL, &text, NULL), FR_OK);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char kept = text[i];
        static const char others[] = "Aaz09-_.=+/ \xff";
        for (size_t k = 0; k < sizeof others; k++) { /* NUL, too */
            if (others[k] == kept)
                continue;
            text[i] = others[k];
            if (fr_token_verify(ring, (struct fr_str){text, len}, NOW_MS, &token, NULL) != FR_UNAUTHENTICATED)
                fail_msg("byte %zu may be 0x%02x", i, (unsigned)others[k] & 0xff);
        }
        text[i] = kept;
        if (fr_token_verify(ring, (struct fr_str){text, i}, NOW_MS, &token, NULL) != FR_UNAUTHENTICATED)
            fail_msg("%zu bytes of it are enough", i);
    }
    assert_int_equal(fr_token_verify(ring, (struct fr_str){text, len}, NOW_MS, &token, NULL), FR_OK);
    free(text);
    fr_keyring_free(ring);
}

#define HEADER "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
#define ID "\"jti\":\"0123456789abcdef0123456789abcdef\""
#define TIMES "\"iat\":1767323045,\"exp\":1767409445"
#define CLAIMS "{" ID "," TIMES ",\"sub\":\"5\"}"

static void forged_tokens_are_refused(void **state)
{
    static const struct {
        const char *comment, *header, *claims, *secret;
        enum fr_status status;
    } rows[] = {
        {"good, made by hand", HEADER, CLAIMS, NEW_SECRET, FR_OK},
        {"without typ", "{\"kid\":\"k1\",\"alg\":\"HS256\"}", CLAIMS, NEW_SECRET, FR_OK},
        {"other order, blanks", "{ \"typ\":\"JWT\", \"kid\":\"k1\", \"alg\":\"HS256\" }", CLAIMS, NEW_SECRET,
         FR_OK},
        {"second key", "{\"alg\":\"HS256\",\"kid\":\"k2\"}", CLAIMS, OLD_SECRET, FR_OK},
        {"signed with the other key", "{\"alg\":\"HS256\",\"kid\":\"k2\"}", CLAIMS, NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"signed with nothing", HEADER, CLAIMS, "", FR_UNAUTHENTICATED},
        {"none", "{\"alg\":\"none\",\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"None", "{\"alg\":\"None\",\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"no alg", "{\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"HS512", "{\"alg\":\"HS512\",\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"RS256", "{\"alg\":\"RS256\",\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"ES256", "{\"alg\":\"ES256\",\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"alg a number", "{\"alg\":1,\"kid\":\"k1\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"no kid", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"unknown kid", "{\"alg\":\"HS256\",\"kid\":\"k9\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"empty kid", "{\"alg\":\"HS256\",\"kid\":\"\"}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"kid a number", "{\"alg\":\"HS256\",\"kid\":1}", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"kid a path", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", CLAIMS, "", FR_UNAUTHENTICATED},
        {"header no object", "[]", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"header no JSON", "{\"alg\":", CLAIMS, NEW_SECRET, FR_UNAUTHENTICATED},
        {"claims no object", HEADER, "[1]", NEW_SECRET, FR_UNAUTHENTICATED},
        {"claims no JSON", HEADER, "{", NEW_SECRET, FR_UNAUTHENTICATED},
        {"no claims", HEADER, "{}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"no sub", HEADER, "{" ID "," TIMES "}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"sub a number", HEADER, "{" ID "," TIMES ",\"sub\":5}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"sub no id", HEADER, "{" ID "," TIMES ",\"sub\":\"bob\"}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"sub 0", HEADER, "{" ID "," TIMES ",\"sub\":\"0\"}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"sub negative", HEADER, "{" ID "," TIMES ",\"sub\":\"-5\"}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"sub too large", HEADER, "{" ID "," TIMES ",\"sub\":\"9223372036854775808\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"no jti", HEADER, "{" TIMES ",\"sub\":\"5\"}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"jti too long", HEADER, "{\"jti\":\"0123456789abcdef0123456789abcdef0\"," TIMES ",\"sub\":\"5\"}",
         NEW_SECRET, FR_UNAUTHENTICATED},
        {"jti not hex", HEADER, "{\"jti\":\"0123456789abcdef0123456789abcde'\"," TIMES ",\"sub\":\"5\"}",
         NEW_SECRET, FR_UNAUTHENTICATED},
        {"no exp", HEADER, "{" ID ",\"iat\":1767323045,\"sub\":\"5\"}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"exp a string", HEADER, "{" ID ",\"iat\":1767323045,\"exp\":\"1767409445\",\"sub\":\"5\"}",
         NEW_SECRET, FR_UNAUTHENTICATED},
        {"exp broken", HEADER, "{" ID ",\"iat\":1767323045,\"exp\":1767409445.5,\"sub\":\"5\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"exp null", HEADER, "{" ID ",\"iat\":1767323045,\"exp\":null,\"sub\":\"5\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"exp -1", HEADER, "{" ID ",\"iat\":1767323045,\"exp\":-1,\"sub\":\"5\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"exp past", HEADER, "{" ID ",\"iat\":1767323000,\"exp\":1767323045,\"sub\":\"5\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"exp that overflows in milliseconds", HEADER,
         "{" ID ",\"iat\":1767323045,\"exp\":9223372036854775807,\"sub\":\"5\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"exp that overflows and would come out right", HEADER,
         "{" ID ",\"iat\":1767323045,\"exp\":18446746073709552,\"sub\":\"5\"}", NEW_SECRET,
         FR_UNAUTHENTICATED},
        {"no iat", HEADER, "{" ID ",\"exp\":1767409445,\"sub\":\"5\"}", NEW_SECRET, FR_UNAUTHENTICATED},
        {"iat in the near future", HEADER, "{" ID ",\"iat\":1767323105,\"exp\":1767409445,\"sub\":\"5\"}",
         NEW_SECRET, FR_OK},
        {"iat in the future", HEADER, "{" ID ",\"iat\":1767323106,\"exp\":1767409445,\"sub\":\"5\"}",
         NEW_SECRET, FR_UNAUTHENTICATED},
    };
    struct fr_keyring *ring = load("k1:" NEW_SECRET ",k2:" OLD_SECRET);
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf text = forge(row->header, row->claims, row->secret);
        struct fr_token token = {0};
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, fr_token_verify(ring, fr_buf_str(&text), NOW_MS, &token, &error) == row->status);
        FR_ASSERT_ROW(row, token.user_id == (row->status == FR_OK ? 5 : 0));
        FR_ASSERT_ROW(row, (error.message[0] != '\0') == (row->status != FR_OK));
        /* Without its signature it is nothing, whatever its header says. */
        text.len = (size_t)(strrchr(text.data, '.') - text.data);
        FR_ASSERT_ROW(row,
                      fr_token_verify(ring, fr_buf_str(&text), NOW_MS, &token, NULL) == FR_UNAUTHENTICATED);
        text.len++;
        FR_ASSERT_ROW(row,
                      fr_token_verify(ring, fr_buf_str(&text), NOW_MS, &token, NULL) == FR_UNAUTHENTICATED);
        fr_buf_release(&text);
    }
    fr_keyring_free(ring);
}

static void shapes_are_refused(void **state)
{
    static char huge[FR_TOKEN_MAX + 2];
    memset(huge, 'a', sizeof huge);
    huge[10] = huge[20] = '.';
    static const struct {
        const char *comment;
        struct fr_str text;
    } rows[] = {
        {"nothing", {NULL, 0}},
        {"empty", {"", 0}},
        {"dots", {"..", 2}},
        {"one dot", {"a.b", 3}},
        {"four parts", {"a.b.c.d", 7}},
        {"empty claims", {"a..c", 4}},
        {"blank", {" ", 1}},
        {"bearer", {"Bearer a.b.c", 12}},
        {"three letters", {"a.b.c", 5}},
        {"too long", {huge, sizeof huge - 1}},
        {"longest", {huge, FR_TOKEN_MAX}},
    };
    struct fr_keyring *ring = load("k1:" NEW_SECRET);
    FR_FOR_ROWS(row, rows)
    {
        struct fr_token token;
        FR_ASSERT_ROW(row, fr_token_verify(ring, row->text, NOW_MS, &token, NULL) == FR_UNAUTHENTICATED);
    }
    fr_keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_comes_back_as_it_went),  cmocka_unit_test(token_ends_in_time),
        cmocka_unit_test(mint_checks_what_it_is_given), cmocka_unit_test(keys_are_rotated),
        cmocka_unit_test(every_change_is_noticed),      cmocka_unit_test(forged_tokens_are_refused),
        cmocka_unit_test(shapes_are_refused),
    };
    return cmocka_run_group_tests_name("token", tests, init, NULL);
}
