/* Bodies of posts, kept in memory by id and revision, shared by all loops of a process.
 *
 * A body is never stale: whoever asks names the revision, which PostgreSQL has told. Of a post only the
 * newest revision that was seen is kept, and of a deleted one a mark, so that what comes late is not put in
 * again. Bounded in bytes; what was asked for least recently goes first.
 *
 * Any thread. The table is cut into shards, each with a lock of its own that is held for a look-up.
 */
#ifndef FR_TIMELINE_BODIES_H
#define FR_TIMELINE_BODIES_H

#include "timeline/timeline.h"

struct fr_bodies;
struct fr_body; /* immutable, counted */

void fr_body_release(struct fr_body *body);
/* Valid while the body is held. */
const struct fr_post *fr_body_post(const struct fr_body *body);

/* `bytes_max` 0: none is kept. */
struct fr_bodies *fr_bodies_new(size_t bytes_max);
/* Bodies that are held stay until they are released. NULL is fine. */
void fr_bodies_free(struct fr_bodies *bodies);
/* Takes a copy, unless a newer revision is there or the post is known to be deleted. */
void fr_bodies_put(struct fr_bodies *bodies, const struct fr_post *post);
/* The post is deleted. */
void fr_bodies_bury(struct fr_bodies *bodies, int64_t post_id);
/* The caller releases it. NULL if it is not there. `revision` 0: whichever is there. */
struct fr_body *fr_bodies_find(struct fr_bodies *bodies, int64_t post_id, int32_t revision);

#endif
