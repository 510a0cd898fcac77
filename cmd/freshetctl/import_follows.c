/* freshetctl import-follows: a file of follows into the graph, all or nothing.
 *
 * The lines are copied into a temporary table; everything after that is set-based. Only then are the users'
 * rows locked, in the order of their ids, as a follow by HTTP locks its one: so nobody else changes the
 * follows of these people, and nobody of them posts, until the commit. Hence a followed user without a post
 * at this moment needs no event; one with posts gets the event of a follow for each new follower, and the
 * materializer brings the posts into the feed. */
#include <stdio.h>
#include <stdlib.h>

#include "complaints.h"
#include "ctl.h"
#include "follows_reader.h"
#include "interrupt.h"
#include "store/store.h"

enum { CANCEL_LOOK_EVERY = 1024 };

struct import {
    struct ctl *ctl;
    struct fr_session *session;
    struct follows_reader *reader;
    struct interrupt *interrupt;
    struct progress progress;
    struct complaints complaints;
    int64_t staged, distinct, existed, dropped, imported, users_made, celebrities_made, events;
};

/* ---- reading ---- */

static enum fr_status stage_edge(struct import *import, const struct follows_line *line,
                                 struct fr_error *error)
{
    const struct fr_param row[] = {FR_P_I64(line->follower_id), FR_P_I64(line->followed_id)};
    import->staged++;
    return fr_session_copy_row(import->session, row, FR_COUNT_OF(row), error);
}

static enum fr_status stage_lines(struct import *import, struct fr_error *error)
{
    struct follows_reader *reader = import->reader;
    struct follows_line line = {0};
    enum fr_status status = FR_OK;
    while (status == FR_OK) {
        if (line.number % CANCEL_LOOK_EVERY == 0) {
            if (interrupt_came(import->interrupt))
                return fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
            progress_show(&import->progress, follows_bytes_done(reader), follows_bytes_total(reader),
                          line.number);
        }
        switch (follows_next(reader, &line, error)) {
        case FOLLOWS_EDGE:
            status = stage_edge(import, &line, error);
            break;
        case FOLLOWS_BAD_LINE:
            complain_at(&import->complaints, follows_name(reader), line.number, "%s", line.reason);
            break;
        case FOLLOWS_END:
            return FR_OK;
        case FOLLOWS_FAILED:
            return interrupt_came(import->interrupt) ? fr_error_set(error, FR_CANCELLED, NULL, "interrupted")
                                                     : error->status;
        }
    }
    return status;
}

static enum fr_status refuse_bad_lines(struct import *import, struct fr_error *error)
{
    complaints_end(&import->complaints);
    if (import->complaints.count == 0 || import->ctl->options[CTL_OPTION_SKIP_BAD] != NULL)
        return FR_OK;
    return fr_error_set(error, FR_INVALID, NULL, "%lld bad %s; --skip-bad imports the rest",
                        (long long)import->complaints.count,
                        import->complaints.count == 1 ? "line" : "lines");
}

/* ---- statements ---- */

/* *ret_affected may be NULL. */
static enum fr_status run(struct import *import, const struct fr_query *query, int64_t *ret_affected,
                          struct fr_error *error)
{
    struct fr_result *result;
    if (interrupt_came(import->interrupt))
        return fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
    enum fr_status status = fr_session_query(import->session, query, &result, error);
    if (status != FR_OK)
        return status;
    if (ret_affected != NULL)
        *ret_affected = fr_result_affected(result);
    fr_result_free(result);
    return FR_OK;
}

static enum fr_status stage(struct import *import, struct fr_error *error)
{
    enum fr_status status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_EDGES_MAKE), NULL, error);
    if (status == FR_OK)
        status = fr_session_copy_begin(import->session, FR_SQL_IMPORT_EDGES_COPY, error);
    if (status != FR_OK)
        return status;
    progress_phase(&import->progress, "reading");
    status = stage_lines(import, error);
    progress_clear(&import->progress);
    if (status == FR_OK)
        status = refuse_bad_lines(import, error);
    if (status == FR_OK)
        return fr_session_copy_end(import->session, NULL, error);
    fr_session_copy_abort(import->session);
    return status;
}

