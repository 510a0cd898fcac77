/* The hub with a bus played by this test: what it asks of the bus is recorded, what it gets is made up. */
#include <stdlib.h>

#include "check.h"
#include "delivery/delivery.h"
#include "loop/loop.h"
#include "played_bus.h"
#include "played_graph.h"
#include "wire/wire.h"

enum { POSTS_MAX = 64, FLOOD = 20000, WINDOW_MS = 3600000 };

/* A connection that notes what it gets. */
struct listener {
    struct fr_subscriber subscriber;
    struct fr_hub *hub;
    int started, interrupted, ended;
    enum fr_subscriber_end why;
    size_t sent;
    bool full, leaves_on_send, leaves_on_start;
    struct fr_frame *frames[POSTS_MAX];
};

static void on_started(struct fr_subscriber *subscriber)
{
    struct listener *listener = FR_CONTAINER_OF(subscriber, struct listener, subscriber);
    listener->started++;
    if (listener->leaves_on_start)
        fr_hub_leave(listener->hub, subscriber);
}

static void on_interrupted(struct fr_subscriber *subscriber)
{
    struct listener *listener = FR_CONTAINER_OF(subscriber, struct listener, subscriber);
    listener->interrupted++;
}

static enum fr_status on_send(struct fr_subscriber *subscriber, const struct fr_message *message)
{
    struct listener *listener = FR_CONTAINER_OF(subscriber, struct listener, subscriber);
    if (listener->leaves_on_send)
        fr_hub_leave(listener->hub, subscriber);
    if (listener->full)
        return FR_FULL;
    if (listener->sent < POSTS_MAX)
        listener->frames[listener->sent] = fr_frame_hold(message->body);
    listener->sent++;
    return FR_OK;
}

static void on_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct listener *listener = FR_CONTAINER_OF(subscriber, struct listener, subscriber);
    listener->ended++;
    listener->why = why;
    /* As transports do while they close. */
    fr_hub_leave(listener->hub, subscriber);
}

static const struct fr_subscriber_verbs verbs = {
    .started = on_started, .interrupted = on_interrupted, .send = on_send, .ended = on_ended};

struct fixture {
    struct fr_loop *loop;
    struct fr_delivery *delivery;
    struct fr_hub *hub;
    struct listener a, b;
};

static int set_up(void **state)
{
    struct fixture *f = FR_NEW(struct fixture);
    f->loop = fr_loop_new();
    struct fr_error error;
    assert_int_equal(fr_delivery_open(NULL, "gw1", &f->delivery, &error), FR_OK);
    graph_reset();
    f->hub = fr_hub_new(f->delivery, f->loop, &(struct fr_hub_options){.resume_window_ms = WINDOW_MS});
    bus_tell_current(true);
    f->a.hub = f->b.hub = f->hub;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct listener *listeners[] = {&f->a, &f->b};
    for (size_t i = 0; i < 2; i++) {
        fr_hub_leave(f->hub, &listeners[i]->subscriber);
        for (size_t j = 0; j < listeners[i]->sent && j < POSTS_MAX; j++)
            fr_frame_release(listeners[i]->frames[j]);
    }
    assert_int_equal(fr_hub_count(f->hub), 0);
    while (graph_answer())
        ;
    fr_hub_free(f->hub);
    fr_delivery_close(f->delivery);
    fr_loop_free(f->loop);
    free(f);
    return 0;
}

/* ---- what the bus says ---- */

static void run(struct fixture *f)
{
    for (int i = 0; i < 3; i++) {
        fr_loop_run(f->loop, 0);
        while (graph_answer() || bus_answer_looks())
            fr_loop_run(f->loop, 0);
    }
}

static void publish_any(enum fr_event_kind kind, uint64_t consumer, int64_t user_id, int64_t post_id,
                        uint64_t consumer_seq, uint64_t stream_seq, uint64_t pending)
{
    struct fr_event event = {.kind = kind,
                             .post_id = post_id,
                             .author_id = 7,
                             .text = kind == FR_EVENT_DELETE ? FR_STR_NONE : FR_STR("text"),
                             .revision = 1,
                             .created_at_ms = 1767225600000};
    struct fr_buf buf;
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    struct fr_feed_message message = {.consumer = consumer,
                                      .user_id = user_id,
                                      .stream_seq = stream_seq,
                                      .consumer_seq = consumer_seq,
                                      .pending = pending,
                                      .data = fr_buf_str(&buf)};
    played.callbacks.message(played.callbacks.arg, &message);
    fr_buf_release(&buf);
}

