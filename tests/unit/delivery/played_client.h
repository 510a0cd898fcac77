/* A hub on a played bus and graph, and connections that write down what they are told. Include it once, in
 * the test's own file. */
#ifndef FR_TESTS_PLAYED_CLIENT_H
#define FR_TESTS_PLAYED_CLIENT_H

#include <stdio.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "delivery/delivery.h"
#include "loop/loop.h"
#include "played_bus.h"
#include "played_graph.h"
#include "wire/wire.h"

#ifndef PLAYED_WINDOW_MS
#define PLAYED_WINDOW_MS 3600000
#endif

enum {
    CLIENTS_MAX = 24,
    TOLD_MAX = 2048,
    WINDOW_MS = PLAYED_WINDOW_MS,
    READER = 5,
    ORDINARY = 7,
    FAMOUS = 8,
    NOBODYS = 9
};

struct client {
    struct fr_subscriber subscriber;
    struct fixture *fixture;
    int started, ended;
    enum fr_subscriber_end why;
    int room; /* messages that it takes; -1: any number */
    struct told {
        enum fr_envelope type;
        int64_t post_id;
        bool snapshot, resumed, has_cursor;
        struct fr_cursor cursor;
    } told[TOLD_MAX];
    size_t count, read; /* read: by expect() */
};

struct fixture {
    struct fr_loop *loop;
    struct fr_keyring *keyring;
    struct fr_delivery *delivery;
    struct fr_hub *hub;
    size_t answered;       /* creations */
    uint64_t consumer_seq; /* of the last message to the newest consumer */
    struct client clients[CLIENTS_MAX];
};

static void on_client_started(struct fr_subscriber *subscriber)
{
    FR_CONTAINER_OF(subscriber, struct client, subscriber)->started++;
}

static bool contains(struct fr_str text, const char *what)
{
    return text.len > 0 && memmem(text.data, text.len, what, strlen(what)) != NULL;
}

static enum fr_status on_client_send(struct fr_subscriber *subscriber, const struct fr_message *message)
{
    struct client *client = FR_CONTAINER_OF(subscriber, struct client, subscriber);
    if (client->room == 0)
        return FR_FULL;
    client->room -= client->room > 0;
    assert_true(client->count < TOLD_MAX);
    assert_true(client->started > 0);
    struct told *told = &client->told[client->count++];
    *told = (struct told){.type = message->type, .post_id = message->post_id};
    told->snapshot = contains(message->head, "\"snapshot\":true");
    told->resumed = contains(fr_frame_payload(message->body), "\"resumed\":true");
    told->has_cursor = message->cursor.len > 0;
    struct fr_error error;
    if (told->has_cursor)
        assert_int_equal(fr_cursor_parse(client->fixture->keyring, subscriber->user_id, message->cursor,
                                         &told->cursor, &error),
                         FR_OK);
    return FR_OK;
}

static void on_client_ended(struct fr_subscriber *subscriber, enum fr_subscriber_end why)
{
    struct client *client = FR_CONTAINER_OF(subscriber, struct client, subscriber);
    client->ended++;
    client->why = why;
}

static const struct fr_subscriber_verbs client_verbs = {
    .started = on_client_started, .send = on_client_send, .ended = on_client_ended};

/* CELEB's ring reaches back to place 5; messages 6 to 10 are of somebody whom nobody follows. */
static void tell_celebrity(enum fr_event_kind kind, int64_t author_id, int64_t subject, int32_t revision);

static int set_up(void **state)
{
    struct fixture *f = FR_NEW(struct fixture);
    struct fr_error error;
    f->loop = fr_loop_new();
    assert_int_equal(fr_auth_init(&error), FR_OK);
    assert_int_equal(fr_keyring_load(NULL, "a:0123456789abcdef0123456789abcdef", &f->keyring, &error), FR_OK);
    assert_int_equal(fr_delivery_open(NULL, "gw1", &f->delivery, &error), FR_OK);
    graph_reset();
    graph.confirmed_ms = 60;
    f->hub = fr_hub_new(f->delivery, f->loop,
                        &(struct fr_hub_options){.resume_window_ms = WINDOW_MS, .keyring = f->keyring});
    for (int i = 0; i < CLIENTS_MAX; i++) {
        f->clients[i].fixture = f;
        f->clients[i].room = -1;
    }
    celebrities.place.sequence = 5;
    bus_tell_current(true);
    for (int64_t post = 1; post <= 5; post++)
        tell_celebrity(FR_EVENT_POST, NOBODYS, post, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < CLIENTS_MAX; i++)
        fr_hub_leave(f->hub, &f->clients[i].subscriber);
    assert_int_equal(fr_hub_count(f->hub), 0);
    graph.status = FR_OK;
    while (graph_answer())
        ;
    fr_hub_free(f->hub);
    fr_delivery_close(f->delivery);
    fr_loop_free(f->loop);
    fr_keyring_free(f->keyring);
    graph_reset();
    free(f);
    return 0;
}

/* ---- the bus ---- */

