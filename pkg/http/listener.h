/* Listening sockets: parsing ADDRESS:PORT, and several sockets that share a port. */
#ifndef FR_HTTP_LISTENER_H
#define FR_HTTP_LISTENER_H

#include <sys/socket.h>

#include "base/base.h"

struct fr_listen_address {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* "ADDRESS:PORT", "[::1]:PORT", "localhost:PORT"; `*ret_off` for "off". FR_INVALID names `flag`. */
FR_WARN_UNUSED enum fr_status fr_listen_parse(const char *text, const char *flag,
                                              struct fr_listen_address *ret, bool *ret_off,
                                              struct fr_error *error);
/* Could the port be had? FR_IO names `flag` and port if not. */
FR_WARN_UNUSED enum fr_status fr_listen_probe(const char *text, const char *flag, struct fr_error *error);
/* `count` sockets that share the port; all -1 for "off". FR_IO names `flag` and port if somebody has it
 * already. */
FR_WARN_UNUSED enum fr_status fr_listen_open(const char *text, const char *flag, int count, int *ret_fds,
                                             struct fr_error *error);

#endif
