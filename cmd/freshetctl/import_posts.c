/* freshetctl import-posts: fortune texts as posts of random users, all or nothing.
 *
 * The authors' rows are locked, in the order of their ids, before the post ids are made: an author's ids only
 * rise. The ids come from a leased node number like a gateway's; so they are nobody else's, even if the
 * commit comes after the lease's end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "complaints.h"
#include "ctl.h"
#include "fortunes.h"
#include "interrupt.h"
#include "store/store.h"
#include "timeline/lease.h"

enum { LIMIT_MAX = 100000000, LOOK_EVERY = 1024 };

struct import {
    struct ctl *ctl;
    struct fr_session *session;
    struct interrupt *interrupt;
    struct progress progress;
    struct complaints complaints;
    struct fortunes fortunes;
    char holder[FR_LEASE_HOLDER_MAX + 1];
    struct fr_snowflake flake;
    int64_t limit, seed;
    int64_t imported, authors;
};

struct author {
    int64_t id, last_post_id;
};

/* *ret is the caller's to free(). */
static enum fr_status read_users(struct import *import, int64_t **ret, size_t *ret_count,
                                 struct fr_error *error)
{
    struct fr_result *rows;
    enum fr_status status =
        fr_session_query(import->session, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_POSTS_USERS), &rows, error);
    if (status != FR_OK)
        return status;
    int count = fr_result_rows(rows);
    if (count == 0) {
        fr_result_free(rows);
        return fr_error_set(error, FR_NOT_FOUND, NULL,
                            "there are no users who could post; import-follows makes some");
    }
    int64_t *users = fr_alloc_array((size_t)count, sizeof *users);
    for (int i = 0; i < count; i++)
        users[i] = fr_result_i64(rows, i, 0);
    fr_result_free(rows);
    *ret = users;
    *ret_count = (size_t)count;
    return FR_OK;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int compare_authors(const void *a, const void *b)
{
    const struct author *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Chooses an author for each text; *ret is the caller's to free(). */
static int64_t *choose(struct import *import, const int64_t *users, size_t user_count, size_t post_count)
{
    assert(user_count > 0);
    struct fr_random random = fr_random_of_seed((uint64_t)import->seed);
    int64_t *authors = fr_alloc_array(post_count, sizeof *authors);
    for (size_t i = 0; i < post_count; i++)
        authors[i] = users[fr_random_next(&random) % user_count];
    return authors;
}

/* Locks the rows of those chosen and reads how far each is. An account that was deleted meanwhile is an
 * error. */
static enum fr_status lock_authors(struct import *import, const int64_t *chosen, size_t count,
                                   struct author **ret, size_t *ret_count, struct fr_error *error)
{
    int64_t *ids = fr_alloc_array(count, sizeof *ids);
    size_t distinct = 0;
    memcpy(ids, chosen, count * sizeof *ids);
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            ids[distinct++] = ids[i];
    struct fr_result *rows;
    enum fr_status status = fr_session_query(
        import->session, &FR_QUERY(FR_SQL_IMPORT_POSTS_LOCK, FR_P_I64S(ids, distinct)), &rows, error);
    free(ids);
    if (status != FR_OK)
        return status;
    if ((size_t)fr_result_rows(rows) != distinct) {
        fr_result_free(rows);
        return fr_error_set(error, FR_CONFLICT, NULL, "a user deleted the account meanwhile; try again");
    }
    struct author *authors = fr_alloc_array(distinct, sizeof *authors);
    for (size_t i = 0; i < distinct; i++)
        authors[i] = (struct author){fr_result_i64(rows, (int)i, 0), fr_result_i64(rows, (int)i, 1)};
    fr_result_free(rows);
    *ret = authors;
    *ret_count = distinct;
    return FR_OK;
}

/* The id must be above the author's last one, which a gateway whose clock is ahead may have made. */
static enum fr_status next_id(struct import *import, struct author *author, int64_t *ret,
                              struct fr_error *error)
{
    int64_t now = fr_clock_wall_ms();
    do {
        if (fr_snowflake_next(&import->flake, now, ret) != FR_OK)
            return fr_error_set(error, FR_UNAVAILABLE, NULL,
                                "the lease of the node number ended before all ids were made; try again");
        now = fr_snowflake_time_ms(author->last_post_id) + 1;
    } while (*ret <= author->last_post_id);
    author->last_post_id = *ret;
    return FR_OK;
}

static enum fr_status copy_post(struct import *import, struct author *author, struct fr_str text,
                                struct fr_error *error)
{
    int64_t id;
    enum fr_status status = next_id(import, author, &id, error);
    if (status != FR_OK)
        return status;
    const struct fr_param row[] = {FR_P_I64(author->id), FR_P_I64(id), FR_P_TEXT(text),
                                   FR_P_I16(fr_partition_of(author->id, FR_AUTHOR_PARTITIONS))};
    return fr_session_copy_row(import->session, row, FR_COUNT_OF(row), error);
}

static enum fr_status copy_posts(struct import *import, const int64_t *chosen, size_t count,
                                 struct author *authors, size_t author_count, struct fr_error *error)
{
    assert(authors != NULL && author_count > 0);
    enum fr_status status = fr_session_copy_begin(import->session, FR_SQL_IMPORT_POSTS_COPY, error);
    if (status != FR_OK)
        return status;
    for (size_t i = 0; i < count && status == FR_OK; i++) {
        struct author key = {.id = chosen[i]};
        struct author *author = bsearch(&key, authors, author_count, sizeof *authors, compare_authors);
        status = copy_post(import, author, import->fortunes.texts[i], error);
        if (status == FR_OK && i % LOOK_EVERY == 0 && interrupt_came(import->interrupt))
            status = fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
        if (i % LOOK_EVERY == 0)
            progress_show(&import->progress, (int64_t)i, (int64_t)count, (int64_t)i);
    }
    if (status == FR_OK)
        return fr_session_copy_end(import->session, NULL, error);
    fr_session_copy_abort(import->session);
    return status;
}

static enum fr_status write_posts(struct import *import, const int64_t *chosen, size_t count,
                                  struct fr_error *error)
{
    struct author *authors = NULL;
    size_t author_count = 0;
    struct fr_query make = FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_POSTS_MAKE);
    static const enum fr_sql writes[] = {FR_SQL_IMPORT_POSTS_MOVE, FR_SQL_IMPORT_POSTS_WRITE,
                                         FR_SQL_IMPORT_POSTS_EVENTS, FR_SQL_PAGE_CHANGES_VOID};
    enum fr_status status = fr_session_query(import->session, &make, NULL, error);
    if (status == FR_OK)
        status = lock_authors(import, chosen, count, &authors, &author_count, error);
    if (status == FR_OK)
        status = copy_posts(import, chosen, count, authors, author_count, error);
    for (size_t i = 0; i < FR_COUNT_OF(writes) && status == FR_OK; i++) {
        if (interrupt_came(import->interrupt))
            status = fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
        else
            status = fr_session_query(import->session, &FR_QUERY_NO_PARAMS(writes[i]), NULL, error);
    }
    free(authors);
    import->imported = (int64_t)count;
    import->authors = (int64_t)author_count;
    return status;
}

