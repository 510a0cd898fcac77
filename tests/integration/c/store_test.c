/* The pipelined store against a real server, and against its faults. */
#include "store_fixture.h"

#include <stdlib.h>

#include "loop/loop.h"
#include "store/pipeline.h"

enum { PATIENCE_MS = 60000, ANSWERS_MAX = 4096 };

struct world {
    char *conninfo;
    struct fr_session *session; /* for looking from outside */
    struct fr_loop *loop;
    struct fr_store *store;
    struct answer *answers; /* in order of submission; `order` says when each came */
    size_t submitted, answered;
};

struct answer {
    struct world *world;
    size_t times, order;
    enum fr_status status;
    struct fr_error error;
    int64_t value; /* first column of the last statement's first row, if that is a number */
};

static const struct fr_query health = {.sql = FR_SQL_HEALTH};
static const struct fr_query ask_pid = {.sql = FR_SQL_TEST_PID};

/* ---- the world ---- */

static int make_world(void **state)
{
    struct world *world = FR_NEW(struct world);
    world->conninfo = fixture_make_database();
    world->session = fixture_open(world->conninfo);
    fixture_run(world->session, FIXTURE_TABLES);
    world->loop = fr_loop_new();
    world->answers = fr_alloc_array(ANSWERS_MAX, sizeof *world->answers);
    *state = world;
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    fr_store_free(world->store);
    fr_loop_free(world->loop);
    fr_session_close(world->session);
    fixture_drop_database(world->conninfo);
    free(world->answers);
    free(world);
    return 0;
}

static void run_until_answered(struct world *world, size_t count)
{
    int64_t limit = fr_clock_monotonic_ms() + PATIENCE_MS;
    while (world->answered < count) {
        if (fr_clock_monotonic_ms() > limit)
            fail_msg("%zu of %zu answers came within %d ms", world->answered, count, PATIENCE_MS);
        fr_loop_run(world->loop, 100);
    }
}

/* Lanes whose home is not up yet send elsewhere: tests that care about who runs where begin with all of them
 * up. */
static void run_until_all_up(struct world *world)
{
    int64_t limit = fr_clock_monotonic_ms() + PATIENCE_MS;
    while (world->store->up < world->store->count) {
        if (fr_clock_monotonic_ms() > limit)
            fail_msg("%d of %d connections came up within %d ms", world->store->up, world->store->count,
                     PATIENCE_MS);
        fr_loop_run(world->loop, 100);
    }
}

static void run_until_ready(struct world *world, bool ready)
{
    int64_t limit = fr_clock_monotonic_ms() + PATIENCE_MS;
    while (fr_store_ready(world->store) != ready) {
        if (fr_clock_monotonic_ms() > limit)
            fail_msg("the store did not become %s within %d ms", ready ? "ready" : "unready", PATIENCE_MS);
        fr_loop_run(world->loop, 100);
    }
}

static void open_store(struct world *world, struct fr_store_options options)
{
    options.conninfo = world->conninfo;
    options.application_name = "store-under-test";
    world->store = fr_store_new(world->loop, &options);
    run_until_all_up(world);
}

#define PLAIN_OPTIONS \
    ((struct fr_store_options){.connections = 4, .queue_max = 1000, .group_timeout_ms = 30000})
#define ONE_CONNECTION \
    ((struct fr_store_options){.connections = 1, .queue_max = 1000, .group_timeout_ms = 30000})

static void on_done(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct answer *answer = arg;
    answer->times++;
    answer->order = answer->world->answered++;
    answer->status = status;
    if (status != FR_OK)
        answer->error = *error;
    else if (results[0] != NULL && fr_result_rows(results[0]) == 1)
        answer->value = fr_result_i64(results[0], 0, 0);
}

static struct answer *submit(struct world *world, uint64_t key, const struct fr_query *queries, size_t count)
{
    assert_in_range(world->submitted, 0, ANSWERS_MAX - 1);
    struct answer *answer = &world->answers[world->submitted++];
    *answer = (struct answer){.world = world};
    EXPECT_OK(fr_store_submit(world->store, key, queries, count, on_done, answer, error));
    return answer;
}

static struct answer *submit_and_wait(struct world *world, uint64_t key, const struct fr_query *queries,
                                      size_t count)
{
    struct answer *answer = submit(world, key, queries, count);
    run_until_answered(world, world->submitted);
    return answer;
}

