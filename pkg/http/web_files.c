#include "http/web_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAG "--web-dir"
#define ASSETS "assets"

enum { HASH_BYTES = 16, HASH_MIN = 8, GZIP_MIN = 18 };

struct fr_web_files {
    size_t count, contents, bytes;
    struct fr_web_file files[FR_WEB_FILES_MAX];
};

/* A folder that is being read. `name` is for messages. */
struct folder {
    struct fr_web_files *files;
    const char *name;
    int fd;
};

/* ---- names and kinds ---- */

static const struct {
    const char *path, *name;
} pages[] = {
    {"/", "index.html"},
    {"/ops", "ops.html"},
    {"/favicon.svg", "favicon.svg"},
    {"/robots.txt", "robots.txt"},
};

static const char *type_of(struct fr_str name)
{
    static const struct {
        struct fr_str ending;
        const char *type;
    } kinds[] = {
        {FR_STR(".html"), "text/html; charset=utf-8"},
        {FR_STR(".js"), "text/javascript; charset=utf-8"},
        {FR_STR(".mjs"), "text/javascript; charset=utf-8"},
        {FR_STR(".css"), "text/css; charset=utf-8"},
        {FR_STR(".svg"), "image/svg+xml; charset=utf-8"},
        {FR_STR(".txt"), "text/plain; charset=utf-8"},
        {FR_STR(".json"), "application/json"},
        {FR_STR(".map"), "application/json"},
        {FR_STR(".webmanifest"), "application/manifest+json"},
        {FR_STR(".png"), "image/png"},
        {FR_STR(".webp"), "image/webp"},
        {FR_STR(".ico"), "image/x-icon"},
        {FR_STR(".woff2"), "font/woff2"},
    };
    for (size_t i = 0; i < FR_COUNT_OF(kinds); i++) {
        struct fr_str ending = kinds[i].ending;
        if (name.len > ending.len &&
            fr_str_equal((struct fr_str){name.data + name.len - ending.len, ending.len}, ending))
            return kinds[i].type;
    }
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_good_name(struct fr_str name)
{
    if (name.len == 0 || name.len > FR_WEB_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!is_digit(c) && !is_upper(c) && !(c >= 'a' && c <= 'z') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* NAME-HASH.EXT, where a word is no hash: bundlers write capitals and digits, others hex. */
static bool has_hash(const char *name)
{
    const char *dash = strrchr(name, '-');
    if (dash == NULL)
        return false;
    size_t len = strcspn(dash + 1, "."), upper = 0, hex = 0;
    for (size_t i = 1; i <= len; i++) {
        upper += is_digit(dash[i]) || is_upper(dash[i]);
        hex += is_digit(dash[i]) || (dash[i] >= 'a' && dash[i] <= 'f');
    }
    return len >= HASH_MIN && (upper == len || hex == len);
}

static bool is_gzip_name(struct fr_str name)
{
    return name.len > 3 && memcmp(name.data + name.len - 3, ".gz", 3) == 0;
}

/* ---- one file ---- */

static enum fr_status refuse(const struct folder *folder, const char *name, struct fr_error *error,
                             const char *why)
{
    return fr_error_set(error, FR_INVALID, FLAG, FLAG ": %.100s/%.60s %s", folder->name, name, why);
}

/* `name` empty: the folder itself. */
static enum fr_status fail(const char *folder, const char *name, int errnum, struct fr_error *error)
{
    fr_error_set_errno(error, errnum, FLAG ": %.100s%s%.60s", folder, name[0] != '\0' ? "/" : "", name);
    if (error != NULL)
        snprintf(error->field, sizeof error->field, "%s", FLAG);
    return FR_IO;
}

/* Asks before it reads: what is too large is not read at all. */
static enum fr_status check_size(struct folder *folder, const char *name, const struct stat *about,
                                 struct fr_error *error)
{
    struct fr_web_files *files = folder->files;
    if (!S_ISREG(about->st_mode))
        return refuse(folder, name, error, "is no regular file");
    if (about->st_size > FR_WEB_FILE_BYTES_MAX)
        return fr_error_set(error, FR_INVALID, FLAG, FLAG ": %.100s/%.60s has more than %d bytes",
                            folder->name, name, FR_WEB_FILE_BYTES_MAX);
    if (files->contents == FR_WEB_FILES_MAX)
        return fr_error_set(error, FR_INVALID, FLAG, FLAG ": %.100s has more than %d files", folder->name,
                            FR_WEB_FILES_MAX);
    if (files->bytes + (size_t)about->st_size > FR_WEB_BYTES_MAX)
        return fr_error_set(error, FR_INVALID, FLAG,
                            FLAG ": the files of %.100s have more than %d bytes in all", folder->name,
                            FR_WEB_BYTES_MAX);
    return FR_OK;
}

/* All of a file that has `size` bytes; one that grows or shrinks meanwhile is being written. */
static enum fr_status read_bytes(const struct folder *folder, const char *name, int fd, size_t size,
                                 char **ret, struct fr_error *error)
{
    char *bytes = fr_alloc(size + 1);
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, bytes + len, size + 1 - len)) > 0)
        len += (size_t)n;
    enum fr_status status = FR_OK;
    if (n < 0)
        status = fail(folder->name, name, errno, error);
    else if (len != size)
        status = refuse(folder, name, error, "changes while it is read");
    if (status == FR_OK)
        *ret = bytes;
    else
        free(bytes);
    return status;
}

