/* What subscribers are told, in their encodings: heads are made here, bodies are shared. */
#include <stdlib.h>

#include "auth/auth.h"
#include "hub_internal.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "timeline/timeline.h"

enum {
    SLICE_BYTES = 64 * 1024, /* then the loop turns once: what is told goes to the socket meanwhile */
    SLICE_PAUSE_MS = 1,
    FULL_PAUSE_MS = 25,
    FULL_MS_MAX = 10000, /* a subscriber that takes nothing for so long is too slow */
    POST_BODY_MAX = 6 * FR_POST_TEXT_MAX + 512,
};

static bool has_envelopes(const struct flow *flow)
{
    return flow->subscriber->encoding != FR_ENCODING_PLAIN;
}

/* ---- messages ---- */

/* What celebrities published is told to all flows at once, so their place is the hub's, unless the flow's own
 * is ahead of it: it came from a gateway that was, or had it from a page. */
struct fr_cursor fr_delivery_send_place(const struct flow *flow)
{
    const struct fr_hub *hub = flow->hub;
    struct fr_cursor cursor = {.present_ms = flow->user->presence.confirmed_ms, .feed = flow->seen};
    if (flow->attach != NULL) {
        cursor.celebrities = flow->celebrities;
    } else if (flow->user->index.state == INDEX_LOADED && hub->ring.epoch != 0) {
        cursor.celebrities.epoch = hub->ring.epoch;
        cursor.celebrities.sequence = fr_delivery_celebrities_done(&hub->celebrities, hub->ring.last);
        if (flow->celebrities.epoch == hub->ring.epoch &&
            flow->celebrities.sequence > cursor.celebrities.sequence)
            cursor.celebrities.sequence = flow->celebrities.sequence;
    }
    return cursor;
}

static enum fr_status send(struct flow *flow, struct fr_message *message, bool with_cursor, bool snapshot)
{
    struct fr_subscriber *subscriber = flow->subscriber;
    char cursor[FR_CURSOR_SIZE];
    if (!has_envelopes(flow))
        return subscriber->verbs->send(subscriber, message);
    struct fr_buf head;
    fr_buf_init(&head, FR_ENVELOPE_HEAD_MAX);
    if (with_cursor) {
        struct fr_cursor place = fr_delivery_send_place(flow);
        fr_cursor_format(flow->hub->keyring, subscriber->user_id, &place, cursor);
        message->cursor = fr_str_of(cursor);
    }
    fr_wire_envelope_head(&head, subscriber->encoding, message->type, message->cursor, snapshot);
    message->head = fr_buf_str(&head);
    enum fr_status status = subscriber->verbs->send(subscriber, message);
    fr_buf_release(&head);
    return status;
}

/* ---- what a connection has already ---- */

/* A post is told once; an edit if it is newer than what was told, as far as that is remembered. */
static bool is_known(const struct flow *flow, enum fr_envelope type, int64_t post_id, int32_t revision)
{
    switch (type) {
    case FR_ENVELOPE_POST:
        if (fr_delivery_users_is_buried(flow->hub, post_id))
            return true;
        if (!fr_delivery_sent_has(flow->sent, post_id))
            return false;
        fr_metric_add(FR_METRIC_LIVE_DUPLICATES, 1);
        return true;
    case FR_ENVELOPE_EDIT:
        return fr_delivery_users_is_buried(flow->hub, post_id) ||
               fr_delivery_sent_revision(flow->sent, post_id) >= revision;
    case FR_ENVELOPE_DELETE:
        return fr_delivery_sent_revision(flow->sent, post_id) == SENT_DELETED;
    case FR_ENVELOPE_READY:
    case FR_ENVELOPE_RESET:
    case FR_ENVELOPE_SNAPSHOT_END:
    case FR_ENVELOPE_BYE:
    case FR_ENVELOPE_CURSOR:
        return false;
    }
    return false;
}