static void assert_each_answered_once(const struct world *world)
{
    for (size_t i = 0; i < world->submitted; i++)
        if (world->answers[i].times != 1)
            fail_msg("group %zu was answered %zu times", i, world->answers[i].times);
}

static void assert_answer(const struct answer *answer, enum fr_status status, const char *sqlstate)
{
    assert_int_equal(1, answer->times);
    if (answer->status != status || strcmp(answer->error.sqlstate, sqlstate) != 0)
        fail_msg("expected \"%s\" %s, got \"%s\" %s: %s", fr_status_name(status), sqlstate,
                 fr_status_name(answer->status), answer->error.sqlstate, answer->error.message);
}

static void terminate(struct world *world, int64_t pid)
{
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY(FR_SQL_TEST_TERMINATE, FR_P_I32(pid)), NULL, error));
}

/* Turns the loop until `count` backends of the store run a statement. */
static void run_until_busy(struct world *world, int count)
{
    int64_t limit = fr_clock_monotonic_ms() + PATIENCE_MS;
    for (int busy = -1; busy != count;) {
        struct fr_result *rows = NULL;
        fr_loop_run(world->loop, 5);
        EXPECT_OK(fr_session_query(world->session,
                                   &FR_QUERY(FR_SQL_TEST_RUNNING, FR_P_TEXT(FR_STR("store-under-test"))),
                                   &rows, error));
        busy = fr_result_rows(rows);
        fr_result_free(rows);
        if (fr_clock_monotonic_ms() > limit)
            fail_msg("%d backends are busy, not %d", busy, count);
    }
}

/* Lanes that have groups; several keys may share one. */
static int busy_lanes(struct world *world)
{
    int busy = 0;
    fr_loop_run(world->loop, 0); /* sends what was submitted */
    for (int i = 0; i < world->store->count; i++)
        busy += world->store->lanes[i].on_the_way > 0;
    return busy;
}

/* A key for each connection, found by asking which backend answers. */
static void find_keys(struct world *world, uint64_t *keys, int64_t *pids, int count)
{
    int found = 0;
    for (uint64_t key = 1; found < count; key++) {
        int64_t pid = submit_and_wait(world, key, &ask_pid, 1)->value;
        int i = 0;
        while (i < found && pids[i] != pid)
            i++;
        if (i < found)
            continue;
        keys[found] = key;
        pids[found++] = pid;
    }
}

/* ---- groups ---- */

static void test_never_from_within_submit(void **state)
{
    struct world *world = *state;
    open_store(world, PLAIN_OPTIONS);
    struct answer *answer = submit(world, 1, &health, 1);
    assert_int_equal(0, answer->times);
    run_until_answered(world, 1);
    assert_answer(answer, FR_OK, "");
    assert_int_equal(1, answer->value);
}

static void test_group_is_a_transaction(void **state)
{
    struct world *world = *state;
    char notes[256];
    const struct fr_query good[] = {FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(1), FR_P_TEXT(FR_STR("a"))),
                                    FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(2), FR_P_NULL)};
    const struct fr_query clash[] = {FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(3), FR_P_TEXT(FR_STR("b"))),
                                     FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(1), FR_P_TEXT(FR_STR("c"))),
                                     FR_QUERY(FR_SQL_TEST_BIG, FR_P_TEXT(FR_STR("a")), FR_P_I64(1))};
    open_store(world, ONE_CONNECTION);
    /* In one tick: the failure in the middle must not touch those around it. */
    struct answer *first = submit(world, 1, good, 2);
    struct answer *second = submit(world, 1, clash, 3);
    struct answer *third = submit(world, 1, &FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(4), FR_P_NULL), 1);
    run_until_answered(world, 3);
    assert_answer(first, FR_OK, "");
    assert_answer(second, FR_CONFLICT, "23505");
    assert_non_null(strstr(second->error.message, "test_note_put: duplicate key"));
    assert_answer(third, FR_OK, "");
    fixture_notes(world->session, notes, sizeof notes);
    assert_string_equal("1=a 2= 4=", notes);
}

static void test_commit_that_fails(void **state)
{
    struct world *world = *state;
    const struct fr_query put = FR_QUERY(FR_SQL_TEST_DEFERRED_PUT, FR_P_I64(1));
    open_store(world, ONE_CONNECTION);
    struct answer *first = submit(world, 1, &put, 1);
    struct answer *second = submit(world, 1, &put, 1);
    struct answer *third = submit(world, 1, &health, 1);
    run_until_answered(world, 3);
    assert_answer(first, FR_OK, "");
    assert_answer(second, FR_CONFLICT, "23505");
    assert_answer(third, FR_OK, "");
}

