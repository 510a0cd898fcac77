/* What freshet-tail writes: a line or two for people, or a line of JSON, for each thing that happens to the
 * feed. */
#ifndef PRINT_H
#define PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <freshet/client.h>

#define PRINT_NAMES 256      /* authors whose names are remembered */
#define PRINT_REMEMBERED 512 /* posts that are not printed again when a page follows a reset */

struct printer {
    bool json;
    freshet_client *client; /* asked for authors' names, for people */
    int64_t posts;          /* printed so far */
    struct {
        int64_t id;
        char name[160];
    } names[PRINT_NAMES];
    int64_t printed[PRINT_REMEMBERED];
    size_t next_printed;
};

/* Writes it to standard output, at once. False, with errno, if it can't be written. */
bool print_event(struct printer *printer, const freshet_event *event);

#endif
