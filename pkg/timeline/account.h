/* Deleted accounts, taken apart in pieces.
 *
 * The deletion itself is one transaction (fr_graph_delete_account): from its commit on nobody finds the
 * account and pages leave out what it wrote. This does the rest: posts marked deleted and taken out of feeds
 * and celebrity_posts, edges both ways (each followed author gets an unfollow event), the account's own feed,
 * what the user's row says of the person. It begins when the account's event is told, because that needs the
 * followers. All its state is what is left in the tables, so it goes on wherever a process died.
 */
#ifndef FR_TIMELINE_ACCOUNT_H
#define FR_TIMELINE_ACCOUNT_H

#include "base/base.h"

struct fr_session;

/* Does one piece of the work, in a transaction of its own; one process at a time (the caller holds a lock).
 * `settle_ms`: how long after an account was emptied it is looked at for the last time. `ret_more`: there is
 * another piece to do now. Blocking. An error is the session's, and nothing of the piece is done. */
FR_WARN_UNUSED enum fr_status fr_account_step(struct fr_session *session, int64_t settle_ms, bool *ret_more,
                                              struct fr_error *error);

#endif
