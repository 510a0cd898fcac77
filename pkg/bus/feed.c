/* Ephemeral consumers of one gateway. All deliver to one literal subject, because a wildcard is no interest
 * for the server; the consumer's name in the reply subject tells them apart. Requests are sent by the bus'
 * sender, in order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "bus_internal.h"
#include "log/log.h"
#include "names.h"
#include "seeks.h"
#include "streams.h"

enum {
    IN_FLIGHT_MAX = 256,
    WAITING_MAX = 1 << 21, /* creations; past it FR_FULL */
    WAITING_DELETES_MAX =
        1 << 16, /* while disconnected; past it the consumer is left to the server's threshold */
    /* What may wait in the library for the message callback, which only hands over. Past it the library
     * drops, and `lost` is told. */
    MESSAGES_MAX = 1 << 18,
    BYTES_MAX = 128 << 20,
    /* Whoever lost his connection mostly comes back at once, and thousands do it together: a deletion, which
     * costs the server as much as a creation, waits until that is over; not if so many wait already. */
    DELETE_AFTER_MS = 5000,
    DELETES_LATER_MAX = 1 << 14,
    DELETION_EVERY = 8,
    BODY_SIZE = 512,
    SUBJECT_SIZE = 256,
};

enum request_kind { REQUEST_CREATE, REQUEST_DELETE };

struct request {
    struct request *next;
    enum request_kind kind;
    int partition;
    uint64_t consumer;
    int64_t user_id;
    struct fr_feed_place seen;
    int64_t queued_ms;
};

struct fr_feed {
    struct fr_bus *bus;
    struct fr_feed *next; /* of the bus, under its feeds_lock */
    struct fr_feed_callbacks callbacks;
    char instance[NAMES_INSTANCE_SIZE]; /* in the deliver subject and all consumers' names */
    struct subscription messages;
    struct calls calls, look_calls;
    struct seeks seeks;
    int64_t dropped; /* seen by the keeper */

    pthread_mutex_t lock;
    struct requests {
        struct request *head, **end;
        size_t count;
    } waiting[REQUEST_DELETE + 1]; /* by kind */
    uint64_t turns;
    struct look {
        uint64_t wanted, sent; /* numbers; `wanted` is ahead while a request waits to be sent */
        bool in_flight;
        int64_t wanted_ms;
    } looks[FR_FEED_PARTITIONS];
};

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct fr_feed *feed = arg;
    struct fr_bus_ack ack;
    struct fr_feed_message message;
    const char *reply = natsMsg_GetReply(msg);
    if (reply != NULL && fr_bus_parse_ack(fr_str_of(reply), &ack) == FR_OK &&
        fr_bus_parse_consumer(feed->instance, ack.consumer, &message.consumer) == FR_OK &&
        fr_bus_parse_feed(fr_str_of(natsMsg_GetSubject(msg)), &message.partition, &message.user_id) ==
            FR_OK) {
        message.stream_seq = ack.stream_seq;
        message.consumer_seq = ack.consumer_seq;
        message.timestamp_ms = ack.timestamp_ns / 1000000;
        message.pending = ack.pending;
        message.data = (struct fr_str){natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)};
        feed->callbacks.message(feed->callbacks.arg, &message);
    }
    natsMsg_Destroy(msg);
}

/* Where the new consumer begins, and what it has before it. FR_UNAVAILABLE if the server refused. */
static enum fr_status read_created(struct fr_feed *feed, struct fr_str reply, struct fr_feed_created *ret)
{
    struct consumer_state state;
    if (fr_bus_consumer_parse_state(reply, &state) != FR_OK) {
        fr_bus_log_refused(feed->bus, "consumer refused", reply);
        return FR_UNAVAILABLE;
    }
    ret->sequence = state.sequence;
    ret->pending = state.pending;
    return FR_OK;
}

static void answer_create(struct fr_feed *feed, const struct fr_feed_created *created)
{
    feed->callbacks.created(feed->callbacks.arg, created);
}

