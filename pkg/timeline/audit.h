/* The auditor: holds the feeds against follows, posts and celebrities' posts, on a live system.
 *
 * What a feed must hold: above its horizon (the greater of its row in feed_horizon and feed_floor) an item
 * for every post that is not deleted, of everyone whom the user follows and whose account is not gone, unless
 * the post is kept in celebrity_posts; and, anywhere, no other item. What is still in the outbox is no
 * defect: it is waited for. audit.c says why nothing is accused falsely and nothing missed.
 *
 * Blocking, on the calling thread, on a session of its own. freshetctl audit is its command line.
 */
#ifndef FR_TIMELINE_AUDIT_H
#define FR_TIMELINE_AUDIT_H

#include <stdbool.h>

#include "base/base.h"

struct fr_session;

/* The numbers are known to audit_graph.sql. */
enum fr_audit_kind {
    FR_AUDIT_MISSING = 1, /* a feed lacks a post */
    FR_AUDIT_EXTRA,       /* an item that nothing justifies */
    FR_AUDIT_DOUBLED,     /* a post both as an item and among the celebrities' posts */
    FR_AUDIT_STORED,      /* a celebrity's post that is kept and should not be; no user */
    FR_AUDIT_MIRROR,      /* an edge in one of followees and followers only; no post */
    FR_AUDIT_COUNT,       /* followers counted and found differ; no user, no post */
    FR_AUDIT_CELEBRITY,   /* an author whom pages should merge and do not know; no user, no post */
    FR_AUDIT_ORDER,       /* accepted before the author's post of the next smaller id; no user */
    FR_AUDIT_PAGE,        /* a page, read as the gateway reads it, is not what it must be */
};
#define FR_AUDIT_KINDS (FR_AUDIT_PAGE + 1)

/* Why. Known to audit_graph.sql and audit_extra_again.sql up to FR_AUDIT_STORED_UNKNOWN. */
enum fr_audit_cause {
    FR_AUDIT_PLAIN = 0,
    FR_AUDIT_USER_GONE = 1,
    FR_AUDIT_OTHER_AUTHOR = 2,
    FR_AUDIT_NO_POST = 3,
    FR_AUDIT_NOT_FOLLOWED = 4,
    FR_AUDIT_DELETED = 5,
    FR_AUDIT_STORED_TOO = 6,
    FR_AUDIT_NO_FOLLOWER = 7,       /* mirror: in followees only */
    FR_AUDIT_NO_FOLLOWEE = 8,       /* mirror: in followers only */
    FR_AUDIT_CELEBRITY_UNKNOWN = 9, /* is_celebrity without a row in celebrities */
    FR_AUDIT_STORED_UNKNOWN = 10,   /* posts in celebrity_posts without a row in celebrities */
    FR_AUDIT_PAGE_TWICE,            /* the pages show a post twice */
    FR_AUDIT_PAGE_ORDER,            /* not newest first */
    FR_AUDIT_PAGE_UNJUSTIFIED,      /* the pages show what they must not */
    FR_AUDIT_PAGE_LACKS,            /* the feed has it, its pages do not show it */
};

struct fr_audit_event {
    int64_t id; /* 0: none */
    int16_t kind, state;
};

/* Ids that the kind has no use for are 0. */
struct fr_audit_defect {
    enum fr_audit_kind kind;
    enum fr_audit_cause cause;
    int64_t user_id, author_id, post_id;
    int64_t counted, found;      /* of FR_AUDIT_COUNT; of FR_AUDIT_ORDER `counted` is the earlier id */
    struct fr_audit_event event; /* that explains it: dead, or of one undecided, pending */
    bool repaired;
};

struct fr_audit_report {
    int64_t users, pages, page_users, page_posts;
    int64_t defects[FR_AUDIT_KINDS], repaired[FR_AUDIT_KINDS];
    int64_t undecided; /* suspects whose events did not come to an end */
    int64_t waited;    /* suspects that an event explained when they were first looked at */
    bool cut;          /* a part of the feeds had more suspects than are looked at: there are more defects */
};

struct fr_audit_hooks {
    /* A defect, told once, after its repair if there is one. */
    void (*defect)(void *arg, const struct fr_audit_defect *defect);
    /* Nothing can be said of it: its event stays pending in a partition that does not move. */
    void (*undecided)(void *arg, const struct fr_audit_defect *suspect);
    /* `phase` lives for ever. */
    void (*progress)(void *arg, const char *phase, int64_t done, int64_t total);
    bool (*cancelled)(void *arg);
    void *arg;
};

enum fr_audit_pages { FR_AUDIT_PAGES_SOME, FR_AUDIT_PAGES_ALL };

struct fr_audit_options {
    /* Whom: these, sorted, with the posts of those whom they follow; NULL: everybody. Borrowed. */
    const int64_t *users;
    size_t user_count;
    enum fr_audit_pages pages; /* whose pages are read; some: of everybody's, about FR_AUDIT_PAGES_SAMPLE */
    bool repair;
    int64_t wait_ms; /* a partition of the outbox that does not move for so long is not waited for */
    struct fr_audit_hooks hooks;
};
#define FR_AUDIT_PAGES_SAMPLE 200

/* FR_CANCELLED: the hook said so, or the session was cancelled. After an error `ret` holds what was found so
 * far. */
FR_WARN_UNUSED enum fr_status fr_audit_run(struct fr_session *session, const struct fr_audit_options *options,
                                           struct fr_audit_report *ret, struct fr_error *error);

/* Random users, sorted; *ret is the caller's to free(). Fewer than `count` if there are no more. */
FR_WARN_UNUSED enum fr_status fr_audit_sample(struct fr_session *session, int64_t seed, int64_t count,
                                              int64_t **ret, size_t *ret_count, struct fr_error *error);

struct fr_audit_figures {
    bool deleted, departed;
    int64_t follows, followers;
    int64_t horizon, floor; /* post ids; 0: from the first post on */
    int64_t items, newest, oldest;
    int64_t celebrities, celebrity_posts; /* followed, and their posts that pages merge */
    int64_t pending;                      /* events of those followed */
};
/* FR_NOT_FOUND: no such user. */
FR_WARN_UNUSED enum fr_status fr_audit_figures(struct fr_session *session, int64_t user_id,
                                               struct fr_audit_figures *ret, struct fr_error *error);

#endif
