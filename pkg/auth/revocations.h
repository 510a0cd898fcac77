/* The revoked tokens that a process knows: asked on every call, on any thread.
 *
 * A revocation is of one token, or of all tokens of a user that were issued until a moment. Each is kept
 * until its end, which is the end of what it revokes. The set holds what the database has, up to a bound for
 * tokens and one for users. Past the bound it goes on as a filter (Bloom, 1970) until the process ends: a
 * revoked token is still refused, always, and so is now and then a good one, whose owner signs in again. It
 * never forgets what it was told but by that end.
 *
 * Any thread. A look-up takes a read lock of one shard or two. */
#ifndef FR_AUTH_REVOCATIONS_H
#define FR_AUTH_REVOCATIONS_H

#include "auth/auth.h"

/* A token's id, 128 random bits. */
struct fr_token_key {
    uint64_t words[2];
};
/* Of the text in fr_token.id; FR_INVALID for anything else. */
FR_WARN_UNUSED enum fr_status fr_token_key_parse(struct fr_str id, struct fr_token_key *ret);
static inline bool fr_token_key_equal(const struct fr_token_key *a, const struct fr_token_key *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

struct fr_revocation {
    int64_t user_id; /* of all of a user's tokens; 0: of one token */
    struct fr_token_key token;
    int64_t revoked_ms; /* of a user's: those issued at that time or before; Unix time */
    int64_t until_ms;
};
#define FR_REVOCATION_NAME_SIZE 33
/* How the database names it: a token's id, or `user:<id>`. FR_INVALID for anything else. The times are not
 * touched. */
FR_WARN_UNUSED enum fr_status fr_revocation_parse(struct fr_str name, struct fr_revocation *ret);
/* Does it revoke that token? */
bool fr_revocation_covers(const struct fr_revocation *revocation, int64_t user_id,
                          const struct fr_token_key *token, int64_t issued_ms);

struct fr_revocations;

/* `max`: tokens, and as many users again, that are kept one by one. */
struct fr_revocations *fr_revocations_new(size_t max);
void fr_revocations_free(struct fr_revocations *set);
/* False if it was known already. */
bool fr_revocations_add(struct fr_revocations *set, const struct fr_revocation *revocation);
/* A token as fr_token_verify() or fr_ticket_verify() gave it. */
bool fr_revocations_cover(struct fr_revocations *set, const struct fr_token *token);
/* Drops what has ended by `now_ms` in the next part of the set, which holds nobody up for long however large
 * the set is. True when the last part was this. One thread. */
bool fr_revocations_expire_some(struct fr_revocations *set, int64_t now_ms);
size_t fr_revocations_count(const struct fr_revocations *set);
/* Something went into the filter. */
bool fr_revocations_overflowed(const struct fr_revocations *set);
/* All that the database had was added once: until then nobody can be told that a token is good. */
void fr_revocations_set_complete(struct fr_revocations *set);
bool fr_revocations_complete(const struct fr_revocations *set);

#endif
