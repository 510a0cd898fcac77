/* The bus on a real server. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/bus.h"
#include "check.h"
#include "metrics/metrics.h"
#include "nats_fixture.h"

enum { STREAMS = FR_FEED_PARTITIONS + 2, PENDING = 4000 };

static struct fr_bus *open_declared(_Atomic int *reconnected)
{
    struct fr_bus *bus = nats_open_bus("test", PENDING, reconnected);
    struct fr_error error = {0};
    if (fr_bus_declare_streams(bus, 20000, &error) != FR_OK)
        fail_msg("streams: %s", error.message);
    return bus;
}

static int64_t count_streams(void)
{
    return nats_api_number("$JS.API.STREAM.LIST", "total");
}

static void delete_stream(const char *name)
{
    char subject[64];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.DELETE.%s", name);
    free(nats_raw_request(subject, ""));
}

static void delete_streams(void)
{
    for (int p = 0; p < FR_FEED_PARTITIONS; p++) {
        char name[16];
        snprintf(name, sizeof name, "FEED_%02d", p);
        delete_stream(name);
    }
    delete_stream("CELEB");
    delete_stream("POSTS");
}

/* ---- streams ---- */

static void test_declared_twice(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    assert_int_equal(count_streams(), STREAMS);
    struct fr_error error = {0};
    assert_int_equal(fr_bus_declare_streams(bus, 20000, &error), FR_OK);
    assert_int_equal(count_streams(), STREAMS);
    fr_bus_close(bus);
}

static void *declare_at_once(void *arg)
{
    struct fr_bus *bus = nats_open_bus("one of many", PENDING, NULL);
    struct fr_error *error = arg;
    enum fr_status status = fr_bus_declare_streams(bus, 20000, error);
    if (status == FR_OK)
        error->status = FR_OK;
    fr_bus_close(bus);
    return NULL;
}

static void test_declared_by_several_at_once(void **state)
{
    for (int round = 0; round < 3; round++) {
        delete_streams();
        assert_int_equal(count_streams(), 0);
        pthread_t threads[4];
        struct fr_error errors[4] = {0};
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, declare_at_once, &errors[i]), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < 4; i++)
            if (errors[i].status != FR_OK)
                fail_msg("process %d: %s", i, errors[i].message);
        assert_int_equal(count_streams(), STREAMS);
    }
}

static void test_declared_with_other_settings(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    fr_bus_close(bus);
    assert_int_equal(nats_api_number("$JS.API.STREAM.INFO.FEED_00", "max_age"), INT64_C(300000000000));
    const struct fr_bus_options options = {.url = nats_url(),
                                           .name = "test",
                                           .replicas = 1,
                                           .resume_window_ms = 60000,
                                           .publish_pending_max = 10};
    struct fr_error error = {0};
    assert_int_equal(fr_bus_open(&options, &bus, &error), FR_OK);
    assert_int_equal(fr_bus_declare_streams(bus, 20000, &error), FR_OK);
    assert_int_equal(nats_api_number("$JS.API.STREAM.INFO.FEED_00", "max_age"), INT64_C(60000000000));
    assert_int_equal(nats_api_number("$JS.API.STREAM.INFO.FEED_63", "max_consumers"), 100000);
    fr_bus_close(bus);
    /* Replicas need a cluster: said, with the name of the stream, and nothing is half done. */
    struct fr_bus_options three = options;
    three.replicas = 3;
    assert_int_equal(fr_bus_open(&three, &bus, &error), FR_OK);
    assert_int_equal(fr_bus_declare_streams(bus, 20000, &error), FR_CONFLICT);
    assert_non_null(strstr(error.message, "FEED_00"));
    fr_bus_close(bus);
    bus = open_declared(NULL);
    fr_bus_close(bus);
}

/* ---- publishing ---- */

struct ledger {
    _Atomic int told[20000]; /* by message: how often */
    _Atomic int ok, failed, total;
};

struct entry {
    struct ledger *ledger;
    int message;
};

static void on_acked(void *arg, enum fr_status status)
{
    struct entry *entry = arg;
    struct ledger *ledger = entry->ledger;
    atomic_fetch_add(&ledger->told[entry->message], 1);
    atomic_fetch_add(status == FR_OK ? &ledger->ok : &ledger->failed, 1);
    atomic_fetch_add(&ledger->total, 1);
    free(entry);
}

