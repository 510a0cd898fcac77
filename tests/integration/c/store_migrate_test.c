/* Migrations against a real server, and every statement against what they made. */
#include "store_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/migrate.h"
#include "store/session.h"

struct world {
    char *conninfo;
    struct fr_session *session;
};

static int make_world(void **state)
{
    struct world *world = FR_NEW(struct world);
    world->conninfo = fixture_make_database();
    world->session = fixture_open(world->conninfo);
    *state = world;
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    fr_session_close(world->session);
    fixture_drop_database(world->conninfo);
    free(world);
    return 0;
}

static void count_step(void *arg, int version, const char *name)
{
    int *steps = arg;
    (*steps)++;
}

static void test_migrate(void **state)
{
    struct world *world = *state;
    struct fr_migration_report report = {0};
    int steps = 0;
    EXPECT_STATUS(FR_CONFLICT, fr_store_check_schema(world->session, error));
    EXPECT_OK(fr_store_migrate(world->session, count_step, &steps, &report, error));
    assert_int_equal((int)fr_migrations_embedded.count, report.applied);
    assert_int_equal((int)fr_migrations_embedded.count, report.version);
    assert_int_equal(report.applied, steps);
    EXPECT_OK(fr_store_check_schema(world->session, error));
    EXPECT_OK(fr_store_migrate(world->session, count_step, &steps, &report, error));
    assert_int_equal(0, report.applied);
    assert_int_equal((int)fr_migrations_embedded.count, report.version);
    assert_int_equal((int)fr_migrations_embedded.count, steps);
}

enum step { STEP_RUN, STEP_CHECK };

/* Within a savepoint, as what fails spoils a transaction. */
static enum fr_status try_statement(struct fr_session *session, enum fr_sql sql, enum step step,
                                    struct fr_error *error)
{
    enum fr_status status;
    fixture_run(session, "SAVEPOINT try");
    if (step == STEP_RUN) {
        status = fr_session_query(session, &(struct fr_query){.sql = sql}, NULL, error);
    } else if (!fr_sql_statements[sql].is_copy) {
        status = fr_session_check_statement(session, sql, error);
    } else { /* which cannot be prepared */
        status = fr_session_copy_begin(session, sql, error);
        fr_session_copy_abort(session);
    }
    fixture_run(session,
                status == FR_OK && step == STEP_RUN ? "RELEASE try" : "ROLLBACK TO try; RELEASE try");
    return status;
}

/* Temporary tables that other statements work on, made by statements themselves and in any order. */
static void make_temporary_tables(struct fr_session *session)
{
    bool made[FR_SQL_COUNT] = {false};
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < FR_SQL_COUNT; i++) {
            if (made[i] || strncmp(fr_sql_statements[i].text, "CREATE TEMP", 11) != 0)
                continue;
            made[i] = try_statement(session, (enum fr_sql)i, STEP_RUN, NULL) == FR_OK;
            again = again || made[i];
        }
    }
}

static void test_statements_fit_the_schema(void **state)
{
    struct world *world = *state;
    struct fr_migration_report report = {0};
    int wrong = 0;
    EXPECT_OK(fr_store_migrate(world->session, NULL, NULL, &report, error));
    EXPECT_OK(fr_session_begin(world->session, error));
    make_temporary_tables(world->session);
    for (int i = 0; i < FR_SQL_COUNT; i++) {
        struct fr_error reason = {0};
        if (strncmp(fr_sql_statements[i].name, "test_", 5) == 0 ||
            try_statement(world->session, (enum fr_sql)i, STEP_CHECK, &reason) == FR_OK)
            continue;
        print_error("%s %s\n", reason.message, reason.sqlstate);
        wrong++;
    }
    fr_session_rollback(world->session);
    assert_int_equal(0, wrong);
    EXPECT_STATUS(FR_PROTOCOL, fr_session_check_statement(world->session, FR_SQL_TEST_WRONG_TYPE, error));
    EXPECT_STATUS(FR_PROTOCOL, fr_session_check_statement(world->session, FR_SQL_TEST_WRONG_COUNT, error));
}

static void test_partitions_meet(void **state)
{
    /* Europe/Berlin has weeks of 167 and of 169 hours; made in steps, and a year ahead, they must meet all
     * the same. */
    struct world *world = *state;
    struct fr_migration_report report = {0};
    struct fr_result *rows = NULL;
    fixture_run(world->session, "SET timezone = 'Europe/Berlin'");
    EXPECT_OK(fr_store_migrate(world->session, NULL, NULL, &report, error));
    fixture_run(world->session, "SELECT feed_items_make_partitions(now() + make_interval(weeks => w))"
                                "  FROM generate_series(9, 60, 7) w");
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_PARTITIONS), &rows, error));
    int count = fr_result_rows(rows);
    assert_in_range(count, 50, 70);
    long long end_of_last = 0;
    for (int i = 0; i < count - 1; i++) { /* by name: feed_items_past is the last */
        char bound[128];
        long long from = 0, to = 0;
        snprintf(bound, sizeof bound, "%.*s", FR_STR_ARG(fr_result_text(rows, i, 1)));
        assert_int_equal(2, sscanf(bound, "FOR VALUES FROM ('%lld') TO ('%lld')", &from, &to));
        assert_true(i == 0 || from == end_of_last);
        assert_true(to - from == INT64_C(7) * 24 * 3600 * 1000 << 22);
        assert_int_equal(0, ((from >> 22) + FR_SNOWFLAKE_EPOCH_MS) % (24 * 3600 * 1000));
        end_of_last = to;
    }
    fr_result_free(rows);
}

