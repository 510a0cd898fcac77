#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/timeline_internal.h"

/* Why the statements of a batch may run in a fixed order, whatever the order of its events.
 *
 * Each statement looks at the tables as they are when it runs: a post's items go to those who follow its
 * author then, an unfollow takes items out only if the edge is not there then, and so on. All statements run
 * after the batch was read, so they see the change that made each of its events, and every change that they
 * see too early has an event of its own, which comes later and converges again. What is left at the end
 * depends on the last state of the edge and of the post only. (Posts are told in order all the same: that is
 * tell.c's part.) */

/* Follows, posts, growth, celebrities' posts, counting (two), marking; and per event at most two (delete). */
#define QUERIES_MAX (7 + 2 * FR_BATCH_EVENTS_MAX)

struct plan {
    int64_t celebrity_threshold;
    struct fr_query queries[QUERIES_MAX];
    bool makes_items[QUERIES_MAX]; /* rows touched are new feed items */
    size_t count;
    int64_t post_authors[FR_BATCH_EVENTS_MAX], posts[FR_BATCH_EVENTS_MAX];
    int64_t celebrity_authors[FR_BATCH_EVENTS_MAX], celebrity_posts[FR_BATCH_EVENTS_MAX];
    int64_t authors[FR_BATCH_EVENTS_MAX], events[FR_BATCH_EVENTS_MAX];
    size_t post_count, celebrity_count;
    int64_t followed[FR_BATCH_EVENTS_MAX], followers[FR_BATCH_EVENTS_MAX];
    int64_t grown_authors[FR_BATCH_EVENTS_MAX];   /* of the posts by which feeds are known to grow */
    int64_t counted_authors[FR_BATCH_EVENTS_MAX]; /* whose followers are counted, each once */
    int16_t counted_partitions[FR_BATCH_EVENTS_MAX];
    size_t follow_count, grown_count, counted_count;
};

static void add_query(struct plan *plan, bool makes_items, struct fr_query query)
{
    plan->makes_items[plan->count] = makes_items;
    plan->queries[plan->count++] = query;
}

static void count_followers(struct plan *plan, const struct fr_outbox_event *event)
{
    for (size_t i = 0; i < plan->counted_count; i++)
        if (plan->counted_authors[i] == event->author_id)
            return;
    plan->counted_authors[plan->counted_count] = event->author_id;
    plan->counted_partitions[plan->counted_count++] = event->partition;
}

static enum fr_status plan_event(struct plan *plan, const struct fr_outbox_event *event,
                                 struct fr_error *error)
{
    struct fr_param author = FR_P_I64(event->author_id), subject = FR_P_I64(event->subject_id);

    switch ((enum fr_outbox_kind)event->kind) {
    case FR_OUTBOX_POST:
        if (event->celebrity) {
            plan->celebrity_authors[plan->celebrity_count] = event->author_id;
            plan->celebrity_posts[plan->celebrity_count++] = event->subject_id;
        } else {
            plan->post_authors[plan->post_count] = event->author_id;
            plan->posts[plan->post_count++] = event->subject_id;
            if (fr_partition_of(event->subject_id, FR_FEED_GROWTH_SAMPLE) == 0)
                plan->grown_authors[plan->grown_count++] = event->author_id;
        }
        return FR_OK;
    case FR_OUTBOX_EDIT:    /* pages read the text from posts */
    case FR_OUTBOX_ACCOUNT: /* to be told; then account.c takes it apart */
        return FR_OK;
    case FR_OUTBOX_DELETE:
        add_query(plan, false, FR_QUERY(FR_SQL_FANOUT_DELETE, author, subject));
        add_query(plan, false, FR_QUERY(FR_SQL_FANOUT_DELETE_CELEBRITY, author, subject));
        return FR_OK;
    case FR_OUTBOX_FOLLOW:
        count_followers(plan, event);
        plan->followed[plan->follow_count] = event->author_id;
        plan->followers[plan->follow_count++] = event->subject_id;
        return FR_OK;
    case FR_OUTBOX_UNFOLLOW:
        count_followers(plan, event);
        add_query(plan, false, FR_QUERY(FR_SQL_FANOUT_UNFOLLOW, author, subject));
        return FR_OK;
    case FR_OUTBOX_FLIP: /* never in a batch: flip.c */
        break;
    }
    return fr_error_set(error, FR_PROTOCOL, NULL, "an event of kind %d, which this program does not know",
                        (int)event->kind);
}