static void publish_kind(enum fr_event_kind kind, uint64_t consumer, int64_t user_id, int64_t post_id,
                         uint64_t consumer_seq, uint64_t stream_seq)
{
    publish_any(kind, consumer, user_id, post_id, consumer_seq, stream_seq, 0);
}

static void publish_behind(uint64_t consumer, int64_t user_id, int64_t post_id, uint64_t consumer_seq,
                           uint64_t stream_seq, uint64_t pending)
{
    publish_any(FR_EVENT_POST, consumer, user_id, post_id, consumer_seq, stream_seq, pending);
}

static void publish(uint64_t consumer, int64_t user_id, int64_t post_id, uint64_t consumer_seq,
                    uint64_t stream_seq)
{
    publish_kind(FR_EVENT_POST, consumer, user_id, post_id, consumer_seq, stream_seq);
}

static uint64_t join(struct fixture *f, struct listener *listener, int64_t user_id)
{
    struct fr_error error;
    size_t asked = played.created_count;
    assert_int_equal(fr_hub_join(f->hub, &listener->subscriber,
                                 &(struct fr_join){user_id, FR_ENCODING_PLAIN, NULL, 0}, &verbs, &error),
                     FR_OK);
    run(f);
    assert_int_equal(played.created_count, asked + 1);
    assert_int_equal(last_asked()->user_id, user_id);
    return last_asked()->consumer;
}

/* Joined, and its stream stands at 100. */
static uint64_t join_live(struct fixture *f, struct listener *listener, int64_t user_id)
{
    uint64_t consumer = join(f, listener, user_id);
    answer(consumer, FR_OK, EPOCH, 100);
    run(f);
    return consumer;
}

/* ---- tests ---- */

static void test_join_deliver_leave(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join(f, &f->a, 5);
    assert_int_equal(last_asked()->seen.epoch, 0); /* only what is new */
    run(f);
    assert_int_equal(f->a.started, 0);
    answer(consumer, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.started, 1);
    publish(consumer, 5, 1001, 1, 101);
    publish(consumer, 5, 1002, 2, 140);
    run(f);
    assert_int_equal(f->a.sent, 2);
    assert_true(fr_str_equal(fr_frame_payload(f->a.frames[0]),
                             FR_STR("{\"postId\":\"1001\",\"postText\":\"text\",\"author_user_id\":\"7\"}")));
    assert_int_equal(fr_hub_count(f->hub), 1);
    fr_hub_leave(f->hub, &f->a.subscriber);
    fr_hub_leave(f->hub, &f->a.subscriber); /* harmless */
    assert_int_equal(fr_hub_count(f->hub), 0);
    assert_int_equal(played.deleted_count, 1);
    assert_true(played.deleted[0] == consumer);
}

static void test_late_messages_find_nobody(void **state)
{
    struct fixture *f = *state;
    uint64_t old = join_live(f, &f->a, 5);
    fr_hub_leave(f->hub, &f->a.subscriber);
    /* The next one takes the same slot. */
    uint64_t now = join_live(f, &f->b, 6);
    assert_true(old != now);
    publish(old, 5, 1001, 1, 101);
    run(f);
    assert_int_equal(f->a.sent, 0);
    assert_int_equal(f->b.sent, 0);
    /* Its consumer was deleted just now: not again for each message on the way. */
    assert_int_equal(played.deleted_count, 1);
}

static void test_stray_consumer_is_deleted(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join_live(f, &f->a, 5);
    uint64_t stray = consumer - 1; /* of a generation before ours */
    publish(stray, 5, 1001, 1, 101);
    publish(stray, 5, 1002, 2, 102);
    run(f);
    assert_int_equal(f->a.sent, 0);
    assert_int_equal(played.deleted_count, 1);
    assert_true(played.deleted[0] == stray);
}

static void test_another_users_message_is_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join_live(f, &f->a, 5);
    publish(consumer, 6, 1001, 1, 101);
    run(f);
    assert_int_equal(f->a.sent, 0);
    publish(consumer, 5, 1002, 1, 102);
    run(f);
    assert_int_equal(f->a.sent, 1);
}

