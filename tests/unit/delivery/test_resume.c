/* From a cursor to the live flow: what it takes to resume, and what is told then. */
#include "played_client.h"

static const struct fr_cursor good = {.present_ms = 50, .feed = {EPOCH, 100}, .celebrities = {EPOCH, 10}};

/* ---- each condition decides alone ---- */

/* Resuming from the good cursor, but for what the row says. Whoever takes one check out makes one row fail.
 */
struct condition {
    const char *comment;
    bool resumes;
    int64_t since_ms;
    struct look {
        int64_t epoch;
        uint64_t first, last;
    } before, after;
    uint64_t pending;
    struct fr_feed_place celebrities;
};

#define BEFORE        \
    {                 \
        EPOCH, 1, 500 \
    }
#define AFTER         \
    {                 \
        EPOCH, 1, 500 \
    }
#define CELEBRITIES \
    {               \
        EPOCH, 10   \
    }

static const struct condition conditions[] = {
    {"all is well", true, 1, BEFORE, AFTER, 1, CELEBRITIES},
    {"presence as old as the cursor", true, 50, BEFORE, AFTER, 1, CELEBRITIES},
    {"presence began after its issue", false, 51, BEFORE, AFTER, 1, CELEBRITIES},
    {"another stream before", false, 1, {EPOCH + 1, 1, 500}, {EPOCH + 1, 1, 500}, 1, CELEBRITIES},
    {"another stream after the creation", false, 1, BEFORE, {EPOCH + 1, 1, 500}, 1, CELEBRITIES},
    {"the oldest is the next", true, 1, {EPOCH, 101, 500}, {EPOCH, 101, 500}, 1, CELEBRITIES},
    {"the next is gone", false, 1, {EPOCH, 102, 500}, AFTER, 1, CELEBRITIES},
    {"the next went during the replay", false, 1, BEFORE, {EPOCH, 102, 500}, 1, CELEBRITIES},
    {"at the head", true, 1, {EPOCH, 1, 100}, AFTER, 1, CELEBRITIES},
    {"beyond the head", false, 1, {EPOCH, 1, 99}, AFTER, 1, CELEBRITIES},
    {"empty, and it stands there", true, 1, {EPOCH, 101, 100}, AFTER, 1, CELEBRITIES},
    {"all that the stream keeps of one", true, 1, BEFORE, AFTER, FR_FEED_BACKLOG_MAX - 1, CELEBRITIES},
    {"more than the stream keeps", false, 1, BEFORE, AFTER, FR_FEED_BACKLOG_MAX, CELEBRITIES},
    {"another CELEB", false, 1, BEFORE, AFTER, 1, {EPOCH - 1, 10}},
    {"no place in CELEB", false, 1, BEFORE, AFTER, 1, {0, 0}},
    {"as far as the ring reaches", true, 1, BEFORE, AFTER, 1, {EPOCH, 5}},
    {"older than the ring", false, 1, BEFORE, AFTER, 1, {EPOCH, 4}},
};

static void look(struct fixture *f, const struct look *look)
{
    played.epoch = look->epoch;
    played.first = look->first;
    played.last = look->last;
    bus_answer_looks();
    run_graph(f);
}

