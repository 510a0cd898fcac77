#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"

/* ---- states ---- */

static void move(struct worker *worker, struct client *client, enum client_state to)
{
    static const bool allowed[CLIENT_STATES][CLIENT_STATES] = {
        [CLIENT_CLOSED] = {[CLIENT_CONNECTING] = true, [CLIENT_ENDED] = true},
        [CLIENT_CONNECTING] = {[CLIENT_UPGRADING] = true, [CLIENT_CLOSED] = true, [CLIENT_ENDED] = true},
        [CLIENT_UPGRADING] = {[CLIENT_JOINING] = true, [CLIENT_CLOSED] = true, [CLIENT_ENDED] = true},
        [CLIENT_JOINING] = {[CLIENT_PRESENT] = true, [CLIENT_CLOSED] = true, [CLIENT_ENDED] = true},
        [CLIENT_PRESENT] = {[CLIENT_CLOSED] = true, [CLIENT_ENDED] = true},
        [CLIENT_ENDED] = {[CLIENT_CLOSED] = true},
    };
    if (!allowed[client->state][to]) {
        fprintf(stderr, "wsbench: a connection can't go from state %d to %d\n", (int)client->state, (int)to);
        abort();
    }
    bool was_opening = client->state >= CLIENT_CONNECTING && client->state <= CLIENT_JOINING;
    bool is_opening = to >= CLIENT_CONNECTING && to <= CLIENT_JOINING;
    worker->opening += (size_t)is_opening - (size_t)was_opening;
    atomic_fetch_sub_explicit(&worker->in_state[client->state], 1, memory_order_relaxed);
    client->state = to;
    count_up(&worker->in_state[to], 1);
}

static bool is_open(const struct client *client)
{
    return client->fd >= 0 || client->stream_id != 0;
}

static void release(struct worker *worker, struct client *client)
{
    if (client->fd >= 0)
        address_drop(client->fd);
    if (client->stream_id != 0)
        link_cancel(worker, client);
    client->fd = -1;
    fr_buf_release(&client->in);
    client->chunks = (struct chunks){0};
    client->since_ns = 0;
}

void client_drop(struct worker *worker, struct client *client)
{
    release(worker, client);
    if (client->state != CLIENT_CLOSED)
        move(worker, client, CLIENT_CLOSED);
}

size_t client_number(const struct worker *worker, const struct client *client)
{
    return worker->first + (size_t)(client - worker->clients);
}

void client_end(struct worker *worker, struct client *client, const char *why, ...)
{
    struct fleet *fleet = worker->fleet;
    release(worker, client);
    move(worker, client, CLIENT_ENDED);
    pthread_mutex_lock(&fleet->lock);
    if (fleet->complaint[0] == '\0') {
        va_list args;
        va_start(args, why);
        int len = snprintf(fleet->complaint, sizeof fleet->complaint,
                           "connection %zu: ", client_number(worker, client));
        vsnprintf(fleet->complaint + len, sizeof fleet->complaint - (size_t)len, why, args);
        va_end(args);
    }
    pthread_mutex_unlock(&fleet->lock);
}

static void become_present(struct worker *worker, struct client *client)
{
    if (client->state != CLIENT_JOINING)
        return; /* a reset later on */
    histogram_add(&worker->times.opening, fr_clock_monotonic_ns() - client->since_ns);
    client->since_ns = 0;
    client->tries = 0;
    move(worker, client, CLIENT_PRESENT);
}

/* ---- sending ---- */

/* All at once: what a client says is short, and the socket's buffer empty. */
static bool send_all(struct worker *worker, struct client *client, const void *data, size_t len)
{
    ssize_t sent = send(client->fd, data, len, MSG_NOSIGNAL);
    if (sent == (ssize_t)len)
        return true;
    client_end(worker, client, "sending: %s", sent < 0 ? strerror(errno) : "the server reads nothing");
    return false;
}

static bool send_frame(struct worker *worker, struct client *client, enum ws_opcode opcode,
                       struct fr_str payload)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    struct fr_buf frame;
    fr_buf_init(&frame, payload.len + sizeof head);
    fr_buf_append(&frame, head, ws_frame_head(opcode, true, payload.len, head));
    fr_buf_append_str(&frame, payload); /* masked with zeroes: as it is */
    bool sent = send_all(worker, client, frame.data, frame.len);
    fr_buf_release(&frame);
    return sent;
}

void client_send_echo(struct worker *worker, struct client *client, int64_t now_ns)
{
    if (client->state != CLIENT_PRESENT || client->since_ns != 0)
        return;
    struct fr_buf text;
    fr_buf_init(&text, worker->fleet->options.echo_size);
    mark_write(&text, 0, 0, worker->fleet->options.echo_size);
    client->since_ns = now_ns;
    (void)send_frame(worker, client, WS_TEXT, fr_buf_str(&text)); /* if not, it has ended */
    fr_buf_release(&text);
}

