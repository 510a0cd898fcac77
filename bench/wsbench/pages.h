/* Pages that are read between posts, over the same connections: what people do who wait for each answer
 * before they do the next thing. The main thread's. */
#ifndef WSBENCH_PAGES_H
#define WSBENCH_PAGES_H

#include "histogram.h"
#include "people.h"
#include "report.h"
#include "requests.h"

/* Of a request for a page; a post's tag is its place, which is less than POSTS_MAX. */
#define PAGE_TAG UINT32_MAX

struct pages {
    const struct address *address;
    const char *path;
    const struct people *readers; /* each page is of one of them, drawn anew */
    uint64_t per_post;            /* 0: none are read */
    uint64_t answers, failures, bytes;
    struct histogram times; /* from sending to the whole answer, of those with 200 */
    char failure[200];      /* of the first that failed */
};

/* Is the next request one for a page? Drawn, so that of many requests `per_post` are for each post. */
bool pages_turn(const struct pages *pages, struct fr_random *random);
void pages_write_request(const struct pages *pages, struct fr_random *random, struct fr_buf *out);
void pages_on_answer(struct pages *pages, const struct answer *answer);
/* Nothing if none were to be read. */
void pages_tell(const struct pages *pages, struct report *report);

#endif
