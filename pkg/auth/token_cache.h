/* Tokens that were verified before: clients show theirs with every request, and decoding one and computing
 * its signature costs more than all else that a small answer takes (measured: 77,000 of 107,000
 * instructions).
 *
 * A token is known again by all of its bytes, so what was not verified is never taken for what was. Only good
 * ones are remembered; whether one has expired is looked at each time. Whether it is revoked is the caller's
 * to ask, as with fr_token_verify(). Bounded by the number of places: a token has one, by a hash under a
 * random key, and takes it from whichever was there.
 *
 * One thread.
 */
#ifndef FR_AUTH_TOKEN_CACHE_H
#define FR_AUTH_TOKEN_CACHE_H

#include "auth/auth.h"

#define FR_TOKEN_CACHE_PLACES 4096 /* a power of two; some 300 bytes each when taken */

struct fr_token_cache;

/* `ring` is borrowed until the cache is freed. */
struct fr_token_cache *fr_token_cache_new(const struct fr_keyring *ring);
/* Wipes what it holds. NULL is fine. */
void fr_token_cache_free(struct fr_token_cache *cache);
/* As fr_token_verify(). */
FR_WARN_UNUSED enum fr_status fr_token_cache_verify(struct fr_token_cache *cache, struct fr_str text,
                                                    int64_t now_ms, struct fr_token *ret,
                                                    struct fr_error *error);

#endif