/* Waits while the bound is reached; the number is spent only on what is accepted. */
static enum fr_status publish(struct fr_bus *bus, struct ledger *ledger, int message, int64_t user_id)
{
    struct entry *entry = FR_NEW(struct entry);
    *entry = (struct entry){ledger, message};
    enum fr_status status;
    while ((status = fr_bus_publish_feed(bus, user_id, FR_STR("data"), on_acked, entry, NULL)) == FR_FULL)
        sched_yield();
    if (status != FR_OK)
        free(entry);
    else
        fr_bus_flush(bus); /* whatever becomes of the connection */
    return status;
}

static void assert_told_once(struct ledger *ledger, int messages)
{
    for (int i = 0; i < messages; i++)
        if (atomic_load(&ledger->told[i]) != 1)
            fail_msg("message %d: expected to be told once, was told %d times", i,
                     atomic_load(&ledger->told[i]));
}

static void test_acks_are_exact(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct ledger *ledger = FR_NEW(struct ledger);
    int64_t before = fr_metric_get(FR_METRIC_BUS_PUBLISHED);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(publish(bus, ledger, i, 1 + i % 500), FR_OK);
    nats_wait("acks", &ledger->total, 20000);
    assert_told_once(ledger, 20000);
    assert_int_equal(ledger->ok, 20000);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_PUBLISHED) - before, 20000);
    struct fr_error error;
    char *big = fr_alloc(FR_EVENT_BYTES_MAX + 1);
    assert_int_equal(
        fr_bus_publish_feed(bus, 1, (struct fr_str){big, FR_EVENT_BYTES_MAX + 1}, on_acked, NULL, &error),
        FR_INVALID);
    free(big);
    struct entry *entry = FR_NEW(struct entry);
    *entry = (struct entry){ledger, 0};
    assert_int_equal(fr_bus_publish_celebrity(bus, 77, FR_STR("data"), on_acked, entry, &error), FR_OK);
    nats_wait("ack of the celebrity's", &ledger->total, 20001);
    assert_int_equal(ledger->ok, 20001);
    assert_int_equal(nats_api_number("$JS.API.STREAM.INFO.CELEB", "messages"), 1);
    fr_bus_close(bus);
    free(ledger);
}

static void test_bound_on_pending(void **state)
{
    const struct fr_bus_options options = {.url = nats_url(),
                                           .name = "test",
                                           .replicas = 1,
                                           .resume_window_ms = 300000,
                                           .publish_pending_max = 10,
                                           .publish_timeout_ms = 1000};
    struct fr_bus *bus;
    struct fr_error error = {0};
    assert_int_equal(fr_bus_open(&options, &bus, &error), FR_OK);
    assert_int_equal(fr_bus_declare_streams(bus, 20000, &error), FR_OK);
    struct ledger *ledger = FR_NEW(struct ledger);
    nats_stop();
    for (int i = 0; i < 10; i++)
        assert_int_equal(publish(bus, ledger, i, 5), FR_OK);
    assert_int_equal(fr_bus_publish_feed(bus, 5, FR_STR("data"), on_acked, NULL, &error), FR_FULL);
    /* Nothing answers: each is told FR_TIMEOUT, and there is room again. */
    nats_wait("timeouts", &ledger->total, 10);
    assert_told_once(ledger, 10);
    assert_int_equal(ledger->failed, 10);
    assert_int_equal(publish(bus, ledger, 10, 5), FR_OK);
    /* What is open at the close is told by the closing thread. */
    fr_bus_close(bus);
    nats_continue();
    assert_told_once(ledger, 11);
    assert_int_equal(ledger->failed, 11);
    free(ledger);
}

