/* Fault points: places where a test makes the process die as if it had been killed, or stand still until the
 * test lets it go on. Compiled only with FR_FAULTS; switched on by the environment: FRESHET_FAULT=<point>.
 * Any thread. */
#ifndef FR_BASE_FAULT_H
#define FR_BASE_FAULT_H

#include <stdbool.h>

#if FR_FAULTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static inline bool fr_fault_armed(const char *point)
{
    const char *armed = getenv("FRESHET_FAULT");
    return armed != NULL && strcmp(armed, point) == 0;
}

static inline void fr_fault_point(const char *point)
{
    if (fr_fault_armed(point))
        raise(SIGKILL);
}

/* Stops the whole process, the hundredth time it comes by; SIGCONT lets it go on for good. */
static inline void fr_fault_stall(const char *point)
{
    static atomic_int passed;
    if (fr_fault_armed(point) && atomic_fetch_add(&passed, 1) == 99)
        raise(SIGSTOP);
}
#else
static inline bool fr_fault_armed(const char *point)
{
    (void)point;
    return false;
}

static inline void fr_fault_point(const char *point)
{
    (void)point;
}

static inline void fr_fault_stall(const char *point)
{
    (void)point;
}
#endif

#endif