static void try_condition(const struct condition *row, enum fr_encoding encoding)
{
    struct fixture *f = NULL;
    set_up((void **)&f);
    struct client *client = &f->clients[0];
    struct fr_cursor cursor = good;
    cursor.celebrities = row->celebrities;
    graph.since_ms = row->since_ms;
    join(f, 0, encoding, &cursor, 0);
    run_graph(f);
    look(f, &row->before);
    bool asked = played.created_count == 1 && last_asked()->seen.epoch != 0;
    if (asked) {
        FR_ASSERT_ROW(row, last_asked()->seen.sequence == 100);
        f->answered = 1;
        feed_post(f, 1001, 101);
        answer_pending(last_asked()->consumer, FR_OK, EPOCH, 100, row->pending);
        run_graph(f);
        FR_ASSERT_ROW(row, client->started == 0 || client->ended == 1);
        look(f, &row->after);
    }
    run_all(f, 600);
    char words[64];
    describe(&client->told[0], words, sizeof words);
    if (row->resumes) {
        FR_ASSERT_ROW(row, client->started == 1 && client->ended == 0);
        FR_ASSERT_ROW(row, graph_open(GRAPH_PAGE) == 0);
        if (encoding == FR_ENCODING_PLAIN)
            expect(client, "post:1001");
        else
            expect(client, "resumed post:1001");
    } else if (encoding == FR_ENCODING_PLAIN) {
        FR_ASSERT_ROW(row, client->started == 1 && client->count == 0);
        FR_ASSERT_ROW(row, client->ended == 1 && client->why == FR_SUBSCRIBER_GAP);
    } else {
        FR_ASSERT_ROW(row, client->ended == 0 && strcmp(words, "ready") == 0);
        expect(client, "ready reset snapshot_end");
        FR_ASSERT_ROW(row, last_cursor(client)->feed.epoch == played.epoch);
    }
    tear_down((void **)&f);
}

static void test_conditions(void **state)
{
    static const enum fr_encoding encodings[] = {FR_ENCODING_JSON, FR_ENCODING_PLAIN};
    for (size_t i = 0; i < FR_COUNT_OF(encodings); i++)
        FR_FOR_ROWS(row, conditions)
        {
            try_condition(row, encodings[i]);
        }
}

/* ---- what is told ---- */

/* Joined with the good cursor; the consumer has so many messages before it. */
static struct client *resume(struct fixture *f, uint64_t pending)
{
    join(f, 0, FR_ENCODING_JSON, &good, 0);
    uint64_t consumer = run_to_creation(f);
    answer_pending(consumer, FR_OK, EPOCH, 100, pending);
    run_graph(f);
    return &f->clients[0];
}

static void test_nothing_missed(void **state)
{
    struct fixture *f = *state;
    struct client *client = resume(f, 0);
    answer_looks(f);
    expect(client, "resumed");
    const struct fr_cursor *cursor = last_cursor(client);
    assert_int_equal(cursor->present_ms, 60); /* confirmed by this connection's announcement */
    assert_int_equal(cursor->feed.sequence, 100);
    assert_int_equal(cursor->celebrities.sequence, 10);
    assert_int_equal(graph.asked, 2); /* presence, and whom he follows of the celebrities */
    feed_post(f, 1001, 120);
    run_graph(f);
    expect(client, "post:1001");
    assert_int_equal(last_cursor(client)->feed.sequence, 120);
}

static void test_read_to_the_head_before_anything_is_told(void **state)
{
    struct fixture *f = *state;
    struct client *client = resume(f, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_false(bus_answer_looks());
        tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001 + (int64_t)i, 1, 110 + i, 2 - i);
        run_graph(f);
        expect(client, "");
    }
    /* One that comes while the stream is looked at again belongs to what follows. */
    feed_post(f, 1004, 120);
    run_graph(f);
    expect(client, "");
    answer_looks(f);
    expect(client, "resumed post:1001 post:1002 post:1003 post:1004");
    static const uint64_t places[] = {100, 110, 111, 112, 120};
    for (size_t i = 0; i < FR_COUNT_OF(places); i++) {
        /* The place before what is told next, or the last that was. */
        uint64_t place = client->told[i].cursor.feed.sequence;
        assert_true(client->told[i].has_cursor);
        assert_true(place >= places[i] && (i == 4 || place < places[i + 1]));
    }
}