/* Few large messages fill the bus as many small ones do, and what is pending is seen from outside. */
static void test_bound_on_pending_bytes(void **state)
{
    enum { BIG = 10000, ROOM = 64 * 1024 };
    const struct fr_bus_options options = {.url = nats_url(),
                                           .name = "test",
                                           .replicas = 1,
                                           .resume_window_ms = 300000,
                                           .publish_pending_max = PENDING,
                                           .publish_pending_bytes_max = ROOM};
    struct fr_bus *bus;
    struct fr_error error = {0};
    assert_int_equal(fr_bus_open(&options, &bus, &error), FR_OK);
    assert_int_equal(fr_bus_declare_streams(bus, 20000, &error), FR_OK);
    struct ledger *ledger = FR_NEW(struct ledger);
    char *big = fr_alloc(BIG);
    memset(big, 'x', BIG);
    int sent = 0;
    nats_stop();
    for (;; sent++) {
        struct entry *entry = FR_NEW(struct entry);
        *entry = (struct entry){ledger, sent};
        enum fr_status status =
            fr_bus_publish_feed(bus, 5, (struct fr_str){big, BIG}, on_acked, entry, &error);
        if (status == FR_OK)
            continue;
        assert_int_equal(status, FR_FULL);
        free(entry);
        break;
    }
    assert_int_equal(sent, ROOM / BIG);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_PENDING), sent);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_PENDING_BYTES), sent * BIG);
    /* A small one still fits. */
    assert_int_equal(publish(bus, ledger, sent, 5), FR_OK);
    nats_continue();
    nats_wait("acks", &ledger->total, sent + 1);
    assert_told_once(ledger, sent + 1);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_PENDING), 0);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_PENDING_BYTES), 0);
    assert_int_equal(publish(bus, ledger, sent + 1, 5), FR_OK);
    fr_bus_close(bus);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_PENDING), 0);
    free(big);
    free(ledger);
}

static void test_lost_stream_is_found(void **state)
{
    _Atomic int reconnected = 0;
    struct fr_bus *bus = open_declared(&reconnected);
    struct ledger *ledger = FR_NEW(struct ledger);
    char name[16];
    snprintf(name, sizeof name, "FEED_%02d", fr_partition_of(5, FR_FEED_PARTITIONS));
    delete_stream(name);
    /* Nobody listens to its subject: told at once, not after the timeout. */
    assert_int_equal(publish(bus, ledger, 0, 5), FR_OK);
    nats_wait("refusal", &ledger->total, 1);
    assert_int_equal(ledger->failed, 1);
    nats_wait("sweep", &reconnected, 1);
    assert_int_equal(count_streams(), STREAMS);
    assert_int_equal(publish(bus, ledger, 1, 5), FR_OK);
    nats_wait("ack", &ledger->total, 2);
    assert_int_equal(ledger->ok, 1);
    /* Deleted and made again by someone else: there is nothing to declare, and yet all consumers are gone. */
    delete_stream(name);
    struct fr_bus *other = open_declared(NULL);
    nats_wait("sweep", &reconnected, 2);
    fr_bus_close(other);
    fr_bus_close(bus);
    free(ledger);
}

static void test_server_killed_with_publishes_in_flight(void **state)
{
    _Atomic int reconnected = 0;
    struct fr_bus *bus = open_declared(&reconnected);
    struct ledger *ledger = FR_NEW(struct ledger);
    nats_raw_close();
    int message = 0;
    for (int round = 1; round <= 2; round++) {
        int first = message;
        while (message < first + 3000)
            if (publish(bus, ledger, message, 1 + message % 100) == FR_OK)
                message++;
        nats_kill();
        while (fr_bus_connected(bus)) {
            if (message < first + 4000 && publish(bus, ledger, message, 1 + message % 100) == FR_OK)
                message++;
            sched_yield();
        }
        struct fr_error error;
        assert_int_equal(fr_bus_publish_feed(bus, 1, FR_STR("data"), on_acked, NULL, &error), FR_UNAVAILABLE);
        if (round == 2)
            nats_wipe();
        nats_start();
        nats_wait("reconnect", &reconnected, round);
        assert_int_equal(count_streams(), STREAMS);
        nats_raw_close();
    }
    int last = message;
    for (; message < last + 1000; message++)
        assert_int_equal(publish(bus, ledger, message, 1 + message % 100), FR_OK);
    nats_wait("answers", &ledger->total, message);
    assert_told_once(ledger, message);
    assert_true(ledger->ok >= 1000);
    fr_bus_close(bus);
    free(ledger);
}

/* To flush is to ask the server for an answer, which is not waited for: neither is it missed, nor is another
 * one taken for it later. */
static void test_flushed_while_the_server_stands_still(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct ledger *ledger = FR_NEW(struct ledger);
    int message = 0;
    nats_raw_close();
    for (int round = 0; round < 3; round++) {
        nats_stop();
        for (int i = 0; i < 100; i++, message++)
            assert_int_equal(publish(bus, ledger, message, 1 + message % 100), FR_OK);
        nats_continue();
        nats_wait("acks", &ledger->ok, message);
    }
    assert_told_once(ledger, message);
    fr_bus_close(bus);
    free(ledger);
}

