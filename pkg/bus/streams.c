#include "streams.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "names.h"

#define MINUTE_MS INT64_C(60000)
#define MIB (INT64_C(1) << 20)

enum { ERROR_NO_MESSAGE_FOUND = 10037 }; /* the server's err_code */

/* Bytes of the memory streams: the server reserves the sum of all bounds from its max_mem, so the 64 FEED
 * streams together must fit a small machine. Past a bound the oldest go: the window to resume from gets
 * shorter. Messages per subject: what a user may miss and still resume. */
const struct stream_kind fr_bus_stream_kinds[] = {
    {.name = "FEED",
     .subject = "feed",
     .partitions = FR_FEED_PARTITIONS,
     .storage = STREAM_MEMORY,
     .max_bytes = 8 * MIB,
     .max_msgs_per_subject = FR_FEED_BACKLOG_MAX,
     .max_msg_size = FR_EVENT_BYTES_MAX,
     .max_consumers = 100000,
     .duplicate_window_ms = 10 * 1000},
    {.name = "CELEB",
     .subject = "celeb.*",
     .storage = STREAM_MEMORY,
     .max_bytes = 64 * MIB,
     .max_msgs_per_subject = 4096,
     .max_msg_size = FR_EVENT_BYTES_MAX,
     .max_consumers = 10000,
     .duplicate_window_ms = 10 * 1000},
    {.name = "POSTS",
     .subject = "post.*.*",
     .storage = STREAM_FILE,
     .max_age_ms = 24 * 60 * MINUTE_MS,
     .max_bytes = 1024 * MIB,
     .max_msgs_per_subject = -1,
     .max_msg_size = FR_EVENT_BYTES_MAX,
     .max_consumers = 10000,
     .duplicate_window_ms = 2 * MINUTE_MS},
};
const size_t fr_bus_stream_kind_count = FR_COUNT_OF(fr_bus_stream_kinds);

static size_t streams_of(const struct stream_kind *kind)
{
    return kind->partitions > 0 ? (size_t)kind->partitions : 1;
}

size_t fr_bus_stream_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < fr_bus_stream_kind_count; i++)
        count += streams_of(&fr_bus_stream_kinds[i]);
    return count;
}

static const struct stream_kind *find_kind(size_t index, int *ret_partition)
{
    const struct stream_kind *kind = fr_bus_stream_kinds;
    while (index >= streams_of(kind))
        index -= streams_of(kind++);
    *ret_partition = kind->partitions > 0 ? (int)index : -1;
    return kind;
}

void fr_bus_stream_name(size_t index, char out[static STREAM_NAME_SIZE])
{
    int partition;
    const struct stream_kind *kind = find_kind(index, &partition);
    if (partition >= 0)
        snprintf(out, STREAM_NAME_SIZE, "%s_%02d", kind->name, partition);
    else
        snprintf(out, STREAM_NAME_SIZE, "%s", kind->name);
}

/* FEED is the first row. */
int fr_bus_stream_feed_partition(size_t index)
{
    return index < FR_FEED_PARTITIONS ? (int)index : -1;
}

/* CELEB is the second. */
bool fr_bus_stream_is_celebrities(size_t index)
{
    return index == FR_FEED_PARTITIONS;
}

static void print_subject(const struct stream_kind *kind, int partition, char out[static NAMES_SUBJECT_SIZE])
{
    if (partition >= 0)
        snprintf(out, NAMES_SUBJECT_SIZE, "%s.%d.*", kind->subject, partition);
    else
        snprintf(out, NAMES_SUBJECT_SIZE, "%s", kind->subject);
}

static int64_t ns_of_ms(int64_t ms)
{
    return ms * 1000000;
}

char *fr_bus_stream_config(size_t index, int replicas, int64_t resume_window_ms)
{
    int partition;
    const struct stream_kind *kind = find_kind(index, &partition);
    char name[STREAM_NAME_SIZE], subject[NAMES_SUBJECT_SIZE];
    fr_bus_stream_name(index, name);
    print_subject(kind, partition, subject);
    int64_t max_age_ms = kind->max_age_ms > 0 ? kind->max_age_ms : resume_window_ms;
    /* The server refuses a window that is longer than messages live. */
    int64_t duplicates_ms = kind->duplicate_window_ms < max_age_ms ? kind->duplicate_window_ms : max_age_ms;
    json_t *config =
        json_pack("{s:s, s:[s], s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:I}", "name", name,
                  "subjects", subject, "retention", "limits", "storage",
                  kind->storage == STREAM_MEMORY ? "memory" : "file", "discard", "old", "max_consumers",
                  (json_int_t)kind->max_consumers, "max_msgs", (json_int_t)-1, "max_bytes",
                  (json_int_t)kind->max_bytes, "max_msgs_per_subject", (json_int_t)kind->max_msgs_per_subject,
                  "max_age", (json_int_t)ns_of_ms(max_age_ms), "max_msg_size", (int)kind->max_msg_size,
                  "num_replicas", replicas, "duplicate_window", (json_int_t)ns_of_ms(duplicates_ms));
    char *text = config != NULL ? json_dumps(config, JSON_COMPACT) : NULL;
    json_decref(config);
    /* Nothing but memory can be missing: the texts are ours. */
    return text != NULL ? text : fr_strdup("{}");
}

