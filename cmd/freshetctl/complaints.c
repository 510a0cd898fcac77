#include "complaints.h"

#include <stdarg.h>
#include <stdio.h>

void complain_at(struct complaints *complaints, const char *file, int64_t line, const char *fmt, ...)
{
    if (complaints->count++ >= COMPLAINTS_TOLD)
        return;
    va_list args;
    va_start(args, fmt);
    progress_clear(complaints->progress);
    fprintf(stderr, "%s:%lld: ", file, (long long)line);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

void complaints_end(const struct complaints *complaints)
{
    if (complaints->count > COMPLAINTS_TOLD)
        fprintf(stderr, "and %lld more\n", (long long)(complaints->count - COMPLAINTS_TOLD));
}
