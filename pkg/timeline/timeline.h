/* timeline: posts, pages, and the way of a post from the outbox into every follower's feed.
 *
 * Two sides that share the tables' rules and nothing else:
 *   post_writer.c, posts.c, page.c
 *                              the gateway's: asynchronous, on a loop's store
 *   owner.c, batch.c, tell.c   the materializer's: blocking, on a session that holds the partitions' locks
 * Beside them, with headers of their own: lease.h, housekeeping.h, account.h, rebuild.h.
 *
 * An author's posts, edits, deletes, and the follows of that author are events of the author's partition. A
 * partition has one owner at a time: whoever holds its advisory lock, whose data transactions run on the
 * connection that holds it; so a stalled former owner cannot commit. Handlers converge to the present state
 * of the tables, not to what the event says: repeating one does no harm.
 */
#ifndef FR_TIMELINE_H
#define FR_TIMELINE_H

#include "base/base.h"

struct fr_store;
struct fr_session;
struct fr_bus;

/* ================= the gateway's side ================= */
struct fr_post {
    int64_t id, author_id;
    struct fr_str text;
    int32_t revision;
    int64_t created_at_ms, edited_at_ms; /* 0: never edited */
    struct fr_str
        written; /* as an item of a list (fr_wire_list_written), if somebody has written it before */
};

typedef void (*fr_timeline_done_fn)(void *arg, enum fr_status status, const struct fr_error *error);
typedef void (*fr_timeline_posts_fn)(void *arg, enum fr_status status, const struct fr_post *posts,
                                     size_t count, const struct fr_error *error);

/* Callbacks run on the store's loop, once, never from within the call; parameters are borrowed during the
 * call. */

/* New posts are written by post_writer.h. */

/* FR_NOT_FOUND unknown or deleted, FR_FORBIDDEN somebody else's. The same text again is no edit and no event.
 */
void fr_timeline_update_post(struct fr_store *store, int64_t user_id, int64_t post_id, struct fr_str text,
                             const struct fr_origin *origin, fr_timeline_done_fn done, void *arg);
/* FR_NOT_FOUND unknown or deleted already, FR_FORBIDDEN somebody else's. */
void fr_timeline_delete_post(struct fr_store *store, int64_t user_id, int64_t post_id,
                             const struct fr_origin *origin, fr_timeline_done_fn done, void *arg);
/* One post; FR_NOT_FOUND. */
void fr_timeline_get_post(struct fr_store *store, int64_t post_id, fr_timeline_posts_fn done, void *arg);

/* What one user wrote, newest first: posts below `before_id`, at most `limit`. FR_NOT_FOUND for an unknown or
 * deleted user. */
void fr_timeline_user_posts(struct fr_store *store, int64_t author_id, int64_t before_id, int limit,
                            fr_timeline_posts_fn done, void *arg);

struct fr_page_request {
    int64_t user_id;
    int64_t before_id; /* posts with smaller ids; INT64_MAX: from the newest */
    int offset;        /* 0..FR_PAGE_OFFSET_MAX */
    int limit;         /* 1..FR_PAGE_LIMIT_MAX */
};
/* The home feed, newest first, down to the first post ever written: feed items and posts of followed
 * celebrities, below the user's horizon the posts themselves; of those whom the user follows now, without
 * deleted posts and departed accounts, each once. */
void fr_timeline_page(struct fr_store *store, const struct fr_page_request *request,
                      fr_timeline_posts_fn done, void *arg);

/* What a client says of the page it wants, as texts; NULL: not said. */
struct fr_page_query {
    const struct fr_str *limit, *offset, *cursor;
};
/* Fills `ret` but for the user. A limit above FR_PAGE_LIMIT_MAX means that; FR_INVALID names the parameter
 * that is no number, out of range, damaged (a cursor), or given beside one that excludes it. */
FR_WARN_UNUSED enum fr_status fr_page_request_parse(const struct fr_page_query *query,
                                                    struct fr_page_request *ret, struct fr_error *error);

/* The place below `last_id` in a page, as a token that clients hand back unread: base64url of a version, the
 * id and a check sum that tells a damaged one. It is no secret and proves nothing. */
#define FR_PAGE_CURSOR_SIZE 17 /* 16 characters and NUL */
void fr_page_cursor_format(int64_t last_id, char out[static FR_PAGE_CURSOR_SIZE]);
/* FR_INVALID for anything but a cursor that fr_page_cursor_format() could have made. */
FR_WARN_UNUSED enum fr_status fr_page_cursor_parse(struct fr_str text, int64_t *ret_last_id);

/* ================= the materializer's side ================= */
enum fr_outbox_kind {
    FR_OUTBOX_POST = 1,
    FR_OUTBOX_EDIT = 2,
    FR_OUTBOX_DELETE = 3,
    FR_OUTBOX_FOLLOW = 4,
    FR_OUTBOX_UNFOLLOW = 5,
    FR_OUTBOX_FLIP = 6,    /* the author's followers crossed the celebrity threshold, either way */
    FR_OUTBOX_ACCOUNT = 7, /* the author's account is deleted */
};
enum fr_outbox_state { FR_OUTBOX_PENDING = 0, FR_OUTBOX_COMMITTED = 1, FR_OUTBOX_DEAD = 2 };

/* One worker thread of a materializer. It takes its share of the partitions, works them off, hands over what
 * is above its share when others come, and gives all of them back when it stops. The shares: see share.h and
 * docs/adr/0005-partition-ownership.md; a partition's states: partitions.h. */
struct fr_owner;
struct fr_outages;

struct fr_owner_options {
    const char *conninfo;
    const char *application_name;
    struct fr_bus *bus; /* borrowed */
    int batch_events;   /* 1..FR_BATCH_EVENTS_MAX */
    int64_t poll_interval_ms;
    int64_t batch_linger_ms;
    int64_t celebrity_threshold; /* followers above which an author is one */
    int64_t celebrity_quiet_ms;  /* how long an author must have been acked before that changes */
    bool firehose;               /* publish every event to the stream POSTS too */
    int worker;                  /* this worker's number in the process, 0..15 */
    struct fr_outages *outages;  /* borrowed: one for all workers of the process */
};

/* The outages of a process, so that each is told once and not once for each worker. */
struct fr_outages *fr_outages_new(void);
void fr_outages_free(struct fr_outages *outages);

struct fr_owner *fr_owner_new(const struct fr_owner_options *options);
void fr_owner_free(struct fr_owner *owner);
/* Runs on the calling thread until fr_owner_stop(). Survives a database and a NATS that are away: backs off
 * with jitter and goes on; one log line per change of state of the process. */
void fr_owner_run(struct fr_owner *owner);
/* Any thread. The batch at hand is finished, locks are released at once. */
void fr_owner_stop(struct fr_owner *owner);
/* Any thread: it has a database session. */
bool fr_owner_ready(const struct fr_owner *owner);
/* Any thread: there is news in `partition`. */
void fr_owner_nudge(struct fr_owner *owner, int partition);
/* Any thread: a partition has become free. */
void fr_owner_nudge_free(struct fr_owner *owner);

#endif
