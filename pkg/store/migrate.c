#include "store/migrate.h"

#include <stdio.h>

#include "store/session.h"

/* How far the database is, compared with `table`. A database without the table of versions is at 0. */
static enum fr_status read_version(struct fr_session *session, const struct fr_migration_table *table,
                                   int *ret, struct fr_error *error)
{
    struct fr_result *rows = NULL;
    struct fr_error reason = {0};
    enum fr_status status =
        fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_MIGRATE_LIST), &rows, &reason);
    if (status == FR_INTERNAL && strcmp(reason.sqlstate, "42P01") == 0) {
        *ret = 0;
        return FR_OK;
    }
    if (status != FR_OK) {
        if (error != NULL)
            *error = reason;
        return status;
    }
    int count = fr_result_rows(rows);
    for (int i = 0; i < count && status == FR_OK; i++) {
        int64_t version = fr_result_i64(rows, i, 0);
        struct fr_str name = fr_result_text(rows, i, 1);
        if (version != i + 1)
            status = fr_error_set(
                error, FR_CONFLICT, NULL,
                "the table schema_migrations lacks version %d although it has %lld: it was changed by "
                "hand; restore it",
                i + 1, (long long)version);
        else if ((size_t)i < table->count && !fr_str_equal(name, fr_str_of(table->items[i].name)))
            status = fr_error_set(
                error, FR_CONFLICT, NULL,
                "version %d of the database's schema is \"%.*s\" and of this program's \"%s\": they "
                "are of different descent; use the program that made the database",
                i + 1, FR_STR_ARG(name), table->items[i].name);
    }
    fr_result_free(rows);
    if (status == FR_OK)
        *ret = count;
    return status;
}

static enum fr_status refuse_newer(int version, const struct fr_migration_table *table,
                                   struct fr_error *error)
{
    return fr_error_set(
        error, FR_CONFLICT, NULL,
        "this program is older than the database: it knows the schema up to version %zu, and the "
        "database is at %d; install a newer freshet",
        table->count, version);
}

enum fr_status fr_migrate_check_with(struct fr_session *session, const struct fr_migration_table *table,
                                     struct fr_error *error)
{
    int version = 0;
    enum fr_status status = read_version(session, table, &version, error);
    if (status != FR_OK)
        return status;
    if ((size_t)version > table->count)
        return refuse_newer(version, table, error);
    if ((size_t)version < table->count)
        return fr_error_set(
            error, FR_CONFLICT, NULL,
            "the database is older than this program: its schema is at version %d, and this program "
            "needs %zu; run `freshetctl migrate`",
            version, table->count);
    return FR_OK;
}

static enum fr_status apply(struct fr_session *session, const struct fr_migration *migration,
                            struct fr_error *error)
{
    char what[96];
    snprintf(what, sizeof what, "migration %04d_%s", migration->number, migration->name);
    enum fr_status status = fr_session_begin(session, error);
    if (status != FR_OK)
        return status;
    status = fr_session_run_script(session, what, migration->text, error);
    if (status == FR_OK)
        status = fr_session_query(session,
                                  &FR_QUERY(FR_SQL_MIGRATE_RECORD, FR_P_I32(migration->number),
                                            FR_P_TEXT(fr_str_of(migration->name))),
                                  NULL, error);
    if (status == FR_OK)
        status = fr_session_commit(session, error);
    if (status != FR_OK)
        fr_session_rollback(session);
    return status;
}

static enum fr_status apply_missing(struct fr_session *session, const struct fr_migration_table *table,
                                    void (*progress)(void *arg, int version, const char *name), void *arg,
                                    struct fr_migration_report *ret, struct fr_error *error)
{
    int version = 0;
    enum fr_status status = fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_MIGRATE_TABLE), NULL, error);
    if (status == FR_OK)
        status = read_version(session, table, &version, error);
    if (status != FR_OK)
        return status;
    if ((size_t)version > table->count)
        return refuse_newer(version, table, error);
    struct fr_migration_report report = {.version = version};
    while ((size_t)report.version < table->count) {
        const struct fr_migration *next = &table->items[report.version];
        if (progress != NULL)
            progress(arg, next->number, next->name);
        status = apply(session, next, error);
        if (status != FR_OK)
            return status;
        report.version++;
        report.applied++;
    }
    *ret = report;
    return FR_OK;
}

enum fr_status fr_migrate_with(struct fr_session *session, const struct fr_migration_table *table,
                               void (*progress)(void *arg, int version, const char *name), void *arg,
                               struct fr_migration_report *ret, struct fr_error *error)
{
    enum fr_status status = fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_MIGRATE_LOCK), NULL, error);
    if (status != FR_OK)
        return status;
    status = apply_missing(session, table, progress, arg, ret, error);
    /* A connection that broke has let go of the lock as well. */
    if (fr_session_alive(session)) {
        enum fr_status unlocked = fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_MIGRATE_UNLOCK), NULL,
                                                   status == FR_OK ? error : NULL);
        if (status == FR_OK)
            status = unlocked;
    }
    return status;
}

enum fr_status fr_store_migrate(struct fr_session *session,
                                void (*progress)(void *arg, int version, const char *name), void *arg,
                                struct fr_migration_report *ret, struct fr_error *error)
{
    struct fr_migration_report report;
    enum fr_status status = fr_migrate_with(session, &fr_migrations_embedded, progress, arg, &report, error);
    if (status == FR_OK)
        status = fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_FANOUT_MAKE_PARTITIONS), NULL, error);
    if (status == FR_OK)
        *ret = report;
    return status;
}

enum fr_status fr_store_check_schema(struct fr_session *session, struct fr_error *error)
{
    return fr_migrate_check_with(session, &fr_migrations_embedded, error);
}
