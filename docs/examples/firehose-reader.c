/* Reads the firehose: every event of Freshet from the JetStream stream POSTS, one JSON line each, in the
 * order of the stream, and so in order for each author. A starting point for a search index, moderation,
 * analytics.
 *
 *     firehose-reader [NATS-URL [AFTER]]
 *
 * AFTER is the last `sequence` that was handled. Whoever keeps that number with what it wrote, in one
 * transaction, has each message exactly once; an event may be in the stream twice after a fault of Freshet's,
 * and then has the same `id`. The stream keeps 24 hours. It ends, with exit code 0, after two quiet seconds.
 *
 * Needs libnats, libprotobuf-c and jansson, and the code that protoc-c makes from
 * proto/freshet/v1/event.proto:
 *
 *     protoc-c --proto_path=proto --c_out=. freshet/v1/event.proto
 *     cc -I. docs/examples/firehose-reader.c freshet/v1/event.pb-c.c -lnats -lprotobuf-c -ljansson
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <nats/nats.h>

#include "freshet/v1/event.pb-c.h"

#define QUIET_MS 2000

static const char *const kinds[] = {"?",        "post",      "edit",     "delete", "follow",
                                    "unfollow", "celebrity", "ordinary", "account"};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* Ids are strings in JSON: they don't fit a double. */
static void set_id(json_t *line, const char *name, int64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, id);
    if (id != 0)
        json_object_set_new(line, name, json_string(text));
}

static int print_event(natsMsg *msg)
{
    Freshet__V1__Event *event = freshet__v1__event__unpack(NULL, (size_t)natsMsg_GetDataLength(msg),
                                                           (const uint8_t *)natsMsg_GetData(msg));
    jsMsgMetaData *place = NULL;
    const char *id = "";
    if (event == NULL || natsMsg_GetMetaData(&place, msg) != NATS_OK) {
        fprintf(stderr, "firehose-reader: not an event on %s\n", natsMsg_GetSubject(msg));
        if (event != NULL)
            freshet__v1__event__free_unpacked(event, NULL);
        return 1;
    }
    if (natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) != NATS_OK)
        id = "";
    unsigned kind = (unsigned)event->kind < KINDS ? (unsigned)event->kind : 0;
    json_t *line = json_pack("{s:I, s:s, s:s}", "sequence", (json_int_t)place->Sequence.Stream, "id", id,
                             "event", kinds[kind]);
    set_id(line, "author", event->author_id);
    set_id(line, "post", event->post_id);
    set_id(line, "follower", event->follower_id);
    if (event->text[0] != '\0')
        json_object_set_new(line, "text", json_string(event->text));
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
    jsMsgMetaData_Destroy(place);
    freshet__v1__event__free_unpacked(event, NULL);
    return 0;
}

static natsStatus subscribe(natsSubscription **ret, jsCtx *js, uint64_t after)
{
    jsSubOptions options;
    jsSubOptions_Init(&options);
    /* In order, without acks; the library starts it anew by itself when something was lost on the way. */
    options.Ordered = true;
    options.Stream = "POSTS";
    if (after > 0) {
        options.Config.DeliverPolicy = js_DeliverByStartSequence;
        options.Config.OptStartSeq = after + 1;
    }
    return js_SubscribeSync(ret, js, "post.>", NULL, &options, NULL);
}

int main(int argc, char **argv)
{
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    natsSubscription *subscription = NULL;
    int failed = 0;
    natsStatus status = natsConnection_ConnectTo(&connection, argc > 1 ? argv[1] : "nats://127.0.0.1:4222");
    if (status == NATS_OK)
        status = natsConnection_JetStream(&js, connection, NULL);
    if (status == NATS_OK)
        status = subscribe(&subscription, js, argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
    while (status == NATS_OK && !failed) {
        natsMsg *msg = NULL;
        status = natsSubscription_NextMsg(&msg, subscription, QUIET_MS);
        if (status == NATS_OK)
            failed = print_event(msg);
        natsMsg_Destroy(msg);
    }
    if (status != NATS_OK && status != NATS_TIMEOUT) {
        fprintf(stderr, "firehose-reader: %s\n", natsStatus_GetText(status));
        failed = 1;
    }
    natsSubscription_Destroy(subscription);
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    nats_Close();
    return failed;
}