/* With feed->lock held. */
static bool is_due(const struct fr_feed *feed, enum request_kind kind)
{
    const struct requests *waiting = &feed->waiting[kind];
    if (waiting->head == NULL || kind == REQUEST_CREATE)
        return waiting->head != NULL;
    return waiting->count > DELETES_LATER_MAX ||
           fr_clock_monotonic_ms() - waiting->head->queued_ms >= DELETE_AFTER_MS;
}

static void wake_if_due(struct fr_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    bool due = is_due(feed, REQUEST_CREATE) || is_due(feed, REQUEST_DELETE);
    pthread_mutex_unlock(&feed->lock);
    if (due)
        fr_bus_sender_wake(feed->bus);
}

static void on_answer(void *owner, const struct call_tag *tag, enum fr_status status, struct fr_str reply)
{
    struct fr_feed *feed = owner;
    wake_if_due(feed);
    /* Nobody waits for a deletion's answer: the consumer is gone, or the server has never heard of it. */
    if (tag->partition < 0)
        return;
    struct fr_feed_created created = {
        .consumer = tag->number, .partition = tag->partition, .epoch = tag->epoch};
    created.status = status == FR_OK ? read_created(feed, reply, &created) : status;
    answer_create(feed, &created);
}

/* ---- looks ---- */

static void on_look_answer(void *owner, const struct call_tag *tag, enum fr_status status,
                           struct fr_str reply)
{
    struct fr_feed *feed = owner;
    struct stream_state state = {0};
    if (status == FR_OK)
        status = fr_bus_stream_parse_state(reply, &state);
    const struct fr_feed_looked looked = {.partition = tag->partition,
                                          .number = tag->number,
                                          .status = status,
                                          .epoch = state.epoch,
                                          .first = state.first,
                                          .last = state.last};
    feed->callbacks.looked(feed->callbacks.arg, &looked);
    pthread_mutex_lock(&feed->lock);
    struct look *look = &feed->looks[tag->partition];
    look->in_flight = false;
    bool more = look->wanted > look->sent;
    pthread_mutex_unlock(&feed->lock);
    if (more)
        fr_bus_sender_wake(feed->bus);
}

uint64_t fr_feed_look(struct fr_feed *feed, int partition)
{
    struct look *look = &feed->looks[partition];
    pthread_mutex_lock(&feed->lock);
    bool first = look->wanted == look->sent;
    if (first) {
        look->wanted++;
        look->wanted_ms = fr_clock_monotonic_ms();
    }
    uint64_t number = look->wanted;
    bool wake = first && !look->in_flight;
    pthread_mutex_unlock(&feed->lock);
    if (wake)
        fr_bus_sender_wake(feed->bus);
    return number;
}

/* Takes the look of a partition that waits to be sent, if it was wanted before `latest_ms`. 0: none. */
static uint64_t take_look(struct fr_feed *feed, int partition, int64_t latest_ms)
{
    struct look *look = &feed->looks[partition];
    uint64_t number = 0;
    pthread_mutex_lock(&feed->lock);
    if (!look->in_flight && look->wanted > look->sent && look->wanted_ms <= latest_ms) {
        number = look->sent = look->wanted;
        look->in_flight = true;
    }
    pthread_mutex_unlock(&feed->lock);
    return number;
}

static void fail_look(struct fr_feed *feed, int partition, uint64_t number)
{
    const struct call_tag tag = {.partition = partition, .number = number};
    on_look_answer(feed, &tag, FR_UNAVAILABLE, FR_STR_NONE);
}

static void send_looks(struct fr_feed *feed)
{
    for (int p = 0; p < FR_FEED_PARTITIONS && atomic_load(&feed->bus->ready); p++) {
        uint64_t number = take_look(feed, p, INT64_MAX);
        if (number == 0)
            continue;
        char subject[SUBJECT_SIZE];
        snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.FEED_%02d", p);
        const struct call_tag tag = {.partition = p, .number = number};
        if (calls_send(&feed->look_calls, subject, FR_STR_NONE, &tag, NULL) != FR_OK)
            fail_look(feed, p, number);
    }
}

static void expire_looks(struct fr_feed *feed)
{
    if (atomic_load(&feed->bus->ready))
        return;
    for (int p = 0; p < FR_FEED_PARTITIONS; p++) {
        uint64_t number = take_look(feed, p, fr_clock_monotonic_ms() - CALL_TIMEOUT_MS);
        if (number != 0)
            fail_look(feed, p, number);
    }
}