static void test_message_before_the_answer(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join(f, &f->a, 5);
    publish(consumer, 5, 1001, 1, 101);
    run(f);
    assert_int_equal(f->a.started, 0);
    answer(consumer, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.started, 1);
    assert_int_equal(f->a.sent, 1);
    /* The answer's place is older than what was read since. */
    fr_delivery_reconnected(f->delivery);
    run(f);
    assert_true(last_asked()->seen.epoch == EPOCH && last_asked()->seen.sequence == 101);
}

static void test_jump_reads_again(void **state)
{
    struct fixture *f = *state;
    uint64_t first = join_live(f, &f->a, 5);
    publish(first, 5, 1001, 1, 101);
    publish(first, 5, 1003, 3, 103); /* 1002 was dropped */
    publish(first, 5, 1004, 4, 104); /* of a consumer that is out of the race */
    run(f);
    assert_int_equal(f->a.sent, 1);
    assert_int_equal(played.created_count, 2);
    assert_true(last_asked()->seen.epoch == EPOCH && last_asked()->seen.sequence == 101);
    assert_true(played.deleted[0] == first);
    uint64_t second = last_asked()->consumer;
    assert_true(second != first);
    answer(second, FR_OK, EPOCH, 101);
    for (int i = 0; i < 3; i++)
        publish(second, 5, 1002 + i, (uint64_t)i + 1, (uint64_t)i + 102);
    run(f);
    assert_int_equal(f->a.sent, 4);
    assert_int_equal(f->a.started, 2);
}

static void test_backlog_at_its_bound_is_a_gap(void **state)
{
    static const struct {
        const char *comment;
        uint64_t pending;
        int ended;
    } rows[] = {
        {"nothing behind it", 0, 0},
        {"one less than the stream keeps", FR_FEED_BACKLOG_MAX - 2, 0},
        {"as many as the stream keeps: older ones may be gone", FR_FEED_BACKLOG_MAX - 1, 1},
    };
    struct fixture *f = *state;
    FR_FOR_ROWS(row, rows)
    {
        f->a.ended = 0;
        uint64_t consumer = join_live(f, &f->a, 5);
        publish_behind(consumer, 5, 2000 + (int64_t)row->pending, 1, 101, row->pending);
        run(f);
        FR_ASSERT_ROW(row, f->a.ended == row->ended);
        FR_ASSERT_ROW(row, row->ended == 0 || f->a.why == FR_SUBSCRIBER_GAP);
        fr_hub_leave(f->hub, &f->a.subscriber);
    }
}

static void test_repeats_are_dropped(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join_live(f, &f->a, 5);
    publish(consumer, 5, 1001, 1, 101);
    publish(consumer, 5, 1001, 2, 102); /* published again by the materializer */
    publish(consumer, 5, 1002, 2, 102); /* the same place again */
    publish(consumer, 5, 1002, 3, 103);
    run(f);
    assert_int_equal(f->a.sent, 2);
}

static void test_edits_count_but_are_not_sent(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join_live(f, &f->a, 5);
    publish_kind(FR_EVENT_EDIT, consumer, 5, 1001, 1, 101);
    publish_kind(FR_EVENT_DELETE, consumer, 5, 1001, 2, 102);
    struct fr_feed_message garbage = {
        .consumer = consumer, .user_id = 5, .stream_seq = 103, .consumer_seq = 3};
    garbage.data = FR_STR("this is no event, and too long for one");
    played.callbacks.message(played.callbacks.arg, &garbage);
    publish(consumer, 5, 1002, 4, 104);
    run(f);
    assert_int_equal(f->a.sent, 1);
    assert_int_equal(played.created_count, 1);
}

static void test_reconnect_while_live(void **state)
{
    struct fixture *f = *state;
    join_live(f, &f->a, 5);
    assert_int_equal(f->a.interrupted, 0);
    fr_delivery_reconnected(f->delivery);
    run(f);
    /* It is told before there is an answer: what is published meanwhile comes later, or never. */
    assert_int_equal(f->a.interrupted, 1);
    assert_int_equal(f->a.started, 1);
    /* Nothing was heard: from where the first consumer began. */
    assert_true(last_asked()->seen.epoch == EPOCH && last_asked()->seen.sequence == 100);
    answer(last_asked()->consumer, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.started, 2);
    assert_int_equal(f->a.ended, 0);
}