static json_t *parse_object(struct fr_str reply)
{
    json_t *json = json_loadb(reply.data != NULL ? reply.data : "", reply.len, 0, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

/* True if the answer is an error. */
static bool take_error(const json_t *json, struct stream_answer *ret)
{
    const json_t *error = json_object_get(json, "error");
    if (!json_is_object(error))
        return false;
    const char *description = json_string_value(json_object_get(error, "description"));
    ret->code = (int)json_integer_value(json_object_get(error, "code"));
    ret->error = (int)json_integer_value(json_object_get(error, "err_code"));
    if (ret->code == 0)
        ret->code = 500;
    snprintf(ret->description, sizeof ret->description, "%s",
             description != NULL ? description : "no reason given");
    return true;
}

static bool take_epoch(const json_t *json, int64_t *ret)
{
    const char *created = json_string_value(json_object_get(json, "created"));
    return created != NULL && fr_bus_parse_time(created, ret) == FR_OK;
}

enum fr_status fr_bus_stream_parse_answer(struct fr_str reply, struct stream_answer *ret)
{
    json_t *json = parse_object(reply);
    if (json == NULL)
        return FR_PROTOCOL;
    struct stream_answer answer = {0};
    /* While another process' request for the same stream is worked on, its creation time is that of the
     * year 1. */
    bool understood = take_error(json, &answer) || take_epoch(json, &answer.epoch) ||
                      json_is_object(json_object_get(json, "config"));
    enum fr_status status = understood ? FR_OK : FR_PROTOCOL;
    json_decref(json);
    if (status == FR_OK)
        *ret = answer;
    return status;
}

enum fr_status fr_bus_stream_parse_state(struct fr_str reply, struct stream_state *ret)
{
    json_t *json = parse_object(reply);
    struct stream_answer refused = {0};
    const json_t *state = json_object_get(json, "state");
    const json_t *first = json_object_get(state, "first_seq"), *last = json_object_get(state, "last_seq");
    int64_t epoch = 0;
    enum fr_status status = FR_PROTOCOL;
    if (json != NULL && take_error(json, &refused)) {
        status = FR_UNAVAILABLE;
    } else if (json_is_integer(first) && json_is_integer(last) && take_epoch(json, &epoch)) {
        *ret = (struct stream_state){epoch, (uint64_t)json_integer_value(first),
                                     (uint64_t)json_integer_value(last)};
        status = FR_OK;
    }
    json_decref(json);
    return status;
}

enum fr_status fr_bus_stream_parse_message(struct fr_str reply, uint64_t *ret_sequence)
{
    json_t *json = parse_object(reply);
    struct stream_answer refused = {0};
    const json_t *sequence = json_object_get(json_object_get(json, "message"), "seq");
    enum fr_status status = FR_PROTOCOL;
    if (json != NULL && take_error(json, &refused)) {
        status = refused.error == ERROR_NO_MESSAGE_FOUND ? FR_OK : FR_UNAVAILABLE;
        if (status == FR_OK)
            *ret_sequence = 0;
    } else if (json_is_integer(sequence) && json_integer_value(sequence) > 0) {
        *ret_sequence = (uint64_t)json_integer_value(sequence);
        status = FR_OK;
    }
    json_decref(json);
    return status;
}

enum fr_status fr_bus_consumer_parse_state(struct fr_str reply, struct consumer_state *ret)
{
    json_t *json = parse_object(reply);
    struct stream_answer refused = {0};
    const json_t *sequence = json_object_get(json_object_get(json, "delivered"), "stream_seq");
    const json_t *pending = json_object_get(json, "num_pending");
    enum fr_status status = FR_PROTOCOL;
    if (json != NULL && take_error(json, &refused)) {
        status = FR_UNAVAILABLE;
    } else if (json_is_integer(sequence) && json_is_integer(pending) && json_integer_value(sequence) >= 0 &&
               json_integer_value(pending) >= 0) {
        ret->sequence = (uint64_t)json_integer_value(sequence);
        ret->pending = (uint64_t)json_integer_value(pending);
        status = FR_OK;
    }
    json_decref(json);
    return status;
}

static void note_epoch(const json_t *stream, int64_t *epochs)
{
    const char *name = json_string_value(json_object_get(json_object_get(stream, "config"), "name"));
    int64_t epoch;
    if (name == NULL || !take_epoch(stream, &epoch))
        return;
    for (size_t i = 0; i < fr_bus_stream_count(); i++) {
        char ours[STREAM_NAME_SIZE];
        fr_bus_stream_name(i, ours);
        if (strcmp(name, ours) == 0)
            epochs[i] = epoch;
    }
}

enum fr_status fr_bus_stream_parse_list(struct fr_str reply, int64_t *epochs, size_t *ret_next,
                                        struct fr_error *error)
{
    json_t *json = parse_object(reply);
    if (json == NULL)
        return fr_error_set(error, FR_PROTOCOL, NULL, "the server's list of streams is no JSON object");
    enum fr_status status = FR_OK;
    struct stream_answer refused = {0};
    if (take_error(json, &refused)) {
        status = fr_error_set(error, FR_UNAVAILABLE, NULL, "list of streams: %s", refused.description);
        goto out;
    }
    /* null when there is none. */
    const json_t *streams = json_object_get(json, "streams");
    size_t i;
    json_t *stream;
    json_array_foreach(streams, i, stream) note_epoch(stream, epochs);
    int64_t next = json_integer_value(json_object_get(json, "offset")) + (int64_t)json_array_size(streams);
    bool more = json_array_size(streams) > 0 && next < json_integer_value(json_object_get(json, "total"));
    *ret_next = more ? (size_t)next : 0;
out:
    json_decref(json);
    return status;
}
