/* How far a long piece of work is, on standard error: a bar that is drawn over if that is a terminal, else a
 * line every few seconds. A thread of its own draws, so that something is seen while the database works too.
 */
#ifndef FR_CTL_PROGRESS_H
#define FR_CTL_PROGRESS_H

#include <pthread.h>

#include "base/base.h"

struct progress {
    int64_t started_ms; /* monotonic */
    bool terminal;
    bool running;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below, and of what is drawn */
    pthread_cond_t wake;
    bool ending, drawn;
    const char *phase; /* NULL: nothing is shown */
    int64_t phase_started_ms, shown_ms;
    int64_t done, total, rows;
};

/* After signals were given their thread: the one made here must not get them. */
FR_WARN_UNUSED enum fr_status progress_begin(struct progress *progress, struct fr_error *error);
/* The next part of the work, "reading"; borrowed until the following one. */
void progress_phase(struct progress *progress, const char *phase);
/* Another name for the phase that goes on: time, total and done stay. */
void progress_rename(struct progress *progress, const char *phase);
/* `total` 0: not known. The time that is left is told from `done` of `total`. */
void progress_show(struct progress *progress, int64_t done, int64_t total, int64_t rows);
/* Shows nothing until the next phase. */
void progress_clear(struct progress *progress);
/* A line between. */
void progress_say(struct progress *progress, const char *line);
/* Seconds since progress_begin(), never 0. */
double progress_seconds(const struct progress *progress);
/* Harmless on a zeroed one. */
void progress_end(struct progress *progress);

#endif
