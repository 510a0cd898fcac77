/* The newest page, joined to the live flow; and connections that begin anew on the same socket. */
#include "played_client.h"

/* Posts 11 to 15 of an ordinary author are on everybody's page. */
static void fill_page(void)
{
    for (int64_t post = 11; post <= 15; post++)
        graph_post(post, ORDINARY, 1);
}

/* Up to the request for the page. */
static struct client *join_to_page(struct fixture *f, int posts)
{
    join(f, 0, FR_ENCODING_JSON, NULL, posts);
    uint64_t consumer = run_to_creation(f);
    assert_int_equal(last_asked()->seen.epoch, 0); /* what is published from now on */
    assert_int_equal(graph_open(GRAPH_PAGE), 0);
    answer(consumer, FR_OK, EPOCH, 100);
    run_graph(f);
    assert_int_equal(graph_open(GRAPH_PAGE), 0); /* not before the consumer is certain */
    answer_looks(f);
    return &f->clients[0];
}

static void answer_page(struct fixture *f)
{
    assert_int_equal(graph_open(GRAPH_PAGE), 1);
    while (graph_answer())
        fr_loop_run(f->loop, 0);
}

static void test_page_oldest_first(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 3);
    assert_int_equal(client->started, 0);
    answer_page(f);
    assert_int_equal(client->started, 1);
    expect(client, "ready reset snap:13 snap:14 snap:15 snapshot_end");
    for (size_t i = 0; i + 1 < client->count; i++)
        assert_false(client->told[i].has_cursor);
    const struct fr_cursor *cursor = last_cursor(client);
    assert_int_equal(cursor->present_ms, 60);
    assert_int_equal(cursor->feed.epoch, EPOCH);
    assert_int_equal(cursor->feed.sequence, 100);
    assert_int_equal(cursor->celebrities.epoch, EPOCH);
    assert_int_equal(cursor->celebrities.sequence, 10);
}

static void test_no_page_is_read_for_nothing(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 0);
    assert_int_equal(graph_open(GRAPH_PAGE), 0);
    expect(client, "ready reset snapshot_end");
}

/* The page is not read before whom he follows is known, and before the celebrities' window was read. */
static void test_index_before_the_page(void **state)
{
    struct fixture *f = *state;
    bus_tell_current(false);
    fill_page();
    struct client *client = join_to_page(f, 1);
    assert_int_equal(graph_open(GRAPH_PAGE), 0);
    bus_tell_current(true);
    run_graph(f);
    answer_page(f);
    expect(client, "ready reset snap:15 snapshot_end");
}

static void test_what_queued_up_meanwhile(void **state)
{
    struct fixture *f = *state;
    fill_page();
    graph_post(16, ORDINARY, 2);
    struct client *client = join_to_page(f, 3);
    feed_post(f, 12, 101); /* behind what the page shows of its author */
    feed_post(f, 15, 102); /* on the page */
    tell_feed(f, FR_EVENT_POST, 70, 10, 1,
              103); /* older, but of somebody who is not on it: it was not there */
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 16, 2, 104); /* shown as it is now */
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 15, 2, 105); /* newer than the page */
    tell_feed(f, FR_EVENT_DELETE, ORDINARY, 14, 1, 106);
    feed_post(f, 17, 107);
    run_graph(f);
    expect(client, "");
    answer_page(f);
    /* 14 was deleted before it could be shown, and that is told. */
    expect(client, "ready reset snap:14 snap:15 snap:16 snapshot_end post:10 edit:15 delete:14 post:17");
    assert_int_equal(client->told[5].cursor.feed.sequence, 100);
    assert_int_equal(last_cursor(client)->feed.sequence, 107);
    feed_post(f, 18, 108);
    run_graph(f);
    expect(client, "post:18");
}

