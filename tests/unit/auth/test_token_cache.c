#include "auth/token_cache.h"

#include <stdlib.h>

#include "check.h"

#define SECRET "some-some-some-some-some-some-some-some"
#define NOW_MS INT64_C(1767323045678)
#define HOUR_MS INT64_C(3600000)

static int init(void **state)
{
    return fr_auth_init(NULL) == FR_OK ? 0 : -1;
}

static struct fr_keyring *load(const char *keys)
{
    struct fr_keyring *ring = NULL;
    assert_int_equal(fr_keyring_load(NULL, keys, &ring, NULL), FR_OK);
    return ring;
}

static char *mint(const struct fr_keyring *ring, int64_t user_id, struct fr_token *ret)
{
    char *text = NULL;
    assert_int_equal(fr_token_mint(ring, user_id, NOW_MS, HOUR_MS, ret, &text, NULL), FR_OK);
    return text;
}

/* What the cache says, the first time and again, is what fr_token_verify() says. */
static void assert_same(struct fr_token_cache *cache, const struct fr_keyring *ring, struct fr_str text,
                        int64_t now_ms)
{
    struct fr_token expected = {0}, got;
    struct fr_error why = {0}, error;
    enum fr_status status = fr_token_verify(ring, text, now_ms, &expected, &why);
    for (int times = 0; times < 3; times++) {
        got = (struct fr_token){0};
        error = (struct fr_error){0};
        assert_int_equal(fr_token_cache_verify(cache, text, now_ms, &got, &error), status);
        assert_int_equal(got.user_id, expected.user_id);
        assert_int_equal(got.issued_ms, expected.issued_ms);
        assert_int_equal(got.expires_ms, expected.expires_ms);
        assert_string_equal(got.id, expected.id);
        assert_string_equal(error.message, why.message);
    }
}

static void test_at_any_time(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET);
    struct fr_token_cache *cache = fr_token_cache_new(ring);
    struct fr_token token;
    char *text = mint(ring, 7, &token);
    static const struct {
        const char *comment;
        int64_t after_ms;
        bool good;
    } rows[] = {
        {"at once", 0, true},
        {"later", HOUR_MS / 2, true},
        {"the clock went back by more than clocks may differ", -HOUR_MS, false},
        {"and came right", 1000, true},
        {"just before the end", HOUR_MS - 1000, true},
        {"after the end", 2 * HOUR_MS, false},
        {"before it once more", HOUR_MS / 2, true},
    };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        struct fr_token got;
        enum fr_status status =
            fr_token_cache_verify(cache, fr_str_of(text), NOW_MS + rows[i].after_ms, &got, NULL);
        if ((status == FR_OK) != rows[i].good)
            fail_msg("%s: status %d", rows[i].comment, status);
        assert_same(cache, ring, fr_str_of(text), NOW_MS + rows[i].after_ms);
    }
    free(text);
    fr_token_cache_free(cache);
    fr_keyring_free(ring);
}

/* A byte more, less or other, wherever it is, makes it another token; also when the good one is known. */
static void test_every_byte_counts(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET);
    struct fr_token_cache *cache = fr_token_cache_new(ring);
    struct fr_token got;
    char *text = mint(ring, 7, NULL);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char *other = fr_strdup(text);
        assert_int_equal(fr_token_cache_verify(cache, fr_str_of(text), NOW_MS, &got, NULL), FR_OK);
        other[i] ^= 1;
        assert_same(cache, ring, fr_str_of(other), NOW_MS);
        assert_same(cache, ring, (struct fr_str){text, i}, NOW_MS);
        free(other);
    }
    assert_same(cache, ring, FR_STR_NONE, NOW_MS);
    free(text);
    fr_token_cache_free(cache);
    fr_keyring_free(ring);
}

/* More than there are places: whoever lost theirs is verified again. */
static void test_more_tokens_than_places(void **state)
{
    enum { TOKENS = FR_TOKEN_CACHE_PLACES + 500 };
    struct fr_keyring *ring = load("a:" SECRET);
    struct fr_token_cache *cache = fr_token_cache_new(ring);
    char **texts = fr_alloc_array(TOKENS, sizeof *texts);
    for (int i = 0; i < TOKENS; i++)
        texts[i] = mint(ring, i + 1, NULL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < TOKENS; i++) {
            struct fr_token got = {0};
            assert_int_equal(fr_token_cache_verify(cache, fr_str_of(texts[i]), NOW_MS, &got, NULL), FR_OK);
            assert_int_equal(got.user_id, i + 1);
        }
    }
    for (int i = 0; i < TOKENS; i++)
        free(texts[i]);
    free(texts);
    fr_token_cache_free(cache);
    fr_keyring_free(ring);
    fr_token_cache_free(NULL);
}

static void test_key_of_somebody_else(void **state)
{
    struct fr_keyring *ring = load("a:" SECRET), *other = load("a:x" SECRET);
    struct fr_token_cache *cache = fr_token_cache_new(ring);
    char *text = mint(other, 7, NULL);
    assert_same(cache, ring, fr_str_of(text), NOW_MS);
    free(text);
    fr_token_cache_free(cache);
    fr_keyring_free(ring);
    fr_keyring_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_any_time),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_more_tokens_than_places),
        cmocka_unit_test(test_key_of_somebody_else),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
