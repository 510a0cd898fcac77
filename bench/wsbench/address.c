#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum fr_status address_parse(const char *url, struct address *ret, struct fr_error *error)
{
    static const struct fr_str scheme = FR_STR("http://");
    struct fr_str rest = fr_str_of(url), host;
    struct address address = {.socket = {.sin_family = AF_INET}};
    int64_t port = 0;
    if (fr_str_starts_with(rest, scheme)) {
        rest = fr_str_of(url + scheme.len);
        if (rest.len > 0 && url[scheme.len + rest.len - 1] == '/')
            rest.len--;
        snprintf(address.authority, sizeof address.authority, "%.*s", FR_STR_ARG(rest));
        char text[INET_ADDRSTRLEN];
        if (rest.len < sizeof address.authority && fr_str_next(&rest, ':', &host) &&
            fr_str_to_i64(rest, 1, 65535, &port) == FR_OK) {
            snprintf(text, sizeof text, "%.*s", FR_STR_ARG(host));
            address.socket.sin_port = htons((uint16_t)port);
            if (inet_pton(AF_INET, text, &address.socket.sin_addr) == 1) {
                *ret = address;
                return FR_OK;
            }
        }
    }
    return fr_error_set(error, FR_INVALID, "--url", "must be http://ADDRESS:PORT, an IPv4 address");
}

static bool is_loopback(const struct address *address)
{
    return ntohl(address->socket.sin_addr.s_addr) >> 24 == 127;
}

enum fr_status address_connect(const struct address *address, size_t number, int *ret_fd,
                               struct fr_error *error)
{
    static const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fr_error_set_errno(error, errno, "socket");
    const struct sockaddr_in source = {.sin_family = AF_INET,
                                       .sin_addr.s_addr =
                                           htonl(0x7F000001 + (uint32_t)(number / CONNECTIONS_PER_SOURCE))};
    /* The port is chosen when the connection is made, among those that are free towards this server. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (is_loopback(address) && (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
                                  bind(fd, (const struct sockaddr *)&source, sizeof source) != 0)) ||
        (connect(fd, (const struct sockaddr *)&address->socket, sizeof address->socket) != 0 &&
         errno != EINPROGRESS)) {
        enum fr_status status = fr_error_set_errno(error, errno, "connection to %s", address->authority);
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return FR_OK;
}

void address_drop(int fd)
{
    static const struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* at worst a port waits */
    close(fd);
}
