/* What keeps the tables bounded, besides the outbox: feeds are cut to the cap, partitions are made ahead and
 * dropped past retention, rows that have expired go, deleted accounts are taken apart.
 *
 * A thread of every materializer runs it; one process at a time does the work, the one whose session holds an
 * advisory lock. All of it is done in small transactions and is safe beside everything else: it waits for
 * locks only where it can stand in no ring, for a short time, and tries again. What a process has not
 * finished the next one finds in the tables.
 */
#ifndef FR_TIMELINE_HOUSEKEEPING_H
#define FR_TIMELINE_HOUSEKEEPING_H

#include "base/base.h"

struct fr_housekeeping;

struct fr_housekeeping_options {
    const char *conninfo, *application_name; /* borrowed until it is freed */
    int feed_cap;                            /* items that a feed keeps */
    int64_t feed_retention_ms;
    int64_t sweep_interval_ms;
    int64_t account_settle_ms; /* see fr_account_step() */
};

struct fr_housekeeping *fr_housekeeping_new(const struct fr_housekeeping_options *options);
/* Runs on the calling thread until fr_housekeeping_stop(). Survives a database that is away: backs off with
 * jitter and goes on; one log line per change of state. */
void fr_housekeeping_run(struct fr_housekeeping *housekeeping);
/* Any thread. The statement at hand is finished. */
void fr_housekeeping_stop(struct fr_housekeeping *housekeeping);
/* After fr_housekeeping_run() returned, or without it. NULL is fine. */
void fr_housekeeping_free(struct fr_housekeeping *housekeeping);

#endif
