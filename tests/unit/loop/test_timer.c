#include "loop/loop.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"

static int make_loop(void **state)
{
    *state = fr_loop_new();
    return 0;
}

static int drop_loop(void **state)
{
    fr_loop_free(*state);
    return 0;
}

struct alarm {
    struct fr_timer timer;
    int fired, again;
    struct alarm *stops;
    int64_t fired_ms, due_ms;
    int *left;
};

static void ring(struct fr_timer *timer)
{
    struct alarm *alarm = FR_CONTAINER_OF(timer, struct alarm, timer);
    alarm->fired++;
    alarm->due_ms = timer->due_ms;
    alarm->fired_ms = fr_clock_monotonic_ms();
    assert_false(fr_timer_is_queued(timer));
    if (alarm->left != NULL)
        (*alarm->left)--;
    if (alarm->stops != NULL)
        fr_timer_stop(&alarm->stops->timer);
    if (alarm->again-- > 0)
        fr_timer_start(timer->loop, timer, 0, ring);
}

static void timers_fire_in_order_and_not_early(void **state)
{
    struct fr_loop *loop = *state;
    enum { COUNT = 500 };
    static struct alarm alarms[COUNT];
    memset(alarms, 0, sizeof alarms);
    int left = COUNT;
    unsigned seed = 7;
    for (int i = 0; i < COUNT; i++) {
        alarms[i].left = &left;
        fr_timer_start(loop, &alarms[i].timer, rand_r(&seed) % 40, ring);
    }
    /* Some are moved, and some stopped and started anew. */
    for (int i = 0; i < COUNT; i += 3)
        fr_timer_start(loop, &alarms[i].timer, rand_r(&seed) % 60, ring);
    for (int i = 0; i < COUNT; i += 7) {
        fr_timer_stop(&alarms[i].timer);
        fr_timer_stop(&alarms[i].timer);
        if (i % 2 == 0) {
            left--;
            continue;
        }
        fr_timer_start(loop, &alarms[i].timer, rand_r(&seed) % 60, ring);
    }
    while (left > 0)
        fr_loop_run(loop, -1);
    for (int i = 0; i < COUNT; i++) {
        bool stopped = i % 7 == 0 && i % 2 == 0;
        assert_int_equal(alarms[i].fired, stopped ? 0 : 1);
        assert_true(alarms[i].fired_ms >= alarms[i].due_ms);
    }
}

static int64_t latest_due_ms; /* of what has fired */

static void ring_in_turn(struct fr_timer *timer)
{
    assert_true(timer->due_ms >= latest_due_ms);
    latest_due_ms = timer->due_ms;
    FR_CONTAINER_OF(timer, struct alarm, timer)->fired++;
}

