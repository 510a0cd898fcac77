/* feedflood: a flood of live messages for many users past the materializer, and consumers of them without a
 * gateway, as a baseline for it. The server is FRESHET_NATS_URL's. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bus/bus.h"
#include "log/log.h"
#include "protocol.h"
#include "wire/wire.h"

static const char usage[] =
    "usage: feedflood publish FIRST LAST ROUNDS RUN SIZE\n"
    "       feedflood consume FIRST LAST ROUNDS RUN\n\n"
    "publish sends ROUNDS messages to each of the users FIRST..LAST, as fast as they "
    "are acked: posts whose texts have SIZE\n"
    "bytes and the marks 0 to ROUNDS - 1 of wsbench's run RUN, hexadecimal. A message that "
    "is not acked is sent again, as the\n"
    "materializer does, and a round begins when the one before is acked. consume has a "
    "consumer for each of these users, as a\n"
    "gateway has for its connections, prints `ready`, and counts until all have come, "
    "repeats once. Both print one line of JSON. The\n"
    "server is FRESHET_NATS_URL's. Exit codes: 0 done, 1 messages were lost or the server "
    "does not answer, 2 wrong usage.\n";

enum { SERVER_MS = 10000, PATIENCE_MS = 30000, AUTHOR = 1, PENDING_MAX = 4000 };

struct sending {
    struct flood *flood;
    struct sending *next; /* of those that are free, or that are to be sent again */
    int64_t user;
};

struct flood {
    int64_t first, last, rounds, run, size;
    uint64_t wanted;
    struct fr_bus *bus;
    _Atomic uint64_t done, failed; /* acked; or consumers made */
    _Atomic uint64_t messages, repeats;
    _Atomic int64_t first_ns, last_ns;
    uint8_t *seen; /* consume: a bit for each message */

    pthread_mutex_t lock; /* of publish: guards the two lists */
    struct sending sendings[PENDING_MAX], *free, *again;
    uint64_t timeouts, unavailable;
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
    struct sending *sending = arg;
    struct flood *flood = sending->flood;
    struct sending **list = status == FR_OK ? &flood->free : &flood->again;
    pthread_mutex_lock(&flood->lock);
    sending->next = *list;
    *list = sending;
    flood->timeouts += status == FR_TIMEOUT;
    flood->unavailable += status != FR_OK && status != FR_TIMEOUT;
    pthread_mutex_unlock(&flood->lock);
    if (status == FR_OK)
        atomic_fetch_add(&flood->done, 1);
}

static struct sending *take(struct flood *flood, struct sending **list)
{
    pthread_mutex_lock(&flood->lock);
    struct sending *sending = *list;
    if (sending != NULL)
        *list = sending->next;
    pthread_mutex_unlock(&flood->lock);
    return sending;
}

/* What waits to be sent again, then the next user's, while there is room. NULL: there is none, or all are
 * sent.
 */
static struct sending *next_sending(struct flood *flood, int64_t *user)
{
    struct sending *sending = take(flood, &flood->again);
    if (sending != NULL) {
        atomic_fetch_add(&flood->repeats, 1);
        return sending;
    }
    if (*user <= flood->last && (sending = take(flood, &flood->free)) != NULL)
        sending->user = (*user)++;
    return sending;
}

/* One message to each user, until all are acked. A user's next one must not overtake one that is sent again:
 * so rounds don't overlap, which costs a round trip for each. */
static enum fr_status publish_round(struct flood *flood, struct fr_str data, uint64_t acked,
                                    struct fr_error *error)
{
    int64_t user = flood->first, moved = fr_clock_monotonic_ms();
    uint64_t last = 0;
    for (;;) {
        uint64_t done = atomic_load(&flood->done);
        if (done == acked)
            return FR_OK;
        if (done != last)
            moved = fr_clock_monotonic_ms();
        last = done;
        if (fr_clock_monotonic_ms() - moved > PATIENCE_MS)
            return fr_error_set(error, FR_TIMEOUT, NULL,
                                "nothing was acked for %d s; of %llu messages %llu were, after %llu "
                                "time-outs and %llu refusals",
                                PATIENCE_MS / 1000, (unsigned long long)flood->wanted,
                                (unsigned long long)done, (unsigned long long)flood->timeouts,
                                (unsigned long long)flood->unavailable);
        struct sending *sending;
        while ((sending = next_sending(flood, &user)) != NULL) {
            enum fr_status status =
                fr_bus_publish_feed(flood->bus, sending->user, data, on_acked, sending, error);
            if (status == FR_FULL || status == FR_UNAVAILABLE) {
                on_acked(sending, FR_UNAVAILABLE);
                break; /* a moment's rest */
            }
            if (status != FR_OK)
                return status;
        }
        sleep_us(100);
    }
}

