#include "loop/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

enum { WAIT_MS = 10000 }; /* for what must come; never reached when all is well */

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

static bool is_readable(const struct fr_loop *loop)
{
    int outer = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, fr_loop_fd(loop), &event), 0);
    int n = epoll_wait(outer, &event, 1, 0);
    close(outer);
    return n == 1;
}

/* ---- descriptors ---- */

struct end {
    struct fr_watch watch;
    int calls;
    unsigned events;
    struct end *victim;      /* stopped and closed by the first of two that is called */
    struct end *replacement; /* started by that one on the victim's old number */
};

static void note(struct fr_watch *watch, unsigned events)
{
    struct end *end = FR_CONTAINER_OF(watch, struct end, watch);
    end->calls++;
    end->events = events;
}

static void watch_is_told_what_it_watches(void **state)
{
    struct fr_loop *loop = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct end end = {0};
    assert_int_equal(fr_watch_start(loop, &end.watch, pair[0], FR_WATCH_READ, note, NULL), FR_OK);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 0);

    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_true(is_readable(loop));
    fr_loop_run(loop, 0);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 2); /* level-triggered: nothing was read */
    assert_int_equal(end.events, FR_WATCH_READ);

    fr_watch_change(&end.watch, FR_WATCH_WRITE);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 3);
    assert_int_equal(end.events, FR_WATCH_WRITE);

    fr_watch_change(&end.watch, FR_WATCH_READ | FR_WATCH_WRITE);
    close(pair[1]);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 4);
    assert_int_equal(end.events, FR_WATCH_READ | FR_WATCH_WRITE);

    fr_watch_stop(&end.watch);
    fr_watch_stop(&end.watch);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 4);
    close(pair[0]);
}

static void watch_of_nothing_does_not_spin_on_hang_up(void **state)
{
    struct fr_loop *loop = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct end end = {0};
    assert_int_equal(fr_watch_start(loop, &end.watch, pair[0], FR_WATCH_READ, note, NULL), FR_OK);
    fr_watch_change(&end.watch, 0);
    close(pair[1]);
    fr_loop_run(loop, 0); /* the kernel tells the edge, the loop keeps it to itself */
    assert_int_equal(end.calls, 0);
    assert_false(is_readable(loop));
    fr_watch_change(&end.watch, FR_WATCH_READ);
    fr_loop_run(loop, WAIT_MS);
    assert_int_equal(end.calls, 1);
    fr_watch_stop(&end.watch);
    close(pair[0]);
}

static void watch_of_a_hang_up_leaves_what_is_unread(void **state)
{
    struct fr_loop *loop = *state;
    int pair[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct end end = {0};
    assert_int_equal(fr_watch_start(loop, &end.watch, pair[0], FR_WATCH_HANGUP, note, NULL), FR_OK);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_false(is_readable(loop));
    shutdown(pair[1], SHUT_WR);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 1);
    assert_int_equal(end.events, FR_WATCH_HANGUP);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    close(pair[1]);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 2);
    assert_int_equal(end.events, FR_WATCH_HANGUP);
    fr_watch_stop(&end.watch);
    close(pair[0]);
}

static void watch_of_bad_descriptor_is_an_error(void **state)
{
    struct end end = {0};
    struct fr_error error = {0};
    assert_int_equal(fr_watch_start(*state, &end.watch, -1, FR_WATCH_READ, note, &error), FR_IO);
    assert_non_null(strstr(error.message, "descriptor -1"));
    assert_null(end.watch.loop);
    fr_watch_stop(&end.watch);
}

static void watch_finds_a_replaced_descriptor(void **state)
{
    struct fr_loop *loop = *state;
    int fd = eventfd(0, 0);
    struct end end = {0};
    assert_int_equal(fr_watch_start(loop, &end.watch, fd, FR_WATCH_WRITE, note, NULL), FR_OK);
    int other = eventfd(1, 0);
    assert_int_equal(dup2(other, fd), fd); /* closes it behind the loop's back */
    close(other);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 0);
    fr_watch_change(&end.watch, FR_WATCH_READ);
    fr_loop_run(loop, 0);
    assert_int_equal(end.calls, 1);
    close(fd);
    fr_watch_stop(&end.watch); /* too late, but harmless */
}

static void kill_victim(struct fr_watch *watch, unsigned events)
{
    note(watch, events);
    struct end *end = FR_CONTAINER_OF(watch, struct end, watch);
    struct end *victim = end->victim;
    if (victim == NULL || victim->watch.loop == NULL)
        return;
    end->victim = victim->victim = NULL;
    int fd = victim->watch.fd;
    struct fr_loop *loop = watch->loop;
    fr_watch_stop(&victim->watch);
    close(fd);
    if (end->replacement != NULL) {
        int fresh = eventfd(0, EFD_NONBLOCK);
        assert_int_equal(fresh, fd); /* the lowest free number: the very one that was closed */
        assert_int_equal(fr_watch_start(loop, &end->replacement->watch, fresh, FR_WATCH_READ, note, NULL),
                         FR_OK);
    }
}

