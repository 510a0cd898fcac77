/* Mode serve: a bare server, the least that could do the gateway's work, for baselines. One thread.
 *
 * A WebSocket's message comes back (its handshake is not checked). A POST is a post to all sockets: a loop of
 * write(), a frame as plain connections of the gateway get it for each; then it is answered with its id. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "modes.h"
#include "protocol.h"

enum { INPUT_MAX = 256 * 1024, EVENTS = 256, BACKLOG = 4096, WRITE_MS = 10000 };

struct peer {
    struct peer *next, *previous; /* in the server's list */
    int fd;
    bool open;    /* a WebSocket */
    size_t place; /* within the server's sockets, if open */
    struct fr_buf in;
};

struct server {
    int listener, epoll;
    struct peer all;       /* the head of a ring */
    struct peer **sockets; /* those that are open */
    size_t count, room;
    int64_t posts;
};

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, data, len);
        if (wrote < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            wrote = poll(&wait, 1, WRITE_MS) == 1 ? 0 : -1;
        }
        if (wrote < 0)
            return false;
        data += wrote;
        len -= (size_t)wrote;
    }
    return true;
}

static void drop(struct server *server, struct peer *peer)
{
    if (peer->open) {
        server->sockets[peer->place] = server->sockets[--server->count];
        server->sockets[peer->place]->place = peer->place;
    }
    peer->next->previous = peer->previous;
    peer->previous->next = peer->next;
    close(peer->fd);
    fr_buf_release(&peer->in);
    free(peer);
}

static bool open_socket(struct server *server, struct peer *peer)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Accept: none\r\n\r\n";
    if (server->count == server->room) {
        server->room *= 2;
        server->sockets = fr_realloc_array(server->sockets, server->room, sizeof(struct peer *));
    }
    peer->place = server->count;
    server->sockets[server->count++] = peer;
    peer->open = true;
    return write_all(peer->fd, answer, sizeof answer - 1);
}

/* `text`: the JSON of the request's member, with its quotes. */
static bool post(struct server *server, struct peer *peer, struct fr_str text)
{
    struct fr_buf frame, payload;
    uint8_t head[WS_FRAME_HEAD_MAX];
    int64_t id = ++server->posts;
    fr_buf_init(&payload, INPUT_MAX);
    fr_buf_init(&frame, INPUT_MAX);
    fr_buf_printf(&payload, "{\"postId\":\"%lld\",\"postText\":%.*s,\"author_user_id\":\"1\"}", (long long)id,
                  FR_STR_ARG(text));
    fr_buf_append(&frame, head, ws_frame_head(WS_TEXT, false, payload.len, head));
    fr_buf_append_str(&frame, fr_buf_str(&payload));
    for (size_t i = 0; i < server->count; i++)
        (void)write_all(server->sockets[i]->fd, frame.data, frame.len); /* its end is read later */
    char body[32], answer[160];
    int len = snprintf(body, sizeof body, "\"%lld\"", (long long)id);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                        len, body);
    fr_buf_release(&payload);
    fr_buf_release(&frame);
    return write_all(peer->fd, answer, (size_t)size);
}

/* A request's head and body, if they are whole; false: the peer is to be dropped. */
static bool take_request(struct server *server, struct peer *peer)
{
    struct fr_buf *in = &peer->in;
    char *end = in->len > 0 ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return in->len <= HTTP_HEAD_MAX;
    size_t head = (size_t)(end - in->data) + 4;
    if (fr_str_starts_with(fr_buf_str(in), FR_STR("GET "))) {
        fr_buf_consume(in, head);
        return open_socket(server, peer);
    }
    static const char length[] = "\r\nContent-Length: ";
    char *at = memmem(in->data, head, length, sizeof length - 1);
    size_t size = at != NULL ? strtoul(at + sizeof length - 1, NULL, 10) : 0;
    if (size > INPUT_MAX / 2)
        return false;
    if (in->len - head < size)
        return true;
    static const struct fr_str open = FR_STR("{\"text\":");
    struct fr_str body = {in->data + head, size};
    if (!fr_str_starts_with(body, open) || body.data[size - 1] != '}')
        return false;
    bool answered = post(server, peer, (struct fr_str){body.data + open.len, size - open.len - 1});
    fr_buf_consume(in, head + size);
    return answered;
}

