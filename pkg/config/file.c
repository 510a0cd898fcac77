#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config_internal.h"

static enum fr_status read_whole(const char *path, struct fr_buf *out, struct fr_error *error)
{
    enum { PIECE = 16 * 1024 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fr_error_set_errno(error, errno, "can't open the config file %s", path);
    enum fr_status status = FR_OK;
    for (;;) {
        char *room = fr_buf_reserve(out, PIECE);
        if (room == NULL) {
            status =
                fr_error_set(error, FR_INVALID, "--config", "%s: larger than a config file can be", path);
            break;
        }
        ssize_t n = read(fd, room, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = fr_error_set_errno(error, errno, "can't read the config file %s", path);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
    }
    close(fd);
    return status;
}

static enum fr_status complain(struct fr_error *error, const struct file_values *file, int line,
                               const char *what)
{
    return fr_error_set(error, FR_INVALID, "--config", "%s:%d: %s", file->path, line, what);
}

static enum fr_status unknown_name(struct fr_error *error, const struct file_values *file, int line,
                                   struct fr_str name)
{
    const char *nearest = setting_nearest(name, 0);
    if (nearest == NULL)
        return complain(error, file, line, "no setting has this name");
    return fr_error_set(error, FR_INVALID, "--config", "%s:%d: no setting has this name; did you mean %s?",
                        file->path, line, nearest);
}

static enum fr_status take_line(struct file_values *file, int number, struct fr_str line,
                                struct fr_error *error)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    line = fr_str_trim(line);
    if (line.len == 0 || line.data[0] == '#')
        return FR_OK;
    /* Nothing of the line is repeated in a message: it may hold a password. */
    const char *equals = memchr(line.data, '=', line.len);
    if (equals == NULL)
        return complain(error, file, number, "expected `flag-name = value`");
    struct fr_str name = fr_str_trim((struct fr_str){line.data, (size_t)(equals - line.data)});
    struct fr_str value =
        fr_str_trim((struct fr_str){equals + 1, (size_t)(line.data + line.len - equals - 1)});
    int index = setting_find(name);
    if (index < 0)
        return unknown_name(error, file, number, name);
    if (index == setting_find_member(offsetof(struct fr_settings, config_file)))
        return complain(error, file, number, "a config file can't name another");
    if (file->values[index].line != 0)
        return fr_error_set(error, FR_INVALID, "--config", "%s:%d: %s was set in line %d already", file->path,
                            number, settings_table[index].flag, file->values[index].line);
    file->values[index] = (struct file_value){value, number};
    return FR_OK;
}

enum fr_status file_read(const char *path, struct file_values *ret, struct fr_error *error)
{
    *ret = (struct file_values){.path = fr_strdup(path)};
    fr_buf_init(&ret->bytes, CONFIG_FILE_MAX);
    enum fr_status status = read_whole(path, &ret->bytes, error);
    struct fr_str rest = fr_buf_str(&ret->bytes), line;
    if (fr_str_starts_with(rest, FR_STR("\xef\xbb\xbf")))
        rest = (struct fr_str){rest.data + 3, rest.len - 3};
    for (int number = 1; status == FR_OK && fr_str_next(&rest, '\n', &line); number++)
        status = take_line(ret, number, line, error);
    return status;
}

void file_release(struct file_values *values)
{
    free(values->path);
    fr_buf_release(&values->bytes);
}
