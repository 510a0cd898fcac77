/* The blocking session, COPY and migrations against a real server. */
#include "store_fixture.h"

#include <pthread.h>
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
    fixture_run(world->session, FIXTURE_TABLES);
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

/* ---- values ---- */

static void test_numbers(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *comment;
        int64_t a, b, c;
        bool d;
    } rows[] = {
        {"zero", 0, 0, 0, false},
        {"positive", 1, 70000, INT64_C(5000000000), true},
        {"smallest", INT16_MIN, INT32_MIN, INT64_MIN, true},
        {"largest", INT16_MAX, INT32_MAX, INT64_MAX, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_result *result = NULL;
        EXPECT_OK(fr_session_query(world->session,
                                   &FR_QUERY(FR_SQL_TEST_ECHO_NUMBERS, FR_P_I16(row->a), FR_P_I32(row->b),
                                             FR_P_I64(row->c), FR_P_BOOL(row->d)),
                                   &result, error));
        FR_ASSERT_ROW(row, fr_result_rows(result) == 1);
        FR_ASSERT_ROW(row, fr_result_i64(result, 0, 0) == row->a);
        FR_ASSERT_ROW(row, fr_result_i64(result, 0, 1) == row->b);
        FR_ASSERT_ROW(row, fr_result_i64(result, 0, 2) == row->c);
        FR_ASSERT_ROW(row, fr_result_bool(result, 0, 3) == row->d);
        FR_ASSERT_ROW(row, !fr_result_bool(result, 0, 4));
        fr_result_free(result);
    }
    struct fr_result *nulls = NULL;
    EXPECT_OK(fr_session_query(
        world->session, &FR_QUERY(FR_SQL_TEST_ECHO_NUMBERS, FR_P_NULL, FR_P_NULL, FR_P_NULL, FR_P_NULL),
        &nulls, error));
    for (int i = 0; i < 4; i++)
        assert_true(fr_result_is_null(nulls, 0, i));
    assert_int_equal(0, fr_result_i64(nulls, 0, 2));
    assert_false(fr_result_bool(nulls, 0, 3));
    assert_true(fr_result_bool(nulls, 0, 4));
    fr_result_free(nulls);
}

static void test_texts(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *comment, *text, *bytes;
        size_t byte_count;
        int64_t date, time;
        const char *understood;
    } rows[] = {
        {"the epoch", "", "", 0, 0, 0, "||1970-01-01|1970-01-01 00:00:00.000"},
        {"of today", "grün", "\0\1\377", 3, 20454, INT64_C(1767323045678),
         "grün|0001ff|2026-01-01|2026-01-02 03:04:05.678"},
        {"before 1970", "a'b\"c\\", "x", 1, -1, -1, "a'b\"c\\|78|1969-12-31|1969-12-31 23:59:59.999"},
        {"far", "z", "", 0, -719162, INT64_C(253402300799999), "z||0001-01-01|9999-12-31 23:59:59.999"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_result *result = NULL;
        EXPECT_OK(fr_session_query(world->session,
                                   &FR_QUERY(FR_SQL_TEST_ECHO_TEXTS, FR_P_TEXT(fr_str_of(row->text)),
                                             FR_P_BYTES(((struct fr_str){row->bytes, row->byte_count})),
                                             FR_P_DATE(row->date), FR_P_TIME_MS(row->time)),
                                   &result, error));
        FR_ASSERT_ROW(row, fr_str_equal(fr_result_text(result, 0, 0), fr_str_of(row->text)));
        FR_ASSERT_ROW(
            row, fr_str_equal(fr_result_bytes(result, 0, 1), ((struct fr_str){row->bytes, row->byte_count})));
        FR_ASSERT_ROW(row, fr_result_date(result, 0, 2) == row->date);
        FR_ASSERT_ROW(row, fr_result_time_ms(result, 0, 3) == row->time);
        FR_ASSERT_ROW(row, fr_str_equal(fr_result_text(result, 0, 4), fr_str_of(row->understood)));
        FR_ASSERT_ROW(row, !fr_result_is_null(result, 0, 0));
        fr_result_free(result);
    }
    struct fr_result *times = NULL;
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_TIMES), &times, error));
    assert_int_equal(-1, fr_result_time_ms(times, 0, 0)); /* rounded down, not towards zero */
    assert_true(fr_result_time_ms(times, 0, 1) == INT64_MAX);
    assert_true(fr_result_time_ms(times, 0, 2) == INT64_MIN);
    assert_int_equal(-1, fr_result_date(times, 0, 3));
    fr_result_free(times);
}

