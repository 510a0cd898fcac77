/* The sweep: feeds over the cap are cut to it. For housekeeping.c.
 *
 * feed_grown has a row for about every FR_FEED_GROWTH_SAMPLE items that came into a feed, and one for every
 * backfill. A feed is looked at when it has fr_sweep_rows_enough() of them: when it has grown by about half
 * of the cap. See docs/adr/0007-feed-bounds.md for the bound that follows.
 */
#ifndef FR_TIMELINE_SWEEP_H
#define FR_TIMELINE_SWEEP_H

#include "base/base.h"

struct fr_session;

struct fr_sweep {
    int64_t from_user; /* where the walk through feed_grown goes on */
};

/* Rows of feed_grown that make a look at a feed worth while. */
int fr_sweep_rows_enough(int feed_cap);
/* One slice of the walk: looks at what it has and cuts the feeds that are due, some at a time, each time in a
 * transaction. `ret_more`: the walk is not at its end. An error with a live session: some feeds were not cut,
 * as when somebody else holds a lock; the next step goes on behind this slice, the next walk finds them. */
FR_WARN_UNUSED enum fr_status fr_sweep_step(struct fr_sweep *sweep, struct fr_session *session, int feed_cap,
                                            bool *ret_more, struct fr_error *error);

#endif
