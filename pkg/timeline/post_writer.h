/* Writes new posts, of one event loop. Those that come while others are on their way to PostgreSQL wait for
 * the answer and go together, in one statement and one commit: so the more posts come, the less each of them
 * costs, and one that comes alone waits for nobody.
 *
 * Authors are divided as the store divides keys: all statements about an author go over one connection, in
 * order. Each such lane has one batch on its way. A batch is no bond between its posts: each has an outcome
 * of its own, and where a statement fails as a whole because of what it was given, each of its posts is tried
 * alone. See docs/adr/0011-commit-batching.md.
 *
 * Post ids are made when a post is sent, not when it comes: the sooner they reach the author's row, the fewer
 * come too late.
 *
 * One per loop, on its thread.
 */
#ifndef FR_TIMELINE_POST_WRITER_H
#define FR_TIMELINE_POST_WRITER_H

#include "base/base.h"

struct fr_loop;
struct fr_store;
struct fr_post_writer;
struct fr_post_lane;

struct fr_post_writer_options {
    struct fr_loop *loop;
    struct fr_store *store; /* freed, and so has answered everything, before the writer */
    size_t batch_max;       /* posts in a transaction; 1: each alone, and none waits for another */
    /* A fresh snowflake, greater than those before; FR_UNAVAILABLE when there are none at this time. */
    enum fr_status (*next_id)(void *arg, int64_t *ret_id);
    void *arg;
};

/* The caller's own, in place from fr_post_writer_write() to `done`, with all that it points to. */
struct fr_new_post {
    int64_t author_id;
    struct fr_str text;
    const struct fr_once *once; /* NULL: as often as it is asked for */
    struct fr_origin origin;
    /* `post_id`: of the post that was made, now or by the request that this one repeats; 0 on failure. The
     * post is the caller's again. It may write; it must not free the writer.
     * FR_UNAUTHENTICATED: the author's account is gone. FR_CONFLICT: with the field "Idempotency-Key" when
     * the key came with something else before; else the author has a post with a later id than the one that
     * this got, from another loop, or a gateway whose clock is ahead: write it again. FR_UNAVAILABLE with the
     * field "id": none could be made. FR_FULL: FR_POSTS_WAITING_MAX wait. FR_TIMEOUT, not sent: it waited too
     * long. The rest is as the store tells it. */
    void (*done)(struct fr_new_post *post, enum fr_status status, int64_t post_id,
                 const struct fr_error *error);
    /* The writer's. */
    struct fr_ring ring;
    struct fr_post_lane *lane;
    int64_t id, came_ms;
};

struct fr_post_writer *fr_post_writer_new(const struct fr_post_writer_options *options);
/* Those that wait get FR_CANCELLED. NULL is fine. */
void fr_post_writer_free(struct fr_post_writer *writer);
/* Moves the author's row forward, inserts the post and its outbox event in one transaction, with the answer
 * for its key if it has one. `done` is called once, never from within the call. */
void fr_post_writer_write(struct fr_post_writer *writer, struct fr_new_post *post);

#endif