/* What the former stream had may not have been read. */
static void test_stream_declared_anew_is_a_gap(void **state)
{
    struct fixture *f = *state;
    uint64_t first = join_live(f, &f->a, 5);
    played.epoch = EPOCH + 1;
    fr_delivery_reconnected(f->delivery);
    run(f);
    assert_int_equal(f->a.ended, 1);
    assert_int_equal(f->a.why, FR_SUBSCRIBER_GAP);
    assert_int_equal(played.created_count, 1);
    assert_int_equal(played.deleted_count, 1);
    assert_true(played.deleted[0] == first);
}

static void test_away_for_longer_than_the_window_is_a_gap(void **state)
{
    struct fixture *f = *state;
    join_live(f, &f->a, 5);
    join(f, &f->b, 6); /* was promised nothing yet */
    window_passed = true;
    fr_delivery_reconnected(f->delivery);
    window_passed = false;
    run(f);
    assert_int_equal(f->a.ended, 1);
    assert_int_equal(f->a.why, FR_SUBSCRIBER_GAP);
    assert_int_equal(f->b.ended, 0);
}

static void test_reconnect_while_creating(void **state)
{
    struct fixture *f = *state;
    uint64_t first = join(f, &f->a, 5);
    fr_delivery_reconnected(f->delivery);
    run(f);
    assert_int_equal(played.created_count, 1); /* the answer is awaited */
    answer(first, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.started, 0);
    assert_int_equal(played.created_count, 2);
    assert_true(played.deleted[0] == first);
    answer(last_asked()->consumer, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.started, 1);
}

static void test_answer_after_leaving(void **state)
{
    struct fixture *f = *state;
    uint64_t asked = join(f, &f->a, 5);
    fr_hub_leave(f->hub, &f->a.subscriber);
    assert_int_equal(played.deleted_count, 0);
    answer(asked, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.started, 0);
    assert_int_equal(played.deleted_count, 1);
    /* A request that was never sent made nothing. */
    asked = join(f, &f->a, 5);
    fr_hub_leave(f->hub, &f->a.subscriber);
    answer(asked, FR_UNAVAILABLE, 0, 0);
    run(f);
    assert_int_equal(played.deleted_count, 1);
}

static void test_timeout_after_messages(void **state)
{
    struct fixture *f = *state;
    uint64_t first = join(f, &f->a, 5);
    publish(first, 5, 1001, 1, 101);
    answer(first, FR_TIMEOUT, EPOCH, 0);
    run(f);
    assert_true(played.deleted[0] == first);
    while (played.created_count < 2)
        fr_loop_run(f->loop, 1000);
    /* It was promised nothing yet. */
    assert_int_equal(last_asked()->seen.epoch, 0);
    answer(last_asked()->consumer, FR_OK, EPOCH, 101);
    run(f);
    assert_int_equal(f->a.started, 1);
    assert_int_equal(f->a.sent, 0);
}

static void test_gives_up_after_some_tries(void **state)
{
    struct fixture *f = *state;
    join(f, &f->a, 5);
    size_t answered = 0;
    while (f->a.ended == 0) {
        if (answered < played.created_count)
            answer(played.created[answered++].consumer, FR_UNAVAILABLE, 0, 0);
        fr_loop_run(f->loop, 1000);
    }
    assert_int_equal(f->a.why, FR_SUBSCRIBER_UNAVAILABLE);
    assert_int_equal(f->a.ended, 1);
    assert_int_equal(f->a.started, 0);
    assert_int_equal(played.created_count, 5);
    assert_int_equal(fr_hub_count(f->hub), 0);
}

static void test_back_within_the_pause(void **state)
{
    struct fixture *f = *state;
    uint64_t first = join(f, &f->a, 5);
    answer(first, FR_UNAVAILABLE, 0, 0);
    run(f);
    assert_int_equal(played.created_count, 1);
    fr_delivery_reconnected(f->delivery);
    run(f);
    assert_int_equal(played.created_count, 2);
    answer(last_asked()->consumer, FR_OK, EPOCH, 9);
    run(f);
    assert_int_equal(f->a.started, 1);
}