static void note_sent(struct flow *flow, enum fr_envelope type, int64_t post_id, int32_t revision)
{
    flow->told_ms = flow->placed_ms;
    switch (type) {
    case FR_ENVELOPE_POST:
        fr_delivery_sent_add(&flow->sent, post_id, revision);
        return;
    case FR_ENVELOPE_EDIT:
        fr_delivery_sent_revise(flow->sent, post_id, revision);
        return;
    case FR_ENVELOPE_DELETE:
        fr_delivery_sent_revise(flow->sent, post_id, SENT_DELETED);
        return;
    case FR_ENVELOPE_RESET:
        /* It forgets what it shows. */
        fr_delivery_sent_free(flow->sent);
        flow->sent = NULL;
        return;
    case FR_ENVELOPE_READY:
    case FR_ENVELOPE_SNAPSHOT_END:
    case FR_ENVELOPE_BYE:
    case FR_ENVELOPE_CURSOR:
        return;
    }
}

enum fr_envelope fr_delivery_send_type(const struct live_event *event)
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

/* Older than a full snapshot, and than a post of the same author in it: it was there when that was read, is
 * on the pages behind it, and would be out of order here. What is not older than the snapshot and not in it
 * was not there, and is told, in whichever order. */
static bool is_behind_snapshot(const struct flow *flow, enum fr_envelope type, int64_t author_id,
                               int64_t post_id)
{
    if (type != FR_ENVELOPE_POST || flow->shown_count < flow->snapshot || flow->shown_count == 0 ||
        post_id >= flow->shown[0].post_id)
        return false;
    for (size_t i = 0; i < flow->shown_count; i++)
        if (flow->shown[i].author_id == author_id)
            return true;
    return false;
}

/* ---- to live flows ---- */

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

void fr_delivery_send_live(struct flow *flow, struct live_event *event)
{
    struct fr_hub *hub = flow->hub;
    uint64_t consumer = flow->consumer;
    struct fr_frame *frame = fr_delivery_event_frame(event, flow->subscriber->encoding);
    if (frame == NULL)
        return;
    struct fr_message message = {.type = fr_delivery_send_type(event),
                                 .body = frame,
                                 .post_id = fr_delivery_event_post(event),
                                 .alone = hub->last_mail};
    int32_t revision = fr_delivery_event_revision(event);
    if (is_known(flow, message.type, message.post_id, revision) ||
        is_behind_snapshot(flow, message.type, fr_delivery_event_author(event), message.post_id))
        return;
    enum fr_status status = send(flow, &message, true, false);
    if (status == FR_OK)
        note_told(event);
    /* It may have left. */
    if (fr_delivery_flow_find(hub, consumer) != flow)
        return;
    /* Edited before it was told, it came as it reads now; the edit behind it is told all the same, for those
     * who wait for one. */
    bool edited = message.type == FR_ENVELOPE_POST && revision > 1;
    if (status == FR_OK)
        note_sent(flow, message.type, message.post_id, edited ? revision - 1 : revision);
    else if (status != FR_CANCELLED)
        fr_delivery_flow_end(flow, status == FR_FULL ? FR_SUBSCRIBER_TOO_SLOW : FR_SUBSCRIBER_UNAVAILABLE);
}

void fr_delivery_send_cursor(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    uint64_t consumer = flow->consumer;
    struct fr_buf body;
    fr_buf_init(&body, FR_ENVELOPE_HEAD_MAX);
    fr_wire_envelope_nothing(&body, flow->subscriber->encoding);
    struct fr_message message = {.type = FR_ENVELOPE_CURSOR, .body = fr_frame_new(fr_buf_str(&body))};
    fr_buf_release(&body);
    enum fr_status status = send(flow, &message, true, false);
    fr_frame_release(message.body);
    if (status != FR_OK || fr_delivery_flow_find(hub, consumer) != flow)
        return;
    note_sent(flow, message.type, 0, 0);
    fr_metric_add(FR_METRIC_LIVE_CURSORS, 1);
}

/* ---- to flows that are being made ---- */

void fr_delivery_send_queue(struct attach *attach, const struct outgoing *outgoing)
{
    if (attach->outgoing_count == attach->outgoing_capacity) {
        attach->outgoing_capacity = attach->outgoing_capacity == 0 ? 4 : 2 * attach->outgoing_capacity;
        attach->outgoing =
            fr_realloc_array(attach->outgoing, attach->outgoing_capacity, sizeof *attach->outgoing);
    }
    attach->outgoing[attach->outgoing_count++] = *outgoing;
}