static bool is_stream(const struct fleet_options *options)
{
    return options->carrier == CARRIER_SSE || options->carrier == CARRIER_STREAM;
}

void client_write_target(const struct worker *worker, const struct client *client, struct fr_buf *out)
{
    const struct fleet_options *options = &worker->fleet->options;
    const char *path = options->path != NULL ? options->path
                       : is_stream(options)  ? "/post/feed/stream"
                                             : "/post/feed/posted";
    fr_buf_append_text(out, path);
    char separator = '?';
    if (carrier_has_cursors(options->carrier) && client->cursor[0] != '\0') {
        fr_buf_printf(out, "%ccursor=%s", separator, client->cursor);
        separator = '&';
    }
    if (carrier_has_cursors(options->carrier) && options->snapshot >= 0)
        fr_buf_printf(out, "%csnapshot=%d", separator, options->snapshot);
}

static void write_request(const struct worker *worker, const struct client *client, struct fr_buf *out)
{
    const struct fleet_options *options = &worker->fleet->options;
    fr_buf_append_text(out, "GET ");
    client_write_target(worker, client, out);
    fr_buf_printf(out, " HTTP/1.1\r\nHost: %s\r\n", options->address->authority);
    if (options->readers != NULL)
        fr_buf_printf(out, "Authorization: Bearer %s\r\n",
                      options->readers->list[client_number(worker, client) % options->readers->count].token);
    if (is_stream(options))
        fr_buf_printf(out, "Accept: %s\r\n",
                      options->carrier == CARRIER_SSE ? "text/event-stream" : "application/x-protobuf");
    else
        fr_buf_append_text(out, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: d3NiZW5jaCB3c2JlbmNoIQ==\r\n");
    if (options->carrier == CARRIER_JSON || options->carrier == CARRIER_PROTOBUF)
        fr_buf_printf(out, "Sec-WebSocket-Protocol: freshet.v1.%s\r\n", carrier_names[options->carrier]);
    fr_buf_append_text(out, "\r\n");
}

static void on_connected(struct worker *worker, struct client *client)
{
    int problem = 0;
    socklen_t len = sizeof problem;
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = client};
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &problem, &len) != 0 || problem != 0 ||
        epoll_ctl(worker->epoll, EPOLL_CTL_MOD, client->fd, &wanted) != 0) {
        client_end(worker, client, "connecting: %s", strerror(problem != 0 ? problem : errno));
        return;
    }
    struct fr_buf request;
    fr_buf_init(&request, HTTP_HEAD_MAX);
    write_request(worker, client, &request);
    move(worker, client, CLIENT_UPGRADING);
    (void)send_all(worker, client, request.data, request.len); /* if not, it has ended */
    fr_buf_release(&request);
}

/* The less the system takes for it, the sooner the server notices. */
static void take_little(int fd)
{
    static const int least = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least); /* if not, it takes longer */
}

void client_deafen(struct worker *worker, struct client *client)
{
    if (client->state != CLIENT_PRESENT)
        return;
    if (epoll_ctl(worker->epoll, EPOLL_CTL_DEL, client->fd, NULL) != 0)
        client_end(worker, client, "epoll: %s", strerror(errno));
    else
        count_up(&worker->deaf, 1);
}

void client_open(struct worker *worker, struct client *client)
{
    struct fr_error error = {0};
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = client};
    client->since_ns = fr_clock_monotonic_ns();
    if (worker->links != NULL) {
        move(worker, client, CLIENT_CONNECTING);
        if (link_open(worker, client, &error))
            move(worker, client, CLIENT_UPGRADING);
        else
            client_end(worker, client, "%s", error.message);
        return;
    }
    if (address_connect(worker->fleet->options.address, client_number(worker, client), &client->fd, &error) !=
        FR_OK)
        client_end(worker, client, "%s", error.message);
    else if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, client->fd, &wanted) != 0)
        client_end(worker, client, "epoll: %s", strerror(errno));
    else
        move(worker, client, CLIENT_CONNECTING);
    if (client->fd >= 0 && fleet_is_deaf(worker->fleet, client_number(worker, client)))
        take_little(client->fd);
}

/* ---- messages ---- */

static void keep_arrival(struct client *client, uint32_t arrival)
{
    if (client->arrival_count == client->arrival_room) {
        client->arrival_room = client->arrival_room > 0 ? client->arrival_room * 2 : 16;
        client->arrivals = fr_realloc_array(client->arrivals, client->arrival_room, sizeof *client->arrivals);
    }
    client->arrivals[client->arrival_count++] = arrival;
}