static enum fr_status plan_batch(struct plan *plan, const struct fr_outbox_event *events, size_t count,
                                 bool again, struct fr_error *error)
{
    plan->count = plan->post_count = plan->celebrity_count = 0;
    plan->follow_count = plan->grown_count = plan->counted_count = 0;
    for (size_t i = 0; i < count; i++) {
        enum fr_status status = plan_event(plan, &events[i], error);
        if (status != FR_OK)
            return status;
        plan->authors[i] = events[i].author_id;
        plan->events[i] = events[i].event_id;
    }
    if (plan->follow_count > 0)
        add_query(plan, true,
                  FR_QUERY(FR_SQL_FANOUT_FOLLOW, FR_P_I64S(plan->followed, plan->follow_count),
                           FR_P_I64S(plan->followers, plan->follow_count), FR_P_I32(FR_BACKFILL_POSTS)));
    if (plan->post_count > 0)
        add_query(plan, true,
                  FR_QUERY(again ? FR_SQL_FANOUT_POSTS_AGAIN : FR_SQL_FANOUT_POSTS,
                           FR_P_I64S(plan->post_authors, plan->post_count),
                           FR_P_I64S(plan->posts, plan->post_count)));
    if (plan->grown_count > 0)
        add_query(plan, false,
                  FR_QUERY(FR_SQL_FANOUT_GROWN, FR_P_I64S(plan->grown_authors, plan->grown_count)));
    if (plan->celebrity_count > 0)
        add_query(plan, false,
                  FR_QUERY(FR_SQL_FANOUT_CELEBRITY_POSTS,
                           FR_P_I64S(plan->celebrity_authors, plan->celebrity_count),
                           FR_P_I64S(plan->celebrity_posts, plan->celebrity_count)));
    /* Late, so that the authors' rows, which their posts move forward, are locked for a moment only. */
    if (plan->counted_count > 0) {
        const struct fr_param authors = FR_P_I64S(plan->counted_authors, plan->counted_count);
        add_query(plan, false, FR_QUERY(FR_SQL_FANOUT_FOLD_LOCK, authors));
        add_query(plan, false,
                  FR_QUERY(FR_SQL_FANOUT_FOLD, authors,
                           FR_P_I16S(plan->counted_partitions, plan->counted_count),
                           FR_P_I64(plan->celebrity_threshold), FR_P_I32(FR_CELEBRITY_STAYS_PERCENT)));
    }
    add_query(
        plan, false,
        FR_QUERY(FR_SQL_OUTBOX_COMMIT, FR_P_I64S(plan->authors, count), FR_P_I64S(plan->events, count)));
    return FR_OK;
}

static enum fr_status run_plan(struct fr_session *session, const struct plan *plan,
                               const struct fr_batch_hooks *hooks, struct fr_result **results,
                               struct fr_error *error)
{
    enum fr_status status;

    if (!fr_fault_armed("after_insert")) {
        status = fr_session_send(session, plan->queries, plan->count, error);
        if (status != FR_OK)
            return status;
        hooks->meanwhile(hooks->arg);
        return fr_session_collect(session, results, error);
    }
    /* The same in more round trips, so that there is a place to die in. */
    status = fr_session_begin(session, error);
    if (status == FR_OK)
        status = fr_session_query_all(session, plan->queries, plan->count, results, error);
    fr_fault_point("after_insert");
    if (status == FR_OK)
        return fr_session_commit(session, error);
    fr_session_rollback(session);
    return status;
}

static enum fr_status commit_events(struct fr_session *session, struct plan *plan,
                                    const struct fr_batch_hooks *hooks, const struct fr_outbox_event *events,
                                    size_t count, struct fr_error *error)
{
    struct fr_result **results = fr_alloc_array(QUERIES_MAX, sizeof(*results));
    int64_t items = 0;
    enum fr_status status = plan_batch(plan, events, count, false, error);

    if (status != FR_OK)
        goto out;
    status = run_plan(session, plan, hooks, results, error);
    if (status != FR_OK && strcmp(error->sqlstate, "23505") == 0) {
        /* Some items are there: the follow of somebody new brought them, or a dead event is replayed. */
        fr_metric_add(FR_METRIC_FEED_CONFLICTS, 1);
        status = plan_batch(plan, events, count, true, error);
        if (status == FR_OK)
            status = run_plan(session, plan, hooks, results, error);
    }
    if (status != FR_OK)
        goto out;
    fr_fault_point("after_commit");
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->makes_items[i])
            items += fr_result_affected(results[i]);
        fr_result_free(results[i]);
    }
    fr_metric_add(FR_METRIC_FEED_ROWS, items);