static void queue_ready(struct flow *flow)
{
    struct fr_buf body;
    fr_buf_init(&body, FR_ENVELOPE_HEAD_MAX);
    fr_wire_envelope_ready(&body, flow->subscriber->encoding, flow->attach->resuming,
                           flow->subscriber->user_id);
    fr_delivery_send_queue(flow->attach, &(struct outgoing){
                                             .type = FR_ENVELOPE_READY,
                                             .body = fr_frame_new(fr_buf_str(&body)),
                                             .feed = flow->seen,
                                             .celebrities = flow->celebrities,
                                         });
    fr_buf_release(&body);
}

static void queue_nothing(struct flow *flow, enum fr_envelope type, const struct fr_feed_place *feed,
                          const struct fr_feed_place *celebrities)
{
    struct fr_buf body;
    fr_buf_init(&body, FR_ENVELOPE_HEAD_MAX);
    fr_wire_envelope_nothing(&body, flow->subscriber->encoding);
    fr_delivery_send_queue(flow->attach, &(struct outgoing){.type = type,
                                                            .body = fr_frame_new(fr_buf_str(&body)),
                                                            .feed = *feed,
                                                            .celebrities = *celebrities});
    fr_buf_release(&body);
}

static void queue_post(struct flow *flow, const struct fr_post *post)
{
    const struct fr_wire_post wire = {
        .id = post->id,
        .author_id = post->author_id,
        .text = post->text,
        .created_at_ms = post->created_at_ms,
        .edited_at_ms = post->edited_at_ms,
    };
    struct fr_buf body;
    fr_buf_init(&body, POST_BODY_MAX);
    fr_wire_envelope_post(&body, flow->subscriber->encoding, &wire);
    fr_delivery_send_queue(flow->attach, &(struct outgoing){.type = FR_ENVELOPE_POST,
                                                            .body = fr_frame_new(fr_buf_str(&body)),
                                                            .post_id = post->id,
                                                            .author_id = post->author_id,
                                                            .revision = post->revision,
                                                            .snapshot = true});
    fr_buf_release(&body);
}

void fr_delivery_send_queue_snapshot(struct flow *flow, const struct fr_post *posts, size_t count)
{
    const struct fr_feed_place nowhere = {0};
    struct attach *attach = flow->attach;
    if (flow->opened)
        fr_metric_add(FR_METRIC_LIVE_RESETS, 1);
    else
        queue_ready(flow);
    queue_nothing(flow, FR_ENVELOPE_RESET, &nowhere, &nowhere);
    free(flow->shown);
    flow->shown = fr_alloc_array(count > 0 ? count : 1, sizeof *flow->shown);
    flow->shown_count = 0;
    for (size_t i = count; i > 0; i--) {
        const struct fr_post *post = &posts[i - 1];
        queue_post(flow, post);
        flow->shown[flow->shown_count++] = (struct shown){post->author_id, post->id};
    }
    queue_nothing(flow, FR_ENVELOPE_SNAPSHOT_END, &attach->feed, &attach->celebrities);
}

/* Its places are the flow's from now on, which the cursor in it says already. */
static void advance(struct flow *flow, const struct outgoing *outgoing)
{
    struct attach *attach = flow->attach;
    if (outgoing->feed.epoch == 0)
        return;
    if (attach->fresh) {
        flow->seen = outgoing->feed;
        flow->celebrities = outgoing->celebrities;
        flow->placed_ms = (uint32_t)fr_clock_monotonic_ms();
        attach->fresh = false;
        return;
    }
    if (outgoing->feed.sequence > flow->seen.sequence)
        flow->seen.sequence = outgoing->feed.sequence;
    if (outgoing->celebrities.sequence > flow->celebrities.sequence)
        flow->celebrities.sequence = outgoing->celebrities.sequence;
}