static void test_celebrities_while_the_page_is_read(void **state)
{
    struct fixture *f = *state;
    graph_follow(READER, FAMOUS);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 20, 1);
    run_graph(f);
    fill_page();
    graph_post(20, FAMOUS, 1);
    struct client *client = join_to_page(f, 2);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 21, 1);
    tell_celebrity(FR_EVENT_EDIT, FAMOUS, 20, 2);
    run_graph(f);
    expect(client, "");
    graph_post(21, FAMOUS, 1); /* read a moment later: it is on the page too */
    answer_page(f);
    expect(client, "ready reset snap:20 snap:21 snapshot_end edit:20");
    tell_celebrity(FR_EVENT_POST, FAMOUS, 22, 1);
    run_graph(f);
    expect(client, "post:22");
}

/* PostgreSQL refuses: it is asked again, and the connection stays. */
static void test_page_is_read_again(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 1);
    feed_post(f, 16, 101);
    graph.status = FR_UNAVAILABLE;
    answer_page(f);
    assert_int_equal(client->ended, 0);
    graph.status = FR_OK;
    while (graph_open(GRAPH_PAGE) == 0)
        fr_loop_run(f->loop, 1000);
    answer_page(f);
    expect(client, "ready reset snap:15 snapshot_end post:16");
}

static void test_few_pages_at_once(void **state)
{
    struct fixture *f = *state;
    fill_page();
    for (int i = 0; i < CLIENTS_MAX; i++)
        join(f, i, FR_ENCODING_JSON, NULL, 1);
    run_graph(f);
    answer_looks(f);
    while (f->answered < played.created_count)
        answer(played.created[f->answered++].consumer, FR_OK, EPOCH, 100);
    run_graph(f);
    answer_looks(f);
    size_t told = 0;
    while (told < CLIENTS_MAX) {
        size_t open = graph_open(GRAPH_PAGE);
        assert_true(open > 0 && open <= FR_SNAPSHOT_READS_MAX);
        graph_answer();
        fr_loop_run(f->loop, 0);
        told++;
    }
    for (int i = 0; i < CLIENTS_MAX; i++)
        expect(&f->clients[i], "ready reset snap:15 snapshot_end");
}

static void test_left_while_the_page_is_read(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 1);
    fr_hub_leave(f->hub, &client->subscriber);
    answer_page(f);
    expect(client, "");
    assert_int_equal(played.deleted_count, 1);
    /* And one who waits for a turn. */
    for (int i = 0; i < CLIENTS_MAX; i++)
        join(f, i, FR_ENCODING_JSON, NULL, 1);
    run_graph(f);
    answer_looks(f);
    while (f->answered < played.created_count)
        answer(played.created[f->answered++].consumer, FR_OK, EPOCH, 100);
    run_graph(f);
    answer_looks(f);
    for (int i = 0; i < CLIENTS_MAX; i++)
        fr_hub_leave(f->hub, &f->clients[i].subscriber);
    run_all(f, 100);
    for (int i = 0; i < CLIENTS_MAX; i++)
        expect(&f->clients[i], "");
}

/* ---- anew on the same socket ---- */

static void test_interruption_within_the_stream(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_live(f);
    feed_post(f, 1001, 101);
    run_graph(f);
    expect(client, "ready reset snapshot_end post:1001");
    fr_delivery_reconnected(f->delivery);
    uint64_t consumer = run_to_creation(f);
    assert_true(last_asked()->seen.epoch == EPOCH && last_asked()->seen.sequence == 101);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1002, 1, 102, 0);
    answer_pending(consumer, FR_OK, EPOCH, 101, 1);
    run_all(f, 100);
    expect(client, "post:1002");
    assert_int_equal(client->started, 2);
}

struct incident {
    const char *comment;
    void (*strike)(struct fixture *f);
};

static void lose_streams(struct fixture *f)
{
    played.epoch = ++celebrities.place.epoch;
    celebrities.place.sequence = 0;
    bus_tell_current(false);
    fr_delivery_reconnected(f->delivery);
    celebrities.callbacks.lost(celebrities.callbacks.arg);
    bus_tell_current(true);
}