static void test_arrays(void **state)
{
    struct world *world = *state;
    const int64_t numbers[] = {1, -2, INT64_MAX};
    const int16_t shorts[] = {-1, 300};
    const struct fr_str texts[] = {FR_STR("a,b"), FR_STR(""), FR_STR("{\"}")};
    struct fr_result *result = NULL;
    EXPECT_OK(fr_session_query(
        world->session,
        &FR_QUERY(FR_SQL_TEST_ECHO_ARRAYS, FR_P_I64S(numbers, 3), FR_P_I16S(shorts, 2), FR_P_TEXTS(texts, 3)),
        &result, error));
    assert_int_equal(3, fr_result_array_count(result, 0, 0));
    for (size_t i = 0; i < 3; i++) {
        assert_true(fr_result_array_i64(result, 0, 0, i) == numbers[i]);
        assert_true(fr_str_equal(fr_result_array_text(result, 0, 2, i), texts[i]));
    }
    assert_int_equal(2, fr_result_array_count(result, 0, 1));
    assert_int_equal(-1, fr_result_array_i64(result, 0, 1, 0));
    assert_int_equal(300, fr_result_array_i64(result, 0, 1, 1));
    assert_true(fr_str_equal(fr_result_text(result, 0, 3),
                             FR_STR("{1,-2,9223372036854775807}|{-1,300}|{\"a,b\",\"\",\"{\\\"}\"}")));
    fr_result_free(result);

    EXPECT_OK(fr_session_query(
        world->session,
        &FR_QUERY(FR_SQL_TEST_ECHO_ARRAYS, FR_P_I64S(NULL, 0), FR_P_NULL, FR_P_TEXTS(NULL, 0)), &result,
        error));
    assert_int_equal(0, fr_result_array_count(result, 0, 0));
    assert_false(fr_result_is_null(result, 0, 0));
    assert_true(fr_result_is_null(result, 0, 1));
    assert_int_equal(0, fr_result_array_count(result, 0, 1));
    assert_true(fr_str_equal(fr_result_text(result, 0, 3), FR_STR("{}|{}")));
    fr_result_free(result);

    EXPECT_OK(
        fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_ARRAY_WITH_NULL), &result, error));
    assert_int_equal(3, fr_result_array_count(result, 0, 0));
    assert_int_equal(0, fr_result_array_i64(result, 0, 0, 1));
    assert_int_equal(3, fr_result_array_i64(result, 0, 0, 2));
    assert_int_equal(0, (int)fr_result_array_text(result, 0, 1, 1).len);
    fr_result_free(result);
}

/* ---- errors ---- */