static void test_slow_one_alone_is_ended(void **state)
{
    struct fixture *f = *state;
    uint64_t slow = join_live(f, &f->a, 5), other = join_live(f, &f->b, 5);
    f->a.full = true;
    publish(slow, 5, 1001, 1, 101);
    publish(other, 5, 1001, 1, 101);
    publish(slow, 5, 1002, 2, 102);
    publish(other, 5, 1002, 2, 102);
    run(f);
    assert_int_equal(f->a.ended, 1);
    assert_int_equal(f->a.why, FR_SUBSCRIBER_TOO_SLOW);
    assert_int_equal(f->b.sent, 2);
    assert_int_equal(f->b.ended, 0);
    assert_int_equal(played.deleted_count, 1);
    assert_int_equal(fr_hub_count(f->hub), 1);
}

static void test_leaves_within_a_verb(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join_live(f, &f->a, 5);
    f->a.leaves_on_send = true;
    f->a.full = true; /* the status of one that left does not count */
    publish(consumer, 5, 1001, 1, 101);
    run(f);
    assert_int_equal(f->a.ended, 0);
    f->b.leaves_on_start = true;
    consumer = join(f, &f->b, 6);
    publish(consumer, 6, 1001, 1, 101);
    answer(consumer, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->b.started, 1);
    assert_int_equal(f->b.sent, 0);
    assert_int_equal(fr_hub_count(f->hub), 0);
}

/* More messages than the mailbox takes while the loop is busy: the flow reads the rest again. */
static void test_full_mailbox(void **state)
{
    struct fixture *f = *state;
    uint64_t first = join_live(f, &f->a, 5);
    join_live(f, &f->b, 6);
    for (uint64_t i = 1; i <= FLOOD; i++)
        publish(first, 5, (int64_t)(1000 + i), i, 100 + i);
    for (int i = 0; i < 200; i++)
        run(f);
    size_t sent = f->a.sent;
    assert_true(sent > POSTS_MAX && sent < FLOOD);
    /* Only the flow that lost something. */
    assert_int_equal(played.created_count, 3);
    assert_int_equal(last_asked()->user_id, 5);
    assert_true(last_asked()->seen.epoch == EPOCH && last_asked()->seen.sequence == 100 + sent);
    uint64_t second = last_asked()->consumer;
    answer(second, FR_OK, EPOCH, 100 + sent);
    run(f);
    for (uint64_t i = sent + 1; i <= FLOOD; i++)
        publish(second, 5, (int64_t)(1000 + i), i - sent, 100 + i);
    for (int i = 0; i < 200; i++)
        run(f);
    assert_int_equal(f->a.sent, FLOOD);
}

/* ---- presence and celebrities ---- */

static void publish_celebrity(enum fr_event_kind kind, int64_t author_id, int64_t subject)
{
    struct fr_event event = {.kind = kind, .author_id = author_id};
    if (fr_event_is_of_post(kind)) {
        event.post_id = subject;
        event.revision = 1;
        event.created_at_ms = 1767225600000;
        event.text = kind == FR_EVENT_DELETE ? FR_STR_NONE : FR_STR("text");
    } else {
        event.follower_id = subject;
    }
    struct fr_buf buf;
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    bus_tell_celebrity(author_id, fr_buf_str(&buf));
    fr_buf_release(&buf);
}

static void tell_about(enum fr_event_kind kind, uint64_t consumer, int64_t user_id, uint64_t consumer_seq)
{
    struct fr_event event = {.kind = kind, .author_id = 7, .follower_id = user_id};
    struct fr_buf buf;
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    const struct fr_feed_message message = {.consumer = consumer,
                                            .user_id = user_id,
                                            .stream_seq = 100 + consumer_seq,
                                            .consumer_seq = consumer_seq,
                                            .data = fr_buf_str(&buf)};
    played.callbacks.message(played.callbacks.arg, &message);
    fr_buf_release(&buf);
}

static void join_only(struct fixture *f, struct listener *listener, int64_t user_id)
{
    struct fr_error error;
    assert_int_equal(fr_hub_join(f->hub, &listener->subscriber,
                                 &(struct fr_join){user_id, FR_ENCODING_PLAIN, NULL, 0}, &verbs, &error),
                     FR_OK);
    fr_loop_run(f->loop, 0);
}

