#include "requests.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, CONNECT_MS = 5000, EVENTS = 128, IDLE_TRUSTED_NS = 500000000 };

struct connection {
    int fd; /* -1: none */
    bool busy;
    uint32_t tag;
    int64_t sent_ns, idle_since_ns;
    struct fr_buf in;
    struct connection *next_idle;
};

struct requests {
    struct address address;
    answered_fn answered;
    void *arg;
    int epoll;
    size_t count, busy;
    struct connection *idle;
    char input[64 * 1024];
    struct connection list[];
};

static enum fr_status connect_one(struct requests *requests, struct connection *connection,
                                  struct fr_error *error)
{
    size_t number = (size_t)(connection - requests->list);
    int fd;
    enum fr_status status = address_connect(&requests->address, number, &fd, error);
    if (status != FR_OK)
        return status;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = connection};
    int problem = ETIMEDOUT;
    socklen_t len = sizeof problem;
    if (poll(&wait, 1, CONNECT_MS) == 1)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len);
    if (problem == 0 && epoll_ctl(requests->epoll, EPOLL_CTL_ADD, fd, &wanted) != 0)
        problem = errno;
    if (problem != 0) {
        close(fd);
        return fr_error_set_errno(error, problem, "connection to %s", requests->address.authority);
    }
    connection->fd = fd;
    connection->idle_since_ns = fr_clock_monotonic_ns();
    return FR_OK;
}

enum fr_status requests_new(const struct address *address, size_t connections, answered_fn answered,
                            void *arg, struct requests **ret, struct fr_error *error)
{
    struct requests *requests = fr_alloc(sizeof *requests + connections * sizeof requests->list[0]);
    requests->address = *address;
    requests->answered = answered;
    requests->arg = arg;
    requests->epoll = epoll_create1(EPOLL_CLOEXEC);
    enum fr_status status = requests->epoll >= 0 ? FR_OK : fr_error_set_errno(error, errno, "epoll");
    for (size_t i = 0; i < connections; i++) {
        struct connection *connection = &requests->list[i];
        connection->fd = -1;
        fr_buf_init(&connection->in, ANSWER_MAX);
        connection->next_idle = requests->idle;
        requests->idle = connection;
        requests->count++;
        if (status == FR_OK)
            status = connect_one(requests, connection, error);
    }
    if (status == FR_OK)
        *ret = requests;
    else
        requests_free(requests);
    return status;
}

void requests_free(struct requests *requests)
{
    if (requests == NULL)
        return;
    for (size_t i = 0; i < requests->count; i++) {
        if (requests->list[i].fd >= 0)
            address_drop(requests->list[i].fd);
        fr_buf_release(&requests->list[i].in);
    }
    if (requests->epoll >= 0)
        close(requests->epoll);
    free(requests);
}

static void finish(struct requests *requests, struct connection *connection, int status, struct fr_str body)
{
    const struct answer answer = {connection->tag, status, body, connection->sent_ns,
                                  fr_clock_monotonic_ns()};
    connection->busy = false;
    connection->idle_since_ns = answer.now_ns;
    requests->busy--;
    connection->next_idle = requests->idle;
    requests->idle = connection;
    requests->answered(requests->arg, &answer);
}

static void break_off(struct requests *requests, struct connection *connection, const char *why)
{
    address_drop(connection->fd);
    connection->fd = -1;
    fr_buf_reset(&connection->in);
    if (connection->busy)
        finish(requests, connection, 0, fr_str_of(why));
}

static bool send_all(int fd, struct fr_str text)
{
    while (text.len > 0) {
        ssize_t sent = send(fd, text.data, text.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            sent = poll(&wait, 1, CONNECT_MS) == 1 ? 0 : -1;
        }
        if (sent < 0)
            return false;
        text = (struct fr_str){text.data + sent, text.len - (size_t)sent};
    }
    return true;
}

/* Servers close connections that were idle for long; one that may have is looked at before it is used. */
static bool has_ended(const struct connection *connection)
{
    char byte;
    if (fr_clock_monotonic_ns() - connection->idle_since_ns < IDLE_TRUSTED_NS)
        return false;
    ssize_t len = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return len == 0 || (len < 0 && errno != EAGAIN);
}

bool requests_send(struct requests *requests, struct fr_str text, uint32_t tag)
{
    struct connection *connection = requests->idle;
    if (connection == NULL)
        return false;
    requests->idle = connection->next_idle;
    requests->busy++;
    connection->busy = true;
    connection->tag = tag;
    connection->sent_ns = fr_clock_monotonic_ns();
    struct fr_error error = {0};
    if (connection->fd >= 0 && has_ended(connection)) {
        address_drop(connection->fd);
        connection->fd = -1;
    }
    if (connection->fd < 0 && connect_one(requests, connection, &error) != FR_OK)
        finish(requests, connection, 0, fr_str_of(error.message));
    else if (!send_all(connection->fd, text))
        break_off(requests, connection, "sending failed");
    return true;
}

size_t requests_busy(const struct requests *requests)
{
    return requests->busy;
}

static void take_answer(struct requests *requests, struct connection *connection)
{
    struct http_head head;
    enum piece piece = http_head_parse(fr_buf_str(&connection->in), &head);
    if (piece == PIECE_MORE)
        return;
    if (piece == PIECE_BAD || head.chunked || head.content_length > ANSWER_MAX || !connection->busy) {
        break_off(requests, connection, "an answer that is none to our requests");
        return;
    }
    size_t body = head.content_length > 0 ? (size_t)head.content_length : 0;
    if (connection->in.len < head.size + body)
        return;
    /* Out of the connection, which the callback may use for its next request. */
    struct fr_buf in = connection->in;
    fr_buf_init(&connection->in, ANSWER_MAX);
    if (head.close) {
        address_drop(connection->fd);
        connection->fd = -1;
    }
    finish(requests, connection, head.status, (struct fr_str){in.data + head.size, body});
    fr_buf_reset(&in);
    if (connection->in.data == NULL)
        connection->in = in; /* its memory serves again */
    else
        fr_buf_release(&in);
}

void requests_wait(struct requests *requests, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(requests->epoll, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->fd < 0)
            continue;
        ssize_t len = recv(connection->fd, requests->input, sizeof requests->input, 0);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (len <= 0) {
            break_off(requests, connection, "the server closed the connection");
            continue;
        }
        fr_buf_append(&connection->in, requests->input, (size_t)len);
        take_answer(requests, connection);
    }
}