static void test_refusals(void **state)
{
    struct world *world = *state;
    struct fr_error reason = {0};
    static const struct {
        const char *comment;
        struct fr_query query;
        enum fr_status status;
        const char *sqlstate, *told, *field;
    } rows[] = {
        {"a column of another type",
         {.sql = FR_SQL_TEST_WRONG_TYPE},
         FR_PROTOCOL,
         "",
         "test_wrong_type: column 2, note",
         "note"},
        {"more columns",
         {.sql = FR_SQL_TEST_WRONG_COUNT},
         FR_PROTOCOL,
         "",
         "test_wrong_count: 2 columns",
         ""},
        {"a table that is not there",
         {.sql = FR_SQL_TEST_BAD_SQL},
         FR_INTERNAL,
         "42P01",
         "test_bad_sql: ",
         ""},
        {"no such unique id twice",
         {FR_SQL_TEST_NOTE_PUT, 2, {FR_P_I64(1), FR_P_NULL}},
         FR_CONFLICT,
         "23505",
         "test_note_put: duplicate",
         ""},
        {"a parameter too few",
         {FR_SQL_TEST_NOTE_PUT, 1, {FR_P_I64(1)}},
         FR_INTERNAL,
         "",
         "1 parameters given, 2",
         ""},
        {"a parameter of another type",
         {FR_SQL_TEST_NOTE_PUT, 2, {FR_P_I32(1), FR_P_NULL}},
         FR_INTERNAL,
         "",
         "parameter 1, id, is declared bigint",
         "id"},
        {"a COPY as a query", {.sql = FR_SQL_TEST_NOTE_COPY}, FR_INTERNAL, "", "is a COPY", ""},
        {"a text with a NUL",
         {FR_SQL_TEST_NOTE_PUT, 2, {FR_P_I64(9), {.kind = FR_PARAM_TEXT, .text = {"a\0b", 3}}}},
         FR_INTERNAL,
         "22021",
         "",
         ""},
    };
    fixture_run(world->session, "INSERT INTO test_notes (id) VALUES (1)");
    FR_FOR_ROWS(row, rows)
    {
        struct fr_result *result = NULL;
        enum fr_status status = fr_session_query(world->session, &row->query, &result, &reason);
        FR_ASSERT_ROW(row, status == row->status && reason.status == row->status);
        FR_ASSERT_ROW(row, strcmp(reason.sqlstate, row->sqlstate) == 0);
        FR_ASSERT_ROW(row, strstr(reason.message, row->told) != NULL);
        FR_ASSERT_ROW(row, strcmp(reason.field, row->field) == 0);
        FR_ASSERT_ROW(row, result == NULL && fr_session_alive(world->session));
        /* The session goes on. */
        EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_HEALTH), NULL, error));
    }
}

static void test_plan_is_renewed(void **state)
{
    struct world *world = *state;
    struct fr_result *result = NULL;
    EXPECT_STATUS(FR_PROTOCOL,
                  fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_WIDENED), &result, error));
    fixture_run(world->session, "ALTER TABLE test_widened ALTER COLUMN id TYPE bigint");
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_WIDENED), &result, error));
    assert_int_equal(7, fr_result_i64(result, 0, 0));
    fr_result_free(result);
    fixture_run(world->session, "DEALLOCATE ALL");
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_WIDENED), NULL, error));
}

static void test_timeouts(void **state)
{
    struct world *world = *state;
    struct fr_session *session = NULL;
    const struct fr_session_options options = {.conninfo = world->conninfo,
                                               .application_name = "hurried",
                                               .statement_timeout_ms = 1000,
                                               .lock_timeout_ms = 50};
    EXPECT_OK(fr_session_open(&options, &session, error));
    EXPECT_STATUS(FR_TIMEOUT,
                  fr_session_query(session, &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(60000)), NULL, error));
    EXPECT_OK(fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_HEALTH), NULL, error));
    fixture_run(world->session, "INSERT INTO test_notes (id) VALUES (1)");
    EXPECT_OK(fr_session_begin(world->session, error));
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY(FR_SQL_TEST_NOTE_TOUCH, FR_P_I64(1)), NULL, error));
    struct fr_error reason = {0};
    assert_int_equal(
        FR_TIMEOUT, fr_session_query(session, &FR_QUERY(FR_SQL_TEST_NOTE_TOUCH, FR_P_I64(1)), NULL, &reason));
    assert_string_equal("55P03", reason.sqlstate);
    fr_session_rollback(world->session);
    EXPECT_OK(fr_session_query(session, &FR_QUERY(FR_SQL_TEST_NOTE_TOUCH, FR_P_I64(1)), NULL, error));
    fr_session_close(session);
}

