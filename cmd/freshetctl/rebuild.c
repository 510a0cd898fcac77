#include <stdio.h>

#include "ctl.h"
#include "interrupt.h"
#include "progress.h"
#include "store/store.h"
#include "timeline/rebuild.h"

enum { USERS_AT_ONCE = 1000 };

struct rebuild {
    struct ctl *ctl;
    struct fr_session *session;
    struct interrupt *interrupt;
    struct progress progress;
    int64_t users, total; /* done, and to be done */
    int64_t taken_in, taken_out;
};

static enum fr_status open_session(struct rebuild *rebuild, struct fr_error *error)
{
    const struct fr_session_options options = {
        .conninfo = rebuild->ctl->settings.database_url,
        .application_name = CTL_PROGRAM " rebuild",
        .lock_timeout_ms = FR_REBUILD_LOCK_TIMEOUT_MS,
    };
    enum fr_status status = fr_session_open(&options, &rebuild->session, error);
    return status == FR_OK ? fr_store_check_schema(rebuild->session, error) : status;
}

static enum fr_status rebuild_user(struct rebuild *rebuild, int64_t user_id, struct fr_error *error)
{
    struct fr_rebuild_counts counts;
    enum fr_status status =
        fr_rebuild_user(rebuild->session, user_id, (int)rebuild->ctl->settings.feed_cap, &counts, error);
    if (status != FR_OK)
        return status;
    rebuild->users++;
    rebuild->taken_in += counts.taken_in;
    rebuild->taken_out += counts.taken_out;
    return FR_OK;
}

static enum fr_status rebuild_users(struct rebuild *rebuild, const struct fr_result *users,
                                    struct fr_error *error)
{
    for (int row = 0; row < fr_result_rows(users); row++) {
        if (interrupt_came(rebuild->interrupt))
            return fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
        enum fr_status status = rebuild_user(rebuild, fr_result_i64(users, row, 0), error);
        /* Whose account was deleted meanwhile has no feed. */
        if (status != FR_OK && status != FR_NOT_FOUND)
            return status;
        progress_show(&rebuild->progress, rebuild->users, rebuild->total, rebuild->taken_in);
    }
    return FR_OK;
}

static enum fr_status rebuild_all(struct rebuild *rebuild, struct fr_error *error)
{
    struct fr_result *result;
    int64_t after = 0;
    int found;
    enum fr_status status =
        fr_session_query(rebuild->session, &FR_QUERY_NO_PARAMS(FR_SQL_REBUILD_COUNT), &result, error);
    if (status != FR_OK)
        return status;
    rebuild->total = fr_result_i64(result, 0, 0);
    fr_result_free(result);
    progress_phase(&rebuild->progress, "rebuilding feeds");
    do {
        const struct fr_query query =
            FR_QUERY(FR_SQL_REBUILD_USERS, FR_P_I64(after), FR_P_I32(USERS_AT_ONCE));
        status = fr_session_query(rebuild->session, &query, &result, error);
        if (status != FR_OK)
            break;
        found = fr_result_rows(result);
        if (found > 0)
            after = fr_result_i64(result, found - 1, 0);
        status = rebuild_users(rebuild, result, error);
        fr_result_free(result);
    } while (status == FR_OK && found == USERS_AT_ONCE);
    progress_clear(&rebuild->progress);
    return status;
}

static void report(const struct rebuild *rebuild)
{
    double seconds = progress_seconds(&rebuild->progress);
    printf("%lld feeds rebuilt in %.1f s, %.0f/s: %lld items taken in, %lld taken out\n",
           (long long)rebuild->users, seconds, (double)rebuild->users / seconds, (long long)rebuild->taken_in,
           (long long)rebuild->taken_out);
}

/* The user of --user; 0: all. */
static enum fr_status read_usage(const struct ctl *ctl, int64_t *ret_user, struct fr_error *error)
{
    bool all = ctl->options[CTL_OPTION_ALL] != NULL, one = ctl->options[CTL_OPTION_USER] != NULL;
    if (all == one)
        return fr_error_set(error, FR_INVALID, NULL, "rebuild: wants either --user=ID or --all");
    return ctl_option_i64(ctl, CTL_OPTION_USER, 1, INT64_MAX, 0, ret_user, error);
}

int ctl_rebuild(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct rebuild rebuild = {.ctl = ctl, .total = 1};
    int64_t user = 0;
    int code = CTL_FAILED;
    enum fr_status status = read_usage(ctl, &user, &error);
    if (status != FR_OK)
        return ctl_fail_usage(&error);
    status = open_session(&rebuild, &error);
    if (status == FR_OK)
        status = interrupt_begin(rebuild.session, &rebuild.interrupt, &error);
    if (status == FR_OK)
        status = progress_begin(&rebuild.progress, &error);
    if (status != FR_OK) {
        ctl_fail(&error);
        goto out;
    }
    status = user != 0 ? rebuild_user(&rebuild, user, &error) : rebuild_all(&rebuild, &error);
    if (status == FR_OK || rebuild.users > 0)
        report(&rebuild);
    if (status == FR_OK) {
        code = CTL_OK;
        goto out;
    }
    code = interrupt_fail(rebuild.interrupt, &error);
out:
    progress_end(&rebuild.progress);
    interrupt_end(rebuild.interrupt);
    fr_session_close(rebuild.session);
    return code;
}
