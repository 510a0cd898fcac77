/* Bodies of posts, kept in memory by id and revision, shared by all loops of a process.
 *
 * A body is never stale: whoever asks names the revision, which PostgreSQL has told. Of a post only the
 * newest revision that was seen is kept, and of a deleted one a mark, so that what comes late is not put in
 * again. Bounded in bytes; what was asked for least recently goes first. What a body looks like in an answer
 * is written when that is first asked for, and from then on kept with it; its text is then not kept a second
 * time if it stands in there as it is.
 *
 * Any thread. The table is cut into shards, each with a lock of its own that is held for a look-up.
 */
#ifndef FR_TIMELINE_BODIES_H
#define FR_TIMELINE_BODIES_H

#include "timeline/timeline.h"
#include "wire/wire.h"

struct fr_bodies;
struct fr_body; /* immutable, counted */

void fr_body_release(struct fr_body *body);
/* Valid while the body is held. */
const struct fr_post *fr_body_post(const struct fr_body *body);
/* The post as an item of a list in JSON or PROTOBUF (fr_wire_list_written), valid while the body is held.
 * Empty: nobody has written it yet. */
struct fr_str fr_body_written(const struct fr_body *body, enum fr_encoding encoding);

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
/* The same body with the post written in `encoding`, from now on in the place of `body`, which the caller
 * held and does not hold any more; the caller releases what is returned. It is `body` itself if that has it,
 * or is too long to be kept with it. */
struct fr_body *fr_bodies_write(struct fr_bodies *bodies, struct fr_body *body, enum fr_encoding encoding);

#endif
