/* feedflood: a flood of live messages for many users past the materializer, and consumers of them without a
 * gateway, as a baseline for it. The server is FRESHET_NATS_URL's. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bus/bus.h"
#include "log/log.h"
#include "protocol.h"
#include "wire/wire.h"

static const char usage[] = "usage: feedflood publish FIRST LAST ROUNDS RUN SIZE\n"
                            "       feedflood consume FIRST LAST ROUNDS\n\n"
                            "publish sends ROUNDS messages to each of the users FIRST..LAST, as fast as they "
                            "are acked: posts whose texts have SIZE\n"
                            "bytes and the marks 0 to ROUNDS - 1 of wsbench's run RUN, hexadecimal. consume "
                            "has a consumer for each of these users, as\n"
                            "a gateway has for its connections, prints `ready`, and counts until all have "
                            "come. Both print one line of JSON. The server\n"
                            "is FRESHET_NATS_URL's. Exit codes: 0 done, 1 messages were lost or the server "
                            "does not answer, 2 wrong usage.\n";

enum { SERVER_MS = 10000, PATIENCE_MS = 10000, AUTHOR = 1 };

struct flood {
    int64_t first, last, rounds, run, size;
    uint64_t wanted;
    struct fr_bus *bus;
    _Atomic uint64_t done, failed; /* acked; or consumers made; or messages that came */
    _Atomic uint64_t messages;
    _Atomic int64_t first_ns, last_ns;
};

static void sleep_us(long us)
{
    const struct timespec time = {0, us * 1000};
    nanosleep(&time, NULL); /* shorter after a signal */
}

/* Until `counter` and the failures are `wanted`, or nothing moves any more. */
static void wait_for(struct flood *flood, _Atomic uint64_t *counter)
{
    uint64_t last = 0;
    int64_t moved = fr_clock_monotonic_ms();
    for (;;) {
        uint64_t now = atomic_load(counter);
        if (now + atomic_load(&flood->failed) >= flood->wanted)
            return;
        if (now != last)
            moved = fr_clock_monotonic_ms();
        last = now;
        if (fr_clock_monotonic_ms() - moved > PATIENCE_MS)
            return;
        sleep_us(500);
    }
}

/* ---- publish ---- */

static void on_acked(void *arg, enum fr_status status)
{
    struct flood *flood = arg;
    atomic_fetch_add(status == FR_OK ? &flood->done : &flood->failed, 1);
}

static enum fr_status publish_one(struct flood *flood, int64_t user_id, struct fr_str data,
                                  struct fr_error *error)
{
    enum fr_status status;
    while ((status = fr_bus_publish_feed(flood->bus, user_id, data, on_acked, flood, error)) == FR_FULL)
        sleep_us(100);
    return status;
}

static enum fr_status publish(struct flood *flood, struct fr_error *error)
{
    struct fr_buf text, data;
    enum fr_status status = FR_OK;
    int64_t began = fr_clock_monotonic_ns(), wall = fr_clock_wall_ms();
    fr_buf_init(&text, FR_POST_TEXT_MAX);
    fr_buf_init(&data, FR_EVENT_BYTES_MAX);
    for (int64_t round = 0; round < flood->rounds && status == FR_OK; round++) {
        fr_buf_reset(&text);
        fr_buf_reset(&data);
        mark_write(&text, (uint32_t)flood->run, (uint32_t)round, (size_t)flood->size);
        const struct fr_event event = {.kind = FR_EVENT_POST,
                                       .post_id = fr_snowflake_first_of_ms(wall) + round,
                                       .author_id = AUTHOR,
                                       .text = fr_buf_str(&text),
                                       .revision = 1,
                                       .created_at_ms = wall};
        fr_wire_encode_event(&data, &event);
        for (int64_t user = flood->first; user <= flood->last && status == FR_OK; user++)
            status = publish_one(flood, user, fr_buf_str(&data), error);
    }
    if (status == FR_OK)
        wait_for(flood, &flood->done);
    fr_buf_release(&text);
    fr_buf_release(&data);
    if (status == FR_OK)
        printf("{\"published\":%llu,\"failed\":%llu,\"seconds\":%.6f}\n",
               (unsigned long long)atomic_load(&flood->done), (unsigned long long)atomic_load(&flood->failed),
               (double)(fr_clock_monotonic_ns() - began) / 1e9);
    if (status == FR_OK && atomic_load(&flood->done) != flood->wanted)
        status = fr_error_set(error, FR_TIMEOUT, NULL, "not all messages were acked");
    return status;
}

/* ---- consume ---- */

static void on_message(void *arg, const struct fr_feed_message *message)
{
    struct flood *flood = arg;
    int64_t now = fr_clock_monotonic_ns();
    if (atomic_fetch_add(&flood->messages, 1) == 0)
        atomic_store(&flood->first_ns, now);
    atomic_store(&flood->last_ns, now);
}