/* ---- connection ---- */

static void test_starts_before_the_server(void **state)
{
    nats_raw_close();
    nats_kill();
    _Atomic int reconnected = 0;
    struct fr_bus *bus = nats_open_bus("test", 10, &reconnected);
    assert_false(fr_bus_connected(bus));
    struct fr_error error = {0};
    assert_int_equal(fr_bus_publish_feed(bus, 1, FR_STR("data"), on_acked, NULL, &error), FR_UNAVAILABLE);
    assert_int_equal(fr_bus_declare_streams(bus, 10, &error), FR_UNAVAILABLE);
    nats_start();
    assert_int_equal(fr_bus_declare_streams(bus, 20000, &error), FR_OK);
    assert_true(fr_bus_connected(bus));
    fr_bus_close(bus);
    /* And one that never got its server. */
    nats_kill();
    bus = nats_open_bus("test", 10, NULL);
    fr_bus_close(bus);
    nats_start();
}

/* Accepts three connections and closes each before it says anything, as a dying server does. */
struct rude {
    int fd;
    _Atomic int closed;
};

static void *be_rude(void *arg)
{
    struct rude *rude = arg;
    for (int i = 0; i < 3; i++) {
        int fd = accept(rude->fd, NULL, NULL);
        if (fd >= 0)
            close(fd);
        atomic_fetch_add(&rude->closed, 1);
    }
    close(rude->fd);
    return NULL;
}

/* The library alone gives such a connection up for ever. */
static void test_first_connection_breaks(void **state)
{
    struct rude rude = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(rude.fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(rude.fd, 4), 0);
    assert_int_equal(getsockname(rude.fd, (struct sockaddr *)&address, &len), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, be_rude, &rude), 0);
    char url[64];
    snprintf(url, sizeof url, "nats://127.0.0.1:%d", ntohs(address.sin_port));
    const struct fr_bus_options options = {
        .url = url, .name = "test", .replicas = 1, .resume_window_ms = 300000, .publish_pending_max = 10};
    struct fr_bus *bus = NULL;
    struct fr_error error = {0};
    /* Once nobody listens any more it is an ordinary absence. */
    assert_int_equal(fr_bus_open(&options, &bus, &error), FR_OK);
    nats_wait("connections", &rude.closed, 3);
    pthread_join(thread, NULL);
    fr_bus_close(bus);
}

static void test_refused_options(void **state)
{
    struct fr_bus_options options = {.url = "nats://user:geheim@127.0.0.1:99999",
                                     .name = "test",
                                     .replicas = 1,
                                     .resume_window_ms = 300000,
                                     .publish_pending_max = 10};
    struct fr_bus *bus = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_bus_open(&options, &bus, &error), FR_INVALID);
    assert_string_equal(error.field, "--nats-url");
    assert_null(strstr(error.message, "geheim"));
    char wrong[256];
    snprintf(wrong, sizeof wrong, "nats://freshet:geheim@%s", strrchr(nats_url(), '@') + 1);
    options.url = wrong;
    assert_int_equal(fr_bus_open(&options, &bus, &error), FR_UNAUTHENTICATED);
    assert_null(strstr(error.message, "geheim"));
    assert_null(bus);
}

/* ---- nudges ---- */

struct nudged {
    _Atomic int count[FR_AUTHOR_PARTITIONS], free;
};

static void on_nudged(void *arg, int partition)
{
    struct nudged *nudged = arg;
    atomic_fetch_add(partition == FR_NUDGE_FREE ? &nudged->free : &nudged->count[partition], 1);
}

