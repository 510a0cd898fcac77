/* Authors whom a connection's user has ceased to follow: messages of theirs that are still in flight are not
 * sent. Nothing is allocated before the first. */
#ifndef FR_DELIVERY_MUTED_H
#define FR_DELIVERY_MUTED_H

#include "base/base.h"

enum { MUTED_MAX = 16 };

struct muted; /* NULL is an empty set */

bool fr_delivery_muted_has(const struct muted *muted, int64_t author_id);
/* The oldest goes when it holds MUTED_MAX. May allocate the set. */
void fr_delivery_muted_add(struct muted **muted, int64_t author_id);
/* Frees the set with its last author. */
void fr_delivery_muted_remove(struct muted **muted, int64_t author_id);
void fr_delivery_muted_free(struct muted *muted);

#endif
