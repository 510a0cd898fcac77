/* auth: tokens (JWT, HS256) and password hashes (argon2id).
 *
 * A key ring holds up to FR_AUTH_KEYS_MAX keys, each with an id: the first signs, all verify, so a key is
 * rotated by putting the new one first and dropping the old one after the longest lifetime. Constant after
 * load; any thread. RFC 7519 (claims sub, iat, exp, jti), RFC 7515 section 4.1.4 (kid).
 */
#ifndef FR_AUTH_H
#define FR_AUTH_H

#include "base/base.h"

#define FR_AUTH_KEYS_MAX 8
#define FR_AUTH_SECRET_MIN 32
#define FR_TOKEN_MAX 1024 /* bytes of a token in text */
#define FR_TOKEN_ID_SIZE 33
#define FR_PASSWORD_HASH_SIZE 129

struct fr_keyring;

/* From `file` (lines `kid secret`, # comments; refused if others may read it or the group may write it) and,
 * if that name is NULL or empty, from `keys` (`kid:secret,kid:secret`). FR_INVALID when there is no key, a
 * secret is shorter than FR_AUTH_SECRET_MIN bytes, or a kid is given twice; FR_IO when the file cannot be
 * read; the message never holds a secret. */
FR_WARN_UNUSED enum fr_status fr_keyring_load(const char *file, const char *keys, struct fr_keyring **ret,
                                              struct fr_error *error);
void fr_keyring_free(struct fr_keyring *ring);

struct fr_token {
    int64_t user_id;
    int64_t issued_ms, expires_ms; /* Unix time */
    char id[FR_TOKEN_ID_SIZE];     /* jti: 128 random bits in hex */
};

/* Times are cut to the claims' whole seconds: `ret_token` (may be NULL) is what fr_token_verify() will say.
 * `ret_text` is the caller's to free(). */
FR_WARN_UNUSED enum fr_status fr_token_mint(const struct fr_keyring *ring, int64_t user_id, int64_t now_ms,
                                            int64_t ttl_ms, struct fr_token *ret_token, char **ret_text,
                                            struct fr_error *error);
/* FR_UNAUTHENTICATED for anything but a token of one of our keys, HS256, not from the future at `now_ms`. It
 * may have expired: for those who have to tell an old token from a bad one. */
FR_WARN_UNUSED enum fr_status fr_token_read(const struct fr_keyring *ring, struct fr_str text, int64_t now_ms,
                                            struct fr_token *ret, struct fr_error *error);
/* The same, and FR_UNAUTHENTICATED if it has expired at `now_ms`. */
FR_WARN_UNUSED enum fr_status fr_token_verify(const struct fr_keyring *ring, struct fr_str text,
                                              int64_t now_ms, struct fr_token *ret, struct fr_error *error);

/* ---- tickets: what stands for a token where a header can't, once and for a minute ---- */
#define FR_TICKET_SIZE 109   /* 108 characters of base64url and NUL */
#define FR_TICKET_ID_SIZE 33 /* 128 random bits in hex */
struct fr_ticket {
    char id[FR_TICKET_ID_SIZE];
    struct fr_token token; /* the one that it was made from */
    int64_t expires_ms;    /* of the ticket; Unix time */
};
/* Good for FR_TICKET_TTL_MS, and no longer than its token. `ret` (may be NULL) is what fr_ticket_verify()
 * will say. */
void fr_ticket_make(const struct fr_keyring *ring, const struct fr_token *token, int64_t now_ms,
                    char out[static FR_TICKET_SIZE], struct fr_ticket *ret);
/* FR_UNAUTHENTICATED for anything but a ticket of one of our keys that has not ended at `now_ms`. Whether it
 * was used before, the database knows. */
FR_WARN_UNUSED enum fr_status fr_ticket_verify(const struct fr_keyring *ring, struct fr_str text,
                                               int64_t now_ms, struct fr_ticket *ret, struct fr_error *error);

/* ---- check sums of what clients hand back unread: cursors, tickets ---- */
#define FR_MAC_SIZE 16
#define FR_MAC_BYTES_MAX 255
enum fr_mac_purpose { FR_MAC_CURSOR = 1, FR_MAC_TICKET = 2 };
/* SipHash-2-4 of 128 bits over purpose and bytes (FR_MAC_BYTES_MAX at most), under a key made from the first
 * key's secret: some 100 ns, so that each frame can bear one. */
void fr_keyring_mac(const struct fr_keyring *ring, enum fr_mac_purpose purpose, struct fr_str bytes,
                    unsigned char out[static FR_MAC_SIZE]);
/* Whether one of the keys makes this check sum; in constant time for each. */
bool fr_keyring_mac_valid(const struct fr_keyring *ring, enum fr_mac_purpose purpose, struct fr_str bytes,
                          const unsigned char mac[static FR_MAC_SIZE]);

/* Whether what somebody gives is the secret, bytes of any length; in time that tells nothing of it. */
bool fr_auth_same_secret(struct fr_str given, struct fr_str secret);

/* Call once per process before anything else of this module. */
FR_WARN_UNUSED enum fr_status fr_auth_init(struct fr_error *error);
/* Both take about 50 ms and 64 MiB: run them on workers, never on a loop. */
FR_WARN_UNUSED enum fr_status fr_password_hash(struct fr_str password, char out[static FR_PASSWORD_HASH_SIZE],
                                               struct fr_error *error);
/* FR_UNAUTHENTICATED when it does not match, FR_PROTOCOL when `hash` is none. */
FR_WARN_UNUSED enum fr_status fr_password_verify(struct fr_str password, const char *hash,
                                                 struct fr_error *error);

#endif
