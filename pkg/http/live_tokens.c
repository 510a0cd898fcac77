/* A loop's live connections by their token, so that a logout finds them without looking at all. All tokens of
 * a user are revoked so rarely that this does look at all. */
#include "http/live.h"

/* Ids are random: half of one tells them apart, but for chance, which is why the whole is compared. */
static int64_t table_id(const struct fr_token_key *token)
{
    return (int64_t)token->words[0];
}

void fr_live_index(struct fr_live *live)
{
    struct id_table *table = &live->home->lives_by_token;
    struct fr_live *first = fr_delivery_table_find(table, table_id(&live->token));
    fr_ring_init(&live->same_token);
    if (first != NULL)
        fr_ring_add(&first->same_token, &live->same_token);
    else
        fr_delivery_table_add(table, table_id(&live->token), live);
    live->indexed = true;
}

void fr_live_unindex(struct fr_live *live)
{
    struct id_table *table = &live->home->lives_by_token;
    if (!live->indexed)
        return;
    live->indexed = false;
    if (fr_delivery_table_find(table, table_id(&live->token)) == live) {
        fr_delivery_table_remove(table, table_id(&live->token));
        if (!fr_ring_is_empty(&live->same_token))
            fr_delivery_table_add(table, table_id(&live->token),
                                  FR_CONTAINER_OF(live->same_token.next, struct fr_live, same_token));
    }
    fr_ring_remove(&live->same_token);
}

static void tell_if_covered(struct fr_live *live, const struct fr_revocation *revocation,
                            void (*tell)(struct fr_live *))
{
    if (fr_revocation_covers(revocation, live->subscriber.user_id, &live->token, live->issued_ms))
        tell(live);
}

void fr_live_find_revoked(struct fr_http_loop *home, const struct fr_revocation *revocation,
                          void (*tell)(struct fr_live *live))
{
    if (revocation->user_id != 0) {
        /* Whoever is told to go leaves the ring. */
        for (struct fr_ring *at = home->lives.next, *next; at != &home->lives; at = next) {
            next = at->next;
            tell_if_covered(FR_CONTAINER_OF(at, struct fr_live, ring), revocation, tell);
        }
        return;
    }
    struct fr_live *first = fr_delivery_table_find(&home->lives_by_token, table_id(&revocation->token));
    if (first == NULL)
        return;
    for (struct fr_ring *at = first->same_token.next; at != &first->same_token; at = at->next)
        tell_if_covered(FR_CONTAINER_OF(at, struct fr_live, same_token), revocation, tell);
    tell_if_covered(first, revocation, tell);
}
