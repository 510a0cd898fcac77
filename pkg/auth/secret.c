#include <sodium.h>

#include "auth_internal.h"

/* Of both a hash of the same length is compared: so the time tells neither where they differ nor how long the
 * secret is. */
bool fr_auth_same_secret(struct fr_str given, struct fr_str secret)
{
    unsigned char a[crypto_generichash_BYTES], b[crypto_generichash_BYTES];
    crypto_generichash(a, sizeof a, (const unsigned char *)given.data, given.len, NULL, 0);
    crypto_generichash(b, sizeof b, (const unsigned char *)secret.data, secret.len, NULL, 0);
    return sodium_memcmp(a, b, sizeof a) == 0;
}
