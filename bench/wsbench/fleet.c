#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

const char *const carrier_names[CARRIER_COUNT] = {
    [CARRIER_PLAIN] = "plain", [CARRIER_JSON] = "json",     [CARRIER_PROTOBUF] = "protobuf",
    [CARRIER_SSE] = "sse",     [CARRIER_STREAM] = "stream", [CARRIER_ECHO] = "echo",
};

/* ---- a worker's thread ---- */

static void open_more(struct worker *worker)
{
    size_t window = worker->fleet->options.window / (size_t)worker->fleet->worker_count;
    while (worker->next < worker->count && worker->opening < (window > 0 ? window : 1)) {
        struct client *client = &worker->clients[worker->next++];
        if (client->state == CLIENT_CLOSED)
            client_open(worker, client);
    }
}

static void echo_what_is_due(struct worker *worker)
{
    const struct fleet *fleet = worker->fleet;
    int64_t now = fr_clock_monotonic_ns();
    int64_t apart = (int64_t)(1e9 * fleet->worker_count / fleet->options.echo_rate);
    if (worker->echo_due_ns == 0 || worker->echo_due_ns < now - 1000000000)
        worker->echo_due_ns = now;
    for (; worker->echo_due_ns <= now; worker->echo_due_ns += apart) {
        client_send_echo(worker, &worker->clients[worker->echo_next], fr_clock_monotonic_ns());
        worker->echo_next = (worker->echo_next + 1) % worker->count;
    }
}

static void deafen(struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++)
        if (fleet_is_deaf(worker->fleet, worker->first + i))
            client_deafen(worker, &worker->clients[i]);
    worker->deafened = true;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct fleet *fleet = worker->fleet;
    int done = WISH_NOTHING;
    for (;;) {
        int wish = atomic_load(&fleet->wish);
        if (wish == WISH_STOP)
            return NULL;
        if (wish != done) {
            worker->next = 0;
            if (wish == WISH_DROP && worker->links != NULL)
                links_drop(worker);
            for (size_t i = 0; wish == WISH_DROP && i < worker->count; i++)
                client_drop(worker, &worker->clients[i]);
            done = wish;
        }
        if (!worker->deafened && atomic_load(&fleet->deafening))
            deafen(worker);
        bool echoing = atomic_load(&fleet->echoing);
        if (echoing)
            echo_what_is_due(worker);
        else if (wish == WISH_OPEN)
            open_more(worker);
        if (worker->links != NULL)
            links_flush(worker);
        if (worker->again_ns > 0 && worker->again_ns < fr_clock_monotonic_ns()) {
            worker->again_ns = 0;
            worker->next = 0;
        }
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(worker->epoll, events, EVENTS_AT_ONCE, echoing ? 1 : 20);
        for (int i = 0; i < count; i++) {
            if (worker->links != NULL)
                link_on_event(worker, events[i].data.ptr, events[i].events);
            else
                client_on_event(worker, events[i].data.ptr, events[i].events);
        }
    }
}

/* ---- the main thread ---- */

static struct worker *worker_new(struct fleet *fleet, size_t first, size_t count)
{
    struct worker *worker = FR_NEW(struct worker);
    worker->fleet = fleet;
    worker->first = first;
    worker->count = count;
    worker->clients = fr_alloc_array(count, sizeof *worker->clients);
    for (size_t i = 0; i < count; i++) {
        worker->clients[i].fd = -1;
        fr_buf_init(&worker->clients[i].in, 2 * MESSAGE_MAX);
    }
    atomic_store(&worker->in_state[CLIENT_CLOSED], count);
    if (fleet->options.streams > 0)
        worker->links = links_new(worker);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (worker->epoll < 0 || pthread_create(&worker->thread, NULL, work, worker) != 0) {
        perror("wsbench: a thread");
        exit(1);
    }
    worker->running = true;
    return worker;
}

