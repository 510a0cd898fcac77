/* The one ordered reader of the stream CELEB: an ephemeral push consumer that is made anew, behind what was
 * read, whenever its messages do not follow one another.
 *
 * It reads the stream without a filter, so that the places it sees have no holes but those of messages that
 * are gone: whatever is missing is noticed, either in the messages' own places or in where a new consumer
 * begins. A consumer that went without a word (of a server that was lost) is noticed by the heartbeats that
 * fail to come. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "bus_internal.h"
#include "log/log.h"
#include "names.h"
#include "streams.h"

enum {
    MESSAGES_MAX =
        1 << 20, /* what may wait in the library; past it it drops, and the consumer's numbers jump */
    BYTES_MAX = 128 << 20,
    CALLS_MAX = 8,
    HEARTBEAT_S = 5,
    SILENCE_MS = 3 * HEARTBEAT_S * 1000,
    RETRY_FIRST_MS = 250,
    RETRY_LAST_MS = 5000,
    STRAY_MS = 5000, /* a consumer that is not ours any more is deleted again so often at most */
    BODY_SIZE = 512,
    SUBJECT_SIZE = 256,
};

/* What a request was, in the tag's `partition`. */
enum { TAG_DELETE = -1, TAG_CREATE, TAG_LOOK };

enum reader_state {
    READER_IDLE, /* has no consumer */
    READER_ASKING,
    READER_READING,
};

struct fr_celebrities {
    struct fr_bus *bus;
    struct fr_celebrities *next; /* of the bus, under its feeds_lock */
    struct fr_celebrities_callbacks callbacks;
    char instance[NAMES_INSTANCE_SIZE];
    struct subscription messages;
    struct calls calls;

    /* Held while a callback runs, so that they come one at a time and in order. */
    pthread_mutex_t lock;
    enum reader_state state;
    uint64_t consumer;         /* number of the newest one; 0: none yet */
    bool consumer_there;       /* it may exist on the server */
    uint64_t consumer_seq;     /* of its last message */
    int64_t asked_epoch;       /* that of the stream, as we knew it when the consumer was asked for */
    bool caught_up;            /* all that there was when it was made has come */
    bool checked;              /* the server has confirmed the epoch since */
    struct fr_feed_place seen; /* epoch 0: not known yet */
    bool placed;               /* `seen.sequence` counts */
    bool current, was_current; /* read up to what there was when the consumer was made; has been so once */
    int64_t heard_ms, retry_ms, backoff_ms, stray_ms;
};

/* ---- with the lock held ---- */

static void tell_current(struct fr_celebrities *reader, bool current)
{
    if (reader->current == current)
        return;
    reader->current = current;
    reader->was_current |= current;
    const struct fr_feed_place place = {reader->asked_epoch, reader->seen.sequence};
    reader->callbacks.current(reader->callbacks.arg, current, &place);
}

static void tell_current_if_so(struct fr_celebrities *reader)
{
    if (reader->caught_up && reader->checked)
        tell_current(reader, true);
}

/* Before the window was read for the first time nobody waits for any of it. */
static void tell_lost(struct fr_celebrities *reader)
{
    if (!reader->was_current)
        return;
    FR_LOG_WARN("live messages of celebrities are lost");
    reader->callbacks.lost(reader->callbacks.arg);
}

static void go_idle(struct fr_celebrities *reader, int64_t retry_ms)
{
    reader->state = READER_IDLE;
    reader->retry_ms = retry_ms;
    tell_current(reader, false);
}

static void go_idle_after_failure(struct fr_celebrities *reader)
{
    reader->backoff_ms = reader->backoff_ms == 0 ? RETRY_FIRST_MS : 2 * reader->backoff_ms;
    if (reader->backoff_ms > RETRY_LAST_MS)
        reader->backoff_ms = RETRY_LAST_MS;
    go_idle(reader, fr_clock_monotonic_ms() + reader->backoff_ms);
}

/* ---- requests ---- */

static void send_delete(struct fr_celebrities *reader, uint64_t consumer)
{
    char name[NAMES_CONSUMER_SIZE], subject[SUBJECT_SIZE];
    fr_bus_format_consumer(reader->instance, consumer, name);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.CELEB.%s", name);
    /* Nobody waits for the answer; should it be lost, the consumer's next message is reason to ask again. */
    (void)!calls_send(&reader->calls, subject, FR_STR_NONE, &(struct call_tag){.partition = TAG_DELETE},
                      NULL);
}

