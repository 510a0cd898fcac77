/* The last FR_SENT_RING post ids sent to a connection. Most connections are idle: nothing is allocated before
 * the first post, and the ring grows with what was sent. */
#ifndef FR_DELIVERY_SENT_H
#define FR_DELIVERY_SENT_H

#include "base/base.h"

struct sent_ring; /* NULL is an empty one */

bool fr_delivery_sent_has(const struct sent_ring *ring, int64_t post_id);
/* The oldest goes when it holds FR_SENT_RING. May move the ring. */
void fr_delivery_sent_add(struct sent_ring **ring, int64_t post_id);
void fr_delivery_sent_free(struct sent_ring *ring);

#endif
