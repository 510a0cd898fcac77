/* Cursors of idle connections: when they are told a fresh one, and what it takes that it is true. */
#define PLAYED_WINDOW_MS 3072 /* ticks of 4 ms; presence lasts longer than any machine stands still */
#include "played_client.h"

enum { PATIENCE_MS = 30000 };

/* One round of the loop; looks are answered, seeks are the test's. */
static void step(struct fixture *f)
{
    fr_loop_run(f->loop, 10);
    bus_answer_looks();
    run_graph(f);
}

/* Runs the block behind it, if there is one, until the condition holds. */
#define WAIT_FOR(f, condition)                                               \
    for (int64_t end_ = fr_clock_monotonic_ms() + PATIENCE_MS; !(condition); \
         step(f), give_up(end_, __LINE__, #condition))

static void give_up(int64_t end_ms, int line, const char *condition)
{
    if (fr_clock_monotonic_ms() > end_ms)
        fail_msg("line %d: never: %s", line, condition);
}

/* Until the stream is asked what it has for the flow. */
static void wait_seek(struct fixture *f)
{
    size_t before = played.seek_count;
    WAIT_FOR(f, played.seek_count > before)
    {
    }
}

/* Every flow's turn has come twice: each partition is looked at 24 times in a window. */
static void let_turns_pass(struct fixture *f)
{
    size_t before = played.look_count;
    WAIT_FOR(f, played.look_count >= before + 12 * FR_FEED_PARTITIONS)
    {
    }
}

static struct client *join_idle(struct fixture *f)
{
    struct client *client = join_live(f);
    expect(client, "ready reset snapshot_end");
    assert_int_equal(last_cursor(client)->feed.sequence, 100);
    return client;
}

/* ---- what it is good for ---- */

static void test_cursor_outlives_the_window(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    const struct fr_cursor old = *last_cursor(client);
    played.last = 5000; /* others' */
    wait_seek(f);
    assert_int_equal(played.seek.user_id, READER);
    assert_int_equal(played.seek.after, 100);
    assert_int_equal(played.seek.head, 5000);
    expect(client, "");
    bus_answer_seek(0);
    run_graph(f);
    expect(client, "cursor");
    const struct fr_cursor young = *last_cursor(client);
    assert_true(young.feed.epoch == EPOCH && young.feed.sequence == 5000);
    assert_true(young.celebrities.sequence == 10 && young.present_ms >= old.present_ms);
    /* What followed the old one goes. */
    played.first = 4000;
    fr_hub_leave(f->hub, &client->subscriber);
    join(f, 1, FR_ENCODING_JSON, &young, 0);
    join(f, 2, FR_ENCODING_JSON, &old, 0);
    run_all(f, 5000);
    expect(&f->clients[1], "resumed");
    expect(&f->clients[2], "ready reset snapshot_end");
}

static void test_again_and_again(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    for (uint64_t last = 200; last <= 400; last += 100) {
        played.last = last;
        WAIT_FOR(f, played.seek.head == last)
        {
        }
        bus_answer_seek(0);
        run_graph(f);
        assert_int_equal(last_cursor(client)->feed.sequence, last);
    }
}

/* The place is the head: there is nothing to ask. The place in CELEB goes on nonetheless. */
static void test_nothing_at_all_was_published(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    played.last = 100;
    tell_celebrity(FR_EVENT_POST, NOBODYS, 6, 1);
    WAIT_FOR(f, client->read < client->count)
    {
    }
    expect(client, "cursor");
    assert_int_equal(last_cursor(client)->feed.sequence, 100);
    assert_int_equal(last_cursor(client)->celebrities.sequence, 11);
    assert_int_equal(played.seek_count, 0);
}

/* Their posts bear cursors, but say nothing about the user's own stream. */
static void test_posts_of_celebrities_refresh_nothing(void **state)
{
    struct fixture *f = *state;
    graph_follow(READER, FAMOUS);
    join_idle(f);
    size_t before = played.seek_count, looks = 0;
    WAIT_FOR(f, played.seek_count > before)
    {
        if (played.look_count > looks) /* they come at a pace */
            tell_celebrity(FR_EVENT_POST, FAMOUS, (int64_t)played.look_count, 1);
        looks = played.look_count;
    }
    assert_int_equal(played.seek.after, 100);
}

/* A follow is not told, so the cursor that the client has stays old. */
static void test_events_that_are_not_told_refresh_nothing(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    played.last = 100;
    uint64_t sequence = 100;
    WAIT_FOR(f, client->read < client->count)
    {
        tell_feed(f, FR_EVENT_FOLLOW, ORDINARY, READER, 0, ++sequence);
    }
    expect(client, "cursor");
    assert_true(last_cursor(client)->feed.sequence > 100);
}

/* ---- each condition decides alone ---- */

static void test_message_on_its_way(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    wait_seek(f);
    bus_answer_seek(101);
    run_graph(f);
    expect(client, "");
    feed_post(f, 901, 101);
    run_graph(f);
    expect(client, "post:901");
    assert_int_equal(last_cursor(client)->feed.sequence, 101);
    /* The next one that is on its way is no reason to doubt the consumer. */
    wait_seek(f);
    bus_answer_seek(102);
    run_graph(f);
    assert_int_equal(played.created_count, 1);
}

static void test_message_between_question_and_answer(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    played.last = 5000;
    /* It was the one that the answer tells of. */
    wait_seek(f);
    tell_feed(f, FR_EVENT_FOLLOW, ORDINARY, READER, 0, 4000);
    bus_answer_seek(4000);
    run_graph(f);
    expect(client, "");
    wait_seek(f);
    assert_int_equal(played.seek.after, 4000);
    /* It was stored after the answer was given, and is beyond the head. */
    tell_feed(f, FR_EVENT_FOLLOW, ORDINARY, READER, 0, 6000);
    bus_answer_seek(0);
    run_graph(f);
    expect(client, "cursor");
    assert_int_equal(last_cursor(client)->feed.sequence, 6000);
    /* It was told: that was a fresh one. */
    played.last = 7000;
    wait_seek(f);
    feed_post(f, 901, 6001);
    bus_answer_seek(0);
    run_graph(f);
    expect(client, "post:901");
}

static void test_stream_declared_anew(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    played.epoch = EPOCH + 1;
    let_turns_pass(f); /* what was known of the former one is too old now */
    size_t before = played.seek_count;
    let_turns_pass(f);
    assert_int_equal(played.seek_count, before);
    expect(client, "");
}

static void test_looks_fail(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    played.look_status = FR_TIMEOUT;
    let_turns_pass(f);
    size_t before = played.seek_count;
    let_turns_pass(f);
    assert_int_equal(played.seek_count, before);
    expect(client, "");
    played.look_status = FR_OK;
    wait_seek(f);
}

static void test_no_answer(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    wait_seek(f);
    wait_seek(f);
    expect(client, "");
    bus_answer_seek(0);
    run_graph(f);
    expect(client, "cursor");
}

static void test_answer_for_a_former_consumer(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    wait_seek(f);
    fr_delivery_reconnected(f->delivery);
    bus_answer_seek(0);
    run_all(f, 100);
    expect(client, "");
    assert_int_equal(last_asked()->seen.sequence, 100);
}

static void test_plain_connections_are_told_nothing(void **state)
{
    struct fixture *f = *state;
    join(f, 1, FR_ENCODING_PLAIN, NULL, 0);
    struct client *client = join_idle(f);
    for (int i = 0; i < 2; i++) {
        played.last++;
        wait_seek(f);
        assert_int_equal(played.seek.user_id, READER);
        bus_answer_seek(0);
        run_graph(f);
        expect(client, "cursor");
    }
    assert_int_equal(f->clients[1].count, 0);
}

/* It is no reason to close a connection that it takes no more. */
static void test_full_queue(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    client->room = 0;
    wait_seek(f);
    bus_answer_seek(0);
    let_turns_pass(f);
    assert_int_equal(client->ended, 0);
    client->room = -1;
    WAIT_FOR(f, client->read < client->count)
    {
    }
    expect(client, "cursor");
}

/* ---- a consumer that delivers nothing ---- */

static void test_message_does_not_come(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_idle(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(played.created_count, 1);
        wait_seek(f);
        bus_answer_seek(101);
        run_graph(f);
    }
    run_to_creation(f);
    assert_int_equal(last_asked()->seen.sequence, 100);
    assert_int_equal(played.deleted_count, 1);
    answer_pending(last_asked()->consumer, FR_OK, EPOCH, 100, 1);
    feed_post(f, 901, 101);
    run_graph(f);
    answer_looks(f);
    expect(client, "post:901");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_cursor_outlives_the_window),
        TEST(test_again_and_again),
        TEST(test_nothing_at_all_was_published),
        TEST(test_posts_of_celebrities_refresh_nothing),
        TEST(test_events_that_are_not_told_refresh_nothing),
        TEST(test_message_on_its_way),
        TEST(test_message_between_question_and_answer),
        TEST(test_stream_declared_anew),
        TEST(test_looks_fail),
        TEST(test_no_answer),
        TEST(test_answer_for_a_former_consumer),
        TEST(test_plain_connections_are_told_nothing),
        TEST(test_full_queue),
        TEST(test_message_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