static void test_nudges(void **state)
{
    struct fr_bus *from = open_declared(NULL), *to = open_declared(NULL);
    struct nudged nudged = {0};
    struct fr_error error;
    assert_int_equal(fr_bus_subscribe_nudges(to, on_nudged, &nudged, &error), FR_OK);
    assert_int_equal(fr_bus_subscribe_nudges(to, on_nudged, &nudged, &error), FR_CONFLICT);
    bool expected[FR_AUTHOR_PARTITIONS] = {false};
    /* The subscription is there when what was declared after it is answered. */
    assert_int_equal(fr_bus_declare_streams(to, 20000, &error), FR_OK);
    for (int64_t author = 100; author < 108; author++) {
        expected[fr_partition_of(author, FR_AUTHOR_PARTITIONS)] = true;
        fr_bus_nudge(from, fr_bus_nudge_bit(author) | fr_bus_nudge_bit(author + 1));
    }
    expected[fr_partition_of(108, FR_AUTHOR_PARTITIONS)] = true;
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if (expected[p])
            nats_wait("nudge", &nudged.count[p], 1);
    assert_int_equal(nudged.free, 0);
    /* The last word of a process that ends is heard. */
    fr_bus_nudge_free(from);
    fr_bus_close(from);
    nats_wait("nudge about a free partition", &nudged.free, 1);
    fr_bus_close(to);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        assert_int_equal(nudged.count[p] > 0, expected[p]);
}

/* ---- feed ---- */

enum { CONSUMERS_MAX = 4096 };

/* By consumer number. */
struct heard {
    _Atomic int created, refused, messages, wrong;
    _Atomic int by_consumer[CONSUMERS_MAX];
    _Atomic int64_t user_of[CONSUMERS_MAX];
    struct fr_feed_place places[CONSUMERS_MAX];
    uint64_t pending[CONSUMERS_MAX];
    _Atomic uint64_t last_seq[CONSUMERS_MAX];
    struct fr_feed_looked looked; /* the last; to be read when no other is on its way */
    _Atomic uint64_t looked_number;
    _Atomic int looks;
    struct fr_feed_sought sought; /* the last */
    _Atomic int seeks;
};

static void on_message(void *arg, const struct fr_feed_message *message)
{
    struct heard *heard = arg;
    bool right = message->consumer < CONSUMERS_MAX &&
                 message->user_id == atomic_load(&heard->user_of[message->consumer]) &&
                 message->partition == fr_partition_of(message->user_id, FR_FEED_PARTITIONS);
    if (right) {
        int nth = atomic_fetch_add(&heard->by_consumer[message->consumer], 1);
        right =
            message->consumer_seq == (uint64_t)nth + 1 &&
            message->stream_seq > atomic_exchange(&heard->last_seq[message->consumer], message->stream_seq);
    }
    if (!right)
        atomic_fetch_add(&heard->wrong, 1);
    atomic_fetch_add(&heard->messages, 1);
}

static void on_created(void *arg, const struct fr_feed_created *created)
{
    struct heard *heard = arg;
    if (created->status == FR_OK) {
        heard->places[created->consumer] = (struct fr_feed_place){created->epoch, created->sequence};
        heard->pending[created->consumer] = created->pending;
    }
    atomic_fetch_add(created->status == FR_OK ? &heard->created : &heard->refused, 1);
}

static void on_looked(void *arg, const struct fr_feed_looked *looked)
{
    struct heard *heard = arg;
    heard->looked = *looked;
    atomic_store(&heard->looked_number, looked->number);
    atomic_fetch_add(&heard->looks, 1);
}

static void on_sought(void *arg, const struct fr_feed_sought *sought)
{
    struct heard *heard = arg;
    heard->sought = *sought;
    atomic_fetch_add(&heard->seeks, 1);
}

static void on_lost(void *arg)
{
}

static struct fr_feed *open_feed(struct fr_bus *bus, const char *gateway, struct heard *heard)
{
    const struct fr_feed_callbacks callbacks = {on_message, on_created, on_looked, on_sought, on_lost, heard};
    struct fr_feed *feed = NULL;
    struct fr_error error = {0};
    if (fr_feed_open(bus, gateway, &callbacks, &feed, &error) != FR_OK)
        fail_msg("feed: %s", error.message);
    return feed;
}

static void create(struct fr_feed *feed, struct heard *heard, uint64_t consumer, int64_t user_id,
                   const struct fr_feed_place *seen)
{
    atomic_store(&heard->user_of[consumer], user_id);
    fr_feed_create(feed, consumer, user_id, seen);
}