/* ---- seeks ---- */

static void on_sought(void *owner, const struct fr_feed_sought *sought)
{
    struct fr_feed *feed = owner;
    feed->callbacks.sought(feed->callbacks.arg, sought);
}

void fr_feed_seek(struct fr_feed *feed, uint64_t consumer, int64_t user_id, uint64_t after, uint64_t head)
{
    seeks_ask(&feed->seeks,
              &(struct seek){.consumer = consumer, .user_id = user_id, .after = after, .head = head});
}

/* Whoever waits for a consumer goes first. */
static void send_seeks(struct fr_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    bool turn = feed->waiting[REQUEST_CREATE].count == 0;
    pthread_mutex_unlock(&feed->lock);
    if (turn)
        seeks_send(&feed->seeks);
}

/* ---- opening, closing ---- */

enum fr_status fr_feed_open(struct fr_bus *bus, const char *gateway,
                            const struct fr_feed_callbacks *callbacks, struct fr_feed **ret,
                            struct fr_error *error)
{
    if (!fr_bus_gateway_name_valid(gateway))
        return fr_error_set(error, FR_INVALID, "gateway", "a gateway's name is 1 to %d letters and digits",
                            NAMES_GATEWAY_MAX);
    struct fr_feed *feed = FR_NEW(struct fr_feed);
    feed->bus = bus;
    feed->callbacks = *callbacks;
    for (int kind = 0; kind <= REQUEST_DELETE; kind++)
        feed->waiting[kind].end = &feed->waiting[kind].head;
    /* Consumers of an earlier process may still be there: they must neither be taken for ours nor, by our
     * interest in their deliver subject, be kept alive. */
    uint32_t nonce;
    if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
        nonce = (uint32_t)fr_clock_wall_us();
    fr_bus_format_instance(gateway, nonce, feed->instance);
    pthread_mutex_init(&feed->lock, NULL);
    char subject[sizeof "gw." + NAMES_INSTANCE_SIZE];
    snprintf(subject, sizeof subject, "gw.%s", feed->instance);
    const struct calls_bounds requests = {.capacity = IN_FLIGHT_MAX};
    const struct calls_bounds looks = {.capacity = FR_FEED_PARTITIONS};
    enum fr_status status = calls_init(&feed->calls, bus->nc, &requests, on_answer, feed, error);
    if (status == FR_OK)
        status = calls_init(&feed->look_calls, bus->nc, &looks, on_look_answer, feed, error);
    if (status == FR_OK)
        status = seeks_init(&feed->seeks, bus, on_sought, feed, error);
    if (status == FR_OK)
        status = subscription_start(&feed->messages, bus->nc, subject, MESSAGES_MAX, BYTES_MAX, on_message,
                                    feed, error);
    if (status != FR_OK) {
        seeks_release(&feed->seeks);
        calls_release(&feed->look_calls);
        calls_release(&feed->calls);
        pthread_mutex_destroy(&feed->lock);
        free(feed);
        return status;
    }
    pthread_mutex_lock(&bus->feeds_lock);
    feed->next = bus->feeds;
    bus->feeds = feed;
    pthread_mutex_unlock(&bus->feeds_lock);
    *ret = feed;
    return FR_OK;
}

/* With feed->lock held, if the feed is open. */
static struct request *unlink_request(struct requests *waiting, struct request **link)
{
    struct request *request = *link;
    *link = request->next;
    if (request->next == NULL)
        waiting->end = link;
    waiting->count--;
    return request;
}

static void ignore_created(void *arg, const struct fr_feed_created *created)
{
}

static void ignore_looked(void *arg, const struct fr_feed_looked *looked)
{
}

