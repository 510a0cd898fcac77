#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "http/http_loop.h"

static enum fr_status not_an_address(const char *text, const char *flag, struct fr_error *error)
{
    return fr_error_set(error, FR_INVALID, flag, "%s: \"%s\" is not ADDRESS:PORT", flag, text);
}

enum fr_status fr_listen_parse(const char *text, const char *flag, struct fr_listen_address *ret,
                               bool *ret_off, struct fr_error *error)
{
    *ret_off = strcmp(text, "off") == 0;
    if (*ret_off)
        return FR_OK;
    const char *colon = strrchr(text, ':');
    char host[128];
    int64_t port;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
        fr_str_to_i64(fr_str_of(colon + 1), 0, UINT16_MAX, &port) != FR_OK)
        return not_an_address(text, flag, error);
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    char *name = host;
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        name = host + 1;
    } else if (strchr(host, ':') != NULL) {
        return not_an_address(text, flag, error); /* IPv6 wants brackets */
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    int rc = getaddrinfo(name[0] != '\0' ? name : NULL, colon + 1, &hints, &found);
    if (rc != 0)
        return fr_error_set(error, FR_INVALID, flag, "%s: \"%s\": %s", flag, text, gai_strerror(rc));
    memcpy(&ret->addr, found->ai_addr, found->ai_addrlen);
    ret->len = found->ai_addrlen;
    freeaddrinfo(found);
    return FR_OK;
}

static enum fr_status bind_one(const struct fr_listen_address *address, const char *text, const char *flag,
                               bool shared, int *ret_fd, struct fr_error *error)
{
    const struct sockaddr *addr = (const struct sockaddr *)&address->addr;
    int on = 1, errnum = 0;
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        bind(fd, addr, address->len) != 0 || (shared && listen(fd, SOMAXCONN) != 0))
        errnum = errno;
    if (errnum == 0) {
        *ret_fd = fd;
        return FR_OK;
    }
    if (fd >= 0)
        close(fd);
    fr_error_set_errno(error, errnum, "%s: cannot listen on %s", flag, text);
    if (error != NULL)
        snprintf(error->field, sizeof error->field, "%s", flag);
    return FR_IO;
}

/* With SO_REUSEPORT a second gateway would share the port of the first without a word; so one socket that
 * does not share tries first. */
static enum fr_status probe(const struct fr_listen_address *address, const char *text, const char *flag,
                            struct fr_error *error)
{
    int fd;
    enum fr_status status = bind_one(address, text, flag, false, &fd, error);
    if (status == FR_OK)
        close(fd);
    return status;
}

enum fr_status fr_listen_probe(const char *text, const char *flag, struct fr_error *error)
{
    struct fr_listen_address address;
    bool off;
    enum fr_status status = fr_listen_parse(text, flag, &address, &off, error);
    if (status != FR_OK || off)
        return status;
    return probe(&address, text, flag, error);
}

enum fr_status fr_listen_open(const char *text, const char *flag, int count, int *ret_fds,
                              struct fr_error *error)
{
    struct fr_listen_address address;
    bool off;
    for (int i = 0; i < count; i++)
        ret_fds[i] = -1;
    enum fr_status status = fr_listen_parse(text, flag, &address, &off, error);
    if (status != FR_OK || off)
        return status;
    status = probe(&address, text, flag, error);
    if (status != FR_OK)
        return status;
    for (int i = 0; i < count && status == FR_OK; i++) {
        status = bind_one(&address, text, flag, true, &ret_fds[i], error);
        /* Port 0: the others take the port that the first got. */
        if (i == 0 && status == FR_OK)
            getsockname(ret_fds[0], (struct sockaddr *)&address.addr, &address.len);
    }
    if (status != FR_OK) {
        for (int i = 0; i < count; i++) {
            if (ret_fds[i] >= 0)
                close(ret_fds[i]);
            ret_fds[i] = -1;
        }
    }
    return status;
}
