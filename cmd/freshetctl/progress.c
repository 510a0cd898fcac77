#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, TERMINAL_EVERY_MS = 200, LINE_EVERY_MS = 5000 };

static void put_share(struct fr_buf *out, const struct progress *progress)
{
    double share = (double)progress->done / (double)progress->total;
    if (share > 1)
        share = 1;
    int filled = (int)(share * BAR_WIDTH);
    if (progress->terminal) {
        fr_buf_append_text(out, " [");
        for (int i = 0; i < BAR_WIDTH; i++)
            fr_buf_append_char(out, i < filled ? '#' : '.');
        fr_buf_append_char(out, ']');
    }
    fr_buf_printf(out, " %d %%", (int)(share * 100));
}

/* As if the rest went as fast as what is done; nothing before a second has passed. */
static void put_time_left(struct fr_buf *out, const struct progress *progress, double seconds)
{
    if (progress->total <= 0 || progress->done <= 0 || progress->done >= progress->total || seconds < 1)
        return;
    double left = seconds * (double)(progress->total - progress->done) / (double)progress->done;
    if (left < 100)
        fr_buf_printf(out, ", %.0f s left", left + 0.5);
    else
        fr_buf_printf(out, ", %.0f min left", left / 60 + 0.5);
}

/* Under the lock. */
static void draw(struct progress *progress)
{
    struct fr_buf text;
    double seconds = (double)(fr_clock_monotonic_ms() - progress->phase_started_ms + 1) / 1000;
    fr_buf_init(&text, 256);
    fr_buf_append_text(&text, progress->phase);
    if (progress->total > 0)
        put_share(&text, progress);
    if (progress->rows > 0)
        fr_buf_printf(&text, ", %lld rows, %.0f/s", (long long)progress->rows,
                      (double)progress->rows / seconds);
    else
        fr_buf_printf(&text, ", %.0f s", seconds);
    put_time_left(&text, progress, seconds);
    fprintf(stderr, progress->terminal ? "\r\x1b[K%s" : "%s\n", text.data);
    fflush(stderr);
    fr_buf_release(&text);
    progress->drawn = progress->terminal;
    progress->shown_ms = fr_clock_monotonic_ms();
}

static void wait_ms(struct progress *progress, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&progress->wake, &progress->lock, &until);
}

static void *show(void *arg)
{
    struct progress *progress = arg;
    int64_t every_ms = progress->terminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS;
    pthread_mutex_lock(&progress->lock);
    while (!progress->ending) {
        wait_ms(progress, TERMINAL_EVERY_MS);
        if (!progress->ending && progress->phase != NULL &&
            fr_clock_monotonic_ms() - progress->shown_ms >= every_ms)
            draw(progress);
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

enum fr_status progress_begin(struct progress *progress, struct fr_error *error)
{
    int64_t now = fr_clock_monotonic_ms();
    *progress = (struct progress){.started_ms = now, .shown_ms = now, .terminal = isatty(STDERR_FILENO) == 1};
    pthread_mutex_init(&progress->lock, NULL);
    pthread_cond_init(&progress->wake, NULL);
    int errnum = pthread_create(&progress->thread, NULL, show, progress);
    if (errnum != 0) {
        pthread_cond_destroy(&progress->wake);
        pthread_mutex_destroy(&progress->lock);
        return fr_error_set_errno(error, errnum, "can't start the thread that shows progress");
    }
    progress->running = true;
    return FR_OK;
}

void progress_phase(struct progress *progress, const char *phase)
{
    pthread_mutex_lock(&progress->lock);
    progress->phase = phase;
    progress->phase_started_ms = fr_clock_monotonic_ms();
    progress->done = progress->total = progress->rows = 0;
    pthread_mutex_unlock(&progress->lock);
}

void progress_rename(struct progress *progress, const char *phase)
{
    pthread_mutex_lock(&progress->lock);
    progress->phase = phase;
    pthread_mutex_unlock(&progress->lock);
}

void progress_show(struct progress *progress, int64_t done, int64_t total, int64_t rows)
{
    pthread_mutex_lock(&progress->lock);
    progress->done = done;
    progress->total = total;
    progress->rows = rows;
    pthread_mutex_unlock(&progress->lock);
}

/* Under the lock. */
static void wipe(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\x1b[K", stderr);
    progress->drawn = false;
}

void progress_clear(struct progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    wipe(progress);
    progress->phase = NULL;
    pthread_mutex_unlock(&progress->lock);
}

void progress_say(struct progress *progress, const char *line)
{
    if (!progress->running) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    pthread_mutex_lock(&progress->lock);
    wipe(progress);
    fprintf(stderr, "%s\n", line);
    pthread_mutex_unlock(&progress->lock);
}

double progress_seconds(const struct progress *progress)
{
    int64_t ms = fr_clock_monotonic_ms() - progress->started_ms;
    return (double)(ms > 0 ? ms : 1) / 1000;
}

void progress_end(struct progress *progress)
{
    if (!progress->running)
        return;
    pthread_mutex_lock(&progress->lock);
    wipe(progress);
    progress->ending = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->wake);
    pthread_mutex_destroy(&progress->lock);
    progress->running = false;
}