static void test_statements_that_are_wrong(void **state)
{
    struct world *world = *state;
    struct fr_error reason = {0};
    open_store(world, ONE_CONNECTION);
    const struct fr_query type = {.sql = FR_SQL_TEST_WRONG_TYPE}, bad = {.sql = FR_SQL_TEST_BAD_SQL};
    struct answer *wrong = submit(world, 1, &type, 1);
    struct answer *bad_1 = submit(world, 1, &bad, 1);
    struct answer *bad_2 = submit(world, 1, &bad, 1);
    struct answer *good = submit(world, 1, &health, 1);
    run_until_answered(world, 4);
    assert_answer(wrong, FR_PROTOCOL, "");
    assert_string_equal("note", wrong->error.field);
    /* Each is told the reason, not that the statement is not prepared. */
    assert_answer(bad_1, FR_INTERNAL, "42P01");
    assert_answer(bad_2, FR_INTERNAL, "42P01");
    assert_answer(good, FR_OK, "");
    /* Once what was missing is there it works without a new connection. */
    fixture_run(world->session, "CREATE TABLE a_table_that_is_not_there ()");
    assert_answer(submit_and_wait(world, 1, &bad, 1), FR_OK, "");

    const struct fr_query few = FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(1));
    assert_int_equal(FR_INTERNAL, fr_store_submit(world->store, 1, &few, 1, on_done, NULL, &reason));
    assert_int_equal(FR_INTERNAL, fr_store_submit(world->store, 1, &few, 0, on_done, NULL, &reason));
    size_t large = FR_STORE_GROUP_BYTES_MAX + 1;
    char *text = fr_alloc(large);
    const struct fr_query much =
        FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(1), FR_P_TEXT(((struct fr_str){text, large})));
    assert_int_equal(FR_FULL, fr_store_submit(world->store, 1, &much, 1, on_done, NULL, &reason));
    free(text);
}

static void test_plan_is_renewed(void **state)
{
    struct world *world = *state;
    const struct fr_query widened = {.sql = FR_SQL_TEST_WIDENED};
    open_store(world, ONE_CONNECTION);
    assert_answer(submit_and_wait(world, 1, &widened, 1), FR_PROTOCOL, "");
    fixture_run(world->session, "ALTER TABLE test_widened ALTER COLUMN id TYPE bigint");
    /* As many as may be on their way with the plan that is stale, and some that wait behind them. */
    struct answer *answers[CONNECTION_UNITS_MAX + 40];
    for (size_t i = 0; i < FR_COUNT_OF(answers); i++)
        answers[i] = submit(world, 1, &widened, 1);
    run_until_answered(world, world->submitted);
    for (size_t i = 0; i < FR_COUNT_OF(answers); i++) {
        assert_answer(answers[i], FR_OK, "");
        assert_int_equal(7, answers[i]->value);
        assert_true(i == 0 || answers[i]->order > answers[i - 1]->order);
    }
}

static void test_order_by_key(void **state)
{
    enum { COUNT = 600, KEYS = 7 };
    struct world *world = *state;
    open_store(world, PLAIN_OPTIONS);
    for (int64_t i = 0; i < COUNT; i++)
        submit(world, (uint64_t)(i % KEYS),
               &FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(i), FR_P_TEXT(FR_STR("n"))), 1);
    run_until_answered(world, COUNT);
    for (size_t i = KEYS; i < COUNT; i++)
        if (world->answers[i].order < world->answers[i - KEYS].order)
            fail_msg("group %zu was answered before group %zu of the same key", i, (size_t)(i - KEYS));
    /* And what the database saw, by its own sequence. */
    int64_t last[KEYS];
    memset(last, -1, sizeof last);
    struct fr_result *rows = NULL;
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_NOTE_LIST), &rows, error));
    assert_int_equal(COUNT, fr_result_rows(rows));
    for (int i = 0; i < COUNT; i++) {
        int64_t id = fr_result_i64(rows, i, 0);
        assert_true(id > last[id % KEYS]);
        last[id % KEYS] = id;
    }
    fr_result_free(rows);
}

