#include "complaints.h"

#include <stdarg.h>
#include <stdio.h>

void complain_at(struct complaints *complaints, const char *file, int64_t line, const char *fmt, ...)
{
    if (complaints->count++ >= COMPLAINTS_TOLD)
        return;
    va_list args;
    char what[128];
    struct fr_buf text;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    fr_buf_init(&text, 8192);
    fr_buf_printf(&text, "%s:%lld: %s", file, (long long)line, what);
    progress_say(complaints->progress, text.data != NULL ? text.data : what);
    fr_buf_release(&text);
}

void complaints_end(const struct complaints *complaints)
{
    if (complaints->count > COMPLAINTS_TOLD)
        fprintf(stderr, "and %lld more\n", (long long)(complaints->count - COMPLAINTS_TOLD));
}