static void test_what_was_overtaken_is_not_told(void **state)
{
    struct fixture *f = *state;
    struct client *client = resume(f, 9);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001, 1, 101, 8);
    tell_feed_pending(f, FR_EVENT_POST, 70, 1002, 1, 102, 7);
    tell_feed_pending(f, FR_EVENT_EDIT, ORDINARY, 1001, 2, 103, 6);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1003, 1, 104, 5);
    tell_feed_pending(f, FR_EVENT_EDIT, 70, 1002, 2, 105, 4);
    tell_feed_pending(f, FR_EVENT_DELETE, ORDINARY, 1003, 1, 106, 3);
    tell_feed_pending(f, FR_EVENT_UNFOLLOW, 70, READER, 0, 107, 2);
    tell_feed_pending(f, FR_EVENT_POST, 71, 1004, 1, 108, 1);
    tell_feed_pending(f, FR_EVENT_ACCOUNT, 71, 0, 0, 109, 0);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:1001 edit:1001 delete:1003");
    assert_int_equal(last_cursor(client)->feed.sequence, 109);
    /* And what is still in flight of one whom he has ceased to follow. */
    tell_feed(f, FR_EVENT_POST, 70, 1005, 1, 110);
    feed_post(f, 1006, 111);
    run_graph(f);
    expect(client, "post:1006");
}

/* Some of what the consumer had before it went while it was read, the last of it too: nothing tells of that.
 */
static void test_head_is_never_reached(void **state)
{
    struct fixture *f = *state;
    struct client *client = resume(f, 3);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001, 1, 101, 1);
    while (played.deleted_count == 0)
        fr_loop_run(f->loop, 1000);
    run_all(f, 200);
    expect(client, "ready reset snapshot_end");
}

/* The follow behind it counts. */
static void test_followed_again_while_away(void **state)
{
    struct fixture *f = *state;
    struct client *client = resume(f, 4);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001, 1, 101, 3);
    tell_feed_pending(f, FR_EVENT_UNFOLLOW, ORDINARY, READER, 0, 102, 2);
    tell_feed_pending(f, FR_EVENT_FOLLOW, ORDINARY, READER, 0, 103, 1);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1002, 1, 104, 0);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:1002");
    feed_post(f, 1003, 105);
    run_graph(f);
    expect(client, "post:1003");
}

static void test_repeats_in_a_replay(void **state)
{
    struct fixture *f = *state;
    struct client *client = resume(f, 5);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001, 1, 101, 4);
    tell_feed_pending(f, FR_EVENT_EDIT, ORDINARY, 1001, 2, 102, 3);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 1001, 1, 103, 2);
    tell_feed_pending(f, FR_EVENT_EDIT, ORDINARY, 1001, 2, 104, 1);
    tell_feed_pending(f, FR_EVENT_EDIT, ORDINARY, 1001, 3, 105, 0);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:1001 edit:1001 edit:1001");
    assert_int_equal(last_cursor(client)->feed.sequence, 105);
}

/* ---- celebrities ---- */

/* Followed since before. */
static void follow_famous(struct fixture *f)
{
    graph_follow(READER, FAMOUS);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 900, 1); /* 11: makes the author known */
    run_graph(f);
}

static void test_celebrities_are_replayed_from_the_ring(void **state)
{
    struct fixture *f = *state;
    follow_famous(f);
    tell_celebrity(FR_EVENT_POST, NOBODYS, 901, 1);
    tell_celebrity(FR_EVENT_EDIT, FAMOUS, 900, 2);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 902, 1);
    tell_celebrity(FR_EVENT_DELETE, FAMOUS, 902, 1);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 903, 1); /* 16 */
    run_graph(f);
    struct client *client = resume(f, 0);
    answer_looks(f);
    expect(client, "resumed post:900 edit:900 delete:902 post:903");
    assert_int_equal(last_cursor(client)->celebrities.sequence, 16);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 904, 1);
    run_graph(f);
    expect(client, "post:904");
    assert_int_equal(last_cursor(client)->celebrities.sequence, 17);
    assert_int_equal(last_cursor(client)->feed.sequence, 100);
}

/* Those that come while the flow is being made are in the ring, and come once. */
static void test_celebrities_between_load_and_live(void **state)
{
    struct fixture *f = *state;
    follow_famous(f);
    struct client *client = resume(f, 1);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 902, 1);
    run_graph(f);
    expect(client, "");
    feed_post(f, 901, 101);
    run_graph(f);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 903, 1);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:900 post:901 post:902 post:903");
}