out:
    free(results);
    return status;
}

bool fr_batch_is_permanent(const struct fr_error *error)
{
    /* SQLSTATEs, by their beginnings, that tell of the server's state, not of an event: an operator, time or
     * a restart mends them, and every event would fail alike. The statements are always the same, so that
     * what a class says of a statement's text (42, 3F, 0A, 26) means a schema that is not ours, as while
     * it is restored or by a program of another version. 57014, 55P03: slow is not bad; the intake makes
     * batches smaller. */
    static const char *const outages[] = {
        "08",    /* connection */
        "0A",    /* not supported: by a plan that is out of date */
        "25",    /* transaction state: a standby is read-only */
        "26",    /* a prepared statement that is not there: a pooler in between */
        "28",    /* authorization */
        "3D",    /* no such database */
        "3F",    /* no such schema */
        "40",    /* rolled back: deadlock, serialization */
        "42",    /* no such table or column, no right to it */
        "53",    /* resources: disk, memory, connections */
        "55",    /* an object is not in the state for it: locked, in use */
        "57",    /* an operator: shutdown, crash, start, a cancelled query */
        "58",    /* the system: I/O */
        "F0",    /* the server's configuration file */
        "XX001", /* damaged data */
        "XX002", /* a damaged index */
    };

    if (error->sqlstate[0] == '\0')
        return error->status == FR_PROTOCOL || error->status == FR_INVALID || error->status == FR_INTERNAL;
    for (size_t i = 0; i < FR_COUNT_OF(outages); i++)
        if (strncmp(error->sqlstate, outages[i], strlen(outages[i])) == 0)
            return false;
    return true;
}

/* One call of fr_batch_apply(). */
struct run {
    struct fr_session *session;
    const struct fr_batch_hooks *hooks;
    struct plan *plan;
    int64_t bad_authors[FR_BATCH_EVENTS_MAX];
    size_t bad_count;
};

static bool is_bad_author(const struct run *run, int64_t author_id)
{
    for (size_t i = 0; i < run->bad_count; i++)
        if (run->bad_authors[i] == author_id)
            return true;
    return false;
}

static size_t drop_bad_authors(const struct run *run, struct fr_outbox_event *events, size_t count)
{
    size_t kept = 0;

    if (run->bad_count == 0)
        return count;
    for (size_t i = 0; i < count; i++)
        if (!is_bad_author(run, events[i].author_id))
            events[kept++] = events[i];
    return kept;
}

static enum fr_status apply(struct run *run, struct fr_outbox_event *events, size_t count,
                            struct fr_error *error)
{
    struct fr_error reason = {0};
    bool dead = false;
    enum fr_status status;

    count = drop_bad_authors(run, events, count);
    if (count == 0)
        return FR_OK;
    status = commit_events(run->session, run->plan, run->hooks, events, count, &reason);
    if (status == FR_OK) {
        fr_metric_add(FR_METRIC_OUTBOX_BATCHES, 1);
        run->hooks->committed(run->hooks->arg, events, count);
        return FR_OK;
    }
    if (!fr_batch_is_permanent(&reason)) {
        if (error != NULL)
            *error = reason;
        return status;
    }
    if (count > 1) {
        size_t half = count / 2; /* depth: log2 of a batch */
        fr_metric_add(FR_METRIC_OUTBOX_BISECTIONS, 1);
        status = apply(run, events, half, error);
        return status == FR_OK ? apply(run, events + half, count - half, error) : status;
    }
    status = fr_outbox_fail(run->session, events, &reason, &dead, error);
    if (status == FR_OK) {
        run->bad_authors[run->bad_count++] = events->author_id;
        run->hooks->failed(run->hooks->arg, events, &reason, dead);
    }
    return status;
}

enum fr_status fr_batch_apply(struct fr_session *session, struct fr_outbox_event *events, size_t count,
                              int64_t celebrity_threshold, const struct fr_batch_hooks *hooks,
                              struct fr_error *error)
{
    struct run *run = FR_NEW(struct run);
    enum fr_status status;

    run->session = session;
    run->hooks = hooks;
    run->plan = FR_NEW(struct plan);
    run->plan->celebrity_threshold = celebrity_threshold;
    status = apply(run, events, count, error);
    free(run->plan);
    free(run);
    return status;
}