static inline void encode_event(struct fr_buf *buf, enum fr_event_kind kind, int64_t author_id,
                                int64_t subject, int32_t revision)
{
    struct fr_event event = {.kind = kind, .author_id = author_id};
    if (fr_event_is_of_post(kind)) {
        event.post_id = subject;
        event.revision = revision;
        event.created_at_ms = 1767225600000;
        event.text = kind == FR_EVENT_DELETE ? FR_STR_NONE : FR_STR("text");
    } else {
        event.follower_id = subject;
    }
    fr_buf_init(buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(buf, &event);
}

/* The next of CELEB. `subject`: the post, or the follower. */
static void tell_celebrity(enum fr_event_kind kind, int64_t author_id, int64_t subject, int32_t revision)
{
    struct fr_buf buf;
    encode_event(&buf, kind, author_id, subject, revision);
    bus_tell_celebrity(author_id, fr_buf_str(&buf));
    fr_buf_release(&buf);
}

/* The next message of the consumer that was asked for last. */
static inline void tell_feed_pending(struct fixture *f, enum fr_event_kind kind, int64_t author_id,
                                     int64_t subject, int32_t revision, uint64_t sequence, uint64_t pending)
{
    struct fr_buf buf;
    encode_event(&buf, kind, author_id, subject, revision);
    const struct fr_feed_message message = {.consumer = last_asked()->consumer,
                                            .user_id = last_asked()->user_id,
                                            .stream_seq = sequence,
                                            .consumer_seq = ++f->consumer_seq,
                                            .pending = pending,
                                            .data = fr_buf_str(&buf)};
    played.callbacks.message(played.callbacks.arg, &message);
    fr_buf_release(&buf);
}

static inline void tell_feed(struct fixture *f, enum fr_event_kind kind, int64_t author_id, int64_t subject,
                             int32_t revision, uint64_t sequence)
{
    tell_feed_pending(f, kind, author_id, subject, revision, sequence, 0);
}

static inline void feed_post(struct fixture *f, int64_t post_id, uint64_t sequence)
{
    tell_feed(f, FR_EVENT_POST, ORDINARY, post_id, 1, sequence);
}

/* Everything but NATS and pages. */
static inline void run_graph(struct fixture *f)
{
    fr_loop_run(f->loop, 0);
    while (graph.answered < graph.asked && graph.asks[graph.answered].kind != GRAPH_PAGE && graph_answer())
        fr_loop_run(f->loop, 0);
}

static inline void answer_looks(struct fixture *f)
{
    while (bus_answer_looks())
        run_graph(f);
}

/* Answers what is asked for, until nothing is: consumers are there at once, at `sequence` if they have no
 * place. */
static inline void run_all(struct fixture *f, uint64_t sequence)
{
    for (int i = 0; i < 20; i++) {
        run_graph(f);
        answer_looks(f);
        while (f->answered < played.created_count) {
            const struct asked *asked = &played.created[f->answered++];
            f->consumer_seq = 0;
            answer(asked->consumer, FR_OK, played.epoch,
                   asked->seen.epoch != 0 ? asked->seen.sequence : sequence);
            run_graph(f);
            answer_looks(f);
        }
        while (graph_answer())
            run_graph(f);
    }
}

/* Up to the request for a consumer, which is not answered. */
static inline uint64_t run_to_creation(struct fixture *f)
{
    run_graph(f);
    answer_looks(f);
    assert_int_equal(played.created_count, f->answered + 1);
    f->answered++;
    f->consumer_seq = 0;
    return last_asked()->consumer;
}

static inline void join(struct fixture *f, int client, enum fr_encoding encoding,
                        const struct fr_cursor *cursor, int snapshot)
{
    struct fr_error error;
    const struct fr_join wish = {
        .user_id = READER + 100 * client, .encoding = encoding, .cursor = cursor, .snapshot = snapshot};
    assert_int_equal(fr_hub_join(f->hub, &f->clients[client].subscriber, &wish, &client_verbs, &error),
                     FR_OK);
}

/* Live, with an empty snapshot; the stream stands at 100. */
static inline struct client *join_live(struct fixture *f)
{
    join(f, 0, FR_ENCODING_JSON, NULL, 0);
    run_all(f, 100);
    return &f->clients[0];
}

/* ---- what it was told ---- */

static inline void describe(const struct told *told, char *out, size_t size)
{
    if (told->post_id == 0)
        snprintf(out, size, "%s", told->resumed ? "resumed" : fr_wire_envelope_name(told->type));
    else
        snprintf(out, size, "%s:%lld", told->snapshot ? "snap" : fr_wire_envelope_name(told->type),
                 (long long)told->post_id);
}

/* What it was told since the last call, in words: "ready reset snap:12 snapshot_end post:13". */
static inline void expect_at(struct client *client, const char *expected, const char *file, int line)
{
    static char text[1 << 16];
    size_t len = 0;
    text[0] = '\0';
    for (; client->read < client->count; client->read++) {
        char word[64];
        describe(&client->told[client->read], word, sizeof word);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? " " : "", word);
    }
    if (strcmp(text, expected) != 0)
        fail_msg("%s:%d: expected \"%s\", got \"%s\"", file, line, expected, text);
}
#define expect(client, expected) expect_at(client, expected, __FILE__, __LINE__)

static inline const struct fr_cursor *last_cursor(const struct client *client)
{
    assert_true(client->count > 0 && client->told[client->count - 1].has_cursor);
    return &client->told[client->count - 1].cursor;
}

#endif
