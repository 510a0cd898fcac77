/* Event streams over HTTP/2: links, which are connections that so many clients of a worker share, each with a
 * stream of its own. libnghttp2 speaks the protocol. On the worker's thread. */
#ifndef WSBENCH_LINK_H
#define WSBENCH_LINK_H

#include "fleet_internal.h"

struct link;

/* Enough for the worker's clients, none of them connected. */
struct link *links_new(struct worker *worker);
void links_free(struct worker *worker);
/* Connects if nobody has yet, and asks for the client's stream. False: it could not, and `error` says why. */
FR_WARN_UNUSED bool link_open(struct worker *worker, struct client *client, struct fr_error *error);
/* The client's stream is given up, if it has one. */
void link_cancel(struct worker *worker, struct client *client);
/* Sends what was asked for since. */
void links_flush(struct worker *worker);
/* Breaks all connections, as a lost network does; no client has a stream afterwards. */
void links_drop(struct worker *worker);
/* What epoll told of it. */
void link_on_event(struct worker *worker, struct link *link, uint32_t events);

/* ---- client.c ---- */
/* The answer's head, and a part of its body. */
void client_on_status(struct worker *worker, struct client *client, int status);
void client_on_body(struct worker *worker, struct client *client, struct fr_str bytes);
/* The connection is over though nobody here wanted it. */
FR_PRINTF(3, 4) void client_end(struct worker *worker, struct client *client, const char *why, ...);
size_t client_number(const struct worker *worker, const struct client *client);
/* The path with its query. */
void client_write_target(const struct worker *worker, const struct client *client, struct fr_buf *out);

#endif