/* Who lost his connection comes back at once: his new consumer is made before the old one is deleted. */
static void test_deletions_have_time(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct heard *heard = FR_NEW(struct heard);
    struct ledger *ledger = FR_NEW(struct ledger);
    struct fr_feed *feed = open_feed(bus, "gw1", heard);
    create(feed, heard, 1, 4000, NULL);
    nats_wait("consumer", &heard->created, 1);
    int64_t asked_ms = fr_clock_monotonic_ms();
    fr_feed_delete(feed, 1, fr_partition_of(4000, FR_FEED_PARTITIONS));
    create(feed, heard, 2, 4000, NULL);
    nats_wait("the new one", &heard->created, 2);
    assert_int_equal(publish(bus, ledger, 0, 4000), FR_OK);
    nats_wait("ack", &ledger->total, 1);
    bool soon = fr_clock_monotonic_ms() - asked_ms < 4000;
    nats_wait("message", &heard->by_consumer[2], 1);
    if (soon) /* on a machine that did not stand still meanwhile */
        nats_wait("message to the old one", &heard->by_consumer[1], 1);
    fr_feed_close(feed);
    fr_bus_close(bus);
    free(heard);
    free(ledger);
}

static void test_consumers_get_exactly_their_users_messages(void **state)
{
    struct fr_bus *bus = open_declared(NULL), *publisher = open_declared(NULL);
    struct heard *heard = FR_NEW(struct heard), *others = FR_NEW(struct heard);
    struct ledger *ledger = FR_NEW(struct ledger);
    struct fr_feed *feed = open_feed(bus, "gw1", heard), *other = open_feed(publisher, "gw2", others);
    /* 2,000 users; the first hundred have a second consumer here, the second hundred one on the other
     * gateway. */
    for (uint64_t i = 0; i < 2000; i++)
        create(feed, heard, i, 1000 + (int64_t)i, NULL);
    for (uint64_t i = 0; i < 100; i++)
        create(feed, heard, 2000 + i, 1000 + (int64_t)i, NULL);
    for (uint64_t i = 0; i < 100; i++)
        create(other, others, i, 1100 + (int64_t)i, NULL);
    nats_wait("consumers", &heard->created, 2100);
    nats_wait("consumers of the other", &others->created, 100);
    assert_int_equal(heard->refused, 0);
    /* Users 900..999 have nobody. Three messages for each. */
    int published = 0;
    for (int round = 0; round < 3; round++)
        for (int64_t user = 900; user < 3000; user++)
            assert_int_equal(publish(publisher, ledger, published++, user), FR_OK);
    nats_wait("acks", &ledger->total, published);
    assert_int_equal(ledger->ok, published);
    nats_wait("messages", &heard->messages, 3 * 2100);
    nats_wait("messages of the other", &others->messages, 3 * 100);
    assert_int_equal(heard->wrong + others->wrong, 0);
    for (int i = 0; i < 2100; i++)
        assert_int_equal(heard->by_consumer[i], 3);
    /* Deleted ones get nothing more; the server knows none of them any more. */
    for (uint64_t i = 0; i < 2100; i++)
        if (i != 7)
            fr_feed_delete(feed, i, fr_partition_of(heard->user_of[i], FR_FEED_PARTITIONS));
    int64_t left;
    do {
        left = 0;
        for (int p = 0; p < FR_FEED_PARTITIONS; p++) {
            char subject[64];
            snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.FEED_%02d", p);
            left += nats_api_number(subject, "consumer_count");
        }
    } while (left > 101);
    assert_int_equal(left, 101);
    assert_int_equal(publish(publisher, ledger, published++, 1006), FR_OK);
    assert_int_equal(publish(publisher, ledger, published++, 1007), FR_OK);
    nats_wait("message of the one that is left", &heard->by_consumer[7], 4);
    fr_feed_close(feed);
    fr_feed_close(other);
    assert_int_equal(heard->by_consumer[6], 3);
    assert_int_equal(heard->wrong, 0);
    fr_bus_close(bus);
    fr_bus_close(publisher);
    free(ledger);
    free(others);
    free(heard);
}

