/* Node numbers of snowflake ids, leased in PostgreSQL so that two processes never make the same id.
 *
 * A lease runs by the database's clock; ids are made by the process's own. So a lease is taken only if the
 * two agree within FR_LEASE_SKEW_MS, and times are handed out on the process's clock, shortened by that much.
 * Blocking; one thread at a time. The next holder of a number starts after the last millisecond of the lease
 * before.
 */
#ifndef FR_TIMELINE_LEASE_H
#define FR_TIMELINE_LEASE_H

#include "base/base.h"

struct fr_session;

#define FR_LEASE_MS 60000
#define FR_LEASE_RENEW_MS 15000 /* how often a holder renews */
#define FR_LEASE_SKEW_MS 5000
#define FR_LEASE_HOLDER_MAX 128

struct fr_lease {
    int node;
    int64_t start_after_ms; /* Unix time: no id of this millisecond or an earlier one */
    int64_t until_ms;       /* Unix time: no id of this millisecond or a later one */
};

/* `holder` names the process, unique among live ones, 1..FR_LEASE_HOLDER_MAX bytes. FR_FULL when all numbers
 * are taken; FR_CONFLICT when the clocks of the two machines differ too much. */
FR_WARN_UNUSED enum fr_status fr_lease_acquire(struct fr_session *session, const char *holder,
                                               struct fr_lease *ret, struct fr_error *error);
/* Moves `lease->until_ms`. FR_CONFLICT when the number is somebody else's by now: acquire another. */
FR_WARN_UNUSED enum fr_status fr_lease_renew(struct fr_session *session, const char *holder,
                                             struct fr_lease *lease, struct fr_error *error);
/* Ends the lease early, at its holder's last possible id, so that the number is free for the next. A failure
 * is of no consequence: it ends by itself. */
void fr_lease_release(struct fr_session *session, const char *holder, const struct fr_lease *lease);

#endif
