/* The place in the feed, kept in a file over the program's end. It is written when what stands before it is
 * printed: who is killed may print something twice, and leaves nothing out. */
#ifndef CURSOR_FILE_H
#define CURSOR_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define CURSOR_SIZE 256 /* with the NUL; the longest that a gateway makes has 128 bytes */

struct cursor_file {
    const char *path; /* NULL: nothing is kept */
    char kept[CURSOR_SIZE];
    int64_t kept_at_ms;
};

/* Reads what is there; a file that does not exist is like an empty one. False, and a line on standard error,
 * if it can't be read, or could not be written later. */
bool cursor_file_read(struct cursor_file *file);
/* Keeps the place, if there is one: not more than once a second, unless `now`. The same errors. */
bool cursor_file_write(struct cursor_file *file, const char *cursor, bool now);

#endif
