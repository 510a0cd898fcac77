/* What subscribers are told, in their encodings: heads are made here, bodies are the events'. */
#include "hub_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"

static enum fr_envelope type_of(const struct live_event *event)
{
    switch (fr_delivery_event_kind(event)) {
    case FR_EVENT_EDIT:
        return FR_ENVELOPE_EDIT;
    case FR_EVENT_DELETE:
        return FR_ENVELOPE_DELETE;
    case FR_EVENT_POST:
    case FR_EVENT_FOLLOW:
    case FR_EVENT_UNFOLLOW:
    case FR_EVENT_CELEBRITY:
    case FR_EVENT_ORDINARY:
    case FR_EVENT_ACCOUNT:
        break;
    }
    return FR_ENVELOPE_POST;
}

static enum fr_status send(struct flow *flow, struct fr_message *message, bool with_cursor, bool snapshot)
{
    struct fr_subscriber *subscriber = flow->subscriber;
    char cursor[FR_CURSOR_SIZE];
    struct fr_buf head;
    fr_buf_init(&head, FR_ENVELOPE_HEAD_MAX);
    if (subscriber->encoding != FR_ENCODING_PLAIN) {
        if (with_cursor) {
            struct fr_cursor place = {.feed = flow->seen};
            fr_cursor_format(flow->hub->keyring, subscriber->user_id, &place, cursor);
            message->cursor = fr_str_of(cursor);
        }
        fr_wire_envelope_head(&head, subscriber->encoding, message->type, message->cursor, snapshot);
    }
    message->head = fr_buf_str(&head);
    enum fr_status status = subscriber->verbs->send(subscriber, message);
    fr_buf_release(&head);
    return status;
}

static enum fr_status send_body(struct flow *flow, enum fr_envelope type, const struct fr_buf *body,
                                bool with_cursor)
{
    struct fr_message message = {.type = type, .body = fr_frame_new(fr_buf_str(body))};
    enum fr_status status = send(flow, &message, with_cursor, false);
    fr_frame_release(message.body);
    return status;
}

void fr_delivery_send_opening(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    struct fr_subscriber *subscriber = flow->subscriber;
    uint64_t consumer = flow->consumer;
    subscriber->verbs->started(subscriber);
    static const enum fr_envelope types[] = {FR_ENVELOPE_READY, FR_ENVELOPE_RESET, FR_ENVELOPE_SNAPSHOT_END};
    for (size_t i = 0; i < FR_COUNT_OF(types); i++) {
        if (fr_delivery_flow_find(hub, consumer) != flow || subscriber->encoding == FR_ENCODING_PLAIN)
            return;
        struct fr_buf body;
        fr_buf_init(&body, FR_ENVELOPE_HEAD_MAX);
        if (types[i] == FR_ENVELOPE_READY)
            fr_wire_envelope_ready(&body, subscriber->encoding, false, subscriber->user_id);
        else
            fr_wire_envelope_nothing(&body, subscriber->encoding);
        enum fr_status status = send_body(flow, types[i], &body, types[i] == FR_ENVELOPE_SNAPSHOT_END);
        fr_buf_release(&body);
        if (status != FR_OK)
            return;
    }
}

/* Handed to the first connection: what is left of its way is that client's. */
static void note_told(struct live_event *event)
{
    if (!fr_delivery_event_first_told(event))
        return;
    int64_t ms = fr_clock_wall_ms() - fr_delivery_event_created_ms(event);
    struct fr_origin origin = fr_delivery_event_origin(event);
    if (fr_delivery_event_kind(event) == FR_EVENT_POST)
        fr_metric_observe(FR_METRIC_ACCEPTED_TO_DELIVERED, (double)ms / 1000);
    FR_LOG_DEBUG("event delivered", FR_KV_I64("post", fr_delivery_event_post(event)),
                 FR_KV_I64("author", fr_delivery_event_author(event)),
                 FR_KV_I64("kind", fr_delivery_event_kind(event)), FR_KV_STR("request_id", origin.request_id),
                 FR_KV_STR("traceparent", origin.traceparent));
}

enum fr_status fr_delivery_send_event(struct flow *flow, struct live_event *event)
{
    struct fr_frame *frame = fr_delivery_event_frame(event, flow->subscriber->encoding);
    if (frame == NULL)
        return FR_OK;
    struct fr_message message = {
        .type = type_of(event), .body = frame, .post_id = fr_delivery_event_post(event)};
    enum fr_status status = send(flow, &message, true, false);
    if (status == FR_OK)
        note_told(event);
    return status;
}