static enum fr_status send_create(struct fr_celebrities *reader, uint64_t consumer, int64_t epoch,
                                  const uint64_t *after)
{
    char name[NAMES_CONSUMER_SIZE], subject[SUBJECT_SIZE], start[96], body[BODY_SIZE];
    fr_bus_format_consumer(reader->instance, consumer, name);
    if (after == NULL)
        snprintf(start, sizeof start, "\"deliver_policy\":\"all\"");
    else
        snprintf(start, sizeof start, "\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":%" PRIu64,
                 *after + 1);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.CELEB.%s", name);
    int len =
        snprintf(body, sizeof body,
                 "{\"stream_name\":\"CELEB\",\"config\":{\"name\":\"%s\",\"deliver_subject\":\"gw.%s\",%s,"
                 "\"ack_policy\":\"none\",\"replay_policy\":\"instant\",\"mem_storage\":true,"
                 "\"num_replicas\":1,\"inactive_threshold\":30000000000,\"idle_heartbeat\":%d000000000}}",
                 name, reader->instance, start, HEARTBEAT_S);
    struct call_tag tag = {.number = consumer, .epoch = epoch, .partition = TAG_CREATE};
    return calls_send(&reader->calls, subject, (struct fr_str){body, (size_t)len}, &tag, NULL);
}

/* Sends without the lock, since a socket may make it wait. */
static void ask(struct fr_celebrities *reader, int64_t epoch)
{
    uint64_t stale = reader->consumer_there ? reader->consumer : 0, after = reader->seen.sequence;
    /* Another stream: what was in the former and not read is lost, and all in this one is younger. */
    if (reader->seen.epoch != 0 && reader->seen.epoch != epoch) {
        tell_lost(reader);
        reader->seen = (struct fr_feed_place){.epoch = epoch};
        reader->placed = true;
        after = 0;
    }
    bool from_place = reader->placed;
    uint64_t consumer = ++reader->consumer;
    reader->consumer_there = true;
    reader->consumer_seq = 0;
    reader->asked_epoch = epoch;
    reader->caught_up = reader->checked = false;
    reader->state = READER_ASKING;
    pthread_mutex_unlock(&reader->lock);
    if (stale != 0)
        send_delete(reader, stale);
    enum fr_status status = send_create(reader, consumer, epoch, from_place ? &after : NULL);
    pthread_mutex_lock(&reader->lock);
    if (status != FR_OK && reader->consumer == consumer && reader->state == READER_ASKING)
        go_idle_after_failure(reader);
}

static void take_created(struct fr_celebrities *reader, int64_t epoch, const struct consumer_state *created)
{
    reader->state = READER_READING;
    reader->backoff_ms = 0;
    reader->heard_ms = fr_clock_monotonic_ms();
    reader->seen.epoch = epoch;
    /* Its first message told the same already, if one has come. */
    if (reader->consumer_seq != 0)
        return;
    if (reader->placed && created->sequence != reader->seen.sequence)
        tell_lost(reader);
    reader->seen.sequence = created->sequence;
    reader->placed = true;
    if (created->pending == 0)
        reader->caught_up = true;
    tell_current_if_so(reader);
}

/* The stream may have been declared anew before the consumer was made, so its places would be told under the
 * former one's epoch. What the server says now decides: creation times only rise. */
static void send_look(struct fr_celebrities *reader, uint64_t consumer)
{
    struct call_tag tag = {.number = consumer, .partition = TAG_LOOK};
    if (calls_send(&reader->calls, "$JS.API.STREAM.INFO.CELEB", FR_STR_NONE, &tag, NULL) == FR_OK)
        return;
    pthread_mutex_lock(&reader->lock);
    if (reader->consumer == consumer && reader->state == READER_READING)
        go_idle_after_failure(reader);
    pthread_mutex_unlock(&reader->lock);
}

static void take_look(struct fr_celebrities *reader, const struct call_tag *tag, enum fr_status status,
                      struct fr_str reply)
{
    struct stream_state state = {0};
    if (status == FR_OK)
        status = fr_bus_stream_parse_state(reply, &state);
    pthread_mutex_lock(&reader->lock);
    if (tag->number == reader->consumer && reader->state == READER_READING) {
        if (status != FR_OK || state.epoch != reader->asked_epoch) {
            /* The keeper's next look finds the new one. */
            go_idle_after_failure(reader);
        } else {
            reader->checked = true;
            tell_current_if_so(reader);
        }
    }
    pthread_mutex_unlock(&reader->lock);
}

