/* How far a long piece of work is, on standard error: a bar that is drawn over if that is a terminal, else a
 * line every few seconds. */
#ifndef FR_CTL_PROGRESS_H
#define FR_CTL_PROGRESS_H

#include "base/base.h"

struct progress {
    const char *phase;
    int64_t started_ms, phase_started_ms, shown_ms; /* monotonic */
    bool terminal, drawn;
};

void progress_begin(struct progress *progress);
/* The next part of the work, "reading"; borrowed until the following one. */
void progress_phase(struct progress *progress, const char *phase);
/* Cheap when it is too early to show anything. `total` 0: not known. */
void progress_show(struct progress *progress, int64_t done, int64_t total, int64_t rows);
/* Takes the bar away; what is written next starts in an empty line. */
void progress_clear(struct progress *progress);
/* Seconds since progress_begin(), never 0. */
double progress_seconds(const struct progress *progress);

#endif
