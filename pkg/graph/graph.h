/* graph: people, and who follows whom. The rules; no sockets, no SQL text.
 *
 * Every function submits to the store of the calling loop and answers through a callback on that loop's
 * thread, exactly once and never from within the call. Parameters are borrowed during the call; what a
 * callback gets is borrowed until it returns. Bad input that only the database can judge comes back as status
 * and error.
 */
#ifndef FR_GRAPH_H
#define FR_GRAPH_H

#include "base/base.h"

struct fr_store;

struct fr_user {
    int64_t id;
    struct fr_str first_name, second_name, biography, city;
    bool has_birthdate;
    int32_t birthdate; /* days since 1970-01-01 */
};

typedef void (*fr_graph_done_fn)(void *arg, enum fr_status status, const struct fr_error *error);

/* FR_CONFLICT if the id is taken. `password_hash` as fr_password_hash() made it. */
void fr_graph_register(struct fr_store *store, const struct fr_user *user, const char *password_hash,
                       fr_graph_done_fn done, void *arg);

/* FR_NOT_FOUND for an unknown or deleted user; `password_hash` is "" for one who cannot log in. */
typedef void (*fr_graph_credentials_fn)(void *arg, enum fr_status status, const char *password_hash,
                                        const struct fr_error *error);
void fr_graph_credentials(struct fr_store *store, int64_t user_id, fr_graph_credentials_fn done, void *arg);

typedef void (*fr_graph_users_fn)(void *arg, enum fr_status status, const struct fr_user *users, size_t count,
                                  const struct fr_error *error);
/* One user; FR_NOT_FOUND. */
void fr_graph_get(struct fr_store *store, int64_t user_id, fr_graph_users_fn done, void *arg);

struct fr_profile {
    struct fr_user user;
    int64_t follower_count, following_count; /* without accounts that ended */
    bool celebrity;
    bool followed; /* by the caller */
};
/* `profile` is NULL unless status is FR_OK. */
typedef void (*fr_graph_profile_fn)(void *arg, enum fr_status status, const struct fr_profile *profile,
                                    const struct fr_error *error);
/* One user with counts, all of one moment; FR_NOT_FOUND. `caller_id` 0: nobody, who follows nobody. */
void fr_graph_profile(struct fr_store *store, int64_t user_id, int64_t caller_id, fr_graph_profile_fn done,
                      void *arg);

/* Case-insensitive prefixes of both names, ids above `after_id` in rising order, at most `limit`. */
void fr_graph_search(struct fr_store *store, struct fr_str first_name, struct fr_str last_name,
                     int64_t after_id, int limit, fr_graph_users_fn done, void *arg);

/* Several users, in the order of `ids`, without those who are unknown. */
void fr_graph_get_many(struct fr_store *store, const int64_t *ids, size_t count, fr_graph_users_fn done,
                       void *arg);
/* Who follows the user, whom the user follows: ids above `after_id` in rising order, at most `limit`.
 * FR_NOT_FOUND for an unknown or deleted user. */
void fr_graph_followers(struct fr_store *store, int64_t user_id, int64_t after_id, int limit,
                        fr_graph_users_fn done, void *arg);
void fr_graph_following(struct fr_store *store, int64_t user_id, int64_t after_id, int limit,
                        fr_graph_users_fn done, void *arg);

/* The edge in both directions, the follower count's delta and the outbox event, in one transaction.
 * Idempotent: nothing is written, no event made, when the edge is there already. FR_NOT_FOUND unknown user,
 * FR_INVALID oneself (field "user_id"), FR_FULL past FR_FOLLOWS_MAX (field "user_id"; without a field it is
 * the store that is full), FR_UNAUTHENTICATED if the follower's own account is gone. */
/* `changed`: false when the edge was there already (or, unfollowing, was not there). */
typedef void (*fr_graph_edge_fn)(void *arg, enum fr_status status, bool changed,
                                 const struct fr_error *error);
void fr_graph_follow(struct fr_store *store, int64_t follower_id, int64_t followed_id,
                     const struct fr_origin *origin, fr_graph_edge_fn done, void *arg);
