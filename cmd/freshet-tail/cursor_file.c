#include "cursor_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "signin.h"

#define PAUSE_MS 1000

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool failed(const struct cursor_file *file)
{
    complain("--cursor-file: %s: %s", file->path, strerror(errno));
    return false;
}

/* A file beside it takes its place when it is whole. */
static bool write_file(struct cursor_file *file, const char *cursor)
{
    char made[4096];
    if (snprintf(made, sizeof made, "%s.new", file->path) >= (int)sizeof made) {
        errno = ENAMETOOLONG;
        return failed(file);
    }
    FILE *out = fopen(made, "we");
    if (out == NULL)
        return failed(file);
    bool written = fprintf(out, "%s\n", cursor) > 0 && fflush(out) == 0;
    written = fclose(out) == 0 && written && rename(made, file->path) == 0;
    if (!written) {
        failed(file);
        unlink(made);
        return false;
    }
    snprintf(file->kept, sizeof file->kept, "%s", cursor);
    file->kept_at_ms = now_ms();
    return true;
}

bool cursor_file_read(struct cursor_file *file)
{
    if (file->path == NULL)
        return true;
    FILE *in = fopen(file->path, "re");
    if (in == NULL)
        return errno == ENOENT ? write_file(file, "") : failed(file);
    bool read = fgets(file->kept, sizeof file->kept, in) != NULL || !ferror(in);
    int problem = errno;
    fclose(in);
    errno = problem;
    if (!read)
        return failed(file);
    file->kept[strcspn(file->kept, "\r\n")] = '\0';
    return true;
}

bool cursor_file_write(struct cursor_file *file, const char *cursor, bool now)
{
    bool is_new = file->path != NULL && cursor[0] != '\0' && strcmp(cursor, file->kept) != 0;
    if (!is_new || strlen(cursor) >= sizeof file->kept || (!now && now_ms() - file->kept_at_ms < PAUSE_MS))
        return true;
    return write_file(file, cursor);
}