static enum fr_status publish(struct flood *flood, struct fr_error *error)
{
    struct fr_buf text, data;
    enum fr_status status = FR_OK;
    int64_t began = fr_clock_monotonic_ns(), wall = fr_clock_wall_ms();
    uint64_t users = (uint64_t)(flood->last - flood->first + 1);
    pthread_mutex_init(&flood->lock, NULL);
    for (size_t i = 0; i < PENDING_MAX; i++) {
        flood->sendings[i] = (struct sending){.flood = flood, .next = flood->free};
        flood->free = &flood->sendings[i];
    }
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
        status = publish_round(flood, fr_buf_str(&data), users * (uint64_t)(round + 1), error);
    }
    fr_buf_release(&text);
    fr_buf_release(&data);
    if (status == FR_OK)
        printf("{\"published\":%llu,\"repeated\":%llu,\"seconds\":%.6f}\n",
               (unsigned long long)atomic_load(&flood->done),
               (unsigned long long)atomic_load(&flood->repeats),
               (double)(fr_clock_monotonic_ns() - began) / 1e9);
    return status;
}

/* ---- consume ---- */

/* On the library's one thread. */
static void on_message(void *arg, const struct fr_feed_message *message)
{
    struct flood *flood = arg;
    int64_t now = fr_clock_monotonic_ns(), user = message->user_id - flood->first;
    uint32_t round;
    if (user < 0 || message->user_id > flood->last ||
        !mark_find(message->data, (uint32_t)flood->run, &round) || round >= flood->rounds)
        return;
    uint8_t *seen = &flood->seen[(user * flood->rounds + round) / 8];
    uint8_t bit = (uint8_t)(1U << (user * flood->rounds + round) % 8);
    if ((*seen & bit) != 0) {
        atomic_fetch_add(&flood->repeats, 1);
        return;
    }
    *seen |= bit;
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

static double processor_us(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
        return 0;
    return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

static enum fr_status count_messages(struct flood *flood, struct fr_error *error)
{
    double began_us = processor_us();
    flood->wanted *= (uint64_t)flood->rounds;
    puts("ready");
    fflush(stdout);
    wait_for(flood, &flood->messages);
    uint64_t messages = atomic_load(&flood->messages);
    double seconds = (double)(atomic_load(&flood->last_ns) - atomic_load(&flood->first_ns)) / 1e9;
    printf("{\"messages\":%llu,\"repeated\":%llu,\"seconds\":%.6f,\"messages_per_s\":%.1f,"
           "\"processor_us_per_message\":%.2f}\n",
           (unsigned long long)messages, (unsigned long long)atomic_load(&flood->repeats), seconds,
           seconds > 0 ? (double)messages / seconds : 0,
           messages > 0 ? (processor_us() - began_us) / (double)messages : 0);
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
    flood->seen = fr_alloc_array((size_t)flood->wanted, (size_t)(flood->rounds + 7) / 8 + 1);
    enum fr_status status = fr_feed_open(flood->bus, name, &callbacks, &feed, error);
    if (status != FR_OK) {
        free(flood->seen);
        return status;
    }
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
    free(flood->seen);
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
    if (!*ret_publish && !fr_str_equal(fr_str_of(argv[1]), FR_STR("consume")))
        return false;
    if (argc != (*ret_publish ? 7 : 6))
        return false;
    char *end;
    flood->run = (int64_t)strtoul(argv[5], &end, 16);
    return *end == '\0' && end != argv[5] &&
           (!*ret_publish || read_number(argv[6], MARK_SIZE, FR_POST_TEXT_MAX, &flood->size));
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
                                           .publish_pending_max = PENDING_MAX};
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
