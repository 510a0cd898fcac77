/* Node numbers: no two holders at once, none before the last one's end, and clocks that differ. */
#include "timeline/lease.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "store/session.h"
#include "store/store.h"

/* Our own clock, which the tests set; the database keeps its own. */
static _Atomic int64_t clock_offset_s;

int clock_gettime(clockid_t id, struct timespec *ret)
{
    long rc = syscall(SYS_clock_gettime, id, ret);
    if (id == CLOCK_REALTIME)
        ret->tv_sec += clock_offset_s;
    return (int)rc;
}

static void expect(enum fr_status expected, enum fr_status status, const struct fr_error *error)
{
    if (status != expected)
        fail_msg("expected \"%s\", got \"%s\": %s %s", fr_status_name(expected), fr_status_name(status),
                 error->sqlstate, error->message);
}

static struct fr_session *open_session(void)
{
    const char *url = getenv("FRESHET_DATABASE_URL");
    if (url == NULL)
        fail_msg("FRESHET_DATABASE_URL is not set; run this under: tools/with-servers --postgres");
    const struct fr_session_options options = {.conninfo = url, .application_name = "lease-test"};
    struct fr_session *session;
    struct fr_error error = {0};
    expect(FR_OK, fr_session_open(&options, &session, &error), &error);
    return session;
}

static void run(struct fr_session *session, const char *script)
{
    struct fr_error error = {0};
    expect(FR_OK, fr_session_run_script(session, "script", script, &error), &error);
}

static int migrate(void **state)
{
    struct fr_session *session = open_session();
    struct fr_migration_report report;
    struct fr_error error = {0};
    expect(FR_OK, fr_store_migrate(session, NULL, NULL, &report, &error), &error);
    *state = session;
    return 0;
}

static int end(void **state)
{
    fr_session_close(*state);
    return 0;
}

static int empty(void **state)
{
    clock_offset_s = 0;
    run(*state, "TRUNCATE node_lease");
    return 0;
}

static struct fr_lease acquire(struct fr_session *session, const char *holder)
{
    struct fr_lease lease = {.node = -1};
    struct fr_error error = {0};
    expect(FR_OK, fr_lease_acquire(session, holder, &lease, &error), &error);
    return lease;
}

static void the_smallest_free_number(void **state)
{
    struct fr_session *session = *state;
    int64_t now = fr_clock_wall_ms();
    struct fr_lease first = acquire(session, "first"), second = acquire(session, "second");
    assert_int_equal(first.node, 0);
    assert_int_equal(second.node, 1);
    assert_true(first.until_ms > now && first.until_ms <= fr_clock_wall_ms() + FR_LEASE_MS);
    assert_true(first.start_after_ms < now);
    run(session, "UPDATE node_lease SET until = now() - interval '1 ms' WHERE node = 0");
    assert_int_equal(acquire(session, "third").node, 0);
    run(session, "DELETE FROM node_lease WHERE node = 1");
    assert_int_equal(acquire(session, "fourth").node, 1);
}

static void the_next_holder_starts_where_the_last_one_had_to_end(void **state)
{
    struct fr_session *session = *state;
    run(session, "INSERT INTO node_lease VALUES (0, 'before', '2026-01-02T03:04:05.678Z')");
    struct fr_lease lease = acquire(session, "after");
    assert_int_equal(lease.node, 0);
    assert_int_equal(lease.start_after_ms, 1767323045678);
    /* Whatever its clock says, a holder ends before what the next one starts with. */
    struct fr_snowflake flake;
    int64_t id;
    fr_snowflake_init(&flake, lease.node, lease.start_after_ms, lease.until_ms);
    assert_int_equal(fr_snowflake_next(&flake, lease.until_ms, &id), FR_UNAVAILABLE);
    run(session, "UPDATE node_lease SET until = until - interval '1 hour'");
    struct fr_lease next = acquire(session, "next");
    assert_int_equal(next.node, 0);
    assert_true(next.start_after_ms + 3600000 >= lease.until_ms);
}

static void renewing(void **state)
{
    struct fr_session *session = *state;
    struct fr_error error = {0};
    struct fr_lease lease = acquire(session, "me");
    run(session, "UPDATE node_lease SET until = now() + interval '1 s'");
    lease.until_ms = 0;
    expect(FR_OK, fr_lease_renew(session, "me", &lease, &error), &error);
    assert_true(lease.until_ms > fr_clock_wall_ms() + FR_LEASE_MS / 2);
    int64_t until_ms = lease.until_ms;
    expect(FR_CONFLICT, fr_lease_renew(session, "somebody else", &lease, &error), &error);
    run(session, "UPDATE node_lease SET holder = 'thief'");
    expect(FR_CONFLICT, fr_lease_renew(session, "me", &lease, &error), &error);
    run(session, "UPDATE node_lease SET holder = 'me', until = now() - interval '1 s'");
    expect(FR_CONFLICT, fr_lease_renew(session, "me", &lease, &error), &error);
    assert_int_equal(lease.until_ms, until_ms);
}