static void test_deadlock_is_repeated(void **state)
{
    struct world *world = *state;
    uint64_t keys[2];
    int64_t pids[2];
    fixture_run(world->session, "INSERT INTO test_notes (id, note) VALUES (1, ''), (2, '')");
    struct fr_store_options options = PLAIN_OPTIONS;
    options.connections = 2;
    open_store(world, options);
    find_keys(world, keys, pids, 2);
    const struct fr_query sleep = FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(200));
    const struct fr_query one = FR_QUERY(FR_SQL_TEST_NOTE_TOUCH, FR_P_I64(1));
    const struct fr_query two = FR_QUERY(FR_SQL_TEST_NOTE_TOUCH, FR_P_I64(2));
    struct answer *forth = submit(world, keys[0], (struct fr_query[]){one, sleep, two}, 3);
    struct answer *back = submit(world, keys[1], (struct fr_query[]){two, sleep, one}, 3);
    run_until_answered(world, world->submitted);
    assert_answer(forth, FR_OK, "");
    assert_answer(back, FR_OK, "");
    char notes[64];
    fixture_notes(world->session, notes, sizeof notes);
    assert_string_equal("1=++ 2=++", notes);
}

static void test_much_at_once(void **state)
{
    enum { COUNT = 64, BYTES = 200 * 1024 };
    struct world *world = *state;
    char *input = fr_alloc(BYTES);
    memset(input, '7', BYTES);
    open_store(world, ONE_CONNECTION);
    for (int i = 0; i < COUNT; i++)
        submit(
            world, 1,
            (struct fr_query[]){health, FR_QUERY(FR_SQL_TEST_BIG, FR_P_TEXT(((struct fr_str){input, BYTES})),
                                                 FR_P_I64(BYTES))},
            2);
    run_until_answered(world, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_answer(&world->answers[i], FR_OK, "");
    free(input);
}

static void resubmit(void *arg, enum fr_status status, struct fr_result *const *results,
                     const struct fr_error *error)
{
    struct answer *answer = arg;
    struct world *world = answer->world;
    on_done(arg, status, results, error);
    if (world->submitted < 50) {
        struct answer *next = &world->answers[world->submitted++];
        *next = (struct answer){.world = world};
        fr_store_ask(world->store, 1, &health, 1, resubmit, next);
    }
}

static void test_submit_from_the_callback(void **state)
{
    struct world *world = *state;
    open_store(world, ONE_CONNECTION);
    struct answer *first = &world->answers[world->submitted++];
    *first = (struct answer){.world = world};
    fr_store_ask(world->store, 1, &health, 1, resubmit, first);
    run_until_answered(world, 50);
    assert_each_answered_once(world);
}

/* ---- faults ---- */

static void test_killed_in_mid_flight(void **state)
{
    enum { COUNT = 300 };
    struct world *world = *state;
    uint64_t keys[4];
    int64_t pids[4];
    open_store(world, PLAIN_OPTIONS);
    find_keys(world, keys, pids, 4);
    size_t before = world->submitted;
    struct answer *sleeper = submit(world, keys[0], &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(600000)), 1);
    for (int64_t i = 0; i < COUNT; i++) /* more than may be on their way behind the sleeper */
        submit(world, keys[0], &FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(i), FR_P_NULL), 1);
    run_until_busy(world, 1);
    terminate(world, pids[0]);
    run_until_answered(world, world->submitted);
    assert_each_answered_once(world);
    assert_answer(sleeper, FR_UNAVAILABLE, "57P01");
    /* Those on their way are lost, those behind went to another connection, in order. */
    size_t lost = 0, done = 0;
    for (size_t i = before + 1; i < world->submitted; i++) {
        enum fr_status status = world->answers[i].status;
        assert_true(status == FR_UNAVAILABLE || status == FR_OK);
        assert_false(status == FR_UNAVAILABLE && done > 0);
        *(status == FR_OK ? &done : &lost) += 1;
        assert_true(i == before + 1 || world->answers[i].order > world->answers[i - 1].order);
    }
    assert_in_range(lost, 1, 64);
    assert_int_equal(COUNT, lost + done);
    struct fr_result *rows = NULL;
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_NOTE_LIST), &rows, error));
    assert_int_equal(done, fr_result_rows(rows));
    fr_result_free(rows);
    /* The key comes home once its connection is back. */
    int64_t pid = 0, limit = fr_clock_monotonic_ms() + PATIENCE_MS;
    do {
        pid = submit_and_wait(world, keys[0], &ask_pid, 1)->value;
        assert_true(pid != pids[0] && fr_clock_monotonic_ms() < limit);
    } while (pid == pids[1] || pid == pids[2] || pid == pids[3]);
}