static void test_places(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct heard *heard = FR_NEW(struct heard);
    struct ledger *ledger = FR_NEW(struct ledger);
    struct fr_feed *feed = open_feed(bus, "gw1", heard);
    int64_t user = 424242;
    create(feed, heard, 1, user, NULL);
    nats_wait("consumer", &heard->created, 1);
    int published = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(publish(bus, ledger, published++, user), FR_OK);
    nats_wait("messages", &heard->by_consumer[1], 5);
    struct fr_feed_place place = heard->places[1];
    assert_true(place.epoch > 0);
    /* From where the first one began; and from behind its third message. */
    create(feed, heard, 2, user, &place);
    struct fr_feed_place third = {place.epoch, heard->last_seq[1] - 2};
    create(feed, heard, 3, user, &third);
    create(feed, heard, 5, user, NULL);
    nats_wait("consumers", &heard->created, 4);
    nats_wait("all", &heard->by_consumer[2], 5);
    nats_wait("the last two", &heard->by_consumer[3], 2);
    assert_int_equal(heard->pending[2], 5);
    assert_int_equal(heard->pending[3], 2);
    assert_int_equal(heard->pending[5], 0);
    assert_int_equal(publish(bus, ledger, published++, user), FR_OK);
    nats_wait("new only", &heard->by_consumer[5], 1);
    nats_wait("and new", &heard->by_consumer[3], 3);
    assert_int_equal(heard->wrong, 0);
    fr_feed_close(feed);
    fr_bus_close(bus);
    free(ledger);
    free(heard);
}

/* What the server says of a stream: asked for thousands of times at once it is asked a few times. */
static void test_looks(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct heard *heard = FR_NEW(struct heard);
    struct ledger *ledger = FR_NEW(struct ledger);
    struct fr_feed *feed = open_feed(bus, "gw1", heard);
    int64_t user = 424243;
    int partition = fr_partition_of(user, FR_FEED_PARTITIONS);
    create(feed, heard, 1, user, NULL);
    nats_wait("consumer", &heard->created, 1);
    uint64_t first = fr_feed_look(feed, partition);
    nats_wait("look", &heard->looks, 1);
    struct fr_feed_looked before = heard->looked;
    assert_int_equal(before.status, FR_OK);
    assert_int_equal(before.partition, partition);
    assert_true(before.number >= first);
    assert_true(before.epoch == heard->places[1].epoch);
    assert_true(before.last == heard->places[1].sequence);
    for (int i = 0; i < 3; i++)
        assert_int_equal(publish(bus, ledger, i, user), FR_OK);
    nats_wait("messages", &heard->by_consumer[1], 3);
    uint64_t last = 0;
    for (int i = 0; i < 10000; i++)
        last = fr_feed_look(feed, partition);
    assert_true(last > before.number);
    int looks = 0;
    do {
        nats_wait("looks", &heard->looks, looks + 1);
        looks = heard->looks;
    } while (heard->looked_number < last);
    assert_true(heard->looked.last >= heard->last_seq[1] && heard->looked.first <= heard->last_seq[1] - 2);
    if (heard->looks > 1000)
        fail_msg("10,000 looks were %d requests", heard->looks);
    fr_feed_close(feed);
    fr_bus_close(bus);
    free(ledger);
    free(heard);
}

static void assert_sought(struct fr_feed *feed, struct heard *heard, int64_t user, uint64_t after,
                          uint64_t expected)
{
    int before = heard->seeks;
    fr_feed_seek(feed, 77, user, after, after + 10);
    nats_wait("answer", &heard->seeks, before + 1);
    assert_true(heard->sought.consumer == 77 && heard->sought.head == after + 10);
    assert_int_equal(heard->sought.next, expected);
}

/* What the stream has for a user, whether there is a consumer or not. */
static void test_seeks(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct heard *heard = FR_NEW(struct heard);
    struct ledger *ledger = FR_NEW(struct ledger);
    struct fr_feed *feed = open_feed(bus, "gw1", heard);
    int64_t user = 424244, other = user + 1;
    while (fr_partition_of(other, FR_FEED_PARTITIONS) != fr_partition_of(user, FR_FEED_PARTITIONS))
        other++;
    create(feed, heard, 1, user, NULL);
    create(feed, heard, 2, other, NULL);
    nats_wait("consumers", &heard->created, 2);
    uint64_t start = heard->places[1].sequence;
    assert_sought(feed, heard, user, start, 0);
    const int64_t users[] = {other, user, other, user, other};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(publish(bus, ledger, i, users[i]), FR_OK);
        nats_wait("message", &heard->messages, i + 1);
    }
    assert_sought(feed, heard, user, start, start + 2);
    assert_sought(feed, heard, user, start + 1, start + 2);
    assert_sought(feed, heard, user, start + 2, start + 4);
    assert_sought(feed, heard, user, start + 4, 0);
    assert_sought(feed, heard, other, start + 4, start + 5);
    assert_sought(feed, heard, user, start + 1000, 0);
    /* Many at once wait for their turn. */
    int before = heard->seeks;
    for (int i = 0; i < 5000; i++)
        fr_feed_seek(feed, 77, user, start, start);
    nats_wait("answers", &heard->seeks, before + 5000);
    fr_feed_close(feed);
    fr_bus_close(bus);
    free(ledger);
    free(heard);
}