static void test_presence_then_consumer_then_start(void **state)
{
    struct fixture *f = *state;
    join_only(f, &f->a, 5);
    assert_int_equal(graph_open(GRAPH_ANNOUNCE), 1);
    assert_int_equal(played.created_count, 0);
    graph_answer();
    assert_int_equal(played.created_count, 1);
    fr_loop_run(f->loop, 0);
    assert_int_equal(graph_open(GRAPH_FOLLOWED), 1);
    answer(last_asked()->consumer, FR_OK, EPOCH, 100);
    fr_loop_run(f->loop, 0);
    assert_int_equal(f->a.started, 0); /* whom he follows is not known yet */
    run(f);
    assert_int_equal(f->a.started, 1);
    /* The second connection of one who is present asks for nothing but its consumer. */
    size_t asked = graph.asked;
    join_live(f, &f->b, 5);
    assert_int_equal(f->b.started, 1);
    assert_int_equal(graph.asked, asked);
}

static void test_no_start_before_the_window_was_read(void **state)
{
    struct fixture *f = *state;
    bus_tell_current(false);
    run(f);
    graph_follow(5, 7);
    join_live(f, &f->a, 5);
    publish_celebrity(FR_EVENT_POST, 7, 1000); /* from before he came */
    run(f);
    assert_int_equal(f->a.started, 0);
    bus_tell_current(true);
    publish_celebrity(FR_EVENT_POST, 7, 1001);
    run(f);
    assert_int_equal(f->a.started, 1);
    assert_int_equal(f->a.sent, 1);
}

static void test_no_database_refuses(void **state)
{
    static const struct {
        const char *comment;
        size_t answered; /* questions answered well before it goes away */
    } rows[] = {
        {"no presence", 0},
        {"presence, but whom he follows is not known", 1},
    };
    struct fixture *f = *state;
    FR_FOR_ROWS(row, rows)
    {
        f->a.ended = 0;
        join_only(f, &f->a, 5);
        for (size_t i = 0; i < row->answered; i++) {
            graph_answer();
            fr_loop_run(f->loop, 0);
        }
        graph.status = FR_UNAVAILABLE;
        run(f);
        FR_ASSERT_ROW(row, f->a.ended == 1 && f->a.why == FR_SUBSCRIBER_UNAVAILABLE);
        FR_ASSERT_ROW(row, f->a.started == 0 && fr_hub_count(f->hub) == 0);
        graph.status = FR_OK;
    }
}

static void test_left_while_announced(void **state)
{
    struct fixture *f = *state;
    join_only(f, &f->a, 5);
    fr_hub_leave(f->hub, &f->a.subscriber);
    run(f);
    assert_int_equal(played.created_count, 0);
    join_live(f, &f->a, 5);
    assert_int_equal(f->a.started, 1);
}

static void test_celebrity_post_reaches_followers_once(void **state)
{
    struct fixture *f = *state;
    graph_follow(5, 7);
    uint64_t consumer = join_live(f, &f->a, 5);
    join_live(f, &f->b, 6);
    publish_celebrity(FR_EVENT_POST, 7, 1001);
    run(f);
    publish(consumer, 5, 1001, 1, 101); /* the same by the user's own subject */
    publish_celebrity(FR_EVENT_POST, 7, 1001);
    publish_celebrity(FR_EVENT_POST, 7, 1002);
    run(f);
    assert_int_equal(f->a.sent, 2);
    assert_int_equal(f->b.sent, 0);
}

/* While its own consumer is made anew the celebrities' messages wait with what follows its place. */
static void test_celebrity_post_while_the_flow_is_made_anew(void **state)
{
    struct fixture *f = *state;
    graph_follow(5, 7);
    join_live(f, &f->a, 5);
    fr_delivery_reconnected(f->delivery);
    run(f);
    publish_celebrity(FR_EVENT_POST, 7, 1001);
    run(f);
    assert_int_equal(f->a.sent, 0);
    answer(last_asked()->consumer, FR_OK, EPOCH, 100);
    run(f);
    assert_int_equal(f->a.sent, 1);
}