void fr_feed_close(struct fr_feed *feed)
{
    if (feed == NULL)
        return;
    struct fr_bus *bus = feed->bus;
    pthread_mutex_lock(&bus->feeds_lock);
    struct fr_feed **link = &bus->feeds;
    while (*link != feed)
        link = &(*link)->next;
    *link = feed->next;
    pthread_mutex_unlock(&bus->feeds_lock);
    subscription_stop(&feed->messages);
    subscription_stop(&feed->calls.inbox);
    subscription_stop(&feed->look_calls.inbox);
    feed->callbacks.created = ignore_created;
    feed->callbacks.looked = ignore_looked;
    calls_release(&feed->calls);
    calls_release(&feed->look_calls);
    seeks_release(&feed->seeks);
    for (int kind = 0; kind <= REQUEST_DELETE; kind++)
        while (feed->waiting[kind].head != NULL)
            free(unlink_request(&feed->waiting[kind], &feed->waiting[kind].head));
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

/* Takes the request over; false (and it is freed) past the bound. */
static bool queue_request(struct fr_feed *feed, struct request *request)
{
    struct requests *waiting = &feed->waiting[request->kind];
    pthread_mutex_lock(&feed->lock);
    bool room = request->kind == REQUEST_DELETE
                    ? atomic_load(&feed->bus->ready) || waiting->count < WAITING_DELETES_MAX
                    : waiting->count < WAITING_MAX;
    if (room) {
        *waiting->end = request;
        waiting->end = &request->next;
        waiting->count++;
    }
    pthread_mutex_unlock(&feed->lock);
    if (room)
        fr_bus_sender_wake(feed->bus);
    else
        free(request);
    return room;
}

void fr_feed_create(struct fr_feed *feed, uint64_t consumer, int64_t user_id,
                    const struct fr_feed_place *seen)
{
    struct request *request = FR_NEW(struct request);
    int partition = fr_partition_of(user_id, FR_FEED_PARTITIONS);
    *request = (struct request){.kind = REQUEST_CREATE,
                                .partition = partition,
                                .consumer = consumer,
                                .user_id = user_id,
                                .queued_ms = fr_clock_monotonic_ms()};
    if (seen != NULL)
        request->seen = *seen;
    if (!queue_request(feed, request))
        answer_create(
            feed, &(struct fr_feed_created){.consumer = consumer, .partition = partition, .status = FR_FULL});
}

void fr_feed_delete(struct fr_feed *feed, uint64_t consumer, int partition)
{
    struct request *request = FR_NEW(struct request);
    *request = (struct request){.kind = REQUEST_DELETE,
                                .partition = partition,
                                .consumer = consumer,
                                .queued_ms = fr_clock_monotonic_ms()};
    /* Past the bound it stays until a message for it comes, or the gateway ends. */
    (void)queue_request(feed, request);
}

static enum fr_status send_delete(struct fr_feed *feed, const struct request *request)
{
    char name[NAMES_CONSUMER_SIZE], subject[SUBJECT_SIZE];
    fr_bus_format_consumer(feed->instance, request->consumer, name);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.FEED_%02d.%s", request->partition, name);
    return calls_send(&feed->calls, subject, FR_STR_NONE, &(struct call_tag){.partition = -1}, NULL);
}

/* Where the consumer starts, as members of its configuration. */
static void print_start(const struct fr_feed_place *seen, char *out, size_t size)
{
    if (seen->epoch == 0)
        snprintf(out, size, "\"deliver_policy\":\"new\"");
    else
        snprintf(out, size, "\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":%" PRIu64,
                 seen->sequence + 1);
}

static enum fr_status send_create(struct fr_feed *feed, const struct request *request)
{
    /* Read before the request is sent: should the stream be declared anew in between, the consumer's place
     * has the older epoch, and is taken for lost rather than for seen. */
    int64_t epoch = atomic_load(&feed->bus->epochs[request->partition]);
    char name[NAMES_CONSUMER_SIZE], filter[NAMES_SUBJECT_SIZE], start[96], subject[SUBJECT_SIZE],
        body[BODY_SIZE];
    fr_bus_format_consumer(feed->instance, request->consumer, name);
    fr_bus_format_feed(request->user_id, filter);
    print_start(&request->seen, start, sizeof start);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.FEED_%02d.%s.%s", request->partition, name,
             filter);
    int len =
        snprintf(body, sizeof body,
                 "{\"stream_name\":\"FEED_%02d\",\"config\":{\"name\":\"%s\",\"deliver_subject\":\"gw.%s\","
                 "\"filter_subject\":\"%s\",%s,\"ack_policy\":\"none\",\"replay_policy\":\"instant\","
                 "\"mem_storage\":true,\"num_replicas\":1,\"inactive_threshold\":30000000000}}",
                 request->partition, name, feed->instance, filter, start);
    struct call_tag tag = {.number = request->consumer, .partition = request->partition, .epoch = epoch};
    return calls_send(&feed->calls, subject, (struct fr_str){body, (size_t)len}, &tag, NULL);
}

