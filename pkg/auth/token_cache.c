#include "auth/token_cache.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct known {
    struct fr_token token;
    size_t len;
    char text[];
};

struct fr_token_cache {
    const struct fr_keyring *ring;
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct known *places[FR_TOKEN_CACHE_PLACES];
};

static struct known **place_of(struct fr_token_cache *cache, struct fr_str text)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t number;
    crypto_shorthash(hash, (const unsigned char *)text.data, text.len, cache->key);
    memcpy(&number, hash, sizeof number);
    return &cache->places[number & (FR_TOKEN_CACHE_PLACES - 1)];
}

static void forget(struct known **place)
{
    struct known *known = *place;
    if (known == NULL)
        return;
    explicit_bzero(known, sizeof *known + known->len);
    free(known);
    *place = NULL;
}

static void remember(struct known **place, struct fr_str text, const struct fr_token *token)
{
    forget(place);
    struct known *known = fr_alloc(sizeof *known + text.len);
    known->token = *token;
    known->len = text.len;
    memcpy(known->text, text.data, text.len);
    *place = known;
}

static bool is_it(const struct known *known, struct fr_str text)
{
    return known != NULL && known->len == text.len && sodium_memcmp(known->text, text.data, text.len) == 0;
}

enum fr_status fr_token_cache_verify(struct fr_token_cache *cache, struct fr_str text, int64_t now_ms,
                                     struct fr_token *ret, struct fr_error *error)
{
    struct known **place = place_of(cache, text);
    /* One that has expired, or that a clock which went back makes one of the future, is judged anew. */
    if (is_it(*place, text) && (*place)->token.issued_ms <= now_ms && now_ms < (*place)->token.expires_ms) {
        *ret = (*place)->token;
        return FR_OK;
    }
    enum fr_status status = fr_token_verify(cache->ring, text, now_ms, ret, error);
    if (status == FR_OK)
        remember(place, text, ret);
    else if (is_it(*place, text))
        forget(place);
    return status;
}

struct fr_token_cache *fr_token_cache_new(const struct fr_keyring *ring)
{
    struct fr_token_cache *cache = FR_NEW(struct fr_token_cache);
    cache->ring = ring;
    crypto_shorthash_keygen(cache->key);
    return cache;
}

void fr_token_cache_free(struct fr_token_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < FR_TOKEN_CACHE_PLACES; i++)
        forget(&cache->places[i]);
    free(cache);
}
