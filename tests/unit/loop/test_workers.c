#include "loop/loop.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "check.h"

struct gate {
    sem_t entered, open;
};

struct sum {
    struct fr_job job;
    struct gate *gate;
    int value, answered;
    bool worked, on_loop_thread, signals_open;
    pthread_t loop_thread;
};

struct office {
    struct fr_loop *loop;
    struct fr_mailbox *box;
    int answers;
};

static void answer(void *arg, struct fr_mail *mail)
{
    struct office *office = arg;
    struct sum *sum = FR_CONTAINER_OF(FR_CONTAINER_OF(mail, struct fr_job, mail), struct sum, job);
    sum->answered++;
    office->answers++;
}

static int open_office(void **state)
{
    struct office *office = FR_NEW(struct office);
    office->loop = fr_loop_new();
    office->box = fr_mailbox_new(office->loop, 1, answer, NULL, office);
    *state = office;
    return 0;
}

static int close_office(void **state)
{
    struct office *office = *state;
    fr_mailbox_free(office->box);
    fr_loop_free(office->loop);
    free(office);
    return 0;
}

static void square(struct fr_job *job)
{
    struct sum *sum = FR_CONTAINER_OF(job, struct sum, job);
    if (sum->gate != NULL) {
        sem_post(&sum->gate->entered);
        sem_wait(&sum->gate->open);
    }
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    sum->signals_open = sigismember(&blocked, SIGTERM) != 1;
    sum->on_loop_thread = pthread_equal(pthread_self(), sum->loop_thread);
    sum->worked = true;
    sum->value *= sum->value;
}

static struct sum sum_of(struct office *office, int value, struct gate *gate)
{
    return (struct sum){.job = {.work = square, .answer_to = office->box},
                        .gate = gate,
                        .value = value,
                        .loop_thread = pthread_self()};
}

static void jobs_are_worked_off_and_answered(void **state)
{
    struct office *office = *state;
    enum { JOBS = 2000 };
    static struct sum sums[JOBS];
    struct fr_workers *workers = fr_workers_new(3, JOBS);
    for (int i = 0; i < JOBS; i++) {
        sums[i] = sum_of(office, i, NULL);
        assert_int_equal(fr_workers_submit(workers, &sums[i].job), FR_OK);
    }
    while (office->answers < JOBS) /* past the mailbox's capacity of 1: answers are never lost */
        fr_loop_run(office->loop, -1);
    fr_workers_free(workers);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(sums[i].value, i * i);
        assert_int_equal(sums[i].answered, 1);
        assert_false(sums[i].job.cancelled);
        assert_false(sums[i].on_loop_thread);
        assert_false(sums[i].signals_open);
    }
}

static void full_queue_refuses(void **state)
{
    struct office *office = *state;
    struct gate gate;
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    struct fr_workers *workers = fr_workers_new(1, 2);
    struct sum running = sum_of(office, 2, &gate), first = sum_of(office, 3, NULL),
               second = sum_of(office, 4, NULL);
    struct sum third = sum_of(office, 5, NULL);
    assert_int_equal(fr_workers_submit(workers, &running.job), FR_OK);
    sem_wait(&gate.entered); /* it runs, so it does not wait any more */
    assert_int_equal(fr_workers_submit(workers, &first.job), FR_OK);
    assert_int_equal(fr_workers_submit(workers, &second.job), FR_OK);
    assert_int_equal(fr_workers_submit(workers, &third.job), FR_FULL);
    sem_post(&gate.open);
    while (office->answers < 3)
        fr_loop_run(office->loop, -1);
    assert_int_equal(fr_workers_submit(workers, &third.job), FR_OK);
    while (office->answers < 4)
        fr_loop_run(office->loop, -1);
    assert_int_equal(third.value, 25);
    fr_workers_free(workers);
    sem_destroy(&gate.entered);
    sem_destroy(&gate.open);
}

static void *free_workers(void *arg)
{
    fr_workers_free(arg);
    return NULL;
}

/* The running one is finished, the waiting ones come back unworked and say so. */
static void free_cancels_what_waits(void **state)
{
    struct office *office = *state;
    enum { WAITING = 4 };
    struct gate gate;
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    struct fr_workers *workers = fr_workers_new(1, WAITING);
    struct sum running = sum_of(office, 2, &gate), waiting[WAITING], late = sum_of(office, 5, NULL);
    assert_int_equal(fr_workers_submit(workers, &running.job), FR_OK);
    sem_wait(&gate.entered);
    for (int i = 0; i < WAITING; i++) {
        waiting[i] = sum_of(office, 7, NULL);
        assert_int_equal(fr_workers_submit(workers, &waiting[i].job), FR_OK);
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, free_workers, workers), 0);
    enum fr_status status; /* full until the end has begun; it can't finish while the gate is shut */
    while ((status = fr_workers_submit(workers, &late.job)) == FR_FULL)
        sched_yield();
    assert_int_equal(status, FR_CANCELLED);
    sem_post(&gate.open);
    while (office->answers < WAITING + 1)
        fr_loop_run(office->loop, -1);
    pthread_join(thread, NULL);
    assert_true(running.worked);
    assert_false(running.job.cancelled);
    for (int i = 0; i < WAITING; i++) {
        assert_int_equal(waiting[i].answered, 1);
        assert_true(waiting[i].job.cancelled);
        assert_false(waiting[i].worked);
    }
    assert_int_equal(late.answered, 0);
    sem_destroy(&gate.entered);
    sem_destroy(&gate.open);
    fr_workers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_are_worked_off_and_answered, open_office, close_office),
        cmocka_unit_test_setup_teardown(full_queue_refuses, open_office, close_office),
        cmocka_unit_test_setup_teardown(free_cancels_what_waits, open_office, close_office),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