/* The server's own partitioning of the public subject is ours. */
static void test_mapping_of_the_public_subject(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct heard *heard = FR_NEW(struct heard);
    struct fr_feed *feed = open_feed(bus, "gw1", heard);
    enum { USERS = 500 };
    for (uint64_t i = 0; i < USERS; i++) {
        /* Of all lengths, also the largest id. */
        int64_t user = i == 0 ? INT64_MAX : (int64_t)((i * UINT64_C(0x9e3779b97f4a7c15)) >> (1 + i % 60)) | 1;
        create(feed, heard, i, user, NULL);
    }
    nats_wait("consumers", &heard->created, USERS);
    for (uint64_t i = 0; i < USERS; i++) {
        char subject[64];
        snprintf(subject, sizeof subject, "feed.%lld", (long long)heard->user_of[i]);
        char *ack = nats_raw_request(subject, "mapped");
        char stream[32];
        snprintf(stream, sizeof stream, "\"FEED_%02d\"",
                 fr_partition_of(heard->user_of[i], FR_FEED_PARTITIONS));
        if (strstr(ack, stream) == NULL)
            fail_msg("user %lld: expected stream %s, got %s", (long long)heard->user_of[i], stream, ack);
        free(ack);
        nats_wait("mapped message", &heard->by_consumer[i], 1);
    }
    assert_int_equal(heard->wrong, 0);
    fr_feed_close(feed);
    fr_bus_close(bus);
    free(heard);
}

static void test_creation_without_a_server(void **state)
{
    _Atomic int reconnected = 0;
    struct fr_bus *bus = open_declared(&reconnected);
    struct heard *heard = FR_NEW(struct heard);
    struct fr_feed *feed = open_feed(bus, "gw1", heard);
    create(feed, heard, 1, 5, NULL);
    nats_wait("consumer", &heard->created, 1);
    nats_raw_close();
    nats_kill();
    while (fr_bus_connected(bus))
        sched_yield();
    create(feed, heard, 2, 6, NULL);
    nats_wait("answer", &heard->refused, 1);
    /* One that still waits when the server comes back is made then. */
    create(feed, heard, 3, 7, NULL);
    nats_start();
    nats_wait("reconnect", &reconnected, 1);
    nats_wait("consumer", &heard->created, 2);
    assert_true(heard->places[3].epoch > heard->places[1].epoch);
    fr_feed_close(feed);
    fr_bus_close(bus);
    free(heard);
}

static void test_gateway_name_is_checked(void **state)
{
    struct fr_bus *bus = open_declared(NULL);
    struct fr_feed *feed;
    struct fr_error error;
    const struct fr_feed_callbacks callbacks = {on_message, on_created, on_looked, on_sought, on_lost, NULL};
    assert_int_equal(fr_feed_open(bus, "a.b", &callbacks, &feed, &error), FR_INVALID);
    fr_bus_close(bus);
}

static int close_raw(void **state)
{
    nats_raw_close();
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, close_raw)
    const struct CMUnitTest tests[] = {
        TEST(test_declared_twice),
        TEST(test_declared_by_several_at_once),
        TEST(test_declared_with_other_settings),
        TEST(test_acks_are_exact),
        TEST(test_bound_on_pending),
        TEST(test_bound_on_pending_bytes),
        TEST(test_lost_stream_is_found),
        TEST(test_flushed_while_the_server_stands_still),
        TEST(test_server_killed_with_publishes_in_flight),
        TEST(test_starts_before_the_server),
        TEST(test_first_connection_breaks),
        TEST(test_refused_options),
        TEST(test_nudges),
        TEST(test_consumers_get_exactly_their_users_messages),
        TEST(test_places),
        TEST(test_looks),
        TEST(test_seeks),
        TEST(test_deletions_have_time),
        TEST(test_mapping_of_the_public_subject),
        TEST(test_creation_without_a_server),
        TEST(test_gateway_name_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