/* A strong one: other bytes, another tag, so that a variant has its own (RFC 9110 section 8.8.3.3). */
static enum fr_status make_etag(struct fr_web_content *content, struct fr_error *error)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char *out = content->etag;
    if (EVP_Digest(content->data, content->len, hash, NULL, EVP_sha256(), NULL) != 1)
        return fr_error_set(error, FR_INTERNAL, FLAG, FLAG ": SHA-256 cannot be computed");
    *out++ = '"';
    for (size_t i = 0; i < HASH_BYTES; i++)
        out += snprintf(out, 3, "%02x", hash[i]);
    *out++ = '"';
    *out = '\0';
    return FR_OK;
}

/* FR_NOT_FOUND (`error` untouched) if there is no such file. */
static enum fr_status read_content(struct folder *folder, const char *name, struct fr_web_content *ret,
                                   struct fr_error *error)
{
    struct fr_web_files *files = folder->files;
    struct fr_web_content content = {0};
    struct stat about;
    /* A FIFO is refused, not waited for. */
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return FR_NOT_FOUND;
    if (fd < 0 && errno == ELOOP)
        return refuse(folder, name, error, "is a link, and links are not followed");
    if (fd < 0)
        return fail(folder->name, name, errno, error);
    enum fr_status status = fstat(fd, &about) == 0 ? check_size(folder, name, &about, error)
                                                   : fail(folder->name, name, errno, error);
    if (status == FR_OK) {
        content.len = (size_t)about.st_size;
        status = read_bytes(folder, name, fd, content.len, &content.data, error);
    }
    close(fd);
    if (status == FR_OK)
        status = make_etag(&content, error);
    if (status != FR_OK) {
        free(content.data);
        return status;
    }
    files->contents++;
    files->bytes += content.len;
    *ret = content;
    return FR_OK;
}

/* ---- its gzip variant ---- */