/* From both streams: posts by their ids, and no cursor ahead of what is left. */
static void test_both_streams_are_in_order(void **state)
{
    struct fixture *f = *state;
    follow_famous(f); /* 11: 900 */
    tell_celebrity(FR_EVENT_POST, FAMOUS, 905, 1);
    tell_celebrity(FR_EVENT_EDIT, FAMOUS, 905, 2);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 907, 1);
    run_graph(f);
    struct client *client = resume(f, 3);
    tell_feed_pending(f, FR_EVENT_POST, FAMOUS, 901, 1, 101, 2);
    tell_feed_pending(f, FR_EVENT_POST, FAMOUS, 908, 1, 102, 1);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 906, 1, 103, 0);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:900 post:901 post:905 post:906 post:907 post:908 edit:905");
    /* A client that goes after any of these gets the rest: what is told later lies behind the cursor. */
    static const uint64_t feed[] = {100, 100, 101, 101, 101, 101, 103, 103};
    static const uint64_t celeb[] = {10, 11, 11, 12, 12, 12, 12, 14};
    for (size_t i = 0; i < client->count; i++) {
        assert_int_equal(client->told[i].cursor.feed.sequence, feed[i]);
        assert_int_equal(client->told[i].cursor.celebrities.sequence, celeb[i]);
    }
}

/* Its followers are being read: what is held is neither told twice nor left out, and no cursor passes it. */
static void test_held_messages(void **state)
{
    struct fixture *f = *state;
    follow_famous(f);
    graph_follow(READER, 80);
    join(f, 0, FR_ENCODING_JSON, &good, 0);
    uint64_t consumer = run_to_creation(f);
    struct client *client = &f->clients[0];
    tell_celebrity(FR_EVENT_POST, FAMOUS, 902, 1); /* 12 */
    tell_celebrity(FR_EVENT_CELEBRITY, 80, 0, 0);  /* 13: read again */
    tell_celebrity(FR_EVENT_POST, 80, 903, 1);     /* 14: held */
    tell_celebrity(FR_EVENT_POST, FAMOUS, 904, 1); /* 15 */
    fr_loop_run(f->loop, 0);
    assert_int_equal(graph_open(GRAPH_FOLLOWERS), 1);
    answer(consumer, FR_OK, EPOCH, 100);
    fr_loop_run(f->loop, 0);
    bus_answer_looks();
    fr_loop_run(f->loop, 0);
    expect(client, "resumed post:900 post:902 post:904");
    assert_int_equal(last_cursor(client)->celebrities.sequence, 13);
    feed_post(f, 905, 101);
    fr_loop_run(f->loop, 0);
    expect(client, "post:905");
    assert_int_equal(last_cursor(client)->celebrities.sequence, 13);
    run_graph(f);
    expect(client, "post:903");
    assert_int_equal(last_cursor(client)->celebrities.sequence, 15);
}

/* Of a gateway that was ahead of this one: what comes here later was told already. */
static void test_cursor_ahead_of_the_ring(void **state)
{
    struct fixture *f = *state;
    follow_famous(f); /* 11 */
    struct fr_cursor ahead = good;
    ahead.celebrities.sequence = 13;
    join(f, 0, FR_ENCODING_JSON, &ahead, 0);
    run_all(f, 100);
    struct client *client = &f->clients[0];
    expect(client, "resumed");
    tell_celebrity(FR_EVENT_POST, FAMOUS, 901, 1);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 902, 1); /* 13 */
    tell_celebrity(FR_EVENT_POST, FAMOUS, 903, 1);
    run_graph(f);
    expect(client, "post:903");
    assert_int_equal(last_cursor(client)->celebrities.sequence, 14);
}

/* The last word is the celebrity's: what he wrote when he was ordinary is not told either. */
static void test_unfollowed_celebrity(void **state)
{
    struct fixture *f = *state;
    tell_celebrity(FR_EVENT_POST, FAMOUS, 900, 1);
    tell_celebrity(FR_EVENT_UNFOLLOW, FAMOUS, READER, 0);
    run_graph(f);
    struct client *client = resume(f, 2);
    tell_feed_pending(f, FR_EVENT_POST, FAMOUS, 899, 1, 101, 1);
    tell_feed_pending(f, FR_EVENT_POST, ORDINARY, 901, 1, 102, 0);
    run_graph(f);
    answer_looks(f);
    expect(client, "resumed post:901");
}

