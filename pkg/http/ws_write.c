/* What is queued, and its way to the peer. */
#include "http/ws_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fault.h"
#include "delivery/delivery.h"
#include "metrics/metrics.h"

/* ---- the queue ---- */

static size_t shared_len(const struct fr_frame *frame)
{
    return frame != NULL ? fr_frame_payload(frame).len : 0;
}

static size_t free_entry(struct fr_ws_entry *entry)
{
    size_t size = sizeof *entry + entry->len + shared_len(entry->frame);
    fr_frame_release(entry->frame);
    free(entry);
    return size;
}

/* Those behind the first `kept`. */
static void drop_behind(struct fr_ws *ws, unsigned kept)
{
    struct fr_ws_entry **at = &ws->queue;
    for (unsigned i = 0; i < kept; i++)
        at = &(*at)->next;
    struct fr_ws_entry *dropped = *at;
    *at = NULL;
    ws->queue_end = at;
    while (dropped != NULL) {
        struct fr_ws_entry *entry = dropped;
        dropped = entry->next;
        fr_outqueue_dropped(&ws->waiting, ws->rule, free_entry(entry));
    }
}

/* Only what a write has left over is worth counting: of most frames nothing is. */
static void count_waiting(struct fr_ws *ws)
{
    if (ws->counted == ws->waiting.bytes)
        return;
    fr_metric_add(FR_METRIC_LIVE_QUEUE_BYTES, (int64_t)ws->waiting.bytes - (int64_t)ws->counted);
    ws->counted = ws->waiting.bytes;
}

void fr_ws_drop_queued(struct fr_ws *ws)
{
    drop_behind(ws, ws->in_flight);
}

void fr_ws_forget_queue(struct fr_ws *ws)
{
    drop_behind(ws, 0);
    count_waiting(ws);
}

/* ---- writing ---- */

/* The system has taken the first so many entries. */
static void forget_written(struct fr_ws *ws, unsigned frames)
{
    for (; frames > 0; frames--) {
        struct fr_ws_entry *entry = ws->queue;
        ws->queue = entry->next;
        fr_outqueue_wrote(&ws->waiting, ws->rule, free_entry(entry));
    }
    if (ws->queue == NULL)
        ws->queue_end = &ws->queue;
    count_waiting(ws);
    if (ws->queue != NULL || ws->paused)
        fr_ws_flush_later(ws);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct fr_ws *ws = sock->data;
    fr_nested_loop_touch(ws->home);
    if (err != NULL) {
        fr_ws_happen(ws, FR_WS_OVER);
        return;
    }
    unsigned frames = ws->in_flight;
    ws->in_flight = 0;
    forget_written(ws, frames);
    fr_ws_end_if_written(ws);
}

/* FRESHET_FAULT=websocket_short_writes: systems seldom take a part of what is short. */
static size_t some_of(size_t all)
{
    return fr_fault_armed("websocket_short_writes") ? (all + 1) / 2 : all;
}

/* What the system takes of it without libh2o; the vectors keep the rest, of which there may be all. Returns
 * how many of them are written. An error is libh2o's to find again, and to tell in its own time. */
static size_t write_directly(const struct fr_ws *ws, h2o_iovec_t *vectors, size_t count)
{
    if (ws->fd < 0)
        return 0;
    ssize_t wrote = writev(ws->fd, (struct iovec *)vectors, (int)some_of(count));
    size_t left = wrote > 0 ? (size_t)wrote : 0, done = 0;
    while (done < count && left >= vectors[done].len)
        left -= vectors[done++].len;
    if (done < count) {
        vectors[done].base += left;
        vectors[done].len -= left;
    }
    return done;
}

/* One write for all that is queued, or for the first of it if that is much. */
static void write_queue(struct fr_ws *ws)
{
    /* libh2o 2.2.5 takes an empty vector at the end for a write that is not complete: none is given. */
    h2o_iovec_t vectors[2 * FR_WS_WRITE_FRAMES];
    size_t count = 0, bytes = 0;
    unsigned frames = 0;
    const struct fr_ws_entry *entry = ws->queue;
    for (; entry != NULL && frames < FR_WS_WRITE_FRAMES && bytes < FR_WS_WRITE_BYTES; entry = entry->next) {
        vectors[count++] = h2o_iovec_init(entry->bytes, entry->len);
        bytes += entry->len;
        if (shared_len(entry->frame) > 0) {
            struct fr_str payload = fr_frame_payload(entry->frame);
            vectors[count++] = h2o_iovec_init(payload.data, payload.len);
            bytes += payload.len;
        }
        frames++;
    }
    size_t done = write_directly(ws, vectors, count);
    if (done < count || entry != NULL)
        fr_outqueue_write(&ws->waiting, fr_clock_monotonic_ms());
    if (done == count) {
        forget_written(ws, frames);
        return;
    }
    ws->in_flight = frames;
    h2o_socket_write(ws->sock, vectors + done, count - done, on_written);
}