/* As above. FR_NOT_FOUND unknown user, FR_UNAUTHENTICATED if the follower's own account is gone. */
void fr_graph_unfollow(struct fr_store *store, int64_t follower_id, int64_t followed_id,
                       const struct fr_origin *origin, fr_graph_edge_fn done, void *arg);

/* Ends the account: from then on nobody finds it, pages leave out what it wrote, and its tokens are revoked;
 * the rest is done by the materializer. FR_UNAUTHENTICATED if it is gone already. */
void fr_graph_delete_account(struct fr_store *store, int64_t user_id, const struct fr_origin *origin,
                             fr_graph_done_fn done, void *arg);

/* ---- sessions: what all gateways have to know of tokens ---- */
/* Revokes the token of that id (32 hex digits), which ends by itself at `until_ms`. Again: FR_OK. */
void fr_graph_revoke_token(struct fr_store *store, const char *token_id, int64_t until_ms,
                           fr_graph_done_fn done, void *arg);
/* FR_UNAUTHENTICATED if the account does not exist, or does no longer. */
void fr_graph_check_account(struct fr_store *store, int64_t user_id, fr_graph_done_fn done, void *arg);
/* Uses up a ticket, which ends by itself at `until_ms`; FR_CONFLICT if somebody used it before. */
void fr_graph_use_ticket(struct fr_store *store, const char *ticket_id, int64_t until_ms,
                         fr_graph_done_fn done, void *arg);

struct fr_graph_revocation {
    struct fr_str name; /* a token's id, or `user:<id>`: all tokens of that user issued until `revoked_ms` */
    int64_t until_ms, revoked_ms; /* Unix time */
    int64_t revoked_us;           /* the same, for the next page */
};
/* `now_us`: when the database was asked. */
typedef void (*fr_graph_revocations_fn)(void *arg, enum fr_status status,
                                        const struct fr_graph_revocation *rows, size_t count, int64_t now_us,
                                        const struct fr_error *error);
/* At most `most` revocations in the order in which they were made, behind (`after_us`, `after_name`): the
 * place of the last one of the page before, or a time and "". Clocks and commits are not in step: what was
 * made shortly before the database was asked may show later. */
void fr_graph_revocations(struct fr_store *store, int64_t after_us, struct fr_str after_name, int most,
                          fr_graph_revocations_fn done, void *arg);

/* ---- presence, and what gateways know of celebrities ---- */
/* Most users of one of these calls. */
#define FR_GRAPH_USERS_MAX 4096

struct fr_graph_online {
    int64_t user_id;
    /* By the database's clock, to be compared only. */
    int64_t since_ms;     /* online without a break since then */
    int64_t confirmed_ms; /* and at this time, when the row was written; not before `since_ms` */
};
typedef void (*fr_graph_online_fn)(void *arg, enum fr_status status, const struct fr_graph_online *rows,
                                   size_t count, const struct fr_error *error);
/* These users (in rising order, each once) are online for `lasts_ms` from now. Committed when `done` is told
 * FR_OK. A user whose presence had not ended keeps his `since`. */
void fr_graph_announce(struct fr_store *store, const int64_t *user_ids, size_t count, int64_t lasts_ms,
                       fr_graph_online_fn done, void *arg);

struct fr_graph_pair {
    int64_t follower_id, followed_id;
};
/* In no order. */
typedef void (*fr_graph_pairs_fn)(void *arg, enum fr_status status, const struct fr_graph_pair *pairs,
                                  size_t count, const struct fr_error *error);
/* Which celebrities, present and former, these users follow. */
void fr_graph_followed_celebrities(struct fr_store *store, const int64_t *user_ids, size_t count,
                                   fr_graph_pairs_fn done, void *arg);
/* Which of these users follow the author. */
void fr_graph_followers_among(struct fr_store *store, int64_t author_id, const int64_t *user_ids,
                              size_t count, fr_graph_pairs_fn done, void *arg);

#endif
