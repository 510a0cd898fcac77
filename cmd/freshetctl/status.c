#include <stdio.h>
#include <stdlib.h>

#include "bus/bus.h"
#include "ctl.h"
#include "store/store.h"

enum {
    NATS_TIMEOUT_MS = 3000,
    EXACT_BYTES_MAX = 64 * 1024 * 1024, /* a table up to this size is counted row by row */
};

/* ---- the database ---- */

static void say_count(const char *name, int64_t rows, bool exact)
{
    printf("  %-14s %s%lld\n", name, exact ? "" : "about ", (long long)rows);
}

static enum fr_status print_tables(struct fr_session *session, struct fr_error *error)
{
    struct fr_result *tables;
    enum fr_status status =
        fr_session_query(session, &FR_QUERY(FR_SQL_STATUS_TABLES, FR_P_I64(EXACT_BYTES_MAX)), &tables, error);
    if (status != FR_OK)
        return status;
    bool all_exact = true;
    for (int i = 0; i < fr_result_rows(tables); i++) {
        char name[32];
        struct fr_str text = fr_result_text(tables, i, 0);
        bool exact = fr_result_bool(tables, i, 2);
        snprintf(name, sizeof name, "%.*s", FR_STR_ARG(text));
        say_count(name, fr_result_i64(tables, i, 1), exact);
        all_exact = all_exact && exact;
    }
    fr_result_free(tables);
    if (!all_exact)
        puts("  (\"about\": large tables are estimated from the planner's statistics)");
    return FR_OK;
}

static const char *state_name(int64_t state)
{
    static const char *const names[] = {"pending", "committed", "dead"};
    return state >= 0 && state < (int64_t)FR_COUNT_OF(names) ? names[state] : "?";
}

static enum fr_status print_outbox(struct fr_session *session, struct fr_error *error)
{
    struct fr_result *rows;
    enum fr_status status =
        fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_STATUS_OUTBOX), &rows, error);
    if (status != FR_OK)
        return status;
    int count = fr_result_rows(rows);
    puts(count == 0 ? "outbox\n  empty: every post is in its feeds" : "outbox");
    if (count > 0)
        printf("  %-9s  %-9s  %10s  %12s\n", "partition", "state", "events", "oldest");
    for (int i = 0; i < count; i++)
        printf("  %9lld  %-9s  %10lld  %10.1f s\n", (long long)fr_result_i64(rows, i, 0),
               state_name(fr_result_i64(rows, i, 1)), (long long)fr_result_i64(rows, i, 2),
               (double)fr_result_i64(rows, i, 3) / 1000);
    fr_result_free(rows);
    return FR_OK;
}

/* The version, then whether this program can work with it. */
static enum fr_status print_schema(struct fr_session *session, bool *ret_fits, struct fr_error *error)
{
    struct fr_result *there, *version;
    enum fr_status status =
        fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_STATUS_MIGRATED), &there, error);
    if (status != FR_OK)
        return status;
    bool migrated = fr_result_bool(there, 0, 0);
    fr_result_free(there);
    *ret_fits = false;
    if (!migrated) {
        puts("  schema         none; run freshetctl migrate");
        return FR_OK;
    }
    status = fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_STATUS_SCHEMA), &version, error);
    if (status != FR_OK)
        return status;
    printf("  schema         version %lld\n", (long long)fr_result_i64(version, 0, 0));
    fr_result_free(version);
    status = fr_store_check_schema(session, error);
    if (status == FR_CONFLICT) {
        printf("  %s\n", error->message);
        return FR_OK;
    }
    *ret_fits = status == FR_OK;
    return status;
}

static enum fr_status print_database(const struct ctl *ctl, bool *ret_fits, struct fr_error *error)
{
    struct fr_session *session;
    enum fr_status status = ctl_open_session(ctl, false, &session, error);
    if (status != FR_OK)
        return status;
    puts("database");
    status = print_schema(session, ret_fits, error);
    if (status == FR_OK && *ret_fits)
        status = print_tables(session, error);
    if (status == FR_OK && *ret_fits)
        status = print_outbox(session, error);
    fr_session_close(session);
    return status;
}

/* ---- NATS ---- */

static enum fr_status count_streams(const struct ctl *ctl, int *ret_there, int *ret_wanted,
                                    struct fr_error *error)
{
    struct fr_bus *bus;
    enum fr_status status = ctl_open_bus(ctl, &bus, error);
    if (status != FR_OK)
        return status;
    status = fr_bus_count_streams(bus, NATS_TIMEOUT_MS, ret_there, ret_wanted, error);
    fr_bus_close(bus);
    return status;
}

static bool print_nats(const struct ctl *ctl)
{
    struct fr_error error = {0};
    int there, wanted;
    puts("nats");
    if (count_streams(ctl, &there, &wanted, &error) != FR_OK) {
        printf("  %s\n", error.message);
        return false;
    }
    printf("  streams        %d of %d declared%s\n", there, wanted,
           there < wanted ? "; a running service declares the rest, or freshetctl migrate" : "");
    return there == wanted;
}

int ctl_status(struct ctl *ctl)
{
    struct fr_error error = {0};
    bool fits = false;
    bool database = print_database(ctl, &fits, &error) == FR_OK;
    if (!database)
        printf("database\n  %s\n", error.message);
    bool nats = print_nats(ctl);
    return database && fits && nats ? CTL_OK : CTL_FAILED;
}