static const struct fr_migration three[] = {
    {1, "first", "CREATE TABLE one (id bigint); CREATE TABLE uno (id bigint);"},
    {2, "second", "CREATE TABLE two (id bigint);"},
    {3, "third", "CREATE TABLE three (id bigint);"},
};
static const struct fr_migration broken[] = {
    {1, "first", "CREATE TABLE one (id bigint); CREATE TABLE uno (id bigint);"},
    {2, "second", "CREATE TABLE two (id bigint); SELECT 1 / 0;"},
};
static const struct fr_migration other[] = {{1, "foreign", "CREATE TABLE one (id bigint);"}};

static void test_older_and_newer(void **state)
{
    struct world *world = *state;
    const struct fr_migration_table v0 = {three, 0}, v1 = {three, 1}, v2 = {three, 2}, v3 = {three, 3};
    const struct fr_migration_table bad = {broken, 2}, foreign = {other, 1};
    struct fr_migration_report report = {0};
    struct fr_error reason = {0};
    EXPECT_OK(fr_migrate_check_with(world->session, &v0, error));
    EXPECT_OK(fr_migrate_with(world->session, &v1, NULL, NULL, &report, error));
    /* A migration that fails leaves nothing of itself, and what came before it stays. */
    EXPECT_STATUS(FR_INTERNAL, fr_migrate_with(world->session, &bad, NULL, NULL, &report, error));
    assert_int_equal(FR_CONFLICT, fr_migrate_check_with(world->session, &v2, &reason));
    assert_non_null(strstr(reason.message, "the database is older than this program"));
    assert_non_null(strstr(reason.message, "freshetctl migrate"));
    EXPECT_OK(fr_migrate_with(world->session, &v3, NULL, NULL, &report, error));
    assert_int_equal(2, report.applied);
    assert_int_equal(3, report.version);
    assert_int_equal(FR_CONFLICT, fr_migrate_check_with(world->session, &v2, &reason));
    assert_non_null(strstr(reason.message, "this program is older than the database"));
    assert_int_equal(FR_CONFLICT, fr_migrate_with(world->session, &v2, NULL, NULL, &report, &reason));
    assert_non_null(strstr(reason.message, "this program is older than the database"));
    assert_int_equal(FR_CONFLICT, fr_migrate_check_with(world->session, &foreign, &reason));
    assert_non_null(strstr(reason.message, "different descent"));
    EXPECT_OK(fr_migrate_check_with(world->session, &v3, error));
    fixture_run(world->session, "DELETE FROM schema_migrations WHERE version = 2");
    assert_int_equal(FR_CONFLICT, fr_migrate_check_with(world->session, &v3, &reason));
    assert_non_null(strstr(reason.message, "lacks version 2"));
}

struct migrator {
    pthread_t thread;
    const char *conninfo;
    enum fr_status status;
    struct fr_migration_report report;
    struct fr_error error;
};

static void *migrate(void *arg)
{
    struct migrator *migrator = arg;
    struct fr_session *session = NULL;
    const struct fr_session_options options = {.conninfo = migrator->conninfo,
                                               .application_name = "migrator"};
    migrator->status = fr_session_open(&options, &session, &migrator->error);
    if (migrator->status == FR_OK)
        migrator->status = fr_store_migrate(session, NULL, NULL, &migrator->report, &migrator->error);
    fr_session_close(session);
    return NULL;
}

static void test_migrate_all_at_once(void **state)
{
    struct world *world = *state;
    struct migrator migrators[4];
    int applied = 0;
    for (size_t i = 0; i < FR_COUNT_OF(migrators); i++) {
        migrators[i] = (struct migrator){.conninfo = world->conninfo};
        assert_int_equal(0, pthread_create(&migrators[i].thread, NULL, migrate, &migrators[i]));
    }
    for (size_t i = 0; i < FR_COUNT_OF(migrators); i++) {
        pthread_join(migrators[i].thread, NULL);
        fixture_expect(FR_OK, migrators[i].status, &migrators[i].error, "migrate");
        applied += migrators[i].report.applied;
    }
    assert_int_equal((int)fr_migrations_embedded.count, applied);
}

static void test_migrate_waits_for_the_lock(void **state)
{
    struct world *world = *state;
    struct migrator migrator = {.conninfo = world->conninfo};
    int64_t waiting = 0, limit = fr_clock_monotonic_ms() + 20000;
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_MIGRATE_LOCK), NULL, error));
    assert_int_equal(0, pthread_create(&migrator.thread, NULL, migrate, &migrator));
    while (waiting == 0 && fr_clock_monotonic_ms() < limit) {
        struct fr_result *row = NULL;
        EXPECT_OK(
            fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_LOCK_WAITERS), &row, error));
        waiting = fr_result_i64(row, 0, 0);
        fr_result_free(row);
    }
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_MIGRATE_UNLOCK), NULL, error));
    pthread_join(migrator.thread, NULL);
    assert_int_equal(1, waiting);
    fixture_expect(FR_OK, migrator.status, &migrator.error, "migrate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
        TEST(test_migrate),
        TEST(test_statements_fit_the_schema),
        TEST(test_partitions_meet),
        TEST(test_older_and_newer),
        TEST(test_migrate_all_at_once),
        TEST(test_migrate_waits_for_the_lock),
    };
    return cmocka_run_group_tests_name("store/migrate", tests, NULL, NULL);
}