static void on_created(void *arg, const struct fr_feed_created *created)
{
    struct flood *flood = arg;
    atomic_fetch_add(created->status == FR_OK ? &flood->done : &flood->failed, 1);
}

static void on_lost(void *arg)
{
    fputs("feedflood: the client library dropped messages\n", stderr);
}

static enum fr_status count_messages(struct flood *flood, struct fr_error *error)
{
    flood->wanted *= (uint64_t)flood->rounds;
    puts("ready");
    fflush(stdout);
    wait_for(flood, &flood->messages);
    uint64_t messages = atomic_load(&flood->messages);
    double seconds = (double)(atomic_load(&flood->last_ns) - atomic_load(&flood->first_ns)) / 1e9;
    printf("{\"messages\":%llu,\"seconds\":%.6f,\"messages_per_s\":%.1f}\n", (unsigned long long)messages,
           seconds, seconds > 0 ? (double)messages / seconds : 0);
    return messages == flood->wanted ? FR_OK
                                     : fr_error_set(error, FR_PROTOCOL, NULL, "%llu messages were expected",
                                                    (unsigned long long)flood->wanted);
}

static enum fr_status consume(struct flood *flood, struct fr_error *error)
{
    char name[32];
    struct fr_feed *feed;
    const struct fr_feed_callbacks callbacks = {
        .message = on_message, .created = on_created, .lost = on_lost, .arg = flood};
    snprintf(name, sizeof name, "bench%d", (int)getpid());
    flood->wanted = (uint64_t)(flood->last - flood->first + 1);
    enum fr_status status = fr_feed_open(flood->bus, name, &callbacks, &feed, error);
    if (status != FR_OK)
        return status;
    for (int64_t user = flood->first; user <= flood->last; user++)
        fr_feed_create(feed, (uint64_t)user, user, NULL);
    wait_for(flood, &flood->done);
    if (atomic_load(&flood->done) == flood->wanted)
        status = count_messages(flood, error);
    else
        status =
            fr_error_set(error, FR_TIMEOUT, NULL, "%llu of %llu consumers were made",
                         (unsigned long long)atomic_load(&flood->done), (unsigned long long)flood->wanted);
    fr_feed_close(feed);
    return status;
}

/* ---- main ---- */

static bool read_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    return fr_str_to_i64(fr_str_of(text), min, max, ret) == FR_OK;
}

static bool read_arguments(int argc, char **argv, struct flood *flood, bool *ret_publish)
{
    if (argc < 5 || !read_number(argv[2], 1, INT64_MAX - 1, &flood->first) ||
        !read_number(argv[3], flood->first, INT64_MAX - 1, &flood->last) ||
        !read_number(argv[4], 1, FR_FEED_BACKLOG_MAX, &flood->rounds))
        return false;
    *ret_publish = fr_str_equal(fr_str_of(argv[1]), FR_STR("publish"));
    if (!*ret_publish)
        return argc == 5 && fr_str_equal(fr_str_of(argv[1]), FR_STR("consume"));
    char *end = argv[4];
    if (argc == 7)
        flood->run = (int64_t)strtoul(argv[5], &end, 16);
    return argc == 7 && *end == '\0' && read_number(argv[6], MARK_SIZE, FR_POST_TEXT_MAX, &flood->size);
}

int main(int argc, char **argv)
{
    static struct flood flood;
    struct fr_error error = {0};
    bool publishes;
    if (argc == 2 && fr_str_equal(fr_str_of(argv[1]), FR_STR("--help"))) {
        fputs(usage, stdout);
        return 0;
    }
    if (!read_arguments(argc, argv, &flood, &publishes)) {
        fputs(usage, stderr);
        return 2;
    }
    fr_log_open("feedflood", FR_LEVEL_WARN, FR_LOG_HUMAN);
    const char *url = getenv("FRESHET_NATS_URL");
    const struct fr_bus_options options = {.url = url != NULL ? url : "nats://127.0.0.1:4222",
                                           .name = "feedflood",
                                           .replicas = 1,              /* as the settings' */
                                           .resume_window_ms = 300000, /* defaults are */
                                           .publish_pending_max = 4000};
    flood.wanted = (uint64_t)(flood.last - flood.first + 1) * (uint64_t)flood.rounds;
    enum fr_status status = fr_bus_open(&options, &flood.bus, &error);
    if (status == FR_OK) /* harmless to those that are there, and tells when they were made */
        status = fr_bus_declare_streams(flood.bus, SERVER_MS, &error);
    if (status == FR_OK)
        status = publishes ? publish(&flood, &error) : consume(&flood, &error);
    fr_bus_close(flood.bus);
    if (status == FR_OK)
        return 0;
    fprintf(stderr, "feedflood: %s\n", error.message);
    return 1;
}
