/* The reader of CELEB on a real server: every message once and in order, whatever happens to connection,
 * consumer and stream, or `lost`. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus/bus.h"
#include "check.h"
#include "nats_fixture.h"

enum { AUTHORS = 5, FIRST_AUTHOR = 100 };

/* Messages are numbered from 1; each must be the successor of the one before, unless `lost` was told between.
 */
struct heard {
    _Atomic int64_t last;
    bool may_jump; /* of the reader's callbacks */
    _Atomic int count, wrong, lost, current, interrupted;
};

static void on_message(void *arg, const struct fr_celebrity_message *message)
{
    struct heard *heard = arg;
    int64_t number = 0;
    if (fr_str_to_i64(message->data, 1, INT64_MAX, &number) != FR_OK ||
        message->author_id != FIRST_AUTHOR + number % AUTHORS ||
        (number != heard->last + 1 && !heard->may_jump) || number <= heard->last)
        atomic_fetch_add(&heard->wrong, 1);
    heard->last = number;
    heard->may_jump = false;
    atomic_fetch_add(&heard->count, 1);
}

static void on_current(void *arg, bool current, const struct fr_feed_place *place)
{
    struct heard *heard = arg;
    atomic_fetch_add(current ? &heard->current : &heard->interrupted, 1);
}

static void on_lost(void *arg)
{
    struct heard *heard = arg;
    heard->may_jump = true;
    atomic_fetch_add(&heard->lost, 1);
}

struct fixture {
    struct fr_bus *bus;
    struct fr_celebrities *reader;
    struct heard heard;
    char gateway[24];
    _Atomic int reconnected;
    int64_t published;
};

/* With the answer: the stream has them. */
static void publish(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        char subject[32], text[32];
        f->published++;
        snprintf(subject, sizeof subject, "celeb.%d", (int)(FIRST_AUTHOR + f->published % AUTHORS));
        snprintf(text, sizeof text, "%lld", (long long)f->published);
        char *answer = nats_raw_request(subject, text);
        assert_non_null(strstr(answer, "\"seq\""));
        free(answer);
    }
}

static void api(const char *subject)
{
    free(nats_raw_request(subject, ""));
}

static void open_reader(struct fixture *f)
{
    const struct fr_celebrities_callbacks callbacks = {on_message, on_current, on_lost, &f->heard};
    struct fr_error error = {0};
    /* Consumers of earlier tests are there for a while. */
    static int opened;
    snprintf(f->gateway, sizeof f->gateway, "gwtest%d", ++opened);
    assert_int_equal(fr_celebrities_open(f->bus, f->gateway, &callbacks, &f->reader, &error), FR_OK);
    nats_wait("current", &f->heard.current, 1);
}

static int set_up(void **state)
{
    struct fixture *f = FR_NEW(struct fixture);
    struct fr_error error = {0};
    f->bus = nats_open_bus("gateway", 16, &f->reconnected);
    if (fr_bus_declare_streams(f->bus, 20000, &error) != FR_OK)
        fail_msg("streams: %s", error.message);
    api("$JS.API.STREAM.PURGE.CELEB");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fr_celebrities_close(f->reader);
    fr_bus_close(f->bus);
    nats_raw_close();
    free(f);
    return 0;
}

static void wait_heard(struct fixture *f, int count)
{
    nats_wait("messages", &f->heard.count, count);
    assert_int_equal(f->heard.wrong, 0);
}

static void test_window_then_what_is_new(void **state)
{
    struct fixture *f = *state;
    publish(f, 300);
    open_reader(f);
    assert_int_equal(f->heard.count, 300); /* all of it before `current` */
    publish(f, 50);
    wait_heard(f, 350);
    assert_int_equal(f->heard.lost, 0);
}

static void test_empty_stream_is_current(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    publish(f, 1);
    wait_heard(f, 1);
}

static void test_broken_connections(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    for (int time = 1; time <= 3; time++) {
        publish(f, 20);
        nats_break_connections();
        publish(f, 20);
        nats_wait("reconnect", &f->reconnected, time);
        publish(f, 20);
        wait_heard(f, 60 * time);
        nats_wait("current again", &f->heard.current, 1 + time);
    }
    assert_int_equal(f->heard.lost, 0);
    /* One consumer is left, however often it was made. */
    int64_t until_ms = fr_clock_monotonic_ms() + 20000;
    for (int count = 0; count != 1;) {
        assert_true(fr_clock_monotonic_ms() < until_ms);
        char *names = nats_raw_request("$JS.API.CONSUMER.NAMES.CELEB", ""), head[32];
        snprintf(head, sizeof head, "\"%sx", f->gateway);
        count = 0;
        for (const char *at = names; (at = strstr(at, head)) != NULL; at++)
            count++;
        free(names);
    }
}

/* What was read is not lost when the stream keeps it no longer. */
static void test_purged_after_it_was_read(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    publish(f, 10);
    wait_heard(f, 10);
    api("$JS.API.STREAM.PURGE.CELEB");
    nats_break_connections();
    nats_wait("reconnect", &f->reconnected, 1);
    publish(f, 10);
    wait_heard(f, 20);
    assert_int_equal(f->heard.lost, 0);
}

static void test_purged_before_it_was_read(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    publish(f, 10);
    wait_heard(f, 10);
    nats_break_connections();
    publish(f, 10);
    api("$JS.API.STREAM.PURGE.CELEB");
    nats_wait("reconnect", &f->reconnected, 1);
    nats_wait("current again", &f->heard.current, 2);
    publish(f, 1);
    /* Should it have come back before the purge, it has heard them. */
    while (f->heard.last != f->published)
        sched_yield();
    assert_int_equal(f->heard.wrong, 0);
    assert_true(f->heard.lost > 0 || f->heard.count == 21);
}

static void test_declared_anew(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    publish(f, 10);
    wait_heard(f, 10);
    api("$JS.API.STREAM.DELETE.CELEB");
    nats_wait("lost", &f->heard.lost, 1);
    nats_wait("current again", &f->heard.current, 2);
    publish(f, 10);
    wait_heard(f, 20);
    assert_int_equal(f->heard.lost, 1);
}

static void test_server_killed(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    publish(f, 10);
    wait_heard(f, 10);
    nats_raw_close();
    nats_kill();
    nats_start();
    nats_wait("lost", &f->heard.lost, 1);
    nats_wait("current again", &f->heard.current, 2);
    publish(f, 10);
    wait_heard(f, 20);
}

/* Nobody tells that it is gone, but nothing is heard of it. */
static void test_consumer_gone_without_a_word(void **state)
{
    struct fixture *f = *state;
    open_reader(f);
    publish(f, 10);
    wait_heard(f, 10);
    char *names = nats_raw_request("$JS.API.CONSUMER.NAMES.CELEB", "");
    char head[32];
    snprintf(head, sizeof head, "\"%sx", f->gateway);
    char *name = strstr(names, head);
    assert_non_null(name);
    *strchr(name + 1, '"') = '\0';
    char subject[128];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.CELEB.%s", name + 1);
    api(subject);
    free(names);
    publish(f, 10);
    wait_heard(f, 20);
    assert_int_equal(f->heard.lost, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_window_then_what_is_new),      TEST(test_empty_stream_is_current),
        TEST(test_broken_connections),           TEST(test_purged_after_it_was_read),
        TEST(test_purged_before_it_was_read),    TEST(test_declared_anew),
        TEST(test_consumer_gone_without_a_word), TEST(test_server_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