static void test_deleted_post_is_not_sent(void **state)
{
    struct fixture *f = *state;
    graph_follow(5, 7);
    uint64_t consumer = join_live(f, &f->a, 5);
    publish_celebrity(FR_EVENT_POST, 7, 1001); /* held: the author is read first */
    publish_celebrity(FR_EVENT_DELETE, 7, 1001);
    publish_kind(FR_EVENT_DELETE, consumer, 5, 1002, 1, 101);
    publish(consumer, 5, 1002, 2, 102);
    publish(consumer, 5, 1003, 3, 103);
    run(f);
    assert_int_equal(f->a.sent, 1);
}

static void test_unfollow_mutes_until_the_follow(void **state)
{
    struct fixture *f = *state;
    uint64_t consumer = join_live(f, &f->a, 5);
    tell_about(FR_EVENT_UNFOLLOW, consumer, 5, 1);
    publish(consumer, 5, 1001, 2, 102);
    run(f);
    assert_int_equal(f->a.sent, 0);
    tell_about(FR_EVENT_FOLLOW, consumer, 5, 3);
    publish(consumer, 5, 1002, 4, 104);
    run(f);
    assert_int_equal(f->a.sent, 1);
    /* Muted here, but followed by what the database says of the celebrity whom he has become. */
    tell_about(FR_EVENT_UNFOLLOW, consumer, 5, 5);
    graph_follow(5, 7);
    publish_celebrity(FR_EVENT_CELEBRITY, 7, 0);
    run(f);
    publish(consumer, 5, 1003, 6, 106);
    run(f);
    assert_int_equal(f->a.sent, 2);
}

static void test_lost_celebrities_are_a_gap_for_their_followers(void **state)
{
    struct fixture *f = *state;
    graph_follow(5, 7);
    join_live(f, &f->a, 5);
    join_live(f, &f->b, 6);
    celebrities.callbacks.lost(celebrities.callbacks.arg);
    run(f);
    assert_int_equal(f->a.ended, 1);
    assert_int_equal(f->a.why, FR_SUBSCRIBER_GAP);
    assert_int_equal(f->b.ended, 0);
}

/* More than the mailbox takes: nobody can read these again. */
static void test_full_mailbox_loses_celebrities(void **state)
{
    struct fixture *f = *state;
    graph_follow(5, 7);
    join_live(f, &f->a, 5);
    join_live(f, &f->b, 6);
    for (int64_t i = 0; i < FLOOD; i++)
        publish_celebrity(FR_EVENT_POST, 7, 1000 + i);
    for (int i = 0; i < 200; i++)
        run(f);
    assert_int_equal(f->a.ended, 1);
    assert_int_equal(f->a.why, FR_SUBSCRIBER_GAP);
    assert_int_equal(f->b.ended, 0);
    join_live(f, &f->a, 5);
    size_t sent = f->a.sent;
    publish_celebrity(FR_EVENT_POST, 7, 1);
    run(f);
    assert_int_equal(f->a.sent, sent + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_join_deliver_leave),
        TEST(test_late_messages_find_nobody),
        TEST(test_stray_consumer_is_deleted),
        TEST(test_another_users_message_is_refused),
        TEST(test_message_before_the_answer),
        TEST(test_jump_reads_again),
        TEST(test_backlog_at_its_bound_is_a_gap),
        TEST(test_repeats_are_dropped),
        TEST(test_edits_count_but_are_not_sent),
        TEST(test_reconnect_while_live),
        TEST(test_stream_declared_anew_is_a_gap),
        TEST(test_away_for_longer_than_the_window_is_a_gap),
        TEST(test_reconnect_while_creating),
        TEST(test_answer_after_leaving),
        TEST(test_timeout_after_messages),
        TEST(test_gives_up_after_some_tries),
        TEST(test_back_within_the_pause),
        TEST(test_slow_one_alone_is_ended),
        TEST(test_leaves_within_a_verb),
        TEST(test_full_mailbox),
        TEST(test_presence_then_consumer_then_start),
        TEST(test_no_start_before_the_window_was_read),
        TEST(test_no_database_refuses),
        TEST(test_left_while_announced),
        TEST(test_celebrity_post_reaches_followers_once),
        TEST(test_celebrity_post_while_the_flow_is_made_anew),
        TEST(test_deleted_post_is_not_sent),
        TEST(test_unfollow_mutes_until_the_follow),
        TEST(test_lost_celebrities_are_a_gap_for_their_followers),
        TEST(test_full_mailbox_loses_celebrities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