struct fleet *fleet_new(const struct fleet_options *options)
{
    int threads = options->threads;
    if ((size_t)threads > options->sockets)
        threads = (int)options->sockets;
    struct fleet *fleet = fr_alloc(sizeof *fleet + (size_t)threads * sizeof fleet->workers[0]);
    fleet->options = *options;
    pthread_mutex_init(&fleet->lock, NULL);
    fleet->worker_count = threads;
    size_t first = 0;
    for (int i = 0; i < threads; i++) {
        size_t end = options->sockets * ((size_t)i + 1) / (size_t)threads;
        fleet->workers[i] = worker_new(fleet, first, end - first);
        first = end;
    }
    return fleet;
}

void fleet_open(struct fleet *fleet)
{
    atomic_store(&fleet->wish, WISH_OPEN);
}

void fleet_drop(struct fleet *fleet)
{
    atomic_store(&fleet->wish, WISH_DROP);
}

void fleet_echo(struct fleet *fleet, bool on)
{
    atomic_store(&fleet->echoing, on);
}

void fleet_deafen(struct fleet *fleet)
{
    atomic_store(&fleet->deafening, true);
}

bool fleet_is_deaf(const struct fleet *fleet, size_t socket)
{
    size_t percent = (size_t)fleet->options.deaf;
    return socket * percent % 100 < percent;
}

void fleet_stop(struct fleet *fleet)
{
    atomic_store(&fleet->wish, WISH_STOP);
    for (int i = 0; i < fleet->worker_count; i++) {
        if (fleet->workers[i]->running)
            pthread_join(fleet->workers[i]->thread, NULL);
        fleet->workers[i]->running = false;
    }
}

void fleet_free(struct fleet *fleet)
{
    fleet_stop(fleet);
    for (int i = 0; i < fleet->worker_count; i++) {
        struct worker *worker = fleet->workers[i];
        if (worker->links != NULL)
            links_free(worker);
        for (size_t n = 0; n < worker->count; n++) {
            client_drop(worker, &worker->clients[n]);
            free(worker->clients[n].arrivals);
        }
        close(worker->epoll);
        free(worker->clients);
        free(worker);
    }
    pthread_mutex_destroy(&fleet->lock);
    free(fleet);
}

void fleet_count(const struct fleet *fleet, struct fleet_counts *ret)
{
    *ret = (struct fleet_counts){0};
    for (int i = 0; i < fleet->worker_count; i++) {
        const struct worker *worker = fleet->workers[i];
        for (int state = 0; state < CLIENT_STATES; state++)
            ret->in_state[state] += atomic_load(&worker->in_state[state]);
        ret->messages += atomic_load(&worker->messages);
        ret->bytes += atomic_load(&worker->bytes);
        ret->deliveries += atomic_load(&worker->deliveries);
        ret->resumed += atomic_load(&worker->resumed);
        ret->resets += atomic_load(&worker->resets);
        ret->retried += atomic_load(&worker->retried);
        ret->deaf += atomic_load(&worker->deaf);
        ret->early += atomic_load(&worker->early);
    }
}

void fleet_times(const struct fleet *fleet, struct fleet_times *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < fleet->worker_count; i++) {
        histogram_merge(&ret->opening, &fleet->workers[i]->times.opening);
        histogram_merge(&ret->from_accepted, &fleet->workers[i]->times.from_accepted);
        histogram_merge(&ret->from_sent, &fleet->workers[i]->times.from_sent);
    }
}

const uint32_t *fleet_arrivals(const struct fleet *fleet, size_t socket, size_t *ret_count)
{
    int i = 0;
    while (socket >= fleet->workers[i]->first + fleet->workers[i]->count)
        i++;
    const struct client *client = &fleet->workers[i]->clients[socket - fleet->workers[i]->first];
    *ret_count = client->arrival_count;
    return client->arrivals;
}

const char *fleet_complaint(const struct fleet *fleet)
{
    return fleet->complaint;
}
