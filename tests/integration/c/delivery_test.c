/* Hubs in threads of their own, on a real server. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus/bus.h"
#include "check.h"
#include "delivery/delivery.h"
#include "graph/graph.h"
#include "loop/loop.h"
#include "nats_fixture.h"
#include "timeline/timeline.h"
#include "wire/wire.h"

enum {
    STATIONS = 2,
    USERS = 1000,
    FIRST_USER = 5000,
    ROUNDS_MAX = 8, /* posts for each user */
    AUTHOR = 7,
};

/* ---- a graph without a database: everybody is present, nobody follows a celebrity ---- */

struct fr_store {
    struct fr_loop *loop;
};

struct graph_answer {
    struct fr_timer timer;
    fr_graph_online_fn online;
    fr_graph_pairs_fn pairs;
    void *arg;
    size_t count;
    struct fr_graph_online rows[];
};

static void on_graph_answer(struct fr_timer *timer)
{
    struct graph_answer *answer = FR_CONTAINER_OF(timer, struct graph_answer, timer);
    if (answer->online != NULL)
        answer->online(answer->arg, FR_OK, answer->rows, answer->count, NULL);
    else
        answer->pairs(answer->arg, FR_OK, NULL, 0, NULL);
    free(answer);
}

static struct graph_answer *answer_soon(struct fr_store *store, size_t count, void *arg)
{
    struct graph_answer *answer = fr_alloc(sizeof *answer + count * sizeof answer->rows[0]);
    memset(answer, 0, sizeof *answer);
    answer->arg = arg;
    answer->count = count;
    fr_timer_start(store->loop, &answer->timer, 0, on_graph_answer);
    return answer;
}

void fr_graph_announce(struct fr_store *store, const int64_t *user_ids, size_t count, int64_t lasts_ms,
                       fr_graph_online_fn done, void *arg)
{
    struct graph_answer *answer = answer_soon(store, count, arg);
    answer->online = done;
    for (size_t i = 0; i < count; i++)
        answer->rows[i] = (struct fr_graph_online){user_ids[i], 1, 1};
}

void fr_graph_followed_celebrities(struct fr_store *store, const int64_t *user_ids, size_t count,
                                   fr_graph_pairs_fn done, void *arg)
{
    answer_soon(store, 0, arg)->pairs = done;
}

void fr_graph_followers_among(struct fr_store *store, int64_t author_id, const int64_t *user_ids,
                              size_t count, fr_graph_pairs_fn done, void *arg)
{
    answer_soon(store, 0, arg)->pairs = done;
}

/* Nobody here is told pages. */
void fr_timeline_page(struct fr_store *store, const struct fr_page_request *request,
                      fr_timeline_posts_fn done, void *arg)
{
    abort();
}

/* A connection: counts each of its user's posts by round; whatever else it gets is wrong. */
struct listener {
    struct fr_subscriber subscriber;
    struct station *station;
    int64_t user_id;
    _Atomic int got[ROUNDS_MAX];
};

/* A thread with its loop and hub; its listeners join before it runs and leave when it was stopped. */
struct station {
    pthread_t thread;
    struct fr_delivery *delivery;
    struct fr_loop *loop;
    struct fr_store store;
    struct fr_hub *hub;
    struct listener listeners[USERS];
    _Atomic int started, ended, gaps, frames, wrong;
};

static void on_started(struct fr_subscriber *subscriber)
{
    atomic_fetch_add(&FR_CONTAINER_OF(subscriber, struct listener, subscriber)->station->started, 1);
}

static enum fr_status on_send(struct fr_subscriber *subscriber, const struct fr_message *message)
{
    struct listener *listener = FR_CONTAINER_OF(subscriber, struct listener, subscriber);
    char text[256];
    struct fr_str payload = fr_frame_payload(message->body);
    snprintf(text, sizeof text, "%.*s", FR_STR_ARG(payload));
    long long post_id = 0, said_user = 0;
    int round = -1;
    /* The text names the user and the round; the id follows from both. */
    if (sscanf(text, "{\"postId\":\"%lld\",\"postText\":\"for %lld in %d\",\"author_user_id\":\"7\"}",
               &post_id, &said_user, &round) == 3 &&
        said_user == listener->user_id && round >= 0 && round < ROUNDS_MAX &&
        post_id == said_user * ROUNDS_MAX + round)
        atomic_fetch_add(&listener->got[round], 1);
    else
        atomic_fetch_add(&listener->station->wrong, 1);
    atomic_fetch_add(&listener->station->frames, 1);
    return FR_OK;
}

static void on_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct station *station = FR_CONTAINER_OF(subscriber, struct listener, subscriber)->station;
    if (why == FR_SUBSCRIBER_GAP)
        atomic_fetch_add(&station->gaps, 1);
    atomic_fetch_add(&station->ended, 1);
}

