/* What the kernel knows of a process: /proc/PID. */
#ifndef WSBENCH_PROCESS_H
#define WSBENCH_PROCESS_H

#include "base/base.h"

struct process_sample {
    int64_t at_ns;           /* CLOCK_MONOTONIC */
    int64_t rss;             /* bytes in memory, with what is shared */
    int64_t pss, anonymous;  /* its share; its own, not from files: heap, stacks. 0 if the kernel won't say */
    double user_s, system_s; /* processor time so far */
};
/* FR_NOT_FOUND: there is no such process. */
FR_WARN_UNUSED enum fr_status process_sample(int pid, struct process_sample *ret, struct fr_error *error);

#endif
