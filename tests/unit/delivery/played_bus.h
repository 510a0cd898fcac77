/* A bus played by the test: what is asked of it is recorded, what it gets is made up. Include it once, in the
 * test's own file: it stands in for the real functions. */
#ifndef FR_TESTS_PLAYED_BUS_H
#define FR_TESTS_PLAYED_BUS_H

#include "bus/bus.h"
#include "check.h"

enum { ASKED_MAX = 64, EPOCH = 1000 };

struct fr_feed {
    struct fr_feed_callbacks callbacks;
    struct asked {
        uint64_t consumer;
        int64_t user_id;
        struct fr_feed_place seen;
    } created[ASKED_MAX];
    uint64_t deleted[ASKED_MAX];
    size_t created_count, deleted_count;
    struct {
        uint64_t wanted, answered;
    } looks[FR_FEED_PARTITIONS];
    size_t look_count; /* answered ones */
    struct sought {
        uint64_t consumer, after, head;
        int64_t user_id;
    } seek; /* the last */
    size_t seek_count;
    /* What a look tells. */
    enum fr_status look_status;
    int64_t epoch;
    uint64_t first, last;
};

static struct fr_feed played;

enum fr_status fr_feed_open(struct fr_bus *bus, const char *gateway,
                            const struct fr_feed_callbacks *callbacks, struct fr_feed **ret,
                            struct fr_error *error)
{
    played = (struct fr_feed){.callbacks = *callbacks, .epoch = EPOCH, .first = 1, .last = 1000000};
    *ret = &played;
    return FR_OK;
}

void fr_feed_close(struct fr_feed *feed)
{
}

void fr_feed_create(struct fr_feed *feed, uint64_t consumer, int64_t user_id,
                    const struct fr_feed_place *seen)
{
    assert_true(feed->created_count < ASKED_MAX);
    feed->created[feed->created_count++] = (struct asked){consumer, user_id, *seen};
}

void fr_feed_delete(struct fr_feed *feed, uint64_t consumer, int partition)
{
    assert_true(feed->deleted_count < ASKED_MAX);
    feed->deleted[feed->deleted_count++] = consumer;
}

uint64_t fr_feed_look(struct fr_feed *feed, int partition)
{
    if (feed->looks[partition].wanted == feed->looks[partition].answered)
        feed->looks[partition].wanted++;
    return feed->looks[partition].wanted;
}

void fr_feed_seek(struct fr_feed *feed, uint64_t consumer, int64_t user_id, uint64_t after, uint64_t head)
{
    feed->seek = (struct sought){consumer, after, head, user_id};
    feed->seek_count++;
}

/* Answers the last one: the stream has a message at `next`; 0: none. */
static inline void bus_answer_seek(uint64_t next)
{
    assert_true(played.seek_count > 0);
    const struct fr_feed_sought sought = {
        .consumer = played.seek.consumer, .head = played.seek.head, .next = next};
    played.callbacks.sought(played.callbacks.arg, &sought);
}

/* Answers those that were asked for by now. False if there is none. */
static inline bool bus_answer_looks(void)
{
    bool any = false;
    for (int p = 0; p < FR_FEED_PARTITIONS; p++) {
        if (played.looks[p].wanted == played.looks[p].answered)
            continue;
        any = true;
        played.look_count++;
        const struct fr_feed_looked looked = {.partition = p,
                                              .number = ++played.looks[p].answered,
                                              .status = played.look_status,
                                              .epoch = played.epoch,
                                              .first = played.first,
                                              .last = played.last};
        played.callbacks.looked(played.callbacks.arg, &looked);
    }
    return any;
}

static inline struct asked *last_asked(void)
{
    assert_true(played.created_count > 0);
    return &played.created[played.created_count - 1];
}

static inline void answer_pending(uint64_t consumer, enum fr_status status, int64_t epoch, uint64_t sequence,
                                  uint64_t pending)
{
    struct fr_feed_created created = {
        .consumer = consumer, .status = status, .epoch = epoch, .sequence = sequence, .pending = pending};
    played.callbacks.created(played.callbacks.arg, &created);
}

static inline void answer(uint64_t consumer, enum fr_status status, int64_t epoch, uint64_t sequence)
{
    answer_pending(consumer, status, epoch, sequence, 0);
}

struct fr_celebrities {
    struct fr_celebrities_callbacks callbacks;
    struct fr_feed_place place; /* of the last message told */
};

static struct fr_celebrities celebrities;

enum fr_status fr_celebrities_open(struct fr_bus *bus, const char *gateway,
                                   const struct fr_celebrities_callbacks *callbacks,
                                   struct fr_celebrities **ret, struct fr_error *error)
{
    celebrities = (struct fr_celebrities){.callbacks = *callbacks, .place = {EPOCH, 0}};
    *ret = &celebrities;
    return FR_OK;
}

void fr_celebrities_close(struct fr_celebrities *reader)
{
}

static inline void bus_tell_current(bool current)
{
    celebrities.callbacks.current(celebrities.callbacks.arg, current, &celebrities.place);
}

/* The next message of CELEB. */
static inline void bus_tell_celebrity(int64_t author_id, struct fr_str data)
{
    const struct fr_celebrity_message message = {.author_id = author_id,
                                                 .epoch = celebrities.place.epoch,
                                                 .stream_seq = ++celebrities.place.sequence,
                                                 .data = data};
    celebrities.callbacks.message(celebrities.callbacks.arg, &message);
}

static bool window_passed;

bool fr_bus_window_passed(const struct fr_bus *bus)
{
    return window_passed;
}

#endif
