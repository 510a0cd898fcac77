/* The blocking session and COPY against a real server. */
#include "store_fixture.h"

#include <pthread.h>
#include <stdlib.h>

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
    const struct fr_str bytes[] = {{"\0\377", 2}, FR_STR("")};
    struct fr_result *result = NULL;
    EXPECT_OK(fr_session_query(world->session,
                               &FR_QUERY(FR_SQL_TEST_ECHO_ARRAYS, FR_P_I64S(numbers, 3), FR_P_I16S(shorts, 2),
                                         FR_P_TEXTS(texts, 3), FR_P_BYTESES(bytes, 2)),
                               &result, error));
    assert_int_equal(3, fr_result_array_count(result, 0, 0));
    for (size_t i = 0; i < 3; i++) {
        assert_true(fr_result_array_i64(result, 0, 0, i) == numbers[i]);
        assert_true(fr_str_equal(fr_result_array_text(result, 0, 2, i), texts[i]));
    }
    assert_int_equal(2, fr_result_array_count(result, 0, 1));
    assert_int_equal(-1, fr_result_array_i64(result, 0, 1, 0));
    assert_int_equal(300, fr_result_array_i64(result, 0, 1, 1));
    assert_true(fr_str_equal(
        fr_result_text(result, 0, 3),
        FR_STR("{1,-2,9223372036854775807}|{-1,300}|{\"a,b\",\"\",\"{\\\"}\"}|{\"\\\\x00ff\",\"\\\\x\"}")));
    fr_result_free(result);

    EXPECT_OK(fr_session_query(
        world->session,
        &FR_QUERY(FR_SQL_TEST_ECHO_ARRAYS, FR_P_I64S(NULL, 0), FR_P_NULL, FR_P_TEXTS(NULL, 0), FR_P_NULL),
        &result, error));
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

/* A question in two halves: asked, and answered later. */
static void test_send_and_collect(void **state)
{
    struct world *world = *state;
    struct fr_session *victim = fixture_open(world->conninfo);
    const struct fr_query two[] = {FR_QUERY(FR_SQL_TEST_NOTE_TOUCH, FR_P_I64(1)),
                                   FR_QUERY_NO_PARAMS(FR_SQL_HEALTH)};
    const struct fr_query wrong = FR_QUERY_NO_PARAMS(FR_SQL_TEST_BAD_SQL);
    struct fr_result *results[2] = {0};
    fixture_run(world->session, "INSERT INTO test_notes (id) VALUES (1)");
    for (int round = 0; round < 2; round++) { /* with and without preparing */
        EXPECT_OK(fr_session_send(world->session, two, 2, error));
        EXPECT_STATUS(FR_INTERNAL, fr_session_query(world->session, &two[1], NULL, error));
        EXPECT_STATUS(FR_INTERNAL, fr_session_send(world->session, two, 2, error));
        EXPECT_OK(fr_session_collect(world->session, results, error));
        assert_int_equal(1, fr_result_affected(results[0]));
        assert_int_equal(1, fr_result_i64(results[1], 0, 0));
        fr_result_free(results[0]);
        fr_result_free(results[1]);
    }
    /* A plan that went meanwhile is made anew. */
    fixture_run(world->session, "DEALLOCATE ALL");
    EXPECT_OK(fr_session_send(world->session, &two[1], 1, error));
    EXPECT_OK(fr_session_collect(world->session, results, error));
    fr_result_free(results[0]);
    /* What fails is told at the end, and the session goes on. */
    EXPECT_OK(fr_session_send(world->session, &wrong, 1, error));
    EXPECT_STATUS(FR_INTERNAL, fr_session_collect(world->session, results, error));
    EXPECT_OK(fr_session_query(world->session, &two[1], NULL, error));
    /* One that breaks meanwhile, and one that is closed without an answer. */
    EXPECT_OK(fr_session_send(victim, &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(60000)), 1, error));
    EXPECT_OK(fr_session_query(world->session,
                               &FR_QUERY(FR_SQL_TEST_TERMINATE, FR_P_I32(fr_session_backend_pid(victim))),
                               NULL, error));
    EXPECT_STATUS(FR_UNAVAILABLE, fr_session_collect(victim, results, error));
    assert_false(fr_session_alive(victim));
    EXPECT_STATUS(FR_UNAVAILABLE, fr_session_send(victim, two, 2, error));
    fr_session_close(victim);
    victim = fixture_open(world->conninfo);
    EXPECT_OK(fr_session_send(victim, two, 2, error));
    fr_session_close(victim);
}

/* Silence counts from the begin of the last round trip that was answered: the server was there then, and need
 * not be any more. */
static void test_quiet_time(void **state)
{
    struct world *world = *state;
    const struct fr_query pause = FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(300));
    EXPECT_OK(fr_session_query(world->session, &pause, NULL, error));
    assert_true(fr_session_quiet_ms(world->session) >= 300);
    EXPECT_OK(fr_session_send(world->session, &pause, 1, error));
    struct fr_result *result = NULL;
    EXPECT_OK(fr_session_collect(world->session, &result, error));
    fr_result_free(result);
    assert_true(fr_session_quiet_ms(world->session) >= 300);
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
    char custom[1200];
    snprintf(custom, sizeof custom, "%s options='-c plan_cache_mode=force_custom_plan'", world->conninfo);
    static const struct {
        const char *comment;
        struct fr_session_options options;
        const char *setting, *value;
    } good[] = {
        {"theirs", {0}, "work_mem", "5MB"},
        {"theirs, as we have none", {0}, "statement_timeout", "7s"},
        {"ours behind theirs", {.statement_timeout_ms = 3000}, "statement_timeout", "3s"},
        {"common to all", {0}, "client_connection_check_interval", "2s"},
        {"no plan is compiled", {0}, "jit", "off"},
        {"plans as the server thinks best", {0}, "plan_cache_mode", "auto"},
        {"theirs before our generic plans", {.generic_plans = true}, "plan_cache_mode", "force_custom_plan"},
        {"the encoding", {0}, "client_encoding", "UTF8"},
    };
    FR_FOR_ROWS(row, good)
    {
        struct fr_session *session = NULL;
        struct fr_result *result = NULL;
        struct fr_session_options options = row->options;
        options.conninfo = options.generic_plans ? custom : conninfo;
        options.application_name = "optional";
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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
        TEST(test_numbers),          TEST(test_texts),           TEST(test_arrays),
        TEST(test_refusals),         TEST(test_plan_is_renewed), TEST(test_timeouts),
        TEST(test_cancel),           TEST(test_lost_connection), TEST(test_connection_strings),
        TEST(test_transactions),     TEST(test_much_at_once),    TEST(test_copy),
        TEST(test_send_and_collect), TEST(test_quiet_time),
    };
    return cmocka_run_group_tests_name("store/session", tests, NULL, NULL);
}
