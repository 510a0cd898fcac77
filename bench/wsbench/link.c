#include "link.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { WINDOW = 16 * 1024 * 1024, OUT_MAX = 1024 * 1024, TARGET_MAX = 1024 };

struct link {
    struct worker *worker;
    int fd; /* -1: none */
    bool connected;
    bool waits; /* for room in the socket's buffer, or for the connection */
    nghttp2_session *session;
    struct fr_buf out; /* what the socket did not take */
};

static size_t links_of(const struct worker *worker)
{
    size_t streams = (size_t)worker->fleet->options.streams;
    return (worker->count + streams - 1) / streams;
}

static struct link *link_of(const struct worker *worker, const struct client *client)
{
    return &worker->links[(size_t)(client - worker->clients) / (size_t)worker->fleet->options.streams];
}

/* ---- the end of a connection ---- */

static void disconnect(struct link *link)
{
    if (link->fd < 0)
        return;
    nghttp2_session_del(link->session);
    address_drop(link->fd);
    fr_buf_release(&link->out);
    link->fd = -1;
    link->session = NULL;
    link->connected = link->waits = false;
}

static void forget_streams(struct link *link, const char *why)
{
    struct worker *worker = link->worker;
    for (size_t i = 0; i < worker->count; i++) {
        struct client *client = &worker->clients[i];
        if (client->stream_id == 0 || link_of(worker, client) != link)
            continue;
        client->stream_id = 0;
        if (why != NULL)
            client_end(worker, client, "%s", why);
    }
}

static void break_off(struct link *link, const char *why)
{
    disconnect(link);
    forget_streams(link, why);
}

/* ---- writing ---- */

static bool watch(struct link *link, bool waits)
{
    struct epoll_event wanted = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = link};
    link->waits = waits;
    return epoll_ctl(link->worker->epoll, EPOLL_CTL_MOD, link->fd, &wanted) == 0;
}

/* False: the connection is lost. */
static bool put(struct link *link, const char *data, size_t len)
{
    ssize_t sent = link->out.len == 0 ? send(link->fd, data, len, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN)
        return false;
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < len)
        fr_buf_append(&link->out, data + done, len - done);
    return fr_buf_status(&link->out) == FR_OK;
}

static bool send_waiting(struct link *link)
{
    if (link->out.len == 0)
        return true;
    ssize_t sent = send(link->fd, link->out.data, link->out.len, MSG_NOSIGNAL);
    if (sent > 0)
        fr_buf_consume(&link->out, (size_t)sent);
    return sent >= 0 || errno == EAGAIN;
}

/* Whatever the session has to say. Not from within its callbacks. */
static void flush(struct link *link)
{
    if (!link->connected)
        return;
    bool kept = send_waiting(link);
    while (kept) {
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(link->session, &data);
        if (len <= 0) {
            kept = len == 0;
            break;
        }
        kept = put(link, (const char *)data, (size_t)len);
    }
    if (kept && link->waits != (link->out.len > 0))
        kept = watch(link, link->out.len > 0);
    if (!kept)
        break_off(link, "the connection was lost");
}

/* ---- what comes ---- */

/* Who asked for it; his stream may be another by now. */
static struct client *client_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct link *link = arg;
    struct client *client = client_of(session, frame->hd.stream_id);
    int64_t status = 0;
    if (client == NULL || client->stream_id != frame->hd.stream_id ||
        !fr_str_equal((struct fr_str){(const char *)name, name_len}, FR_STR(":status")))
        return 0;
    if (fr_str_to_i64((struct fr_str){(const char *)value, value_len}, 100, 599, &status) == FR_OK)
        client_on_status(link->worker, client, (int)status);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
                   size_t len, void *arg)
{
    struct link *link = arg;
    struct client *client = client_of(session, stream_id);
    if (client != NULL && client->stream_id == stream_id)
        client_on_body(link->worker, client, (struct fr_str){(const char *)data, len});
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
    struct link *link = arg;
    struct client *client = client_of(session, stream_id);
    if (client == NULL || client->stream_id != stream_id)
        return 0;
    client->stream_id = 0;
    client_end(link->worker, client, "the stream ended with %s", nghttp2_http2_strerror(code));
    return 0;
}