static void test_order_through_failover(void **state)
{
    /* Slow ones, so that those on their way elsewhere are not done when the key's own connection comes back.
     */
    enum { COUNT = 300 };
    struct world *world = *state;
    uint64_t keys[4];
    int64_t pids[4], last = -1;
    open_store(world, PLAIN_OPTIONS);
    find_keys(world, keys, pids, 4);
    size_t before = world->submitted;
    for (int64_t i = 0; i < COUNT; i++)
        submit(world, keys[0],
               (struct fr_query[]){FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(2)),
                                   FR_QUERY(FR_SQL_TEST_NOTE_PUT, FR_P_I64(i), FR_P_NULL)},
               2);
    run_until_answered(world, before + 20);
    terminate(world, pids[0]);
    run_until_answered(world, world->submitted);
    assert_each_answered_once(world);
    int done = 0, home = 0;
    for (size_t i = before; i < world->submitted; i++)
        done += world->answers[i].status == FR_OK;
    struct fr_result *rows = NULL;
    EXPECT_OK(fr_session_query(world->session, &FR_QUERY_NO_PARAMS(FR_SQL_TEST_NOTE_LIST), &rows, error));
    /* What was lost on its way may have been committed all the same. */
    assert_in_range(fr_result_rows(rows), done, done + CONNECTION_UNITS_MAX);
    for (int i = 0; i < fr_result_rows(rows); i++) {
        assert_true(fr_result_i64(rows, i, 0) > last);
        last = fr_result_i64(rows, i, 0);
    }
    fr_result_free(rows);
    for (int i = 0; i < world->store->count; i++)
        home += world->store->lanes[i].bound == world->store->lanes[i].home;
    assert_int_equal(world->store->count, home); /* it went, and came back */
}

static void test_idle_connection_killed(void **state)
{
    struct world *world = *state;
    open_store(world, ONE_CONNECTION);
    for (int i = 0; i < 3; i++) {
        int64_t pid = submit_and_wait(world, 1, &ask_pid, 1)->value;
        terminate(world, pid);
        run_until_ready(world, false);
        /* A gap that short is waited out. */
        struct answer *answer = submit_and_wait(world, 1, &ask_pid, 1);
        assert_answer(answer, FR_OK, "");
        assert_true(answer->value != pid);
    }
}

static void test_server_stopped_and_started(void **state)
{
    struct world *world = *state;
    struct fr_error reason = {0};
    struct fr_store_options options = PLAIN_OPTIONS;
    options.group_timeout_ms = 3000;
    open_store(world, options);
    for (uint64_t key = 0; key < 20; key++)
        submit(world, key, &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(600000)), 1);
    run_until_busy(world, busy_lanes(world));
    fr_session_close(world->session);
    fixture_stop_server(world->conninfo);
    run_until_ready(world, false);
    struct answer *waiting = submit(world, 1, &health, 1); /* in vain, and told so at its deadline */
    run_until_answered(world, world->submitted);
    assert_each_answered_once(world);
    assert_answer(waiting, FR_UNAVAILABLE, "");
    assert_int_equal(FR_UNAVAILABLE, fr_store_submit(world->store, 1, &health, 1, on_done, NULL, &reason));
    assert_string_equal("no database connection", reason.message);
    struct answer *asked = &world->answers[world->submitted++];
    *asked = (struct answer){.world = world};
    fr_store_ask(world->store, 1, &health, 1, on_done, asked);
    assert_int_equal(0, asked->times);
    run_until_answered(world, world->submitted);
    assert_answer(asked, FR_UNAVAILABLE, "");
    fixture_start_server();
    run_until_ready(world, true);
    assert_answer(submit_and_wait(world, 1, &health, 1), FR_OK, "");
    world->session = fixture_open(world->conninfo);
}

static void test_group_timeout(void **state)
{
    struct world *world = *state;
    struct fr_store_options options = ONE_CONNECTION;
    options.group_timeout_ms = 300;
    open_store(world, options);
    int64_t pid = submit_and_wait(world, 1, &ask_pid, 1)->value;
    struct answer *sleeper = submit(world, 1, &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(600000)), 1);
    run_until_answered(world, world->submitted);
    assert_answer(sleeper, FR_TIMEOUT, "");
    /* The connection was taken for dead, and replaced. */
    struct answer *after = submit_and_wait(world, 1, &ask_pid, 1);
    assert_answer(after, FR_OK, "");
    assert_true(after->value != pid);
    /* And the statement that nobody waits for any more is given up by the server. */
    run_until_busy(world, 0);
}

