#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>

#include "auth_internal.h"

enum { CLOCK_SKEW_MS = 60 * 1000 };
#define SECONDS_MAX (INT64_MAX / 1000)

_Static_assert(sizeof(long) == sizeof(int64_t), "the library's claims are long");

/* ---- making ---- */

/* The token as text, for the caller to free; NULL if the library failed. */
static char *encode(const struct fr_key *key, const struct fr_token *token, const char *user)
{
    char *text = NULL;
    jwt_t *jwt;
    if (jwt_new(&jwt) != 0)
        return NULL;
    if (jwt_set_alg(jwt, JWT_ALG_HS256, key->secret, key->secret_len) != 0)
        goto out;
    if (jwt_add_header(jwt, "kid", key->kid) != 0 || jwt_add_grant(jwt, "sub", user) != 0 ||
        jwt_add_grant(jwt, "jti", token->id) != 0 ||
        jwt_add_grant_int(jwt, "iat", token->issued_ms / 1000) != 0 ||
        jwt_add_grant_int(jwt, "exp", token->expires_ms / 1000) != 0)
        goto out;
    text = jwt_encode_str(jwt);
out:
    jwt_free(jwt);
    return text;
}

enum fr_status fr_key_learn_header(struct fr_key *key, struct fr_error *error)
{
    char *text = encode(key, &(struct fr_token){.id = "0"}, "0");
    char *dot = text != NULL ? strchr(text, '.') : NULL;
    if (dot == NULL) {
        free(text);
        return fr_error_set(error, FR_INTERNAL, NULL, "key \"%s\": no token can be made", key->kid);
    }
    key->header_len = (size_t)(dot + 1 - text);
    key->header = fr_strndup(text, key->header_len);
    free(text);
    return FR_OK;
}

enum fr_status fr_token_mint(const struct fr_keyring *ring, int64_t user_id, int64_t now_ms, int64_t ttl_ms,
                             struct fr_token *ret_token, char **ret_text, struct fr_error *error)
{
    int64_t end_ms;
    if (user_id <= 0)
        return fr_error_set(error, FR_INVALID, "user_id", "user_id is not an id");
    if (now_ms < 0 || ttl_ms <= 0 || __builtin_add_overflow(now_ms, ttl_ms, &end_ms) ||
        end_ms / 1000 >= SECONDS_MAX)
        return fr_error_set(error, FR_INVALID, "ttl", "the lifetime of a token is out of range");
    /* Claims are whole seconds: begun ones count, so that a token is never good for less than its lifetime.
     */
    struct fr_token token = {
        .user_id = user_id, .issued_ms = now_ms / 1000 * 1000, .expires_ms = (end_ms + 999) / 1000 * 1000};
    unsigned char random[(FR_TOKEN_ID_SIZE - 1) / 2];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(token.id, sizeof token.id, random, sizeof random);
    char user[FR_ID_TEXT_SIZE];
    fr_id_format(user_id, user);
    char *text = encode(&ring->keys[0], &token, user);
    if (text == NULL)
        return fr_error_set(error, FR_INTERNAL, NULL, "no token can be made");
    if (ret_token != NULL)
        *ret_token = token;
    *ret_text = text;
    return FR_OK;
}

/* ---- checking ---- */

static enum fr_status refuse(struct fr_error *error, const char *reason)
{
    return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the token %s", reason);
}

/* Three runs of base64url (RFC 7515 section 3.1), none empty. The library's decoder stops at the first byte
 * that it does not know, so it must not see one. */
static bool is_compact_form(struct fr_str text)
{
    size_t dots = 0, run = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '.') {
            if (run == 0)
                return false;
            dots++;
            run = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '_') {
            run++;
        } else {
            return false;
        }
    }
    return dots == 2 && run > 0;
}

/* Tokens of ours begin with one of a few known headers; only another one has to be decoded to learn its key.
 */
static const struct fr_key *find_key(const struct fr_keyring *ring, const char *text)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (strncmp(text, ring->keys[i].header, ring->keys[i].header_len) == 0)
            return &ring->keys[i];
    }
    jwt_t *jwt;
    if (jwt_decode(&jwt, text, NULL, 0) != 0)
        return NULL;
    const struct fr_key *key = NULL;
    /* Without a key the library forgets the algorithm, so it is read from the header. */
    const char *kid = jwt_get_header(jwt, "kid"), *alg = jwt_get_header(jwt, "alg");
    if (kid != NULL && alg != NULL && strcmp(alg, "HS256") == 0) {
        for (size_t i = 0; i < ring->count && key == NULL; i++) {
            if (strcmp(ring->keys[i].kid, kid) == 0)
                key = &ring->keys[i];
        }
    }
    jwt_free(jwt);
    return key;
}

/* A claim that is a whole number of seconds, in milliseconds; false if it is absent or something else. */
static bool get_time(jwt_t *jwt, const char *claim, int64_t *ret_ms)
{
    int64_t seconds = jwt_get_grant_int(jwt, claim); /* 0 for whatever is no integer */
    if (seconds <= 0 || seconds >= SECONDS_MAX)
        return false;
    *ret_ms = seconds * 1000;
    return true;
}

static bool is_token_id(const char *id)
{
    return id != NULL && strlen(id) == FR_TOKEN_ID_SIZE - 1 &&
           strspn(id, "0123456789abcdef") == FR_TOKEN_ID_SIZE - 1;
}

static enum fr_status check_claims(jwt_t *jwt, int64_t now_ms, struct fr_token *ret, struct fr_error *error)
{
    struct fr_token token = {0};
    const char *user = jwt_get_grant(jwt, "sub"), *id = jwt_get_grant(jwt, "jti");
    if (user == NULL || fr_id_parse(fr_str_of(user), &token.user_id) != FR_OK)
        return refuse(error, "names no user");
    if (!is_token_id(id))
        return refuse(error, "has no id");
    if (!get_time(jwt, "iat", &token.issued_ms) || !get_time(jwt, "exp", &token.expires_ms))
        return refuse(error, "does not say from when and until when it is good");
    if (token.issued_ms > now_ms + CLOCK_SKEW_MS)
        return refuse(error, "is from the future");
    memcpy(token.id, id, FR_TOKEN_ID_SIZE);
    *ret = token;
    return FR_OK;
}

enum fr_status fr_token_read(const struct fr_keyring *ring, struct fr_str text, int64_t now_ms,
                             struct fr_token *ret, struct fr_error *error)
{
    if (text.len > FR_TOKEN_MAX || !is_compact_form(text))
        return refuse(error, "is malformed");
    char copy[FR_TOKEN_MAX + 1];
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    const struct fr_key *key = find_key(ring, copy);
    if (key == NULL)
        return refuse(error, "is not of a key of ours");
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, copy, key->secret, key->secret_len) != 0)
        return refuse(error, "has a wrong signature");
    enum fr_status status = check_claims(jwt, now_ms, ret, error);
    jwt_free(jwt);
    return status;
}

enum fr_status fr_token_verify(const struct fr_keyring *ring, struct fr_str text, int64_t now_ms,
                               struct fr_token *ret, struct fr_error *error)
{
    struct fr_token token;
    enum fr_status status = fr_token_read(ring, text, now_ms, &token, error);
    if (status != FR_OK)
        return status;
    if (token.expires_ms <= now_ms)
        return refuse(error, "has expired");
    *ret = token;
    return FR_OK;
}