static void a_released_number_is_free_after_the_last_possible_id(void **state)
{
    struct fr_session *session = *state;
    struct fr_lease lease = acquire(session, "me");
    fr_lease_release(session, "somebody else", &lease);
    assert_int_equal(acquire(session, "other").node, 1);
    fr_lease_release(session, "me", &lease);
    /* The clock of the one who left may have been ahead by the allowed skew. */
    assert_int_equal(acquire(session, "early").node, 2);
    char script[128];
    snprintf(script, sizeof script, "UPDATE node_lease SET until = until - interval '%d ms' WHERE node = 0",
             FR_LEASE_SKEW_MS + 1);
    run(session, script);
    assert_int_equal(acquire(session, "late").node, 0);
}

static void all_numbers_taken(void **state)
{
    struct fr_session *session = *state;
    struct fr_lease lease = {.node = 4711};
    struct fr_error error = {0};
    run(session,
        "INSERT INTO node_lease SELECT n, 'x', now() + interval '1 hour' FROM generate_series(0, 1023) AS n");
    expect(FR_FULL, fr_lease_acquire(session, "me", &lease, &error), &error);
    assert_int_equal(lease.node, 4711);
    run(session, "UPDATE node_lease SET until = now() - interval '1 s' WHERE node = 1023");
    assert_int_equal(acquire(session, "me").node, 1023);
}

static void clocks_that_differ(void **state)
{
    struct fr_session *session = *state;
    static const struct {
        const char *comment;
        int offset_s;
        const char *message; /* NULL: allowed */
    } rows[] = {
        {"a little ahead", 3, NULL},
        {"a little behind", -3, NULL},
        {"far ahead", 8, "ms ahead of the database's"},
        {"far behind", -8, "ms behind the database's"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_lease lease = {.node = 4711};
        struct fr_error error = {0};
        clock_offset_s = 0;
        run(session, "TRUNCATE node_lease");
        clock_offset_s = row->offset_s;
        enum fr_status status = fr_lease_acquire(session, "me", &lease, &error);
        FR_ASSERT_ROW(row, status == (row->message == NULL ? FR_OK : FR_CONFLICT));
        FR_ASSERT_ROW(row, row->message == NULL || strstr(error.message, row->message) != NULL);
        FR_ASSERT_ROW(row, (lease.node == 4711) == (row->message != NULL));
        /* What was refused is not kept for a minute. */
        run(session,
            row->message == NULL
                ? "DO $$ BEGIN ASSERT (SELECT until > now() + interval '30 s' FROM node_lease); END $$"
                : "DO $$ BEGIN ASSERT (SELECT until < now() + interval '10 s' FROM node_lease); END $$");
    }
    /* A clock that was set while the lease was held. */
    clock_offset_s = 0;
    struct fr_lease lease = acquire(session, "holder");
    struct fr_error error = {0};
    clock_offset_s = 8;
    expect(FR_CONFLICT, fr_lease_renew(session, "holder", &lease, &error), &error);
}

enum { TOGETHER = 8, EACH = 10 };

struct taker {
    pthread_barrier_t *start;
    int number, nodes[EACH];
};

static void *take(void *arg)
{
    struct taker *taker = arg;
    struct fr_session *session = open_session();
    char holder[32];
    pthread_barrier_wait(taker->start);
    for (int i = 0; i < EACH; i++) {
        struct fr_lease lease = {.node = -1};
        struct fr_error error = {0};
        snprintf(holder, sizeof holder, "taker %d/%d", taker->number, i);
        taker->nodes[i] = fr_lease_acquire(session, holder, &lease, &error) == FR_OK ? lease.node : -1;
    }
    fr_session_close(session);
    return NULL;
}

static void many_who_ask_at_once_get_numbers_of_their_own(void **state)
{
    struct taker takers[TOGETHER];
    pthread_t threads[TOGETHER];
    pthread_barrier_t start;
    bool seen[TOGETHER * EACH] = {false};
    pthread_barrier_init(&start, NULL, TOGETHER);
    for (int i = 0; i < TOGETHER; i++) {
        takers[i] = (struct taker){.start = &start, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, take, &takers[i]), 0);
    }
    for (int i = 0; i < TOGETHER; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    for (int i = 0; i < TOGETHER; i++) {
        for (int j = 0; j < EACH; j++) {
            int node = takers[i].nodes[j];
            assert_in_range(node, 0, TOGETHER * EACH - 1);
            assert_false(seen[node]);
            seen[node] = true;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_smallest_free_number, empty),
        cmocka_unit_test_setup(the_next_holder_starts_where_the_last_one_had_to_end, empty),
        cmocka_unit_test_setup(renewing, empty),
        cmocka_unit_test_setup(a_released_number_is_free_after_the_last_possible_id, empty),
        cmocka_unit_test_setup(all_numbers_taken, empty),
        cmocka_unit_test_setup(clocks_that_differ, empty),
        cmocka_unit_test_setup(many_who_ask_at_once_get_numbers_of_their_own, empty),
    };
    return cmocka_run_group_tests(tests, migrate, end);
}
