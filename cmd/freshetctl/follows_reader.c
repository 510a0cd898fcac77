#include "follows_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER_SIZE = 256 * 1024 };

struct follows_reader {
    const char *name;
    gzFile file; /* reads what is not compressed as it is */
    int64_t total, line;
    size_t begin, end; /* what of `buffer` is not used yet */
    bool ended;
    char buffer[BUFFER_SIZE];
};

enum fr_status follows_open(const char *path, struct follows_reader **ret, struct fr_error *error)
{
    bool standard_input = strcmp(path, "-") == 0;
    const char *name = standard_input ? "standard input" : path;
    int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        enum fr_status failed = fr_error_set_errno(error, errno, "can't open %s", name);
        if (fd >= 0)
            close(fd);
        return failed;
    }
    if (S_ISDIR(status.st_mode)) {
        close(fd);
        return fr_error_set(error, FR_INVALID, NULL, "%s is a folder, not a file", name);
    }
    struct follows_reader *reader = FR_NEW(struct follows_reader);
    reader->name = name;
    reader->total = S_ISREG(status.st_mode) ? (int64_t)status.st_size : 0;
    reader->file = gzdopen(fd, "rb");
    if (reader->file == NULL) {
        close(fd);
        free(reader);
        return fr_error_set(error, FR_IO, NULL, "can't read %s: no memory", name);
    }
    gzbuffer(reader->file, BUFFER_SIZE);
    *ret = reader;
    return FR_OK;
}

void follows_close(struct follows_reader *reader)
{
    if (reader == NULL)
        return;
    gzclose_r(reader->file);
    free(reader);
}

const char *follows_name(const struct follows_reader *reader)
{
    return reader->name;
}

int64_t follows_bytes_done(const struct follows_reader *reader)
{
    return gzoffset(reader->file);
}

int64_t follows_bytes_total(const struct follows_reader *reader)
{
    return reader->total;
}

static enum fr_status fill(struct follows_reader *reader, struct fr_error *error)
{
    memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    int n = gzread(reader->file, reader->buffer + reader->end, (unsigned)(BUFFER_SIZE - reader->end));
    int code = Z_OK;
    const char *reason = gzerror(reader->file, &code);
    if (n < 0 && code == Z_ERRNO)
        return fr_error_set_errno(error, errno, "can't read %s after line %lld", reader->name,
                                  (long long)reader->line);
    /* Z_BUF_ERROR: compressed data that end before their end. */
    if (n < 0 || (n == 0 && code == Z_BUF_ERROR))
        return fr_error_set(error, FR_INVALID, NULL, "%s is damaged after line %lld: %s", reader->name,
                            (long long)reader->line, code == Z_BUF_ERROR ? "it ends too early" : reason);
    reader->end += (size_t)n;
    reader->ended = n == 0;
    return FR_OK;
}

/* The rest of a line that is too long. */
static enum fr_status skip_line(struct follows_reader *reader, struct fr_error *error)
{
    for (;;) {
        char *from = reader->buffer + reader->begin;
        char *newline = memchr(from, '\n', reader->end - reader->begin);
        if (newline != NULL) {
            reader->begin += (size_t)(newline - from) + 1;
            return FR_OK;
        }
        reader->begin = reader->end;
        if (reader->ended)
            return FR_OK;
        enum fr_status status = fill(reader, error);
        if (status != FR_OK)
            return status;
    }
}

static enum follows_found bad(struct follows_line *line, const char *reason)
{
    line->reason = reason;
    return FOLLOWS_BAD_LINE;
}

static enum follows_found parse_line(struct fr_str text, struct follows_line *ret)
{
    if (text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
    struct fr_str rest = text, follower, followed;
    if (!fr_str_next(&rest, '\t', &follower) || !fr_str_next(&rest, '\t', &followed) || rest.data != NULL)
        return bad(ret, "must have two columns, divided by one tab");
    if (fr_id_parse(follower, &ret->follower_id) != FR_OK)
        return bad(ret, "the follower is no id (1 to 19 digits, from 1)");
    if (fr_id_parse(followed, &ret->followed_id) != FR_OK)
        return bad(ret, "the followed is no id (1 to 19 digits, from 1)");
    if (ret->follower_id == ret->followed_id)
        return bad(ret, "nobody can follow themselves");
    return FOLLOWS_EDGE;
}

enum follows_found follows_next(struct follows_reader *reader, struct follows_line *ret,
                                struct fr_error *error)
{
    for (;;) {
        char *from = reader->buffer + reader->begin;
        size_t left = reader->end - reader->begin;
        char *newline = memchr(from, '\n', left);
        size_t len = newline != NULL ? (size_t)(newline - from) : left;
        if (newline == NULL && !reader->ended && len <= FOLLOWS_LINE_MAX) {
            if (fill(reader, error) != FR_OK)
                return FOLLOWS_FAILED;
            continue;
        }
        if (len == 0 && newline == NULL)
            return FOLLOWS_END;
        ret->number = ++reader->line;
        if (len > FOLLOWS_LINE_MAX)
            return skip_line(reader, error) == FR_OK ? bad(ret, "is longer than 128 bytes") : FOLLOWS_FAILED;
        reader->begin += len + (newline != NULL);
        return parse_line((struct fr_str){from, len}, ret);
    }
}
