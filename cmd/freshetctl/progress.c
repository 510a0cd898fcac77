#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, TERMINAL_EVERY_MS = 100, LINE_EVERY_MS = 5000 };

void progress_begin(struct progress *progress)
{
    int64_t now = fr_clock_monotonic_ms();
    *progress = (struct progress){"", now, now, now, isatty(STDERR_FILENO) == 1, false};
}

static void draw(struct progress *progress, const char *text)
{
    if (progress->terminal)
        fprintf(stderr, "\r\x1b[K%s", text);
    else
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
    progress->drawn = progress->terminal;
    progress->shown_ms = fr_clock_monotonic_ms();
}

void progress_phase(struct progress *progress, const char *phase)
{
    progress->phase = phase;
    progress->phase_started_ms = fr_clock_monotonic_ms();
    if (progress->terminal)
        draw(progress, phase);
}

static void put_bar(char out[static BAR_WIDTH + 3], double share)
{
    size_t filled = (size_t)(share * BAR_WIDTH);
    out[0] = '[';
    memset(out + 1, '#', filled);
    memset(out + 1 + filled, '.', BAR_WIDTH - filled);
    memcpy(out + 1 + BAR_WIDTH, "]", 2);
}

void progress_show(struct progress *progress, int64_t done, int64_t total, int64_t rows)
{
    int64_t now = fr_clock_monotonic_ms();
    if (now - progress->shown_ms < (progress->terminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS))
        return;
    double share = total > 0 ? (double)done / (double)total : 0;
    if (share > 1)
        share = 1;
    double seconds = (double)(now - progress->phase_started_ms + 1) / 1000;
    char bar[BAR_WIDTH + 3] = "", percent[8] = "", text[160];
    if (total > 0 && progress->terminal)
        put_bar(bar, share);
    if (total > 0)
        snprintf(percent, sizeof percent, "%3d %%", (int)(share * 100));
    snprintf(text, sizeof text, "%s %s %s  %lld rows, %.0f/s", progress->phase, bar, percent, (long long)rows,
             (double)rows / seconds);
    draw(progress, text);
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\x1b[K", stderr);
    progress->drawn = false;
}

double progress_seconds(const struct progress *progress)
{
    int64_t ms = fr_clock_monotonic_ms() - progress->started_ms;
    return (double)(ms > 0 ? ms : 1) / 1000;
}
