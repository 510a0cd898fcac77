/* fleet, inside: a thread with its connections. */
#ifndef WSBENCH_FLEET_INTERNAL_H
#define WSBENCH_FLEET_INTERNAL_H

#include <pthread.h>

#include "fleet.h"
#include "protocol.h"

enum { CURSOR_MAX = 128, INPUT_SIZE = 64 * 1024, EVENTS_AT_ONCE = 512, RETRY_NS = 1000000000 };

struct client {
    int fd;            /* -1: none */
    int32_t stream_id; /* of HTTP/2, where it has no descriptor of its own; 0: none */
    enum client_state state;
    struct fr_buf in; /* what is not whole yet */
    struct chunks chunks;
    int64_t since_ns; /* connecting since; echo: sent at, 0: none is on the way */
    int tries;        /* refused so many times since it was last there */
    uint32_t *arrivals;
    size_t arrival_count, arrival_room;
    char cursor[CURSOR_MAX + 1];
};

enum fleet_wish { WISH_NOTHING, WISH_OPEN, WISH_DROP, WISH_STOP };

struct worker {
    struct fleet *fleet;
    pthread_t thread;
    bool running;
    int epoll;
    struct client *clients;
    struct link *links;  /* over HTTP/2; else NULL */
    size_t first, count; /* number of the first client; how many */
    size_t next;         /* to be opened */
    size_t echo_next;    /* to be sent on */
    size_t opening;
    bool deafened;
    int64_t echo_due_ns;
    int64_t again_ns; /* when those that were refused are opened again; 0: there are none */
    /* Counted by the thread, read by the main one. */
    _Atomic uint64_t in_state[CLIENT_STATES];
    _Atomic uint64_t messages, bytes, deliveries, resumed, resets, early, retried, deaf;
    struct fleet_times times;
    char input[INPUT_SIZE];
};

struct fleet {
    struct fleet_options options;
    _Atomic int wish; /* enum fleet_wish */
    _Atomic bool echoing, deafening;
    pthread_mutex_t lock;
    char complaint[256]; /* under the lock while threads run */
    int worker_count;
    struct worker *workers[];
};

/* ---- client.c: one connection, on its worker's thread ---- */
void client_open(struct worker *worker, struct client *client);
void client_drop(struct worker *worker, struct client *client);
/* What epoll told. */
void client_on_event(struct worker *worker, struct client *client, uint32_t events);
/* Not read any more, and what becomes of it is not noticed. */
void client_deafen(struct worker *worker, struct client *client);
/* Sends one message to be echoed, unless the one before is still on the way. */
void client_send_echo(struct worker *worker, struct client *client, int64_t now_ns);

static inline void count_up(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
