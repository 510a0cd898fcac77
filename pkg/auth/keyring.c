#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth_internal.h"

enum { FILE_MAX = 64 * 1024 };

enum fr_status fr_auth_init(struct fr_error *error)
{
    if (sodium_init() < 0)
        return fr_error_set(error, FR_INTERNAL, NULL, "libsodium cannot be initialised");
    return FR_OK;
}

/* ---- one key ---- */

static bool is_kid(struct fr_str kid)
{
    if (kid.len == 0 || kid.len > KID_MAX)
        return false;
    for (size_t i = 0; i < kid.len; i++) {
        char c = kid.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' &&
            c != '-' && c != '.')
            return false;
    }
    return true;
}

/* `place` says where the key stands: a kid that breaks the rules may be a secret in the wrong place, so it is
 * not shown. */
static enum fr_status add_key(struct fr_keyring *ring, struct fr_str kid, struct fr_str secret,
                              const char *place, struct fr_error *error)
{
    if (!is_kid(kid))
        return fr_error_set(error, FR_INVALID, NULL,
                            "%s: a key id has 1 to %d characters of A-Z a-z 0-9 . _ -", place, KID_MAX);
    if (secret.len < FR_AUTH_SECRET_MIN)
        return fr_error_set(error, FR_INVALID, NULL, "%s: the secret of key \"%.*s\" has less than %d bytes",
                            place, FR_STR_ARG(kid), FR_AUTH_SECRET_MIN);
    if (secret.len > SECRET_MAX)
        return fr_error_set(error, FR_INVALID, NULL, "%s: the secret of key \"%.*s\" has more than %d bytes",
                            place, FR_STR_ARG(kid), SECRET_MAX);
    for (size_t i = 0; i < ring->count; i++) {
        if (fr_str_equal(fr_str_of(ring->keys[i].kid), kid))
            return fr_error_set(error, FR_INVALID, NULL, "%s: key \"%.*s\" is given twice", place,
                                FR_STR_ARG(kid));
    }
    if (ring->count == FR_AUTH_KEYS_MAX)
        return fr_error_set(error, FR_INVALID, NULL, "%s: more than %d keys", place, FR_AUTH_KEYS_MAX);
    struct fr_key *key = &ring->keys[ring->count++];
    memcpy(key->kid, kid.data, kid.len);
    memcpy(key->secret, secret.data, secret.len);
    key->secret_len = (int)secret.len;
    fr_key_derive_mac(key);
    return fr_key_learn_header(key, error);
}

/* ---- where they come from ---- */

static struct fr_str trim_line(struct fr_str line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return fr_str_trim(line);
}

static enum fr_status add_lines(struct fr_keyring *ring, struct fr_str text, const char *file,
                                struct fr_error *error)
{
    struct fr_str line;
    for (int number = 1; fr_str_next(&text, '\n', &line); number++) {
        line = trim_line(line);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        char place[160];
        snprintf(place, sizeof place, "%.100s, line %d", file, number);
        size_t kid_len = 0;
        while (kid_len < line.len && line.data[kid_len] != ' ' && line.data[kid_len] != '\t')
            kid_len++;
        struct fr_str secret = fr_str_trim((struct fr_str){line.data + kid_len, line.len - kid_len});
        if (secret.len == 0)
            return fr_error_set(error, FR_INVALID, NULL, "%s: a key id and a secret are wanted", place);
        if (memchr(secret.data, ' ', secret.len) != NULL || memchr(secret.data, '\t', secret.len) != NULL)
            return fr_error_set(error, FR_INVALID, NULL, "%s: more than a key id and a secret", place);
        enum fr_status status = add_key(ring, (struct fr_str){line.data, kid_len}, secret, place, error);
        if (status != FR_OK)
            return status;
    }
    return FR_OK;
}

static enum fr_status add_list(struct fr_keyring *ring, const char *keys, struct fr_error *error)
{
    struct fr_str rest = fr_str_of(keys), pair, kid;
    for (int number = 1; fr_str_next(&rest, ',', &pair); number++) {
        char place[40];
        snprintf(place, sizeof place, "token-keys, entry %d", number);
        if (memchr(pair.data, ':', pair.len) == NULL)
            return fr_error_set(error, FR_INVALID, NULL, "%s: kid:secret is wanted", place);
        fr_str_next(&pair, ':', &kid);
        enum fr_status status = add_key(ring, kid, pair, place, error);
        if (status != FR_OK)
            return status;
    }
    return FR_OK;
}

/* A secret that others can read is none; a group may read it, since that is how clusters hand out secrets. */
static enum fr_status check_file(int fd, const char *file, struct fr_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return fr_error_set_errno(error, errno, "%.100s", file);
    if (!S_ISREG(about.st_mode))
        return fr_error_set(error, FR_INVALID, NULL, "%.100s is not a regular file", file);
    if ((about.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return fr_error_set(error, FR_INVALID, NULL,
                            "%.100s has mode %04o: token keys must not be open to others (chmod 600)", file,
                            (unsigned)about.st_mode & 07777);
    if (about.st_size > FILE_MAX)
        return fr_error_set(error, FR_INVALID, NULL, "%.100s has more than %d bytes", file, FILE_MAX);
    return FR_OK;
}

static enum fr_status add_file(struct fr_keyring *ring, const char *file, struct fr_error *error)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is refused, not waited for */
    if (fd < 0)
        return fr_error_set_errno(error, errno, "%.100s", file);
    size_t len = 0;
    char *text = NULL;
    enum fr_status status = check_file(fd, file, error);
    if (status != FR_OK)
        goto out;
    text = fr_alloc(FILE_MAX);
    ssize_t n;
    while ((n = read(fd, text + len, FILE_MAX - len)) > 0)
        len += (size_t)n;
    if (n < 0) {
        status = fr_error_set_errno(error, errno, "%.100s", file);
        goto out;
    }
    status = add_lines(ring, (struct fr_str){text, len}, file, error);
out:
    if (text != NULL)
        sodium_memzero(text, FILE_MAX);
    free(text);
    close(fd);
    return status;
}

enum fr_status fr_keyring_load(const char *file, const char *keys, struct fr_keyring **ret,
                               struct fr_error *error)
{
    bool from_file = file != NULL && file[0] != '\0';
    struct fr_keyring *ring = FR_NEW(struct fr_keyring);
    enum fr_status status = FR_OK;
    if (from_file)
        status = add_file(ring, file, error);
    else if (keys != NULL && keys[0] != '\0')
        status = add_list(ring, keys, error);
    if (status == FR_OK && ring->count == 0)
        status =
            from_file
                ? fr_error_set(error, FR_INVALID, NULL, "%.100s holds no key", file)
                : fr_error_set(error, FR_INVALID, NULL,
                               "no token keys: set --token-keys-file or the variable FRESHET_TOKEN_KEYS");
    if (status != FR_OK) {
        fr_keyring_free(ring);
        return status;
    }
    *ret = ring;
    return FR_OK;
}

void fr_keyring_free(struct fr_keyring *ring)
{
    if (ring == NULL)
        return;
    for (size_t i = 0; i < ring->count; i++)
        free(ring->keys[i].header);
    sodium_memzero(ring, sizeof *ring);
    free(ring);
}
