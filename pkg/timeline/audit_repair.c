/* Puts right what the auditor found. It works beside the owners of the partitions and not under their locks,
 * so each repair locks, in the order of their ids, the rows without which the change that would contradict it
 * cannot be made: a user's row for follows and unfollows (graph_lock_follower), folds and the account's end;
 * a post's row for its deletion. Only then, in a statement with a snapshot of its own, it looks whether the
 * repair is still right. A contradicting change then comes after the repair's commit, and its event with it,
 * whose handler sees what the repair did. A missing item that an event in the outbox would bring is left to
 * that event, which may bring it as a celebrity's post. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "timeline/audit_internal.h"

enum { REPAIRED_AT_ONCE = 500, ATTEMPTS = 30, PAUSE_FIRST_MS = 20, PAUSE_MAX_MS = 500, QUERIES_MAX = 5 };
#define LOCK_TIMEOUT FR_STR("300ms") /* shorter than deadlock_timeout: in a ring this side gives up */

struct batch {
    int64_t users[REPAIRED_AT_ONCE], authors[REPAIRED_AT_ONCE], posts[REPAIRED_AT_ONCE];
    size_t count;
};

/* A handler is in the way: no failure. */
static bool is_in_the_way(const struct fr_error *error)
{
    return strncmp(error->sqlstate, "40", 2) == 0 || strcmp(error->sqlstate, "55P03") == 0;
}

static enum fr_status run(struct fr_session *session, const struct fr_query *queries, size_t count,
                          struct fr_error *error)
{
    for (int attempt = 1;; attempt++) {
        int pause_ms = attempt < 6 ? PAUSE_FIRST_MS << (attempt - 1) : PAUSE_MAX_MS;
        enum fr_status status = fr_session_query_all(session, queries, count, NULL, error);
        if (status == FR_OK || !is_in_the_way(error) || attempt == ATTEMPTS)
            return status;
        poll(NULL, 0, pause_ms);
    }
}

static enum fr_status repair_batch(struct fr_session *session, enum fr_audit_kind kind,
                                   const struct batch *batch, struct fr_error *error)
{
    struct fr_param users = FR_P_I64S(batch->users, batch->count);
    struct fr_param authors = FR_P_I64S(batch->authors, batch->count);
    struct fr_param posts = FR_P_I64S(batch->posts, batch->count);
    struct fr_query queries[QUERIES_MAX];
    size_t count = 0;

    queries[count++] = FR_QUERY(FR_SQL_AUDIT_LOCK_BRIEFLY, FR_P_TEXT(LOCK_TIMEOUT));
    switch (kind) {
    case FR_AUDIT_MISSING:
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_LOCK_USERS, users);
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_LOCK_POSTS, authors, posts);
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_CELEBRITY_POSTS, authors, posts);
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_MISSING, users, authors, posts);
        break;
    case FR_AUDIT_EXTRA:
    case FR_AUDIT_DOUBLED:
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_LOCK_USERS, users);
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_EXTRA, users, authors, posts);
        break;
    case FR_AUDIT_STORED:
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_STORED, authors, posts);
        break;
    case FR_AUDIT_MIRROR:
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_LOCK_USERS, users);
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_FOLLOWERS, users, authors);
        break;
    case FR_AUDIT_COUNT:
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_LOCK_USERS, authors);
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_COUNTS, authors);
        break;
    case FR_AUDIT_CELEBRITY:
        queries[count++] = FR_QUERY(FR_SQL_AUDIT_REPAIR_CELEBRITIES, authors);
        break;
    case FR_AUDIT_ORDER: /* what was accepted when cannot be changed any more */
    case FR_AUDIT_PAGE:  /* is made of what is repaired by itself */
        return FR_OK;
    }
    return run(session, queries, count, error);
}

static enum fr_status repair_kind(struct fr_session *session, enum fr_audit_kind kind,
                                  const struct fr_audit_defect *defects, size_t count, struct batch *batch,
                                  struct fr_error *error)
{
    enum fr_status status = FR_OK;

    batch->count = 0;
    for (size_t i = 0; i < count && status == FR_OK; i++) {
        if (defects[i].kind != kind || defects[i].event.id != 0)
            continue;
        batch->users[batch->count] = defects[i].user_id;
        batch->authors[batch->count] = defects[i].author_id;
        batch->posts[batch->count++] = defects[i].post_id;
        if (batch->count == REPAIRED_AT_ONCE) {
            status = repair_batch(session, kind, batch, error);
            batch->count = 0;
        }
    }
    if (status == FR_OK && batch->count > 0)
        status = repair_batch(session, kind, batch, error);
    return status;
}

enum fr_status fr_audit_repair(struct fr_session *session, const struct fr_audit_defect *defects,
                               size_t count, struct fr_error *error)
{
    /* Edges before the counts of edges; what is too much before what takes its place. */
    static const enum fr_audit_kind order[] = {FR_AUDIT_MIRROR, FR_AUDIT_COUNT,   FR_AUDIT_CELEBRITY,
                                               FR_AUDIT_STORED, FR_AUDIT_DOUBLED, FR_AUDIT_EXTRA,
                                               FR_AUDIT_MISSING};
    struct batch *batch = FR_NEW(struct batch);
    enum fr_status status = FR_OK;

    for (size_t i = 0; i < FR_COUNT_OF(order) && status == FR_OK; i++)
        status = repair_kind(session, order[i], defects, count, batch, error);
    free(batch);
    return status;
}
