/* The files of --web-dir: the page, the operations page and what they load, in memory.
 *
 * Read once, before anybody is let in, and constant afterwards: so all loops serve the same bytes without a
 * lock and without a copy, and what is done to the folder later does no harm. What is served:
 *
 *   /  /ops  /favicon.svg  /robots.txt     index.html (which must be there), ops.html, and so on
 *   /assets/NAME                           assets/NAME; NAME has 1 to FR_WEB_NAME_MAX of A-Z a-z 0-9 . _ -
 *
 * Whatever else lies beside these is not looked at; names that begin with a dot are skipped. In `assets` all
 * is served or refused: what is no regular file (links are not followed), is of no kind that is known, or has
 * another name. NAME.gz is no file of its own, but what clients get for NAME who accept gzip; it must unpack
 * to just that.
 */
#ifndef FR_HTTP_WEB_FILES_H
#define FR_HTTP_WEB_FILES_H

#include "base/base.h"

#define FR_WEB_ETAG_SIZE 35 /* 128 bits of SHA-256 in hex, in quotes, and NUL */

struct fr_web_content {
    char *data; /* NULL: there is none */
    size_t len;
    char etag[FR_WEB_ETAG_SIZE];
};

struct fr_web_file {
    char *path;       /* as clients ask for it */
    const char *type; /* Content-Type */
    bool hashed;      /* its name has a hash of its content: it never changes */
    struct fr_web_content plain, gzip;
};

struct fr_web_files;

/* FR_INVALID or FR_IO, naming --web-dir, for a folder that cannot be read, has no index.html, is too large
 * (limits.h) or holds what is refused. */
FR_WARN_UNUSED enum fr_status fr_web_files_read(const char *folder, struct fr_web_files **ret,
                                                struct fr_error *error);
/* NULL is fine. */
void fr_web_files_free(struct fr_web_files *files);
/* NULL if there is none of that path, or `files` is NULL. Any thread. */
const struct fr_web_file *fr_web_files_find(const struct fr_web_files *files, struct fr_str path);

/* Whether an If-None-Match (RFC 9110 section 13.1.2) has this entity tag, or `*`. */
bool fr_web_etag_matches(struct fr_str if_none_match, const char *etag);

#endif
