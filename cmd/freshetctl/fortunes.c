#include "fortunes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name), tail = strlen(ending);
    return len >= tail && strcmp(name + len - tail, ending) == 0;
}

static int is_candidate(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !ends_with(entry->d_name, ".dat") && !ends_with(entry->d_name, ".u8");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum fr_status read_descriptor(int fd, const char *path, struct fr_buf *out, struct fr_error *error)
{
    enum { PIECE = 64 * 1024 };
    for (;;) {
        char *room = fr_buf_reserve(out, PIECE);
        if (room == NULL)
            return fr_error_set(error, FR_FULL, NULL, "%s is larger than %d MiB", path,
                                FORTUNES_FILE_MAX >> 20);
        ssize_t n = read(fd, room, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fr_error_set_errno(error, errno, "can't read %s", path);
        if (n == 0)
            return FR_OK;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
    }
}

/* *ret_taken: false for what is no regular file. */
static enum fr_status read_file(int folder, const char *name, const char *path, struct fr_buf *out,
                                bool *ret_taken, struct fr_error *error)
{
    struct stat status;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *ret_taken = false;
    if (fd < 0)
        return errno == ELOOP ? FR_OK : fr_error_set_errno(error, errno, "can't open %s", path);
    enum fr_status result = FR_OK;
    if (fstat(fd, &status) != 0) {
        result = fr_error_set_errno(error, errno, "can't read %s", path);
    } else if (S_ISREG(status.st_mode)) {
        *ret_taken = true;
        result = read_descriptor(fd, path, out, error);
    }
    close(fd);
    return result;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_text(struct fortunes *fortunes, struct fr_str text)
{
    if (fortunes->count == fortunes->capacity) {
        fortunes->capacity = fortunes->capacity * 2 + 1024;
        fortunes->texts = fr_realloc_array(fortunes->texts, fortunes->capacity, sizeof fortunes->texts[0]);
    }
    fortunes->texts[fortunes->count++] = text;
}

/* `line` is that of the text's first byte before trimming. */
static void take_text(struct fortunes *fortunes, struct complaints *complaints, const char *path,
                      int64_t line, struct fr_str text)
{
    for (; text.len > 0 && is_space(text.data[0]); text.data++, text.len--)
        line += text.data[0] == '\n';
    while (text.len > 0 && is_space(text.data[text.len - 1]))
        text.len--;
    if (text.len == 0)
        return;
    if (text.len > FR_POST_TEXT_MAX)
        complain_at(complaints, path, line, "the text is longer than %d bytes: %zu", FR_POST_TEXT_MAX,
                    text.len);
    else if (!fr_utf8_valid_text(text.data, text.len))
        complain_at(complaints, path, line, "the text is not valid UTF-8");
    else
        add_text(fortunes, text);
}

/* Nothing between two separators is no text: the files of the real package have such places. */
static void split(struct fortunes *fortunes, struct complaints *complaints, const char *path,
                  struct fr_str all)
{
    struct fr_str rest = all, line;
    const char *begin = all.data;
    int64_t number = 0, first = 1;
    while (fr_str_next(&rest, '\n', &line)) {
        number++;
        bool separator = fr_str_equal(line, FR_STR("%")) || fr_str_equal(line, FR_STR("%\r"));
        if (!separator && rest.data != NULL)
            continue;
        const char *end = separator ? line.data : line.data + line.len;
        take_text(fortunes, complaints, path, first, (struct fr_str){begin, (size_t)(end - begin)});
        begin = line.data + line.len + 1;
        first = number + 1;
    }
}

static enum fr_status read_all(const char *folder, int descriptor, struct dirent **names, int count,
                               struct complaints *complaints, struct fortunes *ret, struct fr_error *error)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        bool taken;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        struct fr_buf *file = &ret->bytes[ret->files];
        fr_buf_init(file, FORTUNES_FILE_MAX);
        enum fr_status status = read_file(descriptor, names[i]->d_name, path, file, &taken, error);
        if (status == FR_OK && !taken)
            continue;
        ret->files++;
        bytes += file->len;
        if (status == FR_OK && bytes > FORTUNES_BYTES_MAX)
            status = fr_error_set(error, FR_FULL, NULL, "the files of %s are larger than %d MiB", folder,
                                  FORTUNES_BYTES_MAX >> 20);
        if (status != FR_OK)
            return status;
        if (file->len > 0)
            split(ret, complaints, path, fr_buf_str(file));
    }
    return FR_OK;
}

enum fr_status fortunes_read(const char *folder, struct complaints *complaints, struct fortunes *ret,
                             struct fr_error *error)
{
    struct dirent **names = NULL;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *ret = (struct fortunes){0};
    if (descriptor < 0)
        return fr_error_set_errno(error, errno, "can't open the folder %s", folder);
    int count = scandir(folder, &names, is_candidate, by_name);
    enum fr_status status = FR_OK;
    if (count < 0) {
        status = fr_error_set_errno(error, errno, "can't read the folder %s", folder);
    } else if (count > FORTUNES_FILES_MAX) {
        status = fr_error_set(error, FR_FULL, NULL, "%s has more than %d files", folder, FORTUNES_FILES_MAX);
    } else {
        ret->bytes = fr_alloc_array((size_t)count, sizeof ret->bytes[0]);
        status = read_all(folder, descriptor, names, count, complaints, ret, error);
    }
    if (status == FR_OK && ret->files == 0)
        status = fr_error_set(error, FR_NOT_FOUND, NULL, "%s holds no fortune file", folder);
    close(descriptor);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status;
}

void fortunes_release(struct fortunes *fortunes)
{
    for (size_t i = 0; i < fortunes->files; i++)
        fr_buf_release(&fortunes->bytes[i]);
    free(fortunes->bytes);
    free(fortunes->texts);
    *fortunes = (struct fortunes){0};
}