/* RFC 1952 section 8. */
static uint32_t crc32_of(const struct fr_web_content *content)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < content->len; i++) {
        crc ^= (unsigned char)content->data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static uint32_t little_endian(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

/* By what gzip says of it: if somebody edits one and forgets the other, half of the clients see the old page.
 */
static bool unpacks_to(const struct fr_web_content *gzip, const struct fr_web_content *plain)
{
    return gzip->len >= GZIP_MIN && memcmp(gzip->data, "\x1f\x8b\x08", 3) == 0 &&
           little_endian(gzip->data + gzip->len - 4) == plain->len &&
           little_endian(gzip->data + gzip->len - 8) == crc32_of(plain);
}

static enum fr_status read_gzip(struct folder *folder, const char *name, struct fr_web_file *file,
                                struct fr_error *error)
{
    char gzip_name[FR_WEB_NAME_MAX + sizeof ".gz"];
    snprintf(gzip_name, sizeof gzip_name, "%s.gz", name);
    enum fr_status status = read_content(folder, gzip_name, &file->gzip, error);
    if (status == FR_NOT_FOUND)
        return FR_OK;
    if (status == FR_OK && !unpacks_to(&file->gzip, &file->plain))
        return refuse(folder, gzip_name, error, "does not unpack to the file beside it: build both anew");
    return status;
}

/* ---- the folder ---- */

/* `path` becomes the file's, or is freed. FR_NOT_FOUND as above. */
static enum fr_status add_file(struct folder *folder, char *path, const char *name, struct fr_error *error)
{
    struct fr_web_files *files = folder->files;
    struct fr_web_content plain;
    enum fr_status status = read_content(folder, name, &plain, error);
    if (status != FR_OK) {
        free(path);
        return status;
    }
    /* Of contents there are as many as of files, or more: there is room. */
    struct fr_web_file *file = &files->files[files->count++];
    *file = (struct fr_web_file){.path = path, .type = type_of(fr_str_of(name)), .plain = plain};
    return read_gzip(folder, name, file, error);
}

static enum fr_status add_pages(struct folder *folder, struct fr_error *error)
{
    for (size_t i = 0; i < FR_COUNT_OF(pages); i++) {
        enum fr_status status = add_file(folder, fr_strdup(pages[i].path), pages[i].name, error);
        if (status == FR_NOT_FOUND && i == 0)
            return fr_error_set(error, FR_INVALID, FLAG,
                                FLAG ": %.100s has no index.html: is it what the build of web/ made?",
                                folder->name);
        if (status != FR_OK && status != FR_NOT_FOUND)
            return status;
    }
    return FR_OK;
}

static enum fr_status add_asset(struct folder *folder, const char *name, struct fr_error *error)
{
    char path[sizeof "/" ASSETS "/" + FR_WEB_NAME_MAX], plain_name[FR_WEB_NAME_MAX + 1];
    struct fr_str text = fr_str_of(name);
    if (!is_good_name(text))
        return refuse(folder, name, error, "has a name that is not of 1 to 128 of A-Z a-z 0-9 . _ -");
    if (is_gzip_name(text)) { /* comes with its file, if that is there */
        snprintf(plain_name, sizeof plain_name, "%.*s", (int)text.len - 3, name);
        if (faccessat(folder->fd, plain_name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            return refuse(folder, name, error, "has no file beside it that it could stand for");
        return FR_OK;
    }
    if (type_of(text) == NULL)
        return refuse(folder, name, error, "is of no kind that is served");
    snprintf(path, sizeof path, "/" ASSETS "/%.*s", FR_WEB_NAME_MAX, name);
    enum fr_status status = add_file(folder, fr_strdup(path), name, error);
    if (status == FR_NOT_FOUND)
        return refuse(folder, name, error, "changes while it is read");
    if (status == FR_OK)
        folder->files->files[folder->files->count - 1].hashed = has_hash(name);
    return status;
}

static enum fr_status add_assets(struct folder *folder, DIR *listing, struct fr_error *error)
{
    enum fr_status status = FR_OK;
    const struct dirent *entry;
    errno = 0;
    while (status == FR_OK && (entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] != '.')
            status = add_asset(folder, entry->d_name, error);
        errno = 0;
    }
    if (status == FR_OK && errno != 0)
        return fail(folder->name, "", errno, error);
    return status;
}

static enum fr_status read_assets(const struct folder *top, struct fr_error *error)
{
    char name[112];
    snprintf(name, sizeof name, "%.100s/" ASSETS, top->name);
    int fd = openat(top->fd, ASSETS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return FR_OK;
    if (fd < 0)
        return fail(top->name, ASSETS, errno, error);
    DIR *listing = fdopendir(fd);
    if (listing == NULL) {
        int errnum = errno;
        close(fd);
        return fail(top->name, ASSETS, errnum, error);
    }
    struct folder assets = {.files = top->files, .name = name, .fd = fd};
    enum fr_status status = add_assets(&assets, listing, error);
    closedir(listing);
    return status;
}

enum fr_status fr_web_files_read(const char *path, struct fr_web_files **ret, struct fr_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(path, "", errno, error);
    struct folder folder = {.files = FR_NEW(struct fr_web_files), .name = path, .fd = fd};
    enum fr_status status = add_pages(&folder, error);
    if (status == FR_OK)
        status = read_assets(&folder, error);
    close(fd);
    if (status == FR_OK)
        *ret = folder.files;
    else
        fr_web_files_free(folder.files);
    return status;
}

void fr_web_files_free(struct fr_web_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        free(files->files[i].plain.data);
        free(files->files[i].gzip.data);
    }
    free(files);
}

const struct fr_web_file *fr_web_files_find(const struct fr_web_files *files, struct fr_str path)
{
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        if (fr_str_equal(fr_str_of(files->files[i].path), path))
            return &files->files[i];
    }
    return NULL;
}

bool fr_web_etag_matches(struct fr_str if_none_match, const char *etag)
{
    struct fr_str tag;
    while (fr_str_next(&if_none_match, ',', &tag)) {
        tag = fr_str_trim(tag);
        if (fr_str_starts_with(tag, FR_STR("W/"))) /* compared weakly */
            tag = (struct fr_str){tag.data + 2, tag.len - 2};
        if (fr_str_equal(tag, FR_STR("*")) || fr_str_equal(tag, fr_str_of(etag)))
            return true;
    }
    return false;
}