/* In both streams, hundreds of posts, of which every second is deleted or by somebody unfollowed meanwhile.
 */
static void test_much_was_overtaken(void **state)
{
    enum { EACH = 400, AUTHORS = 50, FIRST_AUTHOR = 1000, CELEBRITYS = 10000, OTHERS = 20000 };
    struct fixture *f = *state;
    follow_famous(f);
    for (int i = 0; i < EACH; i++) {
        tell_celebrity(FR_EVENT_POST, FAMOUS, CELEBRITYS + i, 1);
        run_graph(f);
    }
    for (int i = EACH - 2; i >= 0; i -= 2) {
        tell_celebrity(FR_EVENT_DELETE, FAMOUS, CELEBRITYS + i, 1);
        run_graph(f);
    }
    uint64_t messages = EACH + AUTHORS / 2, left = messages;
    struct client *client = resume(f, messages);
    for (int i = 0; i < EACH; i++, left--) {
        tell_feed_pending(f, FR_EVENT_POST, FIRST_AUTHOR + i % AUTHORS, OTHERS + i, 1, 101 + messages - left,
                          left - 1);
        run_graph(f);
    }
    for (int i = AUTHORS - 2; i >= 0; i -= 2, left--)
        tell_feed_pending(f, FR_EVENT_UNFOLLOW, FIRST_AUTHOR + i, READER, 0, 101 + messages - left, left - 1);
    run_graph(f);
    answer_looks(f);
    /* `resumed` and post 900; then posts by their ids, the odd ones of both, and then the deletions. */
    assert_int_equal(client->count, 2 + EACH / 2 + EACH / 2 + EACH / 2);
    for (int i = 0; i < EACH / 2; i++) {
        const struct told *post = &client->told[2 + i], *other = post + EACH / 2, *gone = other + EACH / 2;
        assert_true(post->type == FR_ENVELOPE_POST && post->post_id == CELEBRITYS + 2 * i + 1);
        assert_true(other->type == FR_ENVELOPE_POST && other->post_id == OTHERS + 2 * i + 1);
        assert_true(gone->type == FR_ENVELOPE_DELETE && gone->post_id == CELEBRITYS + 2 * i);
    }
}

static void test_nobody_resumes_before_the_window_was_read(void **state)
{
    struct fixture *f = *state;
    bus_tell_current(false);
    struct client *client = resume(f, 0);
    answer_looks(f);
    expect(client, "");
    tell_celebrity(FR_EVENT_POST, NOBODYS, 900, 1);
    bus_tell_current(true);
    run_graph(f);
    expect(client, "resumed");
}

/* A hub that begins later has what the process has read. */
static void test_ring_of_a_later_hub(void **state)
{
    struct fixture *f = *state;
    graph_follow(READER, FAMOUS);
    tell_celebrity(FR_EVENT_POST, FAMOUS, 900, 1);
    struct fr_hub *before = f->hub;
    run_graph(f);
    f->hub = fr_hub_new(f->delivery, f->loop,
                        &(struct fr_hub_options){.resume_window_ms = WINDOW_MS, .keyring = f->keyring});
    fr_hub_free(before);
    struct client *client = resume(f, 0);
    answer_looks(f);
    expect(client, "resumed post:900");
}

/* ---- live ---- */

static void test_edits_and_deletions(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_live(f);
    expect(client, "ready reset snapshot_end");
    feed_post(f, 1001, 101);
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 1001, 2, 102);
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 1001, 2, 103); /* told again */
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 1001, 3, 104);
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 990, 5, 105); /* of a post on a page that it may have */
    tell_feed(f, FR_EVENT_DELETE, ORDINARY, 1001, 1, 106);
    tell_feed(f, FR_EVENT_DELETE, ORDINARY, 1001, 1, 107);
    tell_feed(f, FR_EVENT_EDIT, ORDINARY, 1001, 4, 108);
    feed_post(f, 1001, 109);
    run_graph(f);
    expect(client, "post:1001 edit:1001 edit:1001 edit:990 delete:1001");
    assert_int_equal(last_cursor(client)->feed.sequence, 106);
}

