/* What is bad in an input: the first ones are told with their place and reason, the rest is counted. */
#ifndef FR_CTL_COMPLAINTS_H
#define FR_CTL_COMPLAINTS_H

#include "base/base.h"
#include "progress.h"

#define COMPLAINTS_TOLD 20

struct complaints {
    struct progress *progress;
    int64_t count;
};

void complain_at(struct complaints *complaints, const char *file, int64_t line, const char *fmt, ...)
    FR_PRINTF(4, 5);
/* How many were not told, if any. */
void complaints_end(const struct complaints *complaints);

#endif