static void *cancel_when_running(void *arg)
{
    struct world *world = arg;
    struct fr_session *watcher = NULL;
    const struct fr_session_options options = {.conninfo = world->conninfo, .application_name = "watcher"};
    if (fr_session_open(&options, &watcher, NULL) != FR_OK)
        return NULL; /* no assertions off the test's own thread; the statement's end will tell */
    for (bool running = false; !running;) {
        struct fr_result *rows = NULL;
        if (fr_session_query(watcher, &FR_QUERY(FR_SQL_TEST_RUNNING, FR_P_TEXT(FR_STR("store-test"))), &rows,
                             NULL) != FR_OK)
            break;
        running = fr_result_rows(rows) > 0;
        fr_result_free(rows);
    }
    fr_session_cancel(world->session);
    fr_session_close(watcher);
    return NULL;
}

static void test_cancel(void **state)
{
    struct world *world = *state;
    pthread_t thread;
    assert_int_equal(0, pthread_create(&thread, NULL, cancel_when_running, world));
    EXPECT_STATUS(FR_CANCELLED, fr_session_query(world->session,
                                                 &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(60000)), NULL, error));
    pthread_join(thread, NULL);
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_HEALTH), NULL, error));
}

static void test_lost_connection(void **state)
{
    struct world *world = *state;
    struct fr_session *victim = fixture_open(world->conninfo);
    assert_true(fr_session_alive(victim));
    EXPECT_OK(fr_session_begin(victim, error));
    EXPECT_OK(fr_session_query(world->session,
                               &FR_QUERY(FR_SQL_TEST_TERMINATE, FR_P_I32(fr_session_backend_pid(victim))),
                               NULL, error));
    EXPECT_STATUS(FR_UNAVAILABLE, fr_session_query(victim, &FR_QUERY_NO_PARAMS(FR_SQL_HEALTH), NULL, error));
    assert_false(fr_session_alive(victim));
    EXPECT_STATUS(FR_UNAVAILABLE, fr_session_commit(victim, error));
    EXPECT_STATUS(FR_UNAVAILABLE, fr_session_copy_begin(victim, FR_SQL_TEST_NOTE_COPY, error));
    fr_session_rollback(victim);
    fr_session_cancel(victim);
    fr_session_close(victim);
    const struct fr_session_options nowhere = {.conninfo = "host=/nowhere port=1",
                                               .application_name = "lost"};
    EXPECT_STATUS(FR_UNAVAILABLE, fr_session_open(&nowhere, &victim, error));
}

static void test_connection_strings(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *comment, *conninfo;
    } bad[] = {
        {"a password with a space", "host=localhost password=top secret"},
        {"a password with a bad escape", "postgresql://user:secret%zz@localhost/db"},
        {"an unknown word", "hots=secret"},
    };
    FR_FOR_ROWS(row, bad)
    {
        struct fr_session *session = NULL;
        struct fr_error reason = {0};
        const struct fr_session_options options = {.conninfo = row->conninfo, .application_name = "nonsense"};
        FR_ASSERT_ROW(row, fr_session_open(&options, &session, &reason) == FR_INVALID);
        FR_ASSERT_ROW(row,
                      strcmp(reason.field, "database-url") == 0 && strstr(reason.message, "secret") == NULL);
    }
    /* Options of the connection string stay, and ours come behind them. */
    char conninfo[1200];
    snprintf(conninfo, sizeof conninfo, "%s options='-c work_mem=5MB -c statement_timeout=7s'",
             world->conninfo);
    static const struct {
        const char *comment;
        int64_t timeout_ms;
        const char *setting, *value;
    } good[] = {
        {"theirs", 0, "work_mem", "5MB"},
        {"theirs, as we have none", 0, "statement_timeout", "7s"},
        {"ours behind theirs", 3000, "statement_timeout", "3s"},
        {"common to all", 0, "client_connection_check_interval", "2s"},
        {"the encoding", 0, "client_encoding", "UTF8"},
    };
    FR_FOR_ROWS(row, good)
    {
        struct fr_session *session = NULL;
        struct fr_result *result = NULL;
        const struct fr_session_options options = {
            .conninfo = conninfo, .application_name = "optional", .statement_timeout_ms = row->timeout_ms};
        EXPECT_OK(fr_session_open(&options, &session, error));
        EXPECT_OK(fr_session_query(
            session, &FR_QUERY(FR_SQL_TEST_SETTING, FR_P_TEXT(fr_str_of(row->setting))), &result, error));
        FR_ASSERT_ROW(row, fr_str_equal(fr_result_text(result, 0, 0), fr_str_of(row->value)));
        fr_result_free(result);
        fr_session_close(session);
    }
}