static void on_answer(void *owner, const struct call_tag *tag, enum fr_status status, struct fr_str reply)
{
    struct fr_celebrities *reader = owner;
    struct consumer_state created = {0};
    bool look = false;
    if (tag->partition == TAG_DELETE)
        return;
    if (tag->partition == TAG_LOOK) {
        take_look(reader, tag, status, reply);
        return;
    }
    if (status == FR_OK) {
        status = fr_bus_consumer_parse_state(reply, &created);
        if (status != FR_OK)
            fr_bus_log_refused(reader->bus, "consumer of the celebrities refused", reply);
    }
    pthread_mutex_lock(&reader->lock);
    if (tag->number == reader->consumer && reader->state == READER_ASKING) {
        look = status == FR_OK;
        if (look)
            take_created(reader, tag->epoch, &created);
        else
            go_idle_after_failure(reader);
    }
    pthread_mutex_unlock(&reader->lock);
    if (look)
        send_look(reader, tag->number);
}

/* ---- messages ---- */

/* True if the number in this header of a heartbeat is past `known`. */
static bool is_past(natsMsg *msg, const char *header, uint64_t known)
{
    const char *text = NULL;
    int64_t value;
    return natsMsgHeader_Get(msg, header, &text) == NATS_OK && text != NULL &&
           fr_str_to_i64(fr_str_of(text), 0, INT64_MAX, &value) == FR_OK && (uint64_t)value > known;
}

/* Something that the consumer sent has not come: it is read again. */
static void read_again(struct fr_celebrities *reader)
{
    go_idle(reader, 0);
    fr_bus_sender_wake(reader->bus);
}

/* With the lock held. A heartbeat does not say of which consumer it is, so both numbers must be ahead. */
static void take_heartbeat(struct fr_celebrities *reader, natsMsg *msg)
{
    if (reader->state == READER_READING && is_past(msg, "Nats-Last-Consumer", reader->consumer_seq) &&
        is_past(msg, "Nats-Last-Stream", reader->seen.sequence))
        read_again(reader);
}

/* With the lock held. */
static void take_message(struct fr_celebrities *reader, const struct fr_bus_ack *ack,
                         const struct fr_celebrity_message *message)
{
    if (ack->consumer_seq <= reader->consumer_seq)
        return;
    if (ack->consumer_seq != reader->consumer_seq + 1) {
        read_again(reader);
        return;
    }
    if (reader->placed && ack->stream_seq != reader->seen.sequence + 1)
        tell_lost(reader);
    reader->consumer_seq = ack->consumer_seq;
    reader->seen.sequence = ack->stream_seq;
    reader->placed = true;
    reader->callbacks.message(reader->callbacks.arg, message);
    if (ack->pending == 0)
        reader->caught_up = true;
    tell_current_if_so(reader);
}

/* True when it is time to delete it (again). With the lock held. */
static bool is_stray(struct fr_celebrities *reader, int64_t now_ms)
{
    if (now_ms - reader->stray_ms < STRAY_MS)
        return false;
    reader->stray_ms = now_ms;
    return true;
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct fr_celebrities *reader = arg;
    struct fr_bus_ack ack;
    struct fr_celebrity_message message = {0};
    uint64_t consumer = 0, stray = 0;
    const char *reply = natsMsg_GetReply(msg);
    bool whole = reply != NULL && fr_bus_parse_ack(fr_str_of(reply), &ack) == FR_OK &&
                 fr_bus_parse_consumer(reader->instance, ack.consumer, &consumer) == FR_OK &&
                 fr_bus_parse_celebrity(fr_str_of(natsMsg_GetSubject(msg)), &message.author_id) == FR_OK;
    int64_t now_ms = fr_clock_monotonic_ms();
    pthread_mutex_lock(&reader->lock);
    if (!whole) {
        reader->heard_ms = now_ms;
        take_heartbeat(reader, msg);
    } else if (consumer != reader->consumer || reader->state == READER_IDLE) {
        if (consumer != reader->consumer && is_stray(reader, now_ms))
            stray = consumer;
    } else {
        reader->heard_ms = now_ms;
        message.epoch = reader->asked_epoch;
        message.stream_seq = ack.stream_seq;
        message.timestamp_ms = ack.timestamp_ns / 1000000;
        message.data = (struct fr_str){natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)};
        take_message(reader, &ack, &message);
    }
    pthread_mutex_unlock(&reader->lock);
    if (stray != 0)
        send_delete(reader, stray);
    natsMsg_Destroy(msg);
}

