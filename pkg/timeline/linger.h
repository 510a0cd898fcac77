/* When the next batch of a worker may begin.
 *
 * A small batch costs a commit like a large one: under load the events of `--batch-linger` go together. How
 * much load there is, the batch before tells: where each brings an event or two, waiting would gain nothing
 * and cost every post its time. So the next batch begins not sooner after the beginning of the one before
 * than a sixteenth of the setting for each event that that one had, up to the whole for sixteen and more. It
 * follows that the first event after a quiet moment does not wait, nor does a batch for which there is enough
 * in the table already.
 *
 * Times are monotonic milliseconds. No thread of its own; owned by the intake. */
#ifndef FR_TIMELINE_LINGER_H
#define FR_TIMELINE_LINGER_H

#include "base/base.h"

#define LINGER_EVENTS 16

struct linger {
    int64_t whole_ms; /* the setting; 0: never */
    int64_t part_ms;  /* of it: kept after the beginning of the last batch */
    int64_t began_ms; /* of the last batch */
    bool plenty;      /* it left more in the table than it took */
};

void fr_timeline_linger_init(struct linger *linger, int64_t whole_ms);
/* A look at the table found something (`events` > 0), or nothing. `plenty`: there is more of it. */
void fr_timeline_linger_note(struct linger *linger, int64_t began_ms, size_t events, bool plenty);
/* Nothing is known of the table any more. */
void fr_timeline_linger_forget(struct linger *linger);
/* Milliseconds until the next batch may begin; 0: now. */
int64_t fr_timeline_linger_left_ms(const struct linger *linger, int64_t now_ms);

#endif