/* Both are ready in one batch; whichever is called first stops, closes and frees the other. */
static void stale_events_do_not_reach_a_stopped_watch(void **state)
{
    struct fr_loop *loop = *state;
    static const struct {
        const char *comment;
        bool replace, in_place;
    } rows[] = {
        {"stopped and gone", false, false},
        {"number taken by another watch", true, false},
        {"number and memory taken over", true, true},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct end *ends[2], fresh = {0};
        for (int i = 0; i < 2; i++) {
            ends[i] = FR_NEW(struct end);
            assert_int_equal(fr_watch_start(loop, &ends[i]->watch, eventfd(1, EFD_NONBLOCK), FR_WATCH_READ,
                                            kill_victim, NULL),
                             FR_OK);
        }
        for (int i = 0; i < 2; i++) {
            ends[i]->victim = ends[1 - i];
            if (row->replace)
                ends[i]->replacement = row->in_place ? ends[1 - i] : &fresh;
        }
        fr_loop_run(loop, 0);
        FR_ASSERT_ROW(row, ends[0]->calls + ends[1]->calls == 1);
        FR_ASSERT_ROW(row, fresh.calls == 0);
        if (row->replace) { /* nothing to read on the new one, so a call would have been a stale event's */
            struct end *in_place = ends[0]->calls == 1 ? ends[1] : ends[0];
            struct end *started = row->in_place ? in_place : &fresh;
            uint64_t one = 1;
            assert_int_equal(write(started->watch.fd, &one, sizeof one), sizeof one);
            fr_loop_run(loop, 0);
            FR_ASSERT_ROW(row, started->calls == 1);
            int fd = started->watch.fd;
            fr_watch_stop(&started->watch);
            close(fd);
        }
        for (int i = 0; i < 2; i++) {
            int fd = ends[i]->watch.fd;
            if (ends[i]->watch.loop != NULL) {
                fr_watch_stop(&ends[i]->watch);
                close(fd);
            }
            free(ends[i]);
        }
    }
}

static void free_itself(struct fr_watch *watch, unsigned events)
{
    struct end *end = FR_CONTAINER_OF(watch, struct end, watch);
    int fd = watch->fd;
    fr_watch_stop(watch);
    close(fd);
    free(end);
}

static void watch_may_free_itself(void **state)
{
    struct fr_loop *loop = *state;
    struct end *end = FR_NEW(struct end);
    assert_int_equal(fr_watch_start(loop, &end->watch, eventfd(1, 0), FR_WATCH_READ, free_itself, NULL),
                     FR_OK);
    fr_loop_run(loop, 0);
    assert_false(is_readable(loop));
}

static void stop_writing(struct fr_watch *watch, unsigned events)
{
    note(watch, events);
    struct end *victim = FR_CONTAINER_OF(watch, struct end, watch)->victim;
    if (victim != NULL && victim->calls == 0)
        fr_watch_change(&victim->watch, FR_WATCH_READ);
}

