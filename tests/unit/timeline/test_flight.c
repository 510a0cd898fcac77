#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "timeline_internal.h"

static struct fr_flight *only_completed(struct fr_wake *wake)
{
    struct fr_flight *flight = fr_wake_take_completed(wake);

    assert_non_null(flight);
    assert_null(flight->next);
    return flight;
}

static void test_completes_when_sealed_and_answered(void **state)
{
    static const struct {
        const char *comment;
        int publishes;
        enum fr_status answers[3], sealed, expected;
    } rows[] = {
        {"nothing to publish", 0, {FR_OK}, FR_OK, FR_OK},
        {"all stored", 3, {FR_OK, FR_OK, FR_OK}, FR_OK, FR_OK},
        {"one without an ack", 3, {FR_OK, FR_TIMEOUT, FR_OK}, FR_OK, FR_TIMEOUT},
        {"not all were sent", 2, {FR_OK, FR_OK}, FR_UNAVAILABLE, FR_UNAVAILABLE},
    };
    int owner;

    FR_FOR_ROWS(row, rows)
    {
        struct fr_wake *wake = fr_wake_new();
        struct fr_flight *flight = fr_flight_new(wake, &owner, 7);
        for (int i = 0; i < row->publishes; i++)
            fr_flight_add(flight);
        FR_ASSERT_ROW(row, fr_wake_in_air(wake) == row->publishes);
        for (int i = 0; i < row->publishes; i++)
            fr_flight_acked(flight, row->answers[i]);
        FR_ASSERT_ROW(row, fr_wake_take_completed(wake) == NULL);
        fr_flight_seal(flight, row->sealed);
        FR_ASSERT_ROW(row, fr_wake_in_air(wake) == 0);
        flight = only_completed(wake);
        FR_ASSERT_ROW(row, flight->owner == &owner && flight->generation == 7);
        FR_ASSERT_ROW(row, flight->worst == (int)row->expected);
        free(flight);
        fr_wake_release(wake);
    }
}

static void test_firehose_is_told_apart(void **state)
{
    static const struct {
        const char *comment;
        enum fr_status live, outward;
    } rows[] = {
        {"both stored", FR_OK, FR_OK},
        {"live refused", FR_UNAVAILABLE, FR_OK},
        {"the firehose refused", FR_OK, FR_UNAVAILABLE},
        {"both refused", FR_TIMEOUT, FR_UNAVAILABLE},
    };

    FR_FOR_ROWS(row, rows)
    {
        struct fr_wake *wake = fr_wake_new();
        struct fr_flight *flight = fr_flight_new(wake, NULL, 1);
        fr_flight_add(flight);
        fr_flight_add(flight);
        fr_flight_outward_acked(flight, row->outward);
        FR_ASSERT_ROW(row, fr_wake_in_air(wake) == 1 && flight->live_acked_ms == 0);
        fr_flight_acked(flight, row->live);
        FR_ASSERT_ROW(row, fr_wake_in_air(wake) == 0 && flight->live_acked_ms > 0);
        fr_flight_seal(flight, FR_OK);
        flight = only_completed(wake);
        FR_ASSERT_ROW(row, flight->worst == (int)row->live && flight->outward == (int)row->outward);
        free(flight);
        fr_wake_release(wake);
    }
}

static void test_late_answers_complete_after_the_seal(void **state)
{
    struct fr_wake *wake = fr_wake_new();
    struct fr_flight *flight = fr_flight_new(wake, NULL, 1);

    fr_flight_add(flight);
    fr_flight_add(flight);
    fr_flight_seal(flight, FR_OK);
    fr_flight_acked(flight, FR_OK);
    assert_null(fr_wake_take_completed(wake));
    fr_flight_acked(flight, FR_OK);
    free(only_completed(wake));
    fr_wake_release(wake);
}

static void test_refused_publish_is_taken_back(void **state)
{
    struct fr_wake *wake = fr_wake_new();
    struct fr_flight *flight = fr_flight_new(wake, NULL, 1);

    fr_flight_add(flight);
    fr_flight_take_back(flight);
    assert_int_equal(fr_wake_in_air(wake), 0);
    assert_null(fr_wake_take_completed(wake));
    fr_flight_seal(flight, FR_OK);
    free(only_completed(wake));
    fr_wake_release(wake);
}

/* The worker may be gone before the last ack: nothing leaks, nothing is touched after it was freed (run it
 * under AddressSanitizer). */
static void test_answers_outlive_the_worker(void **state)
{
    struct fr_wake *wake = fr_wake_new();
    struct fr_flight *first = fr_flight_new(wake, NULL, 1), *second = fr_flight_new(wake, NULL, 1);

    fr_flight_add(first);
    fr_flight_add(second);
    fr_flight_seal(first, FR_OK);
    fr_flight_seal(second, FR_CANCELLED);
    fr_wake_release(wake);
    fr_flight_acked(second, FR_OK);
    fr_flight_acked(first, FR_TIMEOUT);
}