static enum fr_status import_chosen(struct import *import, const int64_t *chosen, size_t count,
                                    struct fr_error *error)
{
    struct fr_lease lease;
    enum fr_status status = fr_lease_acquire(import->session, import->holder, &lease, error);
    if (status != FR_OK)
        return status;
    fr_snowflake_init(&import->flake, lease.node, lease.start_after_ms, lease.until_ms);
    status = fr_session_begin(import->session, error);
    if (status == FR_OK) {
        progress_phase(&import->progress, "posting");
        status = write_posts(import, chosen, count, error);
        if (status == FR_OK) {
            status = fr_session_commit(import->session, error);
            if (status == FR_TIMEOUT || status == FR_UNAVAILABLE)
                fputs(CTL_PROGRAM
                      ": the connection broke during the commit: it may have been made; look with status\n",
                      stderr);
        } else {
            fr_session_rollback(import->session);
        }
        progress_clear(&import->progress);
    }
    if (fr_session_alive(import->session))
        fr_lease_release(import->session, import->holder, &lease);
    return status;
}

static enum fr_status import_all(struct import *import, struct fr_error *error)
{
    enum fr_status status =
        fortunes_read(import->ctl->operands[0], &import->complaints, &import->fortunes, error);
    if (status != FR_OK)
        return status;
    complaints_end(&import->complaints);
    if (import->complaints.count > 0 && import->ctl->options[CTL_OPTION_SKIP_BAD] == NULL)
        return fr_error_set(error, FR_INVALID, NULL, "%lld bad %s; --skip-bad imports the rest",
                            (long long)import->complaints.count,
                            import->complaints.count == 1 ? "text" : "texts");
    size_t count = import->fortunes.count, user_count = 0;
    if ((int64_t)count > import->limit)
        count = (size_t)import->limit;
    if (count == 0)
        return fr_error_set(error, FR_NOT_FOUND, NULL, "there is no text to post");
    int64_t *users = NULL;
    status = read_users(import, &users, &user_count, error);
    if (status != FR_OK)
        return status;
    int64_t *chosen = choose(import, users, user_count, count);
    status = import_chosen(import, chosen, count, error);
    free(chosen);
    free(users);
    return status;
}

/* ---- the end ---- */

static void report(struct import *import)
{
    double seconds = progress_seconds(&import->progress);
    struct fr_error ignored;
    if (fr_session_query(import->session, &FR_QUERY_NO_PARAMS(FR_SQL_IMPORT_ANALYZE), NULL, &ignored) !=
        FR_OK)
        fprintf(stderr, CTL_PROGRAM ": the tables were not analyzed (%s); autovacuum will\n",
                ignored.message);
    printf("%lld posts imported in %.1f s, %.0f rows/s\n", (long long)import->imported, seconds,
           (double)import->imported / seconds);
    printf("  texts: %zu good in %zu files, %lld bad\n", import->fortunes.count, import->fortunes.files,
           (long long)import->complaints.count);
    printf("  authors: %lld\n  events: %lld; the materializer brings the posts into the feeds\n",
           (long long)import->authors, (long long)import->imported);
}

static int fail(struct import *import, const struct fr_error *error)
{
    int code = interrupt_fail(import->interrupt, error);
    /* After a connection that broke nobody knows; all other failures rolled back. */
    if (import->session != NULL && fr_session_alive(import->session))
        fputs(CTL_PROGRAM ": nothing was imported\n", stderr);
    return code;
}

static enum fr_status make_holder(struct import *import, struct fr_error *error)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return fr_error_set(error, FR_IO, NULL, "no random numbers");
    snprintf(import->holder, sizeof import->holder, CTL_PROGRAM "-%ld-%016llx", (long)getpid(),
             (unsigned long long)random);
    return FR_OK;
}

int ctl_import_posts(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct import import = {.ctl = ctl};
    int code = CTL_FAILED;
    import.complaints.progress = &import.progress;
    if (ctl_option_i64(ctl, CTL_OPTION_LIMIT, 1, LIMIT_MAX, LIMIT_MAX, &import.limit, &error) != FR_OK ||
        ctl_option_i64(ctl, CTL_OPTION_SEED, 0, INT64_MAX, 1, &import.seed, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (make_holder(&import, &error) != FR_OK ||
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
    fortunes_release(&import.fortunes);
    return code;
}