static void take_post(struct worker *worker, struct client *client, struct fr_str payload, bool snapshot)
{
    struct posts *posts = worker->fleet->options.posts;
    uint32_t index;
    if (posts == NULL || !mark_find(payload, posts->run, &index) || index >= posts->max)
        return;
    keep_arrival(client, snapshot ? index | ARRIVED_IN_SNAPSHOT : index);
    if (snapshot)
        return;
    int64_t now = fr_clock_monotonic_ns();
    struct post *post = &posts->list[index];
    int64_t accepted = atomic_load(&post->accepted_ns);
    count_up(&worker->early, accepted == 0);
    histogram_add(&worker->times.from_accepted, accepted > 0 ? now - accepted : 0);
    if (post->sent_ns > 0)
        histogram_add(&worker->times.from_sent, now - post->sent_ns);
    post_arrived(post, now);
    count_up(&worker->deliveries, 1);
}

static void take_echo(struct worker *worker, struct client *client)
{
    if (client->since_ns == 0)
        return;
    histogram_add(&worker->times.from_sent, fr_clock_monotonic_ns() - client->since_ns);
    client->since_ns = 0;
    count_up(&worker->deliveries, 1);
}

static bool read_message(enum carrier carrier, struct fr_str payload, struct message *ret)
{
    switch (carrier) {
    case CARRIER_PLAIN:
    case CARRIER_ECHO:
        *ret = (struct message){.type = MESSAGE_POST};
        return true;
    case CARRIER_JSON:
    case CARRIER_SSE:
        return message_parse_json(payload, ret);
    case CARRIER_PROTOBUF:
    case CARRIER_STREAM:
        return message_parse_protobuf(payload, ret);
    }
    return false;
}

static void on_message(struct worker *worker, struct client *client, struct fr_str payload)
{
    enum carrier carrier = worker->fleet->options.carrier;
    struct message message;
    if (!read_message(carrier, payload, &message)) {
        client_end(worker, client, "no message: %.*s", (int)(payload.len < 100 ? payload.len : 100),
                   payload.data);
        return;
    }
    count_up(&worker->messages, 1);
    count_up(&worker->bytes, payload.len);
    if (message.cursor.len > 0 && message.cursor.len <= CURSOR_MAX) {
        memcpy(client->cursor, message.cursor.data, message.cursor.len);
        client->cursor[message.cursor.len] = '\0';
    }
    switch (message.type) {
    case MESSAGE_READY:
        if (message.resumed) {
            count_up(&worker->resumed, 1);
            become_present(worker, client);
        }
        break;
    case MESSAGE_POST:
        if (carrier == CARRIER_ECHO)
            take_echo(worker, client);
        else
            take_post(worker, client, payload, message.snapshot);
        break;
    case MESSAGE_RESET:
        count_up(&worker->resets, 1);
        break;
    case MESSAGE_SNAPSHOT_END:
        become_present(worker, client);
        break;
    case MESSAGE_BYE:
        client_end(worker, client, "%.*s", (int)(payload.len < 200 ? payload.len : 200), payload.data);
        break;
    case MESSAGE_OTHER:
    case MESSAGE_EDIT:
    case MESSAGE_DELETE:
        break;
    }
}

static void on_frame(struct worker *worker, struct client *client, const struct ws_frame *frame)
{
    switch (frame->opcode) {
    case WS_TEXT:
    case WS_BINARY:
        on_message(worker, client, frame->payload);
        break;
    case WS_PING:
        (void)send_frame(worker, client, WS_PONG, frame->payload); /* if not, it has ended */
        break;
    case WS_PONG:
        break;
    case WS_CLOSE: {
        const uint8_t *code = (const uint8_t *)frame->payload.data;
        if (frame->payload.len < 2)
            client_end(worker, client, "closed without a code");
        else
            client_end(worker, client, "closed with %d %.*s", code[0] << 8 | code[1],
                       (int)frame->payload.len - 2, frame->payload.data + 2);
        break;
    }
    default:
        client_end(worker, client, "a frame of opcode %d", frame->opcode);
    }
}

/* ---- bytes ---- */

/* The next message of the bytes; how many bytes it took, 0: more are needed. */
static size_t take_one(struct worker *worker, struct client *client, struct fr_str bytes)
{
    struct ws_frame frame;
    struct delimited one;
    enum piece piece = PIECE_BAD;
    switch (worker->fleet->options.carrier) {
    case CARRIER_PLAIN:
    case CARRIER_JSON:
    case CARRIER_PROTOBUF:
    case CARRIER_ECHO:
        piece = ws_frame_parse(bytes, &frame);
        if (piece == PIECE_DONE) {
            on_frame(worker, client, &frame);
            return frame.size;
        }
        break;
    case CARRIER_SSE:
        piece = event_parse(bytes, &one);
        break;
    case CARRIER_STREAM:
        piece = delimited_parse(bytes, &one);
        break;
    }
    if (piece == PIECE_DONE) {
        if (one.payload.len > 0)
            on_message(worker, client, one.payload);
        return one.size;
    }
    if (piece == PIECE_BAD)
        client_end(worker, client, "sent what is neither a frame nor an event");
    return 0;
}