static void change_counts_within_the_batch(void **state)
{
    struct fr_loop *loop = *state;
    struct end ends[2] = {{.victim = &ends[1]}, {.victim = &ends[0]}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(fr_watch_start(loop, &ends[i].watch, eventfd(0, EFD_NONBLOCK), FR_WATCH_WRITE,
                                        stop_writing, NULL),
                         FR_OK);
    fr_loop_run(loop, 0);
    assert_int_equal(ends[0].calls + ends[1].calls, 1);
    for (int i = 0; i < 2; i++) {
        int fd = ends[i].watch.fd;
        fr_watch_stop(&ends[i].watch);
        close(fd);
    }
}

/* ---- end of tick ---- */

struct job {
    struct fr_task task;
    struct fr_loop *loop;
    int runs, again;
    struct job *defers, *cancels;
    char name;
    char *trace;
};

static void run_job(struct fr_task *task)
{
    struct job *job = FR_CONTAINER_OF(task, struct job, task);
    job->runs++;
    strncat(job->trace, &job->name, 1);
    if (job->again-- > 0)
        fr_task_defer(job->loop, task, run_job);
    if (job->defers != NULL)
        fr_task_defer(job->loop, &job->defers->task, run_job);
    if (job->cancels != NULL)
        fr_task_cancel(&job->cancels->task);
}

static void tasks_run_once_and_in_order(void **state)
{
    struct fr_loop *loop = *state;
    char trace[16] = "";
    struct job a = {.loop = loop, .name = 'a', .trace = trace};
    struct job b = {.loop = loop, .name = 'b', .trace = trace};
    fr_task_defer(loop, &b.task, run_job);
    fr_task_defer(loop, &a.task, run_job);
    fr_task_defer(loop, &b.task, run_job);
    fr_loop_run(loop, -1); /* does not wait: there is work */
    assert_string_equal(trace, "ba");
    fr_loop_run(loop, 0);
    assert_string_equal(trace, "ba");
}

static void tasks_defer_and_cancel_each_other(void **state)
{
    struct fr_loop *loop = *state;
    char trace[16] = "";
    struct job c = {.loop = loop, .name = 'c', .trace = trace};
    struct job b = {.loop = loop, .name = 'b', .trace = trace};
    struct job a = {.loop = loop, .name = 'a', .trace = trace, .defers = &c, .cancels = &b};
    fr_task_defer(loop, &a.task, run_job);
    fr_task_defer(loop, &b.task, run_job);
    fr_loop_run(loop, 0);
    assert_string_equal(trace, "ac");
    assert_false(b.task.queued);

    /* Two that defer each other for ever still leave the loop each round. */
    struct job d = {.loop = loop, .name = 'd', .trace = trace};
    struct job e = {.loop = loop, .name = 'e', .trace = trace, .defers = &d};
    d.defers = &e;
    trace[0] = '\0';
    fr_task_defer(loop, &d.task, run_job);
    fr_loop_run(loop, -1);
    assert_string_equal(trace, "de");
    fr_loop_run(loop, -1);
    assert_string_equal(trace, "dede");
    fr_task_cancel(&d.task);
    fr_task_cancel(&e.task);
    fr_loop_run(loop, 0);
    assert_string_equal(trace, "dede");
}

static void task_that_defers_itself_waits_for_the_next_round(void **state)
{
    struct fr_loop *loop = *state;
    char trace[16] = "";
    struct job a = {.loop = loop, .name = 'a', .trace = trace, .again = 1};
    struct job b = {.loop = loop, .name = 'b', .trace = trace};
    fr_task_defer(loop, &a.task, run_job);
    fr_task_defer(loop, &b.task, run_job);
    fr_loop_run_deferred(loop); /* as a foreign loop does */
    assert_string_equal(trace, "ab");
    assert_true(is_readable(loop)); /* so the foreign loop comes back */
    fr_loop_run(loop, 0);
    assert_string_equal(trace, "aba");
    assert_false(is_readable(loop));
}

static void free_task(struct fr_task *task)
{
    free(FR_CONTAINER_OF(task, struct job, task));
}

static void task_may_free_itself(void **state)
{
    struct fr_loop *loop = *state;
    for (int i = 0; i < 3; i++)
        fr_task_defer(loop, &FR_NEW(struct job)->task, free_task);
    fr_loop_run(loop, -1);
}

/* ---- stopping ---- */

static struct fr_loop *signalled_loop; /* a handler has no other way to know */

static void on_signal(int number)
{
    fr_loop_stop(signalled_loop);
}

static void stop_before_the_run_counts(void **state)
{
    struct fr_loop *loop = *state;
    fr_loop_stop(loop);
    assert_true(is_readable(loop));
    fr_loop_run_until_stopped(loop);
}

static void *stop_from_thread(void *arg)
{
    fr_loop_stop(arg);
    return NULL;
}

static void stop_from_another_thread(void **state)
{
    struct fr_loop *loop = *state;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
        fr_loop_run_until_stopped(loop);
        pthread_join(thread, NULL);
    }
}

static void *signal_process(void *arg)
{
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
    return NULL;
}

static void stop_from_a_signal_handler(void **state)
{
    signalled_loop = *state;
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigaction(SIGUSR1, &action, &before);
    pthread_t self = pthread_self(), thread;
    assert_int_equal(pthread_create(&thread, NULL, signal_process, &self), 0);
    fr_loop_run_until_stopped(*state);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(watch_is_told_what_it_watches, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(watch_of_nothing_does_not_spin_on_hang_up, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(watch_of_a_hang_up_leaves_what_is_unread, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(watch_of_bad_descriptor_is_an_error, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(watch_finds_a_replaced_descriptor, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(stale_events_do_not_reach_a_stopped_watch, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(watch_may_free_itself, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(change_counts_within_the_batch, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(tasks_run_once_and_in_order, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(tasks_defer_and_cancel_each_other, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(task_that_defers_itself_waits_for_the_next_round, make_loop,
                                        drop_loop),
        cmocka_unit_test_setup_teardown(task_may_free_itself, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(stop_before_the_run_counts, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(stop_from_another_thread, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(stop_from_a_signal_handler, make_loop, drop_loop),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
