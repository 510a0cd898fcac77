/* Where the server is: http://HOST:PORT, an IPv4 address. */
#ifndef WSBENCH_ADDRESS_H
#define WSBENCH_ADDRESS_H

#include <netinet/in.h>

#include "base/base.h"

struct address {
    struct sockaddr_in socket;
    char authority[32]; /* for Host */
};
FR_WARN_UNUSED enum fr_status address_parse(const char *url, struct address *ret, struct fr_error *error);

enum { CONNECTIONS_PER_SOURCE = 10000 };
/* A non-blocking socket whose connection is being made. On the loopback the `number`th connection comes from
 * 127.0.0.(1 + number / CONNECTIONS_PER_SOURCE), since an address has only so many ports. */
FR_WARN_UNUSED enum fr_status address_connect(const struct address *address, size_t number, int *ret_fd,
                                              struct fr_error *error);
/* Closes with a reset, which leaves no port waiting. */
void address_drop(int fd);

#endif