static void take_input(struct link *link)
{
    char *input = link->worker->input;
    ssize_t len = recv(link->fd, input, INPUT_SIZE, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        break_off(link, len < 0 ? strerror(errno) : "the server closed the connection");
        return;
    }
    ssize_t taken = nghttp2_session_mem_recv(link->session, (const uint8_t *)input, (size_t)len);
    if (taken < 0)
        break_off(link, nghttp2_strerror((int)taken));
    else
        flush(link);
}

void link_on_event(struct worker *worker, struct link *link, uint32_t events)
{
    if (link->fd < 0)
        return;
    if (!link->connected) {
        int problem = 0;
        socklen_t len = sizeof problem;
        if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &problem, &len) != 0 || problem != 0) {
            break_off(link, strerror(problem != 0 ? problem : errno));
            return;
        }
        link->connected = true;
    }
    flush(link);
    if (link->fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0)
        take_input(link);
}

/* ---- opening ---- */

static bool start_session(struct link *link)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, MESSAGE_MAX}};
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return false;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
    int status = nghttp2_session_client_new(&link->session, callbacks, link);
    nghttp2_session_callbacks_del(callbacks);
    if (status == 0)
        status = nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, settings, FR_COUNT_OF(settings));
    if (status == 0)
        status = nghttp2_session_set_local_window_size(link->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
    return status == 0;
}

static bool connect_link(struct worker *worker, struct link *link, struct fr_error *error)
{
    /* Until it is connected it can be written to in no other way. */
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT, .data.ptr = link};
    if (address_connect(worker->fleet->options.address, worker->first + (size_t)(link - worker->links),
                        &link->fd, error) != FR_OK)
        return false;
    link->waits = true;
    fr_buf_init(&link->out, OUT_MAX);
    if (!start_session(link) || epoll_ctl(worker->epoll, EPOLL_CTL_ADD, link->fd, &wanted) != 0) {
        (void)fr_error_set(error, FR_IO, NULL, "an HTTP/2 connection could not be made");
        disconnect(link);
        return false;
    }
    return true;
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

bool link_open(struct worker *worker, struct client *client, struct fr_error *error)
{
    const struct fleet_options *options = &worker->fleet->options;
    struct link *link = link_of(worker, client);
    if (link->fd < 0 && !connect_link(worker, link, error))
        return false;
    struct fr_buf target, bearer;
    fr_buf_init(&target, TARGET_MAX);
    fr_buf_init(&bearer, HTTP_HEAD_MAX);
    client_write_target(worker, client, &target);
    nghttp2_nv fields[6] = {
        field(":method", "GET"),
        field(":scheme", "http"),
        field(":authority", options->address->authority),
        field(":path", target.data),
        field("accept", options->carrier == CARRIER_SSE ? "text/event-stream" : "application/x-protobuf"),
    };
    size_t count = 5;
    if (options->readers != NULL) {
        fr_buf_printf(&bearer, "Bearer %s",
                      options->readers->list[client_number(worker, client) % options->readers->count].token);
        fields[count++] = field("authorization", bearer.data);
    }
    int32_t id = nghttp2_submit_request(link->session, NULL, fields, count, NULL, client);
    fr_buf_release(&target);
    fr_buf_release(&bearer);
    if (id < 0) {
        (void)fr_error_set(error, FR_PROTOCOL, NULL, "a stream: %s", nghttp2_strerror(id));
        return false;
    }
    client->stream_id = id;
    return true;
}

void link_cancel(struct worker *worker, struct client *client)
{
    struct link *link = link_of(worker, client);
    if (client->stream_id == 0 || link->session == NULL)
        return;
    /* If memory is short for it the server finds out with the connection's end. */
    (void)nghttp2_submit_rst_stream(link->session, NGHTTP2_FLAG_NONE, client->stream_id, NGHTTP2_CANCEL);
    client->stream_id = 0;
}

void links_flush(struct worker *worker)
{
    for (size_t i = 0; i < links_of(worker); i++)
        if (worker->links[i].fd >= 0)
            flush(&worker->links[i]);
}

/* ---- all of them ---- */

struct link *links_new(struct worker *worker)
{
    size_t count = links_of(worker);
    struct link *links = fr_alloc_array(count, sizeof *links);
    for (size_t i = 0; i < count; i++)
        links[i] = (struct link){.worker = worker, .fd = -1};
    return links;
}

void links_drop(struct worker *worker)
{
    for (size_t i = 0; i < links_of(worker); i++)
        break_off(&worker->links[i], NULL);
}

void links_free(struct worker *worker)
{
    links_drop(worker);
    free(worker->links);
}