static void fail_create(struct fr_feed *feed, const struct request *request)
{
    answer_create(feed, &(struct fr_feed_created){.consumer = request->consumer,
                                                  .partition = request->partition,
                                                  .status = FR_UNAVAILABLE});
}

/* Creations first: somebody waits for them. Deletions have time, but for one of a few: a gateway whose
 * connections come and go without end must not leave them behind. With feed->lock held; NULL if there is
 * none. */
static struct request *next_request(struct fr_feed *feed)
{
    bool turn = ++feed->turns % DELETION_EVERY == 0;
    const enum request_kind order[] = {turn ? REQUEST_DELETE : REQUEST_CREATE,
                                       turn ? REQUEST_CREATE : REQUEST_DELETE};
    for (size_t i = 0; i < FR_COUNT_OF(order); i++) {
        struct requests *waiting = &feed->waiting[order[i]];
        if (is_due(feed, order[i]))
            return unlink_request(waiting, &waiting->head);
    }
    return NULL;
}

static void send_waiting(struct fr_feed *feed)
{
    send_looks(feed);
    while (atomic_load(&feed->bus->ready) && !calls_full(&feed->calls)) {
        pthread_mutex_lock(&feed->lock);
        struct request *request = next_request(feed);
        pthread_mutex_unlock(&feed->lock);
        if (request == NULL)
            break;
        if (request->kind == REQUEST_DELETE) {
            (void)!send_delete(feed, request);
        } else if (send_create(feed, request) != FR_OK) {
            fail_create(feed, request);
        }
        free(request);
    }
    send_seeks(feed);
}

void fr_feed_list_send(struct fr_feed *first)
{
    for (struct fr_feed *feed = first; feed != NULL; feed = feed->next)
        send_waiting(feed);
}

/* Creations wait for the connection only as long as they would for an answer. */
static void expire_waiting(struct fr_feed *feed)
{
    if (atomic_load(&feed->bus->ready))
        return;
    int64_t limit_ms = fr_clock_monotonic_ms() - CALL_TIMEOUT_MS;
    struct request *expired = NULL, **end = &expired;
    struct requests *creations = &feed->waiting[REQUEST_CREATE];
    pthread_mutex_lock(&feed->lock);
    while (creations->head != NULL && creations->head->queued_ms <= limit_ms) {
        struct request *request = unlink_request(creations, &creations->head);
        *end = request;
        end = &request->next;
        request->next = NULL;
    }
    pthread_mutex_unlock(&feed->lock);
    while (expired != NULL) {
        struct request *request = expired;
        expired = request->next;
        fail_create(feed, request);
        free(request);
    }
}

void fr_feed_list_keep(struct fr_feed *first)
{
    for (struct fr_feed *feed = first; feed != NULL; feed = feed->next) {
        calls_expire(&feed->calls);
        calls_expire(&feed->look_calls);
        calls_expire(&feed->seeks.calls);
        expire_waiting(feed);
        wake_if_due(feed);
        expire_looks(feed);
        int64_t dropped = subscription_dropped(&feed->messages);
        if (dropped != feed->dropped) {
            FR_LOG_WARN("live messages dropped by the client library",
                        FR_KV_I64("messages", dropped - feed->dropped));
            feed->dropped = dropped;
            feed->callbacks.lost(feed->callbacks.arg);
        }
    }
}

void fr_feed_list_fail(struct fr_feed *first)
{
    for (struct fr_feed *feed = first; feed != NULL; feed = feed->next) {
        calls_fail_all(&feed->calls);
        calls_fail_all(&feed->look_calls);
        calls_fail_all(&feed->seeks.calls);
    }
}
