/* Presence with a graph played by the test. The window is short: the tests wait for what happens, not for a
 * time. */
#include "presence.h"

#include <stdlib.h>

#include "id_table.h"
#include "played_graph.h"

enum { WINDOW_MS = 400, USERS = 1200 };

struct fixture {
    struct fr_loop *loop;
    struct presence presence;
    struct id_table users;
    struct local_user people[USERS];
    int present, refused, broken;
    struct local_user *last;
};

static void on_present(void *arg, struct local_user *user)
{
    struct fixture *f = arg;
    f->present++;
    f->last = user;
}

static void on_refused(void *arg, struct local_user *user)
{
    struct fixture *f = arg;
    f->refused++;
    f->last = user;
}

static void on_broken(void *arg, struct local_user *user)
{
    struct fixture *f = arg;
    f->broken++;
    f->last = user;
    fr_delivery_presence_leave(&f->presence, user); /* as the hub does with the last connection */
}

static const struct presence_verbs verbs = {on_present, on_refused, on_broken};

static int set_up(void **state)
{
    struct fixture *f = FR_NEW(struct fixture);
    graph_reset();
    f->loop = fr_loop_new();
    fr_delivery_presence_init(&f->presence, f->loop, NULL, &f->users, WINDOW_MS, &verbs, f);
    for (int i = 0; i < USERS; i++) {
        f->people[i].id = USERS - i;
        fr_delivery_table_add(&f->users, USERS - i, &f->people[i]);
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < USERS; i++)
        fr_delivery_presence_leave(&f->presence, &f->people[i]);
    while (graph_answer())
        ;
    fr_delivery_presence_release(&f->presence);
    fr_delivery_table_release(&f->users);
    fr_loop_free(f->loop);
    free(f);
    return 0;
}

static void answer_all(struct fixture *f)
{
    fr_loop_run(f->loop, 0);
    while (graph_answer())
        fr_loop_run(f->loop, 0);
}

static void wait_asked(struct fixture *f, size_t asked)
{
    while (graph.asked < asked)
        fr_loop_run(f->loop, 1000);
}

static void test_joiners_of_a_tick_share_a_statement(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[i]), FR_CANCELLED);
        assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[i]), FR_CANCELLED);
    }
    assert_int_equal(graph.asked, 0);
    fr_loop_run(f->loop, 0);
    assert_int_equal(graph.asked, 1);
    assert_int_equal(graph.asks[0].count, 10); /* sorted: the played graph looks */
    assert_true(graph.lasts_ms > WINDOW_MS);
    assert_int_equal(f->present, 0);
    answer_all(f);
    assert_int_equal(f->present, 10);
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[3]), FR_OK);
}

static void test_many_are_sliced(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < USERS; i++)
        assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[i]), FR_CANCELLED);
    fr_loop_run(f->loop, 0);
    assert_true(graph.asked > 1);
    answer_all(f);
    assert_int_equal(f->present, USERS);
}

static void test_failure_refuses(void **state)
{
    struct fixture *f = *state;
    graph.status = FR_UNAVAILABLE;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    answer_all(f);
    assert_int_equal(f->refused, 1);
    graph.status = FR_OK;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    answer_all(f);
    assert_int_equal(f->present, 1);
}

static void test_answer_for_one_who_left_and_came_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    fr_loop_run(f->loop, 0);
    fr_delivery_presence_leave(&f->presence, &f->people[0]);
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    graph_answer();
    assert_int_equal(f->present, 0); /* that answer was for the one before */
    answer_all(f);
    assert_int_equal(f->present, 1);
}

static void test_renewed_while_connected(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[1]), FR_CANCELLED);
    answer_all(f);
    fr_delivery_presence_leave(&f->presence, &f->people[0]);
    for (size_t asked = 2; asked < 5; asked++) {
        wait_asked(f, asked);
        assert_int_equal(graph.asks[asked - 1].count, 1);
        assert_int_equal(graph.asks[asked - 1].ids[0], f->people[1].id);
        answer_all(f);
    }
    assert_int_equal(f->broken, 0);
    assert_int_equal(f->present, 2);
}

static void test_newer_since_is_a_break(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    answer_all(f);
    wait_asked(f, 2);
    graph.since_ms = 2;
    answer_all(f);
    assert_int_equal(f->broken, 1);
    assert_ptr_equal(f->last, &f->people[0]);
}

static void test_failed_renewal_is_tried_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    answer_all(f);
    wait_asked(f, 2);
    graph.status = FR_TIMEOUT;
    answer_all(f);
    assert_int_equal(f->broken, 0);
    graph.status = FR_OK;
    while (f->broken == 0 && graph.asked < 3)
        fr_loop_run(f->loop, 1000);
    assert_int_equal(f->broken, 0);
    answer_all(f);
    assert_int_equal(f->broken, 0);
}

/* The database is away for longer than a row lasts: nobody knows any more. */
static void test_row_that_must_have_ended(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fr_delivery_presence_want(&f->presence, &f->people[0]), FR_CANCELLED);
    answer_all(f);
    graph.status = FR_UNAVAILABLE;
    bool refused = false;
    while (f->broken == 0) {
        fr_loop_run(f->loop, 1000);
        while (graph_answer())
            ;
        /* Towards its end it is too short for one who comes now. */
        refused |= f->broken == 0 && fr_delivery_presence_want(&f->presence, &f->people[0]) == FR_UNAVAILABLE;
    }
    assert_int_equal(f->broken, 1);
    assert_true(refused);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_joiners_of_a_tick_share_a_statement),
        TEST(test_many_are_sliced),
        TEST(test_failure_refuses),
        TEST(test_answer_for_one_who_left_and_came_again),
        TEST(test_renewed_while_connected),
        TEST(test_newer_since_is_a_break),
        TEST(test_failed_renewal_is_tried_again),
        TEST(test_row_that_must_have_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
