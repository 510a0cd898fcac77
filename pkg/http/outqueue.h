/* How much may wait for the client of a live connection, and for how long (DESIGN promise 8): the rule and
 * its bookkeeping, apart from what is queued and from how it is written. Pure: the caller tells the time
 * (monotonic milliseconds).
 *
 * Bytes wait from fr_outqueue_add() until fr_outqueue_wrote() says that the system has taken them. A client
 * is too slow when more than `hard` bytes would wait, at once; or when more than `soft` have waited for
 * `soft_ms` on end.
 *
 * What comes while nothing is being written (a page and a replay at the beginning, the messages of one tick)
 * had no chance yet, so it makes no slow client: such a burst may be four times `hard`, and until it is
 * written, what comes behind it is weighed against `hard` by itself. So 5 * `hard` is what a connection can
 * cost.
 */
#ifndef FR_HTTP_OUTQUEUE_H
#define FR_HTTP_OUTQUEUE_H

#include "base/base.h"

struct fr_settings;

enum { FR_OUTQUEUE_BURST = 4 };

struct fr_outqueue_rule {
    uint32_t hard, soft;
    int64_t soft_ms;
};

/* From --connection-queue, --connection-queue-soft and --slow-client-time; FR_INVALID naming a flag for a
 * combination that makes no sense. */
FR_WARN_UNUSED enum fr_status fr_outqueue_rule_read(const struct fr_settings *settings,
                                                    struct fr_outqueue_rule *ret, struct fr_error *error);

/* Zeroed: empty. */
struct fr_outqueue {
    uint32_t bytes;  /* that wait */
    uint32_t burst;  /* the first so many of them came while nothing was being written */
    int64_t over_ms; /* more than `soft` have waited since; 0: no more than that wait */
    bool writing;
};

/* May `bytes` be queued? No: the client is too slow. */
bool fr_outqueue_has_room(const struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes);
/* They are queued: where there was room, or a goodbye, which is always. */
void fr_outqueue_add(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes,
                     int64_t now_ms);
/* Some or all of what waits is given to the system: the client's time runs from here. */
void fr_outqueue_write(struct fr_outqueue *queue, int64_t now_ms);
/* The system has taken the first `bytes` of what waited. */
void fr_outqueue_wrote(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes);
/* The last `bytes` of what waited were given up. */
void fr_outqueue_dropped(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes);
/* When the client becomes too slow if nothing moves until then; INT64_MAX: never. */
int64_t fr_outqueue_deadline_ms(const struct fr_outqueue *queue, const struct fr_outqueue_rule *rule);

#endif