/* Takes the whole messages; returns how many bytes they were. */
static size_t take_messages(struct worker *worker, struct client *client, struct fr_str bytes)
{
    size_t used = 0, size;
    while (used < bytes.len && is_open(client) &&
           (size = take_one(worker, client, (struct fr_str){bytes.data + used, bytes.len - used})) > 0)
        used += size;
    return used;
}

static void take_buffered(struct worker *worker, struct client *client)
{
    size_t used = take_messages(worker, client, fr_buf_str(&client->in));
    if (!is_open(client))
        return; /* it has ended, and the buffer with it */
    if (used == client->in.len)
        fr_buf_release(&client->in);
    else
        fr_buf_consume(&client->in, used);
}

static void take_bytes(struct worker *worker, struct client *client, struct fr_str bytes)
{
    if (is_stream(&worker->fleet->options)) {
        if (!chunks_decode(&client->chunks, bytes, &client->in)) {
            client_end(worker, client, "sent a body that is not chunked");
            return;
        }
        take_buffered(worker, client);
        if (client->fd >= 0 && chunks_ended(&client->chunks))
            client_end(worker, client, "the stream ended");
        return;
    }
    size_t used = client->in.len == 0 ? take_messages(worker, client, bytes) : 0;
    if (client->fd < 0 || used == bytes.len)
        return;
    fr_buf_append(&client->in, bytes.data + used, bytes.len - used);
    if (used == 0)
        take_buffered(worker, client);
}

/* Later; false: it was refused too often. */
static bool try_again(struct worker *worker, struct client *client)
{
    if (client->tries >= worker->fleet->options.retries)
        return false;
    client_drop(worker, client);
    client->tries++;
    worker->again_ns = fr_clock_monotonic_ns() + RETRY_NS;
    count_up(&worker->retried, 1);
    return true;
}

static void take_head(struct worker *worker, struct client *client, struct fr_str bytes)
{
    enum carrier carrier = worker->fleet->options.carrier;
    int wanted = is_stream(&worker->fleet->options) ? 200 : 101;
    struct http_head head;
    fr_buf_append_str(&client->in, bytes);
    switch (http_head_parse(fr_buf_str(&client->in), &head)) {
    case PIECE_MORE:
        return;
    case PIECE_BAD:
        client_end(worker, client, "its answer is no HTTP");
        return;
    case PIECE_DONE:
        break;
    }
    if (head.status == 503 && try_again(worker, client))
        return;
    if (head.status != wanted) {
        client_end(worker, client, "answered with %d instead of %d: %.*s", head.status, wanted,
                   (int)(client->in.len - head.size), client->in.data + head.size);
        return;
    }
    /* Out of the buffer, which the body of a stream is decoded into. */
    size_t len;
    char *all = fr_buf_detach(&client->in, &len);
    move(worker, client, CLIENT_JOINING);
    if (!carrier_has_cursors(carrier))
        become_present(worker, client);
    if (len > head.size)
        take_bytes(worker, client, (struct fr_str){all + head.size, len - head.size});
    free(all);
}

void client_on_event(struct worker *worker, struct client *client, uint32_t events)
{
    if (client->fd < 0)
        return; /* ended by an event before this one */
    if (client->state == CLIENT_CONNECTING) {
        on_connected(worker, client);
        return;
    }
    ssize_t len = recv(client->fd, worker->input, sizeof worker->input, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        client_end(worker, client, "the server closed it%s%s", len < 0 ? ": " : "",
                   len < 0 ? strerror(errno) : "");
        return;
    }
    struct fr_str bytes = {worker->input, (size_t)len};
    if (client->state == CLIENT_UPGRADING)
        take_head(worker, client, bytes);
    else
        take_bytes(worker, client, bytes);
}

/* ---- over HTTP/2 ---- */

void client_on_status(struct worker *worker, struct client *client, int status)
{
    if (status < 200 || client->state != CLIENT_UPGRADING || (status == 503 && try_again(worker, client)))
        return;
    if (status == 200)
        move(worker, client, CLIENT_JOINING);
    else
        client_end(worker, client, "answered with %d instead of 200", status);
}

void client_on_body(struct worker *worker, struct client *client, struct fr_str bytes)
{
    fr_buf_append_str(&client->in, bytes);
    take_buffered(worker, client);
}