static void test_nudges(void **state)
{
    struct fr_wake *wake = fr_wake_new();

    assert_int_equal(fr_wake_take_nudges(wake), 0);
    fr_wake_nudge(wake, 3);
    fr_wake_nudge(wake, 15);
    fr_wake_nudge(wake, 3);
    assert_int_equal(fr_wake_take_nudges(wake), 1 << 3 | 1 << 15);
    assert_int_equal(fr_wake_take_nudges(wake), 0);
    fr_wake_nudge_free(wake);
    assert_int_equal(fr_wake_take_nudges(wake), FR_WAKE_FREE);
    fr_wake_release(wake);
}

/* Each reason must end a wait that would else last for an hour. */
static void test_reasons_to_wake(void **state)
{
    const int64_t hour_ms = 3600000;
    struct fr_wake *wake = fr_wake_new();
    struct fr_flight *flight;

    fr_wake_set_interest(wake, 1 << 5);
    fr_wake_nudge(wake, 5);
    fr_wake_wait(wake, hour_ms);
    fr_wake_take_nudges(wake);

    fr_wake_nudge_free(wake); /* always of interest */
    fr_wake_wait(wake, hour_ms);
    fr_wake_take_nudges(wake);

    fr_wake_nudge(wake, 6); /* of no interest */
    fr_wake_wait(wake, 1);
    fr_wake_set_interest(wake, 1 << 6); /* until it is */
    fr_wake_wait(wake, hour_ms);
    fr_wake_take_nudges(wake);

    fr_flight_seal(fr_flight_new(wake, NULL, 1), FR_OK);
    fr_wake_rest(wake, 1); /* a rest is not disturbed */
    fr_wake_wait(wake, hour_ms);
    free(only_completed(wake));

    flight = fr_flight_new(wake, NULL, 1);
    for (int i = 0; i < 4; i++)
        fr_flight_add(flight);
    fr_wake_want_room(wake);
    fr_flight_acked(flight, FR_OK);
    fr_flight_acked(flight, FR_OK); /* half of them */
    fr_wake_wait(wake, hour_ms);
    fr_flight_acked(flight, FR_OK);
    fr_flight_acked(flight, FR_OK);
    fr_flight_seal(flight, FR_OK);
    free(only_completed(wake));

    fr_wake_stop(wake);
    assert_true(fr_wake_is_stopped(wake));
    fr_wake_wait(wake, hour_ms);
    fr_wake_rest(wake, hour_ms);
    fr_wake_release(wake);
}

enum { FLIGHTS = 2000, PUBLISHES = 5 };

struct answering {
    struct fr_flight *flights[FLIGHTS];
};

static void *answer(void *arg)
{
    struct answering *answering = arg;

    for (int i = 0; i < FLIGHTS; i++)
        fr_flight_acked(answering->flights[i], FR_OK);
    return NULL;
}

/* Every flight is handed over exactly once, whichever thread answers last. */
static void test_answers_from_many_threads(void **state)
{
    struct fr_wake *wake = fr_wake_new();
    struct answering answering;
    pthread_t threads[PUBLISHES];
    int completed = 0;

    for (int i = 0; i < FLIGHTS; i++) {
        answering.flights[i] = fr_flight_new(wake, NULL, 1);
        for (int k = 0; k < PUBLISHES; k++)
            fr_flight_add(answering.flights[i]);
    }
    for (int k = 0; k < PUBLISHES; k++)
        assert_int_equal(pthread_create(&threads[k], NULL, answer, &answering), 0);
    for (int i = 0; i < FLIGHTS; i++)
        fr_flight_seal(answering.flights[i], FR_OK);
    while (completed < FLIGHTS) {
        fr_wake_wait(wake, 3600000);
        for (struct fr_flight *flight = fr_wake_take_completed(wake); flight != NULL; completed++) {
            struct fr_flight *next = flight->next;
            free(flight);
            flight = next;
        }
    }
    for (int k = 0; k < PUBLISHES; k++)
        pthread_join(threads[k], NULL);
    assert_null(fr_wake_take_completed(wake));
    assert_int_equal(fr_wake_in_air(wake), 0);
    fr_wake_release(wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completes_when_sealed_and_answered),
        cmocka_unit_test(test_firehose_is_told_apart),
        cmocka_unit_test(test_late_answers_complete_after_the_seal),
        cmocka_unit_test(test_refused_publish_is_taken_back),
        cmocka_unit_test(test_answers_outlive_the_worker),
        cmocka_unit_test(test_nudges),
        cmocka_unit_test(test_reasons_to_wake),
        cmocka_unit_test(test_answers_from_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