static enum fr_status refuse_full_users(struct import *import, struct fr_error *error)
{
    struct fr_result *full;
    enum fr_status status = fr_session_query(
        import->session,
        &FR_QUERY(FR_SQL_IMPORT_FOLLOWS_FULL, FR_P_I64(FR_FOLLOWS_MAX), FR_P_I64(COMPLAINTS_TOLD)), &full,
        error);
    if (status != FR_OK)
        return status;
    for (int i = 0; i < fr_result_rows(full); i++)
        fprintf(stderr, "user %lld would follow %lld people; %d is the most\n",
                (long long)fr_result_i64(full, i, 0), (long long)fr_result_i64(full, i, 1), FR_FOLLOWS_MAX);
    if (fr_result_rows(full) > 0)
        status = fr_error_set(error, FR_INVALID, NULL, "user %lld would follow more than %d people",
                              (long long)fr_result_i64(full, 0, 0), FR_FOLLOWS_MAX);
    fr_result_free(full);
    return status;
}

static enum fr_status refuse_deleted_users(struct import *import, struct fr_error *error)
{
    struct fr_result *deleted;
    if (import->ctl->options[CTL_OPTION_SKIP_BAD] != NULL)
        return run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_FOLLOWS_DROP_DELETED), &import->dropped, error);
    enum fr_status status = fr_session_query(
        import->session, &FR_QUERY(FR_SQL_IMPORT_USERS_DELETED, FR_P_I64(COMPLAINTS_TOLD)), &deleted, error);
    if (status != FR_OK)
        return status;
    for (int i = 0; i < fr_result_rows(deleted); i++)
        fprintf(stderr, "the account of user %lld is deleted\n", (long long)fr_result_i64(deleted, i, 0));
    if (fr_result_rows(deleted) > 0)
        status = fr_error_set(
            error, FR_INVALID, NULL,
            "the account of user %lld is deleted; --skip-bad leaves out the follows of deleted accounts",
            (long long)fr_result_i64(deleted, 0, 0));
    fr_result_free(deleted);
    return status;
}

/* Leaves the table import_follows: the follows that are new. */
static enum fr_status find_new(struct import *import, struct fr_error *error)
{
    int64_t distinct = 0;
    progress_phase(&import->progress, "comparing with what is there");
    enum fr_status status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_EDGES_ANALYZE), NULL, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_FOLLOWS_MAKE), &distinct, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_USERS_MAKE), &import->users_made, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_USERS_LOCK), NULL, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_FOLLOWS_DROP_OLD), &import->existed, error);
    progress_clear(&import->progress);
    if (status == FR_OK)
        status = refuse_deleted_users(import, error);
    if (status == FR_OK)
        status = refuse_full_users(import, error);
    if (status == FR_OK)
        import->distinct = distinct;
    return status;
}

static enum fr_status write_graph(struct import *import, struct fr_error *error)
{
    progress_phase(&import->progress, "writing follows");
    enum fr_status status =
        run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_FOLLOWEES_WRITE), &import->imported, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_FOLLOWERS_WRITE), NULL, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_COUNTS_WRITE), NULL, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_CELEBRITIES_MAKE), NULL, error);
    if (status == FR_OK)
        status = run(
            import,
            &FR_QUERY(FR_SQL_IMPORT_CELEBRITIES_MARK, FR_P_I64(import->ctl->settings.celebrity_threshold)),
            &import->celebrities_made, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_CELEBRITIES_ADD), NULL, error);
    return status;
}

/* The partition is a hash that only this side computes. */
static enum fr_status copy_partitions(struct import *import, const struct fr_result *authors,
                                      struct fr_error *error)
{
    struct fr_session *session = import->session;
    enum fr_status status = fr_session_copy_begin(session, FR_SQL_IMPORT_PARTITIONS_COPY, error);
    if (status != FR_OK)
        return status;
    for (int i = 0; i < fr_result_rows(authors) && status == FR_OK; i++) {
        int64_t author_id = fr_result_i64(authors, i, 0);
        const struct fr_param row[] = {FR_P_I64(author_id),
                                       FR_P_I16(fr_partition_of(author_id, FR_AUTHOR_PARTITIONS))};
        status = fr_session_copy_row(session, row, FR_COUNT_OF(row), error);
    }
    if (status == FR_OK)
        return fr_session_copy_end(session, NULL, error);
    fr_session_copy_abort(session);
    return status;
}

