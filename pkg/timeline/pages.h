/* First pages of feeds, kept ready for users who look often.
 *
 * A page is kept for a user whose live posts come to this loop anyway, or who read it FR_HOT_READS times
 * within FR_HOT_READS_MS: then whoever is behind `want_feed` gets his live posts for it. It is filled by one
 * read that begins after that, and live posts are added as they come: so it lacks nothing but what is on its
 * way to this loop.
 *
 * It is never stale in what it shows. Everything else that changes pages (edits, deletes, follows, ended
 * accounts, backfills) writes a row into page_changes in its own transaction, and a kept page is shown only
 * after a statement that began after the request (the fence: one for all requests of a tick) has told what
 * became visible there since the one before, and, of the posts that came live, whether they belong to the
 * page and in which revision. So of a post that PostgreSQL has committed, a kept page shows the state at the
 * request or a later one; only a new post may show some milliseconds later than in a page that is read.
 * Whatever is uncertain gives the page up: it is read again when it is asked for. If live posts are overdue,
 * pages are read until they are not.
 *
 * Kept are ids and revisions; texts, and how they are written, are in the bodies' cache, and what is missing
 * there comes with the fence.
 *
 * One per loop, on its thread. Callbacks never come from within fr_pages_read().
 */
#ifndef FR_TIMELINE_PAGES_H
#define FR_TIMELINE_PAGES_H

#include "timeline/timeline.h"
#include "wire/wire.h"

struct fr_bodies;
struct fr_loop;
struct fr_pages;

struct fr_pages_options {
    struct fr_loop *loop;
    struct fr_store *store; /* freed, and so has answered everything, before the pages */
    struct fr_bodies *bodies;
    size_t pages_max; /* 0: none is kept */
    /* The live flow is whole, as far as anyone knows; NULL: always. */
    bool (*flowing)(void *arg);
    /* Somebody is to bring this user's live posts (fr_pages_feed_start), until drop_feed. False: not at this
     * time. */
    bool (*want_feed)(void *arg, int64_t user_id);
    /* Within the call the feed is stopped. */
    void (*drop_feed)(void *arg, int64_t user_id);
    void *arg;
};

struct fr_pages *fr_pages_new(const struct fr_pages_options *options);
/* Feeds must have stopped. Reads not answered get FR_CANCELLED. NULL is fine. */
void fr_pages_free(struct fr_pages *pages);

/* As fr_timeline_page(), from memory if that is as good. Posts from there come written in `encoding`, which
 * is JSON or PROTOBUF, too. */
void fr_pages_read(struct fr_pages *pages, const struct fr_page_request *request, enum fr_encoding encoding,
                   fr_timeline_posts_fn done, void *arg);
/* The same, always read from PostgreSQL by a statement that begins after the call; what is read is kept, if a
 * page of this user may be kept. */
void fr_pages_read_through(struct fr_pages *pages, const struct fr_page_request *request,
                           fr_timeline_posts_fn done, void *arg);

/* ---- live posts ---- */
struct fr_page_reader;
/* One flow of a user's live posts; embedded in whoever has it, zeroed at first. */
struct fr_page_feed {
    struct fr_page_feed *next, *prev;
    struct fr_page_reader *reader; /* NULL: not started */
};

/* From now on every post that is published for the user is told. `soon`: his page may be read at once, before
 * he asks for it; else in some seconds. */
void fr_pages_feed_start(struct fr_pages *pages, struct fr_page_feed *feed, int64_t user_id, bool soon);
/* Harmless if it has not started. */
void fr_pages_feed_post(struct fr_pages *pages, struct fr_page_feed *feed, int64_t post_id);
/* Something before now may not have been told. */
void fr_pages_feed_doubt(struct fr_pages *pages, struct fr_page_feed *feed);
/* Harmless if it has not started. */
void fr_pages_feed_stop(struct fr_pages *pages, struct fr_page_feed *feed);
/* The feed that was wanted cannot be had any more, and was stopped. */
void fr_pages_feed_refused(struct fr_pages *pages, int64_t user_id);

#endif