/* All are due when the loop looks, so that nothing but the heap makes the order. */
static void heap_keeps_the_order(void **state)
{
    struct fr_loop *loop = *state;
    enum { COUNT = 300 };
    static struct alarm alarms[COUNT];
    unsigned seed = 11;
    for (int i = 0; i < COUNT; i++)
        fr_timer_start(loop, &alarms[i].timer, rand_r(&seed) % 40, ring_in_turn);
    int64_t end_ms = 0;
    for (int i = 0; i < COUNT; i++) {
        if (i % 5 == 0)
            fr_timer_stop(&alarms[i].timer);
        else if (i % 3 == 0)
            fr_timer_start(loop, &alarms[i].timer, rand_r(&seed) % 40, ring_in_turn);
        if (alarms[i].timer.due_ms > end_ms)
            end_ms = alarms[i].timer.due_ms;
    }
    while (fr_clock_monotonic_ms() < end_ms)
        usleep(1000);
    latest_due_ms = 0;
    fr_loop_run(loop, 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(alarms[i].fired, i % 5 == 0 ? 0 : 1);
}

/* Due times are far enough apart to be told from each other, and all past when the loop runs. */
static void timers_due_together_fire_by_deadline(void **state)
{
    struct fr_loop *loop = *state;
    struct alarm alarms[4] = {0};
    static const int delays[] = {9, 3, 12, 6};
    for (int i = 0; i < 4; i++)
        fr_timer_start(loop, &alarms[i].timer, delays[i], ring);
    /* 6 stops 9, and 3 stops none: an order by deadline leaves 3, 6 and 12. */
    alarms[3].stops = &alarms[0];
    alarms[0].stops = &alarms[3];
    while (fr_clock_monotonic_ms() < alarms[2].timer.due_ms)
        usleep(1000);
    fr_loop_run(loop, 0);
    assert_int_equal(alarms[0].fired, 0);
    assert_int_equal(alarms[1].fired, 1);
    assert_int_equal(alarms[2].fired, 1);
    assert_int_equal(alarms[3].fired, 1);
}

static void timer_without_delay_does_not_hold_the_round(void **state)
{
    struct fr_loop *loop = *state;
    struct alarm alarm = {.again = 1000000};
    fr_timer_start(loop, &alarm.timer, -5, ring);
    fr_loop_run(loop, -1);
    assert_int_equal(alarm.fired, 1);
    assert_true(fr_timer_is_queued(&alarm.timer));
    fr_loop_run(loop, -1);
    fr_timer_stop(&alarm.timer);
}

static void free_alarm(struct fr_timer *timer)
{
    struct alarm *alarm = FR_CONTAINER_OF(timer, struct alarm, timer);
    (*alarm->left)--;
    free(alarm);
}

static void timer_may_free_itself(void **state)
{
    struct fr_loop *loop = *state;
    int left = 5;
    for (int i = 0; i < 5; i++) {
        struct alarm *alarm = FR_NEW(struct alarm);
        alarm->left = &left;
        fr_timer_start(loop, &alarm->timer, i % 2, free_alarm);
    }
    while (left > 0)
        fr_loop_run(loop, -1);
}

/* The gateway's case: the loop sleeps inside a foreign epoll and must wake it for each kind of change of the
 * earliest deadline. */
static void timer_wakes_a_foreign_loop(void **state)
{
    struct fr_loop *loop = *state;
    int outer = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, fr_loop_fd(loop), &event), 0);

    struct alarm late = {0}, early = {0};
    fr_timer_start(loop, &late.timer, 3600000, ring);
    fr_timer_start(loop, &early.timer, 5, ring); /* now the earliest */
    assert_int_equal(epoll_wait(outer, &event, 1, 60000), 1);
    while (early.fired == 0)
        fr_loop_run(loop, 0);
    fr_loop_run(loop, 0);
    assert_int_equal(epoll_wait(outer, &event, 1, 0), 0); /* not readable for what has fired */

    fr_timer_start(loop, &late.timer, 5, ring); /* moved forward */
    assert_int_equal(epoll_wait(outer, &event, 1, 60000), 1);
    while (late.fired == 0)
        fr_loop_run(loop, 0);

    /* The earliest is stopped: at most one wake for nothing, and the next one comes in its time. */
    fr_timer_start(loop, &early.timer, 1, ring);
    fr_timer_start(loop, &late.timer, 20, ring);
    fr_timer_stop(&early.timer);
    int wakes = 0;
    while (late.fired == 1) {
        assert_int_equal(epoll_wait(outer, &event, 1, 60000), 1);
        wakes++;
        fr_loop_run(loop, 0);
    }
    assert_in_range(wakes, 1, 3);
    assert_int_equal(early.fired, 1);
    fr_loop_run(loop, 0);
    assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
    close(outer);
}

/* The kernel timer of a timer that was stopped goes off once for nothing, and is silent afterwards. */
static void stopped_timer_leaves_the_loop_quiet(void **state)
{
    struct fr_loop *loop = *state;
    int outer = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, fr_loop_fd(loop), &event), 0);
    struct alarm alarm = {0};
    fr_timer_start(loop, &alarm.timer, 2, ring);
    fr_timer_stop(&alarm.timer);
    assert_int_equal(epoll_wait(outer, &event, 1, 60000), 1);
    fr_loop_run(loop, 0);
    assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
    assert_int_equal(alarm.fired, 0);
    fr_timer_start(loop, &alarm.timer, 2, ring);
    assert_int_equal(epoll_wait(outer, &event, 1, 60000), 1);
    while (alarm.fired == 0)
        fr_loop_run(loop, 0);
    close(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_not_early, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(heap_keeps_the_order, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(stopped_timer_leaves_the_loop_quiet, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(timers_due_together_fire_by_deadline, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(timer_without_delay_does_not_hold_the_round, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(timer_may_free_itself, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(timer_wakes_a_foreign_loop, make_loop, drop_loop),
    };
    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