/* An imported follow acts like one by HTTP: posts that are there come into the new follower's feed, and
 * gateways learn of a celebrity's new followers. */
static enum fr_status write_events(struct import *import, struct fr_error *error)
{
    struct fr_result *authors;
    enum fr_status status =
        fr_session_query(import->session, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_AUTHORS), &authors, error);
    if (status != FR_OK)
        return status;
    if (fr_result_rows(authors) == 0)
        goto out;
    status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_PARTITIONS_MAKE), NULL, error);
    if (status == FR_OK)
        status = copy_partitions(import, authors, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_EVENTS_WRITE), &import->events, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_FLIPS_WRITE), NULL, error);
out:
    fr_result_free(authors);
    return status;
}

static enum fr_status commit(struct import *import, struct fr_error *error)
{
    progress_phase(&import->progress, "committing");
    enum fr_status status = fr_session_commit(import->session, error);
    progress_clear(&import->progress);
    if (status == FR_TIMEOUT || status == FR_UNAVAILABLE)
        fputs(CTL_PROGRAM ": the connection broke during the commit: it may have been made; import once "
                          "more, what is there "
                          "does no harm\n",
              stderr);
    return status;
}

static enum fr_status import_all(struct import *import, struct fr_error *error)
{
    enum fr_status status = fr_session_begin(import->session, error);
    if (status != FR_OK)
        return status;
    status = stage(import, error);
    if (status == FR_OK)
        status = find_new(import, error);
    if (status == FR_OK)
        status = write_graph(import, error);
    if (status == FR_OK)
        status = write_events(import, error);
    if (status == FR_OK)
        status = run(import, &FR_QUERY_NO_PARAMS(FR_SQL_PAGE_CHANGES_VOID), NULL, error);
    if (status == FR_OK)
        return commit(import, error);
    progress_clear(&import->progress);
    fr_session_rollback(import->session);
    return status;
}

/* ---- the end ---- */

static void report(struct import *import)
{
    double seconds = progress_seconds(&import->progress);
    /* The planner should know at once what came; if this fails, autovacuum does it a little later. */
    struct fr_error ignored;
    if (run(import, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_ANALYZE), NULL, &ignored) != FR_OK)
        fprintf(stderr, CTL_PROGRAM ": the tables were not analyzed (%s); autovacuum will\n",
                ignored.message);
    printf("%lld follows imported in %.1f s, %.0f rows/s\n", (long long)import->imported, seconds,
           (double)import->staged / seconds);
    printf("  lines: %lld read, %lld bad, %lld twice, %lld there already",
           (long long)(import->staged + import->complaints.count), (long long)import->complaints.count,
           (long long)(import->staged - import->distinct), (long long)import->existed);
    if (import->dropped > 0)
        printf(", %lld of deleted accounts", (long long)import->dropped);
    printf("\n  users: %lld made\n", (long long)import->users_made);
    printf("  celebrities: %lld new, above %lld followers\n", (long long)import->celebrities_made,
           (long long)import->ctl->settings.celebrity_threshold);
    printf(
        "  events: %lld, for followed people who had posts; the materializer brings these into the feeds\n",
        (long long)import->events);
}

static int fail(struct import *import, const struct fr_error *error)
{
    int code = interrupt_fail(import->interrupt, error);
    if (error->status != FR_UNAVAILABLE && error->status != FR_TIMEOUT)
        fputs(CTL_PROGRAM ": nothing was imported\n", stderr);
    return code;
}

int ctl_import_follows(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct import import = {.ctl = ctl};
    int code = CTL_FAILED;
    import.complaints.progress = &import.progress;
    if (follows_open(ctl->operands[0], &import.reader, &error) != FR_OK ||
        ctl_open_session(ctl, true, &import.session, &error) != FR_OK ||
        interrupt_begin(import.session, &import.interrupt, &error) != FR_OK ||
        progress_begin(&import.progress, &error) != FR_OK) {
        ctl_fail(&error);
        goto out;
    }
    if (import_all(&import, &error) == FR_OK) {
        report(&import);
        code = CTL_OK;
    } else {
        code = fail(&import, &error);
    }
out:
    progress_end(&import.progress);
    interrupt_end(import.interrupt);
    fr_session_close(import.session);
    follows_close(import.reader);
    return code;
}
