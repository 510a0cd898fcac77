/* What the files of the kept pages share: pages.c has what is asked and how it is answered, pages_readers.c
 * for whom a page is kept and how long, pages_fence.c the statement that comes before a kept page is shown.
 */
#ifndef FR_TIMELINE_PAGES_INTERNAL_H
#define FR_TIMELINE_PAGES_INTERNAL_H

#include "id_index.h"
#include "loop/loop.h"
#include "page_ring.h"
#include "timeline/bodies.h"
#include "timeline/pages.h"

enum {
    PAGES_LOG = 1024,           /* changed posts that are remembered; past it every entry is doubted */
    PAGES_CHECKED_MAX = 512,    /* entries that one fence looks at */
    PAGES_FENCE_AGE_MS = 60000, /* rows of page_changes are kept for ten minutes */
    PAGES_LOOK_EVERY_MS = 1000, /* whether live posts are overdue */
    PAGES_READS_COUNTED = 1024, /* users whose reads are counted; a power of two */
};

enum reader_state {
    READER_IDLE,    /* no page */
    READER_FILLING, /* a read is on its way; what comes live meanwhile is in the ring */
    READER_KEPT,
};

struct fr_page_reader {
    struct id_link link;         /* the user's id */
    struct fr_ring recent;       /* pages->recent, if a page or a feed is kept for him */
    struct fr_ring warm;         /* of those whose page is to be read before it is asked for */
    struct fr_page_feed *feeds;  /* the oldest first */
    struct fr_page_feed *source; /* the one that the page hangs on */
    enum reader_state state;
    bool wanted;     /* a feed was asked for, for the page's sake */
    uint32_t serial; /* of the page */
    struct page_ring ring;
    uint64_t applied;          /* changes of pages->log that the ring knows of */
    int64_t asked_ms, warm_ms; /* monotonic */
};

/* A request for a page that may be answered from memory. */
struct page_ask {
    struct fr_ring ring;
    struct fr_page_request request;
    enum fr_encoding encoding;
    fr_timeline_posts_fn done;
    void *arg;
    int tries;
};

struct fence {
    struct fr_task task;
    bool running;
    char *since;      /* the snapshot up to which changes are known; NULL: none is */
    int64_t since_ms; /* when it was asked for */
    int64_t backend;  /* the server process that took it */
    int64_t asked_ms, looked_ms;
    bool asked_all; /* what runs was asked without `since` */
    bool looked, failing;
    bool overdue;                   /* live posts are */
    struct fr_ring waiting, asking; /* struct page_ask: for the next; for the one that runs */
    size_t checked_count;
    int64_t users[PAGES_CHECKED_MAX], authors[PAGES_CHECKED_MAX], posts[PAGES_CHECKED_MAX],
        revisions[PAGES_CHECKED_MAX];
    uint32_t serials[PAGES_CHECKED_MAX];
};

struct read_count {
    int64_t user_id, since_ms;
    int count;
};

struct fr_pages {
    struct fr_pages_options options;
    struct fr_loop *loop;
    struct id_index readers;
    struct fr_ring recent; /* the least recently asked first */
    size_t recent_count;
    struct fr_ring warm_now, warm_later;
    struct fr_timer timer;
    uint32_t last_serial;
    int64_t log[PAGES_LOG]; /* ids of changed posts, by log_count modulo its size */
    uint64_t log_count;
    uint64_t all_changed_at; /* log_count when every entry had to be doubted last */
    struct fence fence;
    struct read_count counts[PAGES_READS_COUNTED];
};

/* ---- pages_readers.c ---- */
struct fr_page_reader *fr_pages_reader_find(const struct fr_pages *pages, int64_t user_id);
/* Something is kept for him, or is about to be: he stands behind all others. */
void fr_pages_enter_recent(struct fr_pages *pages, struct fr_page_reader *reader);
/* As much is kept as may be. */
bool fr_pages_is_full(const struct fr_pages *pages);
/* If it is full, whatever is kept for the one who asked least recently goes; he may be gone then. */
void fr_pages_make_room(struct fr_pages *pages);
/* His page is not kept any more, if it was; he stays. */
void fr_pages_give_up(struct fr_pages *pages, struct fr_page_reader *reader);
/* The same of a page that may be wrong. */
void fr_pages_void(struct fr_pages *pages, struct fr_page_reader *reader);
void fr_pages_void_all(struct fr_pages *pages);
/* One without a reader read his first page: if he does so often, a feed is wanted for him. */
void fr_pages_count_read(struct fr_pages *pages, int64_t user_id, int64_t now_ms);
/* Feeds that were wanted for those who do not ask any more. */
void fr_pages_drop_idle(struct fr_pages *pages, int64_t now_ms);

/* ---- pages.c ---- */
/* Somebody may have a page to be warmed. */
void fr_pages_look_soon(struct fr_pages *pages);
/* Doubts what the log says since the ring looked last. */
void fr_pages_apply_changes(struct fr_pages *pages, struct fr_page_reader *reader);
/* Reads what may be answered from memory and is not, and keeps it if that is possible. */
void fr_pages_miss(struct fr_pages *pages, const struct fr_page_request *request, fr_timeline_posts_fn done,
                   void *arg);
/* The fence has passed: answers, reads, or lets it wait for the next one. */
void fr_pages_answer(struct fr_pages *pages, struct page_ask *ask);

/* ---- pages_fence.c ---- */
void fr_pages_fence_init(struct fr_pages *pages);
void fr_pages_fence_release(struct fr_pages *pages);
/* Changes are known up to a moment not too long ago: what is read from now on may be kept. */
bool fr_pages_fence_holds(const struct fr_pages *pages);
/* `ask` is answered by fr_pages_answer() after a fence that begins later than now. */
void fr_pages_fence_wait(struct fr_pages *pages, struct page_ask *ask);
/* One for nobody, at the end of the tick, so that the one before does not become too old. */
void fr_pages_fence_renew(struct fr_pages *pages);

#endif