/* ---- transactions ---- */

static void test_transactions(void **state)
{
    struct world *world = *state;
    char notes[256];
    const struct fr_query two[] = {FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(1), FR_P_TEXT(FR_STR("one"))),
                                   FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(2), FR_P_TEXT(FR_STR("two")))};
    const struct fr_query clash[] = {FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(3), FR_P_TEXT(FR_STR("three"))),
                                     FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(1), FR_P_TEXT(FR_STR("again"))),
                                     FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(4), FR_P_TEXT(FR_STR("four")))};
    struct fr_result *results[2] = {NULL, NULL};
    EXPECT_OK(fr_session_query_all(world->session, two, 2, results, error));
    assert_int_equal(1, fr_result_affected(results[0]));
    assert_int_equal(1, fr_result_affected(results[1]));
    fr_result_free(results[0]);
    fr_result_free(results[1]);
    EXPECT_STATUS(FR_CONFLICT, fr_session_query_all(world->session, clash, 3, NULL, error));
    fixture_notes(world->session, notes, sizeof notes);
    assert_string_equal("1=one 2=two", notes);

    EXPECT_OK(fr_session_begin(world->session, error));
    EXPECT_OK(fr_session_query(world->session, &clash[0], NULL, error));
    fr_session_rollback(world->session);
    EXPECT_OK(fr_session_begin(world->session, error));
    EXPECT_OK(fr_session_query(world->session, &clash[2], NULL, error));
    EXPECT_OK(fr_session_commit(world->session, error));
    fixture_notes(world->session, notes, sizeof notes);
    assert_string_equal("1=one 2=two 4=four", notes);

    EXPECT_OK(fr_session_begin(world->session, error));
    EXPECT_OK(fr_session_query(world->session, &clash[0], NULL, error));
    EXPECT_STATUS(FR_CONFLICT, fr_session_query(world->session, &clash[1], NULL, error));
    EXPECT_STATUS(FR_CONFLICT, fr_session_commit(world->session, error));
    fixture_notes(world->session, notes, sizeof notes);
    assert_string_equal("1=one 2=two 4=four", notes);

    const struct fr_query twice = FR_QUERY(FR_SQL_TEST_DEFERRED_PUT, FR_P_I64(1));
    EXPECT_OK(fr_session_query(world->session, &twice, NULL, error));
    EXPECT_STATUS(FR_CONFLICT, fr_session_query(world->session, &twice, NULL, error));
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_HEALTH), NULL, error));
}

static void test_much_at_once(void **state)
{
    /* More in both directions than sockets hold: who only writes, and then reads, would wait for ever. */
    enum { COUNT = 64, BYTES = 256 * 1024 };
    struct world *world = *state;
    struct fr_query *queries = fr_alloc_array(COUNT, sizeof *queries);
    struct fr_result **results = fr_alloc_array(COUNT, sizeof *results);
    char *input = fr_alloc(BYTES);
    memset(input, 'y', BYTES);
    for (int i = 0; i < COUNT; i++)
        queries[i] = FR_QUERY(FR_SQL_TEST_BIG, FR_P_TEXT(((struct fr_str){input, BYTES})), FR_P_I64(BYTES));
    EXPECT_OK(fr_session_query_all(world->session, queries, COUNT, results, error));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(BYTES, fr_result_text(results[i], 0, 0).len);
        fr_result_free(results[i]);
    }
    free(input);
    free(results);
    free(queries);
}

/* ---- COPY ---- */

static void copy_rows(struct world *world, int64_t first, int64_t count)
{
    EXPECT_OK(fr_session_copy_begin(world->session, FR_SQL_TEST_NOTE_COPY, error));
    for (int64_t i = first; i < first + count; i++) {
        const struct fr_param row[] = {FR_P_I64(i), i % 2 == 0 ? FR_P_NULL : FR_P_TEXT(FR_STR("odd"))};
        EXPECT_OK(fr_session_copy_row(world->session, row, 2, error));
    }
}