static void test_celebrities_edits_and_deletions(void **state)
{
    struct fixture *f = *state;
    follow_famous(f);
    struct client *client = join_live(f);
    expect(client, "ready reset snapshot_end");
    tell_celebrity(FR_EVENT_POST, FAMOUS, 901, 1);
    tell_celebrity(FR_EVENT_EDIT, FAMOUS, 901, 2);
    tell_celebrity(FR_EVENT_DELETE, FAMOUS, 900, 1);
    run_graph(f);
    expect(client, "post:901 edit:901 delete:900");
}

/* The user's presence is the cursor's time: the last time at which it was confirmed. */
static void test_cursor_bears_the_confirmation(void **state)
{
    struct fixture *f = *state;
    struct client *client = join_live(f);
    graph.confirmed_ms = 99; /* of nobody yet */
    feed_post(f, 1001, 101);
    run_graph(f);
    assert_int_equal(last_cursor(client)->present_ms, 60);
}

/* ---- looks are shared, statements too ---- */

static void test_many_resume_together(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < CLIENTS_MAX; i++)
        join(f, i, FR_ENCODING_JSON, &good, 20);
    run_all(f, 100);
    for (int i = 0; i < CLIENTS_MAX; i++)
        expect(&f->clients[i], "resumed");
    assert_int_equal(graph.asked, 2); /* one statement for all presences, one for all celebrities */
}

/* An answer to a request that was sent before one asked does not count for him. */
static void test_earlier_look_does_not_count(void **state)
{
    struct fixture *f = *state;
    join(f, 0, FR_ENCODING_JSON, &good, 0);
    run_graph(f);
    int partition = fr_partition_of(READER, FR_FEED_PARTITIONS);
    uint64_t number = played.looks[partition].wanted;
    assert_true(number > 0);
    const struct fr_feed_looked early = {
        .partition = partition, .number = number - 1, .epoch = EPOCH, .first = 1, .last = 500};
    played.callbacks.looked(played.callbacks.arg, &early);
    run_graph(f);
    assert_int_equal(played.created_count, 0);
    answer_looks(f);
    assert_int_equal(played.created_count, 1);
}

static void test_failed_look_is_tried_again(void **state)
{
    struct fixture *f = *state;
    join(f, 0, FR_ENCODING_JSON, &good, 0);
    run_graph(f);
    played.look_status = FR_TIMEOUT;
    bus_answer_looks();
    played.look_status = FR_OK;
    while (played.created_count == 0) {
        fr_loop_run(f->loop, 1000);
        run_graph(f);
        bus_answer_looks();
    }
    run_all(f, 100);
    expect(&f->clients[0], "resumed");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        TEST(test_nothing_missed),
        TEST(test_read_to_the_head_before_anything_is_told),
        TEST(test_what_was_overtaken_is_not_told),
        TEST(test_head_is_never_reached),
        TEST(test_followed_again_while_away),
        TEST(test_repeats_in_a_replay),
        TEST(test_celebrities_are_replayed_from_the_ring),
        TEST(test_celebrities_between_load_and_live),
        TEST(test_both_streams_are_in_order),
        TEST(test_held_messages),
        TEST(test_cursor_ahead_of_the_ring),
        TEST(test_unfollowed_celebrity),
        TEST(test_much_was_overtaken),
        TEST(test_nobody_resumes_before_the_window_was_read),
        TEST(test_ring_of_a_later_hub),
        TEST(test_edits_and_deletions),
        TEST(test_celebrities_edits_and_deletions),
        TEST(test_cursor_bears_the_confirmation),
        TEST(test_many_resume_together),
        TEST(test_earlier_look_does_not_count),
        TEST(test_failed_look_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
