/* Reads lines `follower<TAB>followed` from a file, plain or gzip, or from standard input. Knows no database.
 */
#ifndef FR_CTL_FOLLOWS_READER_H
#define FR_CTL_FOLLOWS_READER_H

#include "base/base.h"

#define FOLLOWS_LINE_MAX 128 /* bytes; two ids of 19 digits need 39 */

struct follows_reader;

enum follows_found { FOLLOWS_EDGE, FOLLOWS_BAD_LINE, FOLLOWS_END, FOLLOWS_FAILED };

struct follows_line {
    int64_t number; /* from 1 */
    int64_t follower_id, followed_id;
    const char *reason; /* why the line is bad */
};

/* "-" is standard input. */
FR_WARN_UNUSED enum fr_status follows_open(const char *path, struct follows_reader **ret,
                                           struct fr_error *error);
void follows_close(struct follows_reader *reader);
/* The name for messages. */
const char *follows_name(const struct follows_reader *reader);
/* FOLLOWS_FAILED: the input can't be read on, `error` says why. */
FR_WARN_UNUSED enum follows_found follows_next(struct follows_reader *reader, struct follows_line *ret,
                                               struct fr_error *error);
/* Bytes of the file read so far, before decompression; the file's size, 0 if it has none (a pipe). */
int64_t follows_bytes_done(const struct follows_reader *reader);
int64_t follows_bytes_total(const struct follows_reader *reader);

#endif