/* A client's frame: taken as clients of wsbench send them, short and with a mask of zeroes. */
static bool take_frames(struct peer *peer)
{
    while (peer->in.len >= 2) {
        uint8_t *at = (uint8_t *)peer->in.data;
        at[1] &= 0x7F;
        size_t mask_at = at[1] == 126 ? 4 : at[1] == 127 ? 10 : 2;
        if (peer->in.len < mask_at + 4) {
            at[1] |= 0x80;
            return true;
        }
        uint8_t opcode = at[0] & 0x0F;
        size_t payload = at[1];
        if (payload == 126)
            payload = (size_t)at[2] << 8 | at[3];
        if (at[1] == 127 || opcode == WS_CLOSE)
            return false;
        if (peer->in.len < mask_at + 4 + payload) {
            at[1] |= 0x80;
            return true;
        }
        struct fr_buf frame;
        fr_buf_init(&frame, mask_at + payload);
        fr_buf_append(&frame, at, mask_at);
        fr_buf_append(&frame, at + mask_at + 4, payload);
        bool wrote = write_all(peer->fd, frame.data, frame.len);
        fr_buf_release(&frame);
        fr_buf_consume(&peer->in, mask_at + 4 + payload);
        if (!wrote)
            return false;
    }
    return true;
}

static bool take_input(struct server *server, struct peer *peer)
{
    char input[16 * 1024];
    ssize_t len = read(peer->fd, input, sizeof input);
    if (len < 0 && errno == EAGAIN)
        return true;
    if (len <= 0)
        return false;
    fr_buf_append(&peer->in, input, (size_t)len);
    if (fr_buf_status(&peer->in) != FR_OK)
        return false;
    bool kept = peer->open ? take_frames(peer) : take_request(server, peer);
    if (kept && peer->in.len == 0)
        fr_buf_release(&peer->in);
    return kept;
}

static void accept_all(struct server *server)
{
    int fd;
    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        static const int on = 1;
        struct peer *peer = FR_NEW(struct peer);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* if not, it is slower */
        peer->fd = fd;
        peer->next = &server->all;
        peer->previous = server->all.previous;
        peer->previous->next = peer->next->previous = peer;
        fr_buf_init(&peer->in, INPUT_MAX);
        struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = peer};
        if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &wanted) != 0)
            drop(server, peer);
    }
}

static enum fr_status listen_on(struct server *server, int port, struct fr_error *error)
{
    static const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL};
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->listener < 0 || server->epoll < 0 ||
        setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->listener, BACKLOG) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &wanted) != 0)
        return fr_error_set_errno(error, errno, "listening on port %d", port);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return FR_OK;
}

static void serve(struct server *server)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(server->epoll, events, EVENTS, 1000);
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        if (peer == NULL)
            accept_all(server);
        else if (!take_input(server, peer))
            drop(server, peer);
    }
}

int run_serve(const struct options *options)
{
    enum { ROOM_FIRST = 1024 };
    struct server server = {.room = ROOM_FIRST};
    struct fr_error error = {0};
    server.sockets = fr_alloc_array(server.room, sizeof(struct peer *));
    server.all.next = server.all.previous = &server.all;
    enum fr_status status = listen_on(&server, (int)options->listen, &error);
    while (status == FR_OK && !interrupted())
        serve(&server);
    while (server.all.next != &server.all)
        drop(&server, server.all.next);
    free(server.sockets);
    close(server.epoll);
    close(server.listener);
    return status == FR_OK ? EXIT_DONE : failed(&error);
}