static void test_statement_timeout(void **state)
{
    struct world *world = *state;
    struct fr_store_options options = ONE_CONNECTION;
    options.statement_timeout_ms = 200;
    open_store(world, options);
    int64_t pid = submit_and_wait(world, 1, &ask_pid, 1)->value;
    struct answer *sleeper = submit(world, 1, &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(600000)), 1);
    struct answer *behind = submit(world, 1, &ask_pid, 1);
    run_until_answered(world, world->submitted);
    assert_answer(sleeper, FR_TIMEOUT, "57014");
    assert_answer(behind, FR_OK, "");
    assert_int_equal(pid, behind->value);
}

static void test_plans_are_generic(void **state)
{
    struct world *world = *state;
    open_store(world, ONE_CONNECTION);
    assert_int_equal(
        1, submit_and_wait(world, 1, &(struct fr_query){.sql = FR_SQL_TEST_GENERIC_PLANS}, 1)->value);
}

static void test_queue_full(void **state)
{
    struct world *world = *state;
    struct fr_error reason = {0};
    struct fr_store_options options = ONE_CONNECTION;
    options.queue_max = 100;
    open_store(world, options);
    for (int i = 0; i < 100; i++)
        submit(world, 1, &health, 1);
    assert_int_equal(FR_FULL, fr_store_submit(world->store, 1, &health, 1, on_done, NULL, &reason));
    run_until_answered(world, 100);
    assert_answer(submit_and_wait(world, 1, &health, 1), FR_OK, "");
}

static void test_free_with_groups(void **state)
{
    struct world *world = *state;
    open_store(world, PLAIN_OPTIONS);
    for (uint64_t i = 0; i < 200; i++)
        submit(world, i % 3, &FR_QUERY(FR_SQL_TEST_SLEEP, FR_P_I64(600000)), 1);
    run_until_busy(world, busy_lanes(world));
    submit(world, 1, &health, 1); /* of this tick, not sent yet */
    fr_store_free(world->store);
    world->store = NULL;
    assert_int_equal(201, world->answered);
    assert_each_answered_once(world);
    for (size_t i = 0; i < world->submitted; i++)
        assert_answer(&world->answers[i], FR_CANCELLED, "");
}

static void test_nobody_there(void **state)
{
    struct world *world = *state;
    const struct fr_store_options options = {.conninfo = "host=/nowhere port=1",
                                             .application_name = "lost",
                                             .connections = 2,
                                             .queue_max = 10,
                                             .group_timeout_ms = 200};
    world->store = fr_store_new(world->loop, &options);
    assert_false(fr_store_ready(world->store));
    struct answer *answer = submit_and_wait(world, 1, &health, 1);
    assert_answer(answer, FR_UNAVAILABLE, "");
    assert_false(fr_store_ready(world->store));
}

static void test_nonsense_conninfo(void **state)
{
    struct world *world = *state;
    struct fr_store_options options = ONE_CONNECTION;
    options.conninfo = "postgresql://user:%zzsecret@host/db";
    options.application_name = "lost";
    options.group_timeout_ms = 200;
    world->store = fr_store_new(world->loop, &options);
    struct answer *answer = submit_and_wait(world, 1, &health, 1);
    assert_answer(answer, FR_UNAVAILABLE, "");
    assert_null(strstr(answer->error.message, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
        TEST(test_never_from_within_submit),
        TEST(test_group_is_a_transaction),
        TEST(test_commit_that_fails),
        TEST(test_statements_that_are_wrong),
        TEST(test_plan_is_renewed),
        TEST(test_order_by_key),
        TEST(test_deadlock_is_repeated),
        TEST(test_much_at_once),
        TEST(test_submit_from_the_callback),
        TEST(test_killed_in_mid_flight),
        TEST(test_idle_connection_killed),
        TEST(test_order_through_failover),
        TEST(test_server_stopped_and_started),
        TEST(test_group_timeout),
        TEST(test_statement_timeout),
        TEST(test_plans_are_generic),
        TEST(test_queue_full),
        TEST(test_free_with_groups),
        TEST(test_nobody_there),
        TEST(test_nonsense_conninfo),
    };
    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