static void trim(struct fixture *f)
{
    played.first = 200;
    played.last = 300;
    fr_delivery_reconnected(f->delivery);
}

static void pass_window(struct fixture *f)
{
    window_passed = true;
    fr_delivery_reconnected(f->delivery);
    window_passed = false;
}

static void lose_celebrities(struct fixture *f)
{
    bus_tell_current(false);
    celebrities.callbacks.lost(celebrities.callbacks.arg);
    celebrities.place.sequence += 10;
    bus_tell_current(true);
}

/* Nobody told of a loss, but the places say so. */
static void skip_celebrities(struct fixture *f)
{
    celebrities.place.sequence += 10;
    tell_celebrity(FR_EVENT_POST, NOBODYS, 900, 1);
}

static void reach_backlog(struct fixture *f)
{
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1002, 1, 102, FR_FEED_BACKLOG_MAX - 1);
}

static void test_one_reset_for_an_incident(void **state)
{
    static const struct incident rows[] = {
        {"NATS lost its streams", lose_streams},
        {"what followed is gone", trim},
        {"away for longer than the window", pass_window},
        {"celebrities' messages are lost", lose_celebrities},
        {"and nobody has said so", skip_celebrities},
        {"as much waits as the stream keeps", reach_backlog},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fixture *f = NULL;
        set_up((void **)&f);
        fill_page();
        graph_follow(READER, FAMOUS);
        join(f, 0, FR_ENCODING_JSON, NULL, 2);
        run_all(f, 100);
        struct client *client = &f->clients[0];
        feed_post(f, 16, 101);
        graph_post(16, ORDINARY, 1);
        run_graph(f);
        expect(client, "ready reset snap:14 snap:15 snapshot_end post:16");
        row->strike(f);
        run_all(f, 300);
        FR_ASSERT_ROW(row, client->ended == 0);
        expect(client, "reset snap:15 snap:16 snapshot_end");
        FR_ASSERT_ROW(row, last_cursor(client)->feed.epoch == played.epoch);
        FR_ASSERT_ROW(row, last_cursor(client)->feed.sequence == 300);
        feed_post(f, 17, 301);
        tell_celebrity(FR_EVENT_POST, FAMOUS, 18, 1);
        run_all(f, 300);
        expect(client, "post:17 post:18");
        tear_down((void **)&f);
    }
}

/* One who follows no celebrity has missed none of theirs. */
static void test_lost_celebrities_concern_their_followers(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_live(f);
    expect(client, "ready reset snapshot_end");
    lose_celebrities(f);
    run_all(f, 100);
    expect(client, "");
    feed_post(f, 1001, 101);
    run_graph(f);
    expect(client, "post:1001");
    assert_int_equal(last_cursor(client)->celebrities.sequence, celebrities.place.sequence);
}

/* While it is not known whether they concern him, a cursor says nothing about them. */
static void test_no_place_while_celebrities_are_unknown(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_live(f);
    lose_celebrities(f);
    fr_loop_run(f->loop, 0);
    feed_post(f, 1001, 101);
    fr_loop_run(f->loop, 0);
    assert_int_equal(last_cursor(client)->celebrities.epoch, 0);
}

/* It breaks again before the snapshot is complete: the next one is. */
static void test_broken_within_the_snapshot(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 3);
    client->room = 3;
    answer_page(f);
    expect(client, "ready reset snap:13");
    lose_streams(f);
    run_graph(f);
    client->room = -1;
    run_all(f, 100);
    expect(client, "reset snap:13 snap:14 snap:15 snapshot_end");
}

/* A cursor that did not resume is no better after an interruption. */
static void test_broken_before_the_page(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 1);
    lose_streams(f);
    run_all(f, 100);
    expect(client, "ready reset snap:15 snapshot_end");
}

