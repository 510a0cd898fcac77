#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "bus_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "names.h"

/* What the server writes for each stored message, {"stream":"FEED_00", "seq":1}, is seen without a parser: at
 * 100,000 acks a second one would cost more than all else here. An error has another first member. */
static bool looks_stored(struct fr_str reply)
{
    static const struct fr_str head = {"{\"stream\":\"", 11};
    if (!fr_str_starts_with(reply, head) || reply.data[reply.len - 1] != '}')
        return false;
    struct fr_str rest = {reply.data + head.len, reply.len - head.len};
    return memmem(rest.data, rest.len, "\"seq\":", 6) != NULL &&
           memmem(rest.data, rest.len, "\"error\"", 7) == NULL;
}

static bool is_stored(struct fr_str reply)
{
    if (looks_stored(reply))
        return true;
    json_t *json = json_loadb(reply.data != NULL ? reply.data : "", reply.len, 0, NULL);
    bool stored = json_is_object(json) && json_object_get(json, "error") == NULL &&
                  json_is_string(json_object_get(json, "stream"));
    json_decref(json);
    return stored;
}

static void note_pending(int messages, int64_t bytes)
{
    fr_metric_add(FR_METRIC_BUS_PENDING, messages);
    fr_metric_add(FR_METRIC_BUS_PENDING_BYTES, bytes);
}

void fr_bus_publish_answered(void *owner, const struct call_tag *tag, enum fr_status status,
                             struct fr_str reply)
{
    if (status == FR_OK && !is_stored(reply)) {
        fr_bus_log_refused(owner, "message refused by its stream", reply);
        status = FR_UNAVAILABLE;
    }
    fr_metric_add(status == FR_OK ? FR_METRIC_BUS_PUBLISHED : FR_METRIC_BUS_PUBLISH_ERRORS, 1);
    note_pending(-1, -(int64_t)tag->bytes);
    tag->acked(tag->arg, status);
}

/* `id` NULL: the stream is not asked to look for a repeat. */
static enum fr_status publish(struct fr_bus *bus, const char *subject, const char *id, struct fr_str data,
                              fr_bus_acked_fn acked, void *arg, struct fr_error *error)
{
    const struct call_tag tag = {.arg = arg, .acked = acked};
    enum fr_status status;

    if (data.len > FR_EVENT_BYTES_MAX)
        return fr_error_set(error, FR_INVALID, NULL, "an event of %zu bytes is past the limit of %d",
                            data.len, FR_EVENT_BYTES_MAX);
    /* While disconnected the library would keep it and send it later, perhaps long after it was given up. */
    if (!atomic_load(&bus->up))
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "not connected to NATS");
    /* Before: the answer may come first. */
    note_pending(1, (int64_t)data.len);
    if (id != NULL)
        status = calls_send_once(&bus->publishes, subject, id, data, &tag, error);
    else
        status = calls_send(&bus->publishes, subject, data, &tag, error);
    if (status != FR_OK)
        note_pending(-1, -(int64_t)data.len);
    return status;
}

enum fr_status fr_bus_publish_feed(struct fr_bus *bus, int64_t user_id, struct fr_str data,
                                   fr_bus_acked_fn acked, void *arg, struct fr_error *error)
{
    char subject[NAMES_SUBJECT_SIZE];
    fr_bus_format_feed(user_id, subject);
    return publish(bus, subject, NULL, data, acked, arg, error);
}

enum fr_status fr_bus_publish_celebrity(struct fr_bus *bus, int64_t author_id, struct fr_str data,
                                        fr_bus_acked_fn acked, void *arg, struct fr_error *error)
{
    char subject[NAMES_SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "celeb.%" PRId64, author_id);
    return publish(bus, subject, NULL, data, acked, arg, error);
}

enum fr_status fr_bus_publish_post(struct fr_bus *bus, int64_t author_id, int64_t event_id,
                                   struct fr_str data, fr_bus_acked_fn acked, void *arg,
                                   struct fr_error *error)
{
    char subject[NAMES_SUBJECT_SIZE], id[NAMES_SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "post.%d.%" PRId64, fr_partition_of(author_id, FR_AUTHOR_PARTITIONS),
             author_id);
    snprintf(id, sizeof id, "%" PRId64 "-%" PRId64, author_id, event_id);
    return publish(bus, subject, id, data, acked, arg, error);
}
