/* What was told of late, so that nothing is told twice: the server may repeat after a fault. Not thread-safe.
 */
#ifndef FRESHET_SEEN_H
#define FRESHET_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_MAX 1024

struct seen_key {
    int64_t id;           /* of the post */
    int64_t edited_at_ms; /* two edits of a post are two things */
    int type;             /* of the event */
};

/* Zeroed is empty. */
struct seen {
    size_t count, next; /* `next` is where the oldest is, once it is full */
    struct seen_key keys[SEEN_MAX];
};

/* False if `key` is among the last SEEN_MAX; else it is from now on. */
bool seen_add(struct seen *seen, struct seen_key key);
void seen_clear(struct seen *seen);

#endif