/* FR_CANCELLED if the flow is gone or going. */
static enum fr_status send_next(struct flow *flow, size_t *ret_bytes)
{
    struct fr_hub *hub = flow->hub;
    struct attach *attach = flow->attach;
    uint64_t consumer = flow->consumer;
    const struct outgoing next = attach->outgoing[attach->outgoing_at];
    struct fr_message message = {.type = next.type, .body = next.body, .post_id = next.post_id};
    const struct fr_feed_place seen = flow->seen, celebrities = flow->celebrities;
    bool fresh = attach->fresh, told = false;
    enum fr_status status = FR_OK;
    *ret_bytes = 0;
    advance(flow, &next);
    if (next.body != NULL && !is_known(flow, next.type, next.post_id, next.revision) &&
        (next.snapshot || !is_behind_snapshot(flow, next.type, next.author_id, next.post_id))) {
        status = send(flow, &message, flow->seen.epoch != 0 && !next.snapshot, next.snapshot);
        told = true;
    }
    if (fr_delivery_flow_find(hub, consumer) != flow)
        return FR_CANCELLED;
    if (status != FR_OK) {
        /* It was not told: so it is not in the places. */
        flow->seen = seen;
        flow->celebrities = celebrities;
        attach->fresh = fresh;
        return status;
    }
    if (told) {
        note_sent(flow, next.type, next.post_id, next.revision);
        *ret_bytes = fr_frame_payload(next.body).len;
        if (next.type == FR_ENVELOPE_SNAPSHOT_END)
            fr_metric_add(FR_METRIC_LIVE_SNAPSHOTS, 1);
    }
    fr_frame_release(next.body);
    attach->outgoing_at++;
    return FR_OK;
}

static void wait_for_room(struct flow *flow)
{
    struct attach *attach = flow->attach;
    int64_t now_ms = fr_clock_monotonic_ms();
    if (attach->full_since_ms == 0)
        attach->full_since_ms = now_ms;
    if (now_ms - attach->full_since_ms >= FULL_MS_MAX)
        fr_delivery_flow_end(flow, FR_SUBSCRIBER_TOO_SLOW);
    else
        fr_delivery_flow_pause(flow, FULL_PAUSE_MS);
}

/* True when all that is queued is told. Else the flow goes on later, or is gone. */
static bool send_queued(struct flow *flow)
{
    struct attach *attach = flow->attach;
    size_t slice = 0, bytes;
    while (attach->outgoing_at < attach->outgoing_count) {
        if (slice >= SLICE_BYTES) {
            fr_delivery_flow_pause(flow, SLICE_PAUSE_MS);
            return false;
        }
        enum fr_status status = send_next(flow, &bytes);
        if (status == FR_CANCELLED)
            return false;
        if (status == FR_FULL) {
            wait_for_room(flow);
            return false;
        }
        if (status != FR_OK) {
            fr_delivery_flow_end(flow, FR_SUBSCRIBER_UNAVAILABLE);
            return false;
        }
        attach->full_since_ms = 0;
        slice += bytes;
    }
    attach->outgoing_at = attach->outgoing_count = 0;
    return true;
}

/* False if the flow is gone. */
static bool open_flow(struct flow *flow)
{
    struct fr_hub *hub = flow->hub;
    struct fr_subscriber *subscriber = flow->subscriber;
    uint64_t consumer = flow->consumer;
    bool first = !flow->opened;
    flow->opened = true;
    if (first && flow->attach->resuming) {
        fr_metric_add(FR_METRIC_LIVE_RESUMED, 1);
        if (has_envelopes(flow))
            queue_ready(flow);
    }
    subscriber->verbs->started(subscriber);
    return fr_delivery_flow_find(hub, consumer) == flow;
}

void fr_delivery_send_on(struct flow *flow)
{
    struct attach *attach = flow->attach;
    if (!attach->begun) {
        attach->begun = true;
        if (!open_flow(flow))
            return;
    }
    do {
        if (!send_queued(flow))
            return;
        if (!fr_delivery_replay_collect(flow)) {
            fr_delivery_flow_hole(flow);
            return;
        }
    } while (attach->outgoing_count > 0);
    fr_delivery_flow_move(flow, FLOW_SENT);
}