static const struct fr_subscriber_verbs verbs = {.started = on_started, .send = on_send, .ended = on_ended};

static void *run_station(void *arg)
{
    struct station *station = arg;
    station->store.loop = station->loop;
    station->hub = fr_hub_new(station->delivery, station->loop,
                              &(struct fr_hub_options){.store = &station->store, .resume_window_ms = 300000});
    for (int i = 0; i < USERS; i++) {
        struct listener *listener = &station->listeners[i];
        listener->station = station;
        listener->user_id = FIRST_USER + i;
        enum fr_status status = fr_hub_join(station->hub, &listener->subscriber,
                                            &(struct fr_join){.user_id = listener->user_id}, &verbs, NULL);
        if (status != FR_OK)
            atomic_fetch_add(&station->wrong, 1);
    }
    fr_loop_run_until_stopped(station->loop);
    for (int i = 0; i < USERS; i++)
        fr_hub_leave(station->hub, &station->listeners[i].subscriber);
    fr_hub_free(station->hub);
    return NULL;
}

struct fixture {
    struct fr_bus *bus, *publisher;
    _Atomic int reconnected, published_again, acked;
    struct fr_delivery *delivery;
    struct station *stations[STATIONS];
    int published;
};

static void on_reconnected(void *arg)
{
    struct fixture *f = arg;
    if (f->delivery != NULL)
        fr_delivery_reconnected(f->delivery);
    atomic_fetch_add(&f->reconnected, 1);
}

static int set_up(void **state)
{
    struct fixture *f = FR_NEW(struct fixture);
    struct fr_error error = {0};
    const struct fr_bus_options options = {.url = nats_url(),
                                           .name = "gateway",
                                           .replicas = 1,
                                           .resume_window_ms = 300000,
                                           .publish_pending_max = 16,
                                           .reconnected = on_reconnected,
                                           .arg = f};
    assert_int_equal(fr_bus_open(&options, &f->bus, &error), FR_OK);
    if (fr_bus_declare_streams(f->bus, 20000, &error) != FR_OK)
        fail_msg("streams: %s", error.message);
    assert_int_equal(fr_delivery_open(f->bus, "gwtest", &f->delivery, &error), FR_OK);
    for (int i = 0; i < STATIONS; i++) {
        f->stations[i] = FR_NEW(struct station);
        f->stations[i]->delivery = f->delivery;
        f->stations[i]->loop = fr_loop_new();
        assert_int_equal(pthread_create(&f->stations[i]->thread, NULL, run_station, f->stations[i]), 0);
    }
    for (int i = 0; i < STATIONS; i++)
        nats_wait("started", &f->stations[i]->started, USERS);
    *state = f;
    return 0;
}

/* Not before the connections are broken, else this one is too. */
static void open_publisher(struct fixture *f)
{
    if (f->publisher == NULL)
        f->publisher = nats_open_bus("materializer", 4000, &f->published_again);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < STATIONS; i++) {
        fr_loop_stop(f->stations[i]->loop);
        pthread_join(f->stations[i]->thread, NULL);
        fr_loop_free(f->stations[i]->loop);
        free(f->stations[i]);
    }
    fr_delivery_close(f->delivery);
    fr_bus_close(f->bus);
    fr_bus_close(f->publisher);
    nats_raw_close();
    free(f);
    return 0;
}

static void on_acked(void *arg, enum fr_status status)
{
    if (status == FR_OK)
        atomic_fetch_add((_Atomic int *)arg, 1);
}

static void publish(struct fixture *f, int64_t user_id, int round)
{
    char text[64];
    int len = snprintf(text, sizeof text, "for %lld in %d", (long long)user_id, round);
    struct fr_event event = {.kind = FR_EVENT_POST,
                             .post_id = user_id * ROUNDS_MAX + round,
                             .author_id = AUTHOR,
                             .text = {text, (size_t)len},
                             .revision = 1,
                             .created_at_ms = 1767225600000};
    struct fr_buf buf;
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    open_publisher(f);
    while (fr_bus_publish_feed(f->publisher, user_id, fr_buf_str(&buf), on_acked, &f->acked, NULL) != FR_OK)
        sched_yield();
    fr_buf_release(&buf);
    f->published++;
}

/* For each user here, and for as many who are not. */
static void publish_round(struct fixture *f, int round)
{
    for (int i = 0; i < 2 * USERS; i++)
        publish(f, FIRST_USER + i, round);
}

static void assert_got(struct fixture *f, int round, int times)
{
    for (int s = 0; s < STATIONS; s++) {
        assert_int_equal(f->stations[s]->wrong, 0);
        assert_int_equal(f->stations[s]->ended, 0);
        for (int i = 0; i < USERS; i++)
            if (f->stations[s]->listeners[i].got[round] != times)
                fail_msg("station %d, user %d, round %d: expected %d, got %d", s, FIRST_USER + i, round,
                         times, f->stations[s]->listeners[i].got[round]);
    }
}