static void test_presence_over_and_announced_again(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_live(f);
    expect(client, "ready reset snapshot_end");
    /* A second connection of another gateway found that the row had ended: the next announcement says so. */
    fr_hub_leave(f->hub, &client->subscriber);
    graph.since_ms = 70;
    graph.confirmed_ms = 70;
    struct fr_cursor cursor = *last_cursor(client);
    join(f, 0, FR_ENCODING_JSON, &cursor, 1);
    run_all(f, 100);
    expect(client, "ready reset snap:15 snapshot_end");
    assert_int_equal(last_cursor(client)->present_ms, 70);
}

/* ---- bounds ---- */

static void flood(struct fixture *f, int messages)
{
    for (int i = 0; i < messages; i++) {
        tell_feed(f, FR_EVENT_POST, ORDINARY, 5000 + i, 1, 101 + (uint64_t)i);
        run_graph(f);
    }
}

static void test_queue_is_bounded(void **state)
{
    struct fixture *f = *state;
    fill_page();
    struct client *client = join_to_page(f, 1);
    flood(f, FR_ATTACH_QUEUE_MAX + 1);
    assert_int_equal(client->ended, 0);
    assert_int_equal(played.deleted_count, 1);
    /* It begins anew, once. */
    uint64_t consumer = run_to_creation(f);
    answer(consumer, FR_OK, EPOCH, 9000);
    run_graph(f);
    answer_looks(f);
    flood(f, FR_ATTACH_QUEUE_MAX + 1);
    assert_int_equal(client->ended, 1);
    assert_int_equal(client->why, FR_SUBSCRIBER_UNAVAILABLE);
    assert_int_equal(fr_hub_count(f->hub), 0);
}

/* What it is told at once is more than its queue takes: it goes on when there is room. */
static void test_replay_waits_for_room(void **state)
{
    struct fixture *f = *state;
    static const struct fr_cursor cursor = {50, {EPOCH, 100}, {EPOCH, 10}};
    join(f, 0, FR_ENCODING_JSON, &cursor, 0);
    uint64_t consumer = run_to_creation(f);
    struct client *client = &f->clients[0];
    client->room = 3;
    for (int i = 0; i < 6; i++)
        tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001 + i, 1, 101 + (uint64_t)i, 5 - (uint64_t)i);
    answer_pending(consumer, FR_OK, EPOCH, 100, 6);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:1001 post:1002");
    assert_int_equal(last_cursor(client)->feed.sequence, 102);
    feed_post(f, 1007, 110);
    run_graph(f);
    client->room = 2;
    while (client->room > 0)
        fr_loop_run(f->loop, 1000);
    expect(client, "post:1003 post:1004");
    client->room = -1;
    while (client->count < 8)
        fr_loop_run(f->loop, 1000);
    expect(client, "post:1005 post:1006 post:1007");
    assert_int_equal(client->ended, 0);
}

/* Once it is live a full queue ends it. */
static void test_slow_while_live(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_live(f);
    client->room = 0;
    feed_post(f, 1001, 101);
    run_graph(f);
    assert_int_equal(client->ended, 1);
    assert_int_equal(client->why, FR_SUBSCRIBER_TOO_SLOW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_page_oldest_first),
        TEST(test_no_page_is_read_for_nothing),
        TEST(test_index_before_the_page),
        TEST(test_what_queued_up_meanwhile),
        TEST(test_celebrities_while_the_page_is_read),
        TEST(test_page_is_read_again),
        TEST(test_few_pages_at_once),
        TEST(test_left_while_the_page_is_read),
        TEST(test_interruption_within_the_stream),
        cmocka_unit_test(test_one_reset_for_an_incident),
        TEST(test_lost_celebrities_concern_their_followers),
        TEST(test_no_place_while_celebrities_are_unknown),
        TEST(test_broken_within_the_snapshot),
        TEST(test_broken_before_the_page),
        TEST(test_presence_over_and_announced_again),
        TEST(test_queue_is_bounded),
        TEST(test_replay_waits_for_room),
        TEST(test_slow_while_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
