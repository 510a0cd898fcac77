/* The last FR_SENT_RING posts sent to a connection, each with the newest revision it was sent in. Most
 * connections are idle: nothing is allocated before the first post, and the ring grows with what was sent. */
#ifndef FR_DELIVERY_SENT_H
#define FR_DELIVERY_SENT_H

#include "base/base.h"

struct sent_ring; /* NULL is an empty one */

/* Past all revisions of a post: it was told as deleted. */
#define SENT_DELETED INT32_MAX

bool fr_delivery_sent_has(const struct sent_ring *ring, int64_t post_id);
/* The revision that it was sent in last; INT32_MIN if it is not known to have been sent. */
int32_t fr_delivery_sent_revision(const struct sent_ring *ring, int64_t post_id);
/* The post must not be in the ring. The oldest goes when it holds FR_SENT_RING. May move the ring. */
void fr_delivery_sent_add(struct sent_ring **ring, int64_t post_id, int32_t revision);
/* Harmless for a post that is not in the ring. */
void fr_delivery_sent_revise(struct sent_ring *ring, int64_t post_id, int32_t revision);
void fr_delivery_sent_free(struct sent_ring *ring);

#endif