/* ---- the reader ---- */

enum fr_status fr_celebrities_open(struct fr_bus *bus, const char *gateway,
                                   const struct fr_celebrities_callbacks *callbacks,
                                   struct fr_celebrities **ret, struct fr_error *error)
{
    if (!fr_bus_gateway_name_valid(gateway))
        return fr_error_set(error, FR_INVALID, "gateway", "a gateway's name is 1 to %d letters and digits",
                            NAMES_GATEWAY_MAX);
    struct fr_celebrities *reader = FR_NEW(struct fr_celebrities);
    reader->bus = bus;
    reader->callbacks = *callbacks;
    /* As for feeds: consumers of an earlier process must not be taken for ours. */
    uint32_t nonce;
    if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
        nonce = (uint32_t)fr_clock_wall_us();
    fr_bus_format_instance(gateway, nonce, reader->instance);
    pthread_mutex_init(&reader->lock, NULL);
    char subject[sizeof "gw." + NAMES_INSTANCE_SIZE];
    snprintf(subject, sizeof subject, "gw.%s", reader->instance);
    const struct calls_bounds bounds = {.capacity = CALLS_MAX};
    enum fr_status status = calls_init(&reader->calls, bus->nc, &bounds, on_answer, reader, error);
    if (status == FR_OK)
        status = subscription_start(&reader->messages, bus->nc, subject, MESSAGES_MAX, BYTES_MAX, on_message,
                                    reader, error);
    if (status != FR_OK) {
        calls_release(&reader->calls);
        pthread_mutex_destroy(&reader->lock);
        free(reader);
        return status;
    }
    pthread_mutex_lock(&bus->feeds_lock);
    reader->next = bus->celebrities;
    bus->celebrities = reader;
    pthread_mutex_unlock(&bus->feeds_lock);
    fr_bus_sender_wake(bus);
    *ret = reader;
    return FR_OK;
}

static void ignore_current(void *arg, bool current, const struct fr_feed_place *place)
{
}

void fr_celebrities_close(struct fr_celebrities *reader)
{
    if (reader == NULL)
        return;
    struct fr_bus *bus = reader->bus;
    pthread_mutex_lock(&bus->feeds_lock);
    struct fr_celebrities **link = &bus->celebrities;
    while (*link != reader)
        link = &(*link)->next;
    *link = reader->next;
    pthread_mutex_unlock(&bus->feeds_lock);
    subscription_stop(&reader->messages);
    subscription_stop(&reader->calls.inbox);
    reader->callbacks.current = ignore_current;
    calls_release(&reader->calls);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

/* ---- the bus' threads ---- */

static bool wants_consumer(const struct fr_celebrities *reader, int64_t epoch)
{
    switch (reader->state) {
    case READER_IDLE:
        return fr_clock_monotonic_ms() >= reader->retry_ms;
    case READER_ASKING:
        return false;
    case READER_READING:
        return reader->seen.epoch != epoch || fr_clock_monotonic_ms() - reader->heard_ms >= SILENCE_MS;
    }
    return false;
}

void fr_celebrities_list_send(struct fr_celebrities *first)
{
    for (struct fr_celebrities *reader = first; reader != NULL; reader = reader->next) {
        int64_t epoch = atomic_load(&reader->bus->celebrities_epoch);
        pthread_mutex_lock(&reader->lock);
        if (atomic_load(&reader->bus->ready) && epoch != 0 && wants_consumer(reader, epoch)) {
            tell_current(reader, false);
            ask(reader, epoch);
        }
        pthread_mutex_unlock(&reader->lock);
    }
}

void fr_celebrities_list_keep(struct fr_celebrities *first)
{
    for (struct fr_celebrities *reader = first; reader != NULL; reader = reader->next) {
        calls_expire(&reader->calls);
        pthread_mutex_lock(&reader->lock);
        bool wants = atomic_load(&reader->bus->ready) &&
                     wants_consumer(reader, atomic_load(&reader->bus->celebrities_epoch));
        pthread_mutex_unlock(&reader->lock);
        if (wants)
            fr_bus_sender_wake(reader->bus);
    }
}

void fr_celebrities_list_fail(struct fr_celebrities *first)
{
    for (struct fr_celebrities *reader = first; reader != NULL; reader = reader->next) {
        calls_fail_all(&reader->calls);
        pthread_mutex_lock(&reader->lock);
        reader->backoff_ms = 0;
        go_idle(reader, 0);
        pthread_mutex_unlock(&reader->lock);
    }
}
