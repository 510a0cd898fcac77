#include <errno.h>
#include <sodium.h>

#include "auth_internal.h"

_Static_assert(crypto_pwhash_argon2id_STRBYTES <= FR_PASSWORD_HASH_SIZE, "a hash fits");

enum fr_status fr_password_hash(struct fr_str password, char out[static FR_PASSWORD_HASH_SIZE],
                                struct fr_error *error)
{
    char hash[crypto_pwhash_argon2id_STRBYTES];
    if (crypto_pwhash_argon2id_str(hash, password.data, password.len,
                                   crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
                                   crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE) != 0)
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "no memory for hashing a password");
    memcpy(out, hash, sizeof hash);
    return FR_OK;
}

enum fr_status fr_password_verify(struct fr_str password, const char *hash, struct fr_error *error)
{
    static const char prefix[] = crypto_pwhash_argon2id_STRPREFIX;
    if (strncmp(hash, prefix, sizeof prefix - 1) != 0 || strlen(hash) >= FR_PASSWORD_HASH_SIZE)
        return fr_error_set(error, FR_PROTOCOL, NULL, "a stored password hash is not one of ours");
    char copy[FR_PASSWORD_HASH_SIZE] = {0}; /* the library reads a fixed size */
    memcpy(copy, hash, strlen(hash));
    errno = 0;
    if (crypto_pwhash_argon2id_str_verify(copy, password.data, password.len) == 0)
        return FR_OK;
    if (errno == EINVAL)
        return fr_error_set(error, FR_UNAUTHENTICATED, "password", "the password is wrong");
    if (errno == ENOMEM)
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "no memory for checking a password");
    return fr_error_set(error, FR_PROTOCOL, NULL, "a stored password hash is damaged");
}