static void wait_frames(struct fixture *f, int frames)
{
    for (int s = 0; s < STATIONS; s++)
        nats_wait("frames", &f->stations[s]->frames, frames);
}

static void test_each_gets_exactly_its_posts(void **state)
{
    struct fixture *f = *state;
    publish_round(f, 0);
    publish_round(f, 1);
    /* Published again, as after a lost ack: not sent again. A marker behind tells that it has passed. */
    publish_round(f, 0);
    publish_round(f, 2);
    nats_wait("acks", &f->acked, f->published);
    wait_frames(f, 3 * USERS);
    for (int round = 0; round < 3; round++)
        assert_got(f, round, 1);
}

/* Killed: streams and consumers are gone without an error, and nobody knows what was in them: every flow
 * ends, and whoever comes again gets what is published from then on. */
static void test_server_restart(void **state)
{
    struct fixture *f = *state;
    publish_round(f, 0);
    nats_wait("acks", &f->acked, f->published);
    wait_frames(f, USERS);
    nats_kill();
    while (fr_bus_connected(f->publisher))
        sched_yield();
    nats_start();
    for (int s = 0; s < STATIONS; s++) {
        nats_wait("ends", &f->stations[s]->ended, USERS);
        assert_int_equal(f->stations[s]->gaps, USERS);
        fr_loop_stop(f->stations[s]->loop);
        pthread_join(f->stations[s]->thread, NULL);
        f->stations[s]->started = f->stations[s]->ended = 0;
    }
    for (int s = 0; s < STATIONS; s++)
        assert_int_equal(pthread_create(&f->stations[s]->thread, NULL, run_station, f->stations[s]), 0);
    for (int s = 0; s < STATIONS; s++)
        nats_wait("started", &f->stations[s]->started, USERS);
    nats_wait("publisher's reconnect", &f->published_again, 1);
    publish_round(f, 1);
    wait_frames(f, 2 * USERS);
    for (int round = 0; round < 2; round++)
        assert_got(f, round, 1);
}

/* Only the connection breaks: what was published meanwhile comes, once. */
static void test_broken_connection_loses_nothing(void **state)
{
    struct fixture *f = *state;
    for (int time = 1; time <= 2; time++) {
        int round = 3 * time - 3;
        publish_round(f, round); /* some of it is on its way when the connection breaks */
        nats_break_connections();
        nats_wait("reconnect", &f->reconnected, time);
        /* What the publisher lost in the break is published again, as the materializer does. */
        nats_wait("publisher's reconnect", &f->published_again, time);
        publish_round(f, round);
        publish_round(f, round + 1);
        wait_frames(f, 2 * time * USERS);
        assert_got(f, round, 1);
        assert_got(f, round + 1, 1);
    }
}

static int64_t count_consumers(void)
{
    int64_t count = 0;
    for (int p = 0; p < FR_FEED_PARTITIONS; p++) {
        char subject[64];
        snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.FEED_%02d", p);
        count += nats_api_number(subject, "consumer_count");
    }
    return count;
}

/* However often flows were made anew: one consumer for each, and none when all have left. */
static void test_no_consumer_is_left_behind(void **state)
{
    struct fixture *f = *state;
    for (int time = 2; time <= 3; time++) {
        fr_delivery_reconnected(f->delivery);
        for (int s = 0; s < STATIONS; s++)
            nats_wait("started again", &f->stations[s]->started, time * USERS);
    }
    int64_t until_ms = fr_clock_monotonic_ms() + 20000;
    while (count_consumers() != STATIONS * USERS)
        assert_true(fr_clock_monotonic_ms() < until_ms);
    for (int s = 0; s < STATIONS; s++) {
        fr_loop_stop(f->stations[s]->loop);
        pthread_join(f->stations[s]->thread, NULL);
        f->stations[s]->started = 0;
    }
    while (count_consumers() != 0)
        assert_true(fr_clock_monotonic_ms() < until_ms);
    /* And they may come again. */
    for (int s = 0; s < STATIONS; s++)
        assert_int_equal(pthread_create(&f->stations[s]->thread, NULL, run_station, f->stations[s]), 0);
    for (int s = 0; s < STATIONS; s++)
        nats_wait("started", &f->stations[s]->started, USERS);
    publish_round(f, 0);
    wait_frames(f, USERS);
    assert_got(f, 0, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_no_consumer_is_left_behind), /* first: it counts, and the server keeps those of others for
                                                  30 s */
        TEST(test_each_gets_exactly_its_posts),
        TEST(test_server_restart),
        TEST(test_broken_connection_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