/* The end of the tick. */
static void on_flush(struct fr_task *task)
{
    struct fr_ws *ws = FR_CONTAINER_OF(task, struct fr_ws, flush);
    if (ws->sock == NULL)
        return;
    if (ws->in_flight > 0)
        count_waiting(ws);
    else if (ws->queue != NULL)
        write_queue(ws);
    fr_ws_go_on(ws);
}

void fr_ws_flush_later(struct fr_ws *ws)
{
    fr_task_defer(ws->home->loop, &ws->flush, on_flush);
}

static void append(struct fr_ws *ws, struct fr_ws_entry *entry)
{
    *ws->queue_end = entry;
    ws->queue_end = &entry->next;
    bool was_over = ws->waiting.over_ms != 0;
    int64_t now_ms = fr_clock_monotonic_ms();
    fr_outqueue_add(&ws->waiting, ws->rule, sizeof *entry + entry->len + shared_len(entry->frame), now_ms);
    if (!was_over && ws->waiting.over_ms != 0 && ws->state == FR_WS_OPEN)
        fr_ws_start_watch(ws, now_ms);
    fr_ws_flush_later(ws);
    fr_nested_loop_touch(ws->home);
}

/* Takes over the caller's hold of `frame`. */
static void push(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head, struct fr_frame *frame)
{
    uint8_t header[FR_WS_HEADER_MAX];
    size_t header_len = fr_ws_write_header(header, opcode, head.len + shared_len(frame));
    struct fr_ws_entry *entry = fr_alloc(sizeof *entry + header_len + head.len);
    entry->next = NULL;
    entry->frame = frame;
    entry->len = (uint16_t)(header_len + head.len);
    memcpy(entry->bytes, header, header_len);
    if (head.len > 0)
        memcpy(entry->bytes + header_len, head.data, head.len);
    append(ws, entry);
}

void fr_ws_push_control(struct fr_ws *ws, enum fr_ws_opcode opcode, const void *payload, size_t len)
{
    push(ws, opcode, (struct fr_str){payload, len}, NULL);
}

/* The rest of a frame whose beginning is on its way: nothing may come between, nor drop it. */
static void write_rest(struct fr_ws *ws, const uint8_t *rest, size_t len)
{
    struct fr_ws_entry *entry = fr_alloc(sizeof *entry + len);
    entry->next = NULL;
    entry->frame = NULL;
    entry->len = (uint16_t)len;
    memcpy(entry->bytes, rest, len);
    append(ws, entry);
    h2o_iovec_t vector = h2o_iovec_init(entry->bytes, len);
    ws->in_flight = 1;
    fr_outqueue_write(&ws->waiting, fr_clock_monotonic_ms());
    h2o_socket_write(ws->sock, &vector, 1, on_written);
}

/* A frame behind which nothing is known to come needs no piece of memory, no task, and no second look at the
 * connection: to ten thousand of them these cost as much as the rest of the way. False: nothing is written,
 * and it is to be queued, as what the system does not take always is. */
static bool write_alone(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                        const struct fr_frame *frame)
{
    size_t payload_len = head.len + shared_len(frame);
    if (ws->queue != NULL || ws->fd < 0 || ws->state != FR_WS_OPEN || payload_len > FR_WS_ALONE_BYTES)
        return false;
    uint8_t bytes[FR_WS_HEADER_MAX + FR_WS_ALONE_BYTES];
    size_t len = fr_ws_write_header(bytes, opcode, payload_len);
    const struct fr_str parts[] = {head, frame != NULL ? fr_frame_payload(frame) : FR_STR_NONE};
    for (size_t i = 0; i < FR_COUNT_OF(parts); i++) {
        if (parts[i].len > 0)
            memcpy(bytes + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    ssize_t wrote = send(ws->fd, bytes, some_of(len), MSG_NOSIGNAL);
    if (wrote <= 0)
        return false; /* no room; or an error, which is found again when the queue is written */
    if ((size_t)wrote < len)
        write_rest(ws, bytes + wrote, len - (size_t)wrote);
    return true;
}

enum fr_status fr_ws_send(struct fr_ws *ws, enum fr_ws_opcode opcode, struct fr_str head,
                          struct fr_frame *frame, bool alone)
{
    assert(head.len <= FR_WS_MESSAGE_HEAD_MAX);
    if (ws->close_queued || ws->state > FR_WS_OPEN)
        return FR_CANCELLED;
    if (alone && write_alone(ws, opcode, head, frame))
        return FR_OK;
    size_t size = sizeof(struct fr_ws_entry) + FR_WS_HEADER_MAX + head.len + shared_len(frame);
    if (!fr_outqueue_has_room(&ws->waiting, ws->rule, size))
        return FR_FULL;
    push(ws, opcode, head, frame != NULL ? fr_frame_hold(frame) : NULL);
    return FR_OK;
}
