/* Feeds computed anew from follows and posts, one user at a time, beside live traffic.
 *
 * First what is missing comes in and the horizon is set, in one transaction; then, if there is anything, what
 * does not belong there goes out, in another that began after the first was committed. Never the other way
 * round: no page is empty meanwhile, and what lost its reason while it came in is found by the second step or
 * by the handler of the event that took the reason away. See docs/adr/0007-feed-bounds.md for the locks.
 */
#ifndef FR_TIMELINE_REBUILD_H
#define FR_TIMELINE_REBUILD_H

#include "base/base.h"

struct fr_session;

/* Lock timeout of a session for rebuilding: below deadlock_timeout, so that in a ring this side gives up. */
#define FR_REBUILD_LOCK_TIMEOUT_MS 300

struct fr_rebuild_counts {
    int64_t taken_in, taken_out; /* items */
    int64_t horizon;             /* pages below this post id are pulled; 0: none */
};

/* `feed_cap`: how many items a feed keeps. Waits and tries again while others hold its locks, some seconds in
 * all; then FR_TIMEOUT or FR_UNAVAILABLE. FR_NOT_FOUND: no such user, or a deleted account. Blocking. */
FR_WARN_UNUSED enum fr_status fr_rebuild_user(struct fr_session *session, int64_t user_id, int feed_cap,
                                              struct fr_rebuild_counts *ret, struct fr_error *error);

#endif
