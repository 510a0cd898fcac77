/* Many live connections, read by threads of their own: WebSockets plain or with a subprotocol, event streams
 * over HTTP/1.1 or HTTP/2, or an echo.
 *
 * Each connection goes closed → connecting → upgrading → joining → present, and to ended when the server
 * refuses or leaves it. Present means: told that the flow has started (plain and echo: the 101; envelopes:
 * a resumed `ready` or the snapshot's end). All verbs here are the main thread's.
 */
#ifndef WSBENCH_FLEET_H
#define WSBENCH_FLEET_H

#include "address.h"
#include "histogram.h"
#include "people.h"
#include "posts.h"

enum carrier {
    CARRIER_PLAIN,
    CARRIER_JSON,
    CARRIER_PROTOBUF,
    CARRIER_SSE,    /* server-sent events */
    CARRIER_STREAM, /* length-delimited protobuf */
    CARRIER_ECHO,
};
#define CARRIER_COUNT (CARRIER_ECHO + 1)
extern const char *const carrier_names[CARRIER_COUNT];
/* Whether messages are envelopes, which bear cursors. */
static inline bool carrier_has_cursors(enum carrier carrier)
{
    return carrier != CARRIER_PLAIN && carrier != CARRIER_ECHO;
}

struct fleet_options {
    const struct address *address;
    enum carrier carrier;
    const char *path;             /* NULL: the feed's */
    const struct people *readers; /* connection n is of reader n % count; NULL: nobody in particular */
    struct posts *posts;          /* may be NULL: no message is looked at */
    size_t sockets;
    int threads;
    size_t window;    /* connections being opened at a time, over all threads */
    int retries;      /* of a connection that is refused with 503, a second later each */
    int snapshot;     /* posts of it that are asked for; -1: as many as the server likes */
    int deaf;         /* percent of the connections that fleet_deafen() is about */
    int streams;      /* of one connection, over HTTP/2; 0: each has a connection of its own, over HTTP/1.1 */
    double echo_rate; /* CARRIER_ECHO: messages per second over all connections */
    size_t echo_size;
};

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_UPGRADING,
    CLIENT_JOINING,
    CLIENT_PRESENT,
    CLIENT_ENDED,
};
#define CLIENT_STATES (CLIENT_ENDED + 1)

/* So far, of all connections. */
struct fleet_counts {
    uint64_t in_state[CLIENT_STATES];
    uint64_t messages, bytes; /* whatever came, but for pings; bytes are payloads */
    uint64_t deliveries;      /* posts of this run, each time that one came, but for those of snapshots */
    uint64_t resumed;         /* `ready` that said so */
    uint64_t resets;
    uint64_t retried; /* refused with 503 and opened again */
    uint64_t deaf;    /* connections that are not read any more */
    uint64_t early;   /* deliveries that came before the post's own answer; their latency counts as 0 */
};

#define ARRIVED_IN_SNAPSHOT 0x80000000u /* bit of an arrival */

struct fleet;
struct fleet *fleet_new(const struct fleet_options *options);
/* Ends the threads and drops what is open. */
void fleet_free(struct fleet *fleet);
/* Opens all that is closed, with the last cursor if there is one. Soon; watch fleet_count(). */
void fleet_open(struct fleet *fleet);
/* Breaks all, as a lost network does. Soon. */
void fleet_drop(struct fleet *fleet);
/* Those that are to be deaf are not read any more, though they stay open. Soon. */
void fleet_deafen(struct fleet *fleet);
/* Whether that connection is, or will be: every so many-th. */
bool fleet_is_deaf(const struct fleet *fleet, size_t socket);
void fleet_count(const struct fleet *fleet, struct fleet_counts *ret);
/* CARRIER_ECHO: begins, or ends, to send. */
void fleet_echo(struct fleet *fleet, bool on);
/* Ends the threads: what follows may be asked then. Connections stay open. */
void fleet_stop(struct fleet *fleet);

struct fleet_times {
    struct histogram opening;       /* from connect() to present */
    struct histogram from_accepted; /* deliveries */
    struct histogram from_sent;     /* deliveries; echoes */
};
void fleet_times(const struct fleet *fleet, struct fleet_times *ret);
/* Posts that came to a connection, in this order: index in `posts`, with ARRIVED_IN_SNAPSHOT. */
const uint32_t *fleet_arrivals(const struct fleet *fleet, size_t socket, size_t *ret_count);
/* Of the first connection that ended by itself, in words; empty if none did. */
const char *fleet_complaint(const struct fleet *fleet);

#endif