static int64_t count_notes(struct world *world)
{
    struct fr_result *rows = NULL;
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_NOTE_LIST), &rows, error));
    int64_t count = fr_result_rows(rows);
    fr_result_free(rows);
    return count;
}

static void test_copy(void **state)
{
    struct world *world = *state;
    int64_t rows = -1;
    copy_rows(world, 1, 20000);
    EXPECT_OK(fr_session_copy_end(world->session, &rows, error));
    assert_int_equal(20000, rows);
    assert_int_equal(20000, count_notes(world));

    copy_rows(world, 20001, 20000);
    fr_session_copy_abort(world->session);
    assert_int_equal(20000, count_notes(world));

    copy_rows(world, 19999, 10); /* the first two are there */
    EXPECT_STATUS(FR_CONFLICT, fr_session_copy_end(world->session, &rows, error));
    assert_int_equal(20000, rows);
    assert_int_equal(20000, count_notes(world));

    copy_rows(world, 20001, 5);
    const struct fr_param wrong[] = {FR_P_I64(1), FR_P_I64(2)};
    EXPECT_STATUS(FR_INTERNAL, fr_session_copy_row(world->session, wrong, 2, error));
    EXPECT_STATUS(FR_INTERNAL,
                  fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_HEALTH), NULL, error));
    fr_session_rollback(world->session); /* ends the COPY as well */
    assert_int_equal(20000, count_notes(world));

    copy_rows(world, 20001, 0);
    EXPECT_OK(fr_session_copy_end(world->session, &rows, error));
    assert_int_equal(0, rows);
    EXPECT_STATUS(FR_INTERNAL, fr_session_copy_end(world->session, &rows, error));
    EXPECT_STATUS(FR_INTERNAL, fr_session_copy_begin(world->session, FR_SQL_HEALTH, error));

    EXPECT_OK(fr_session_begin(world->session, error));
    copy_rows(world, 30001, 10);
    EXPECT_OK(fr_session_copy_end(world->session, &rows, error));
    fr_session_rollback(world->session);
    assert_int_equal(20000, count_notes(world));
}

/* ---- migrations ---- */

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

static void test_statements_fit_the_schema(void **state)
{
    struct world *world = *state;
    struct fr_migration_report report = {0};
    int wrong = 0;
    EXPECT_OK(fr_store_migrate(world->session, NULL, NULL, &report, error));
    for (int i = 0; i < FR_SQL_COUNT; i++) {
        struct fr_error reason = {0};
        const struct fr_sql_statement *statement = &fr_sql_statements[i];
        if (strncmp(statement->name, "test_", 5) == 0)
            continue;
        enum fr_status status = FR_OK;
        if (!statement->is_copy) {
            status = fr_session_check_statement(world->session, (enum fr_sql)i, &reason);
        } else { /* which cannot be prepared */
            status = fr_session_copy_begin(world->session, (enum fr_sql)i, &reason);
            fr_session_copy_abort(world->session);
        }
        if (status != FR_OK)
            print_error("%s %s\n", reason.message, reason.sqlstate);
        wrong += status != FR_OK;
    }
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
        TEST(test_numbers),
        TEST(test_texts),
        TEST(test_arrays),
        TEST(test_refusals),
        TEST(test_plan_is_renewed),
        TEST(test_timeouts),
        TEST(test_cancel),
        TEST(test_lost_connection),
        TEST(test_connection_strings),
        TEST(test_transactions),
        TEST(test_much_at_once),
        TEST(test_copy),
        TEST(test_migrate),
        TEST(test_partitions_meet),
        TEST(test_statements_fit_the_schema),
        TEST(test_older_and_newer),
        TEST(test_migrate_all_at_once),
        TEST(test_migrate_waits_for_the_lock),
    };
    return cmocka_run_group_tests_name("store/session", tests, NULL, NULL);
}
