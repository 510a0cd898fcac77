/* The client's thread: takes what is new, does what is due, drives the connection, sleeps. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "client_internal.h"

enum { SLEEP_MAX_MS = 60000 };

/* ---- being woken ---- */

void io_thread_wake(struct freshet_client *client)
{
    int kept = errno; /* for signal handlers */
    ssize_t written = write(client->wake_write, "", 1);
    (void)written; /* a full pipe wakes, too */
    errno = kept;
}

static void drain(struct freshet_client *client)
{
    char bytes[64];
    while (read(client->wake_read, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
}

/* ---- the thread ---- */

static void move_all(struct fr_ring *to, struct fr_ring *from)
{
    while (!fr_ring_is_empty(from))
        fr_ring_add(to, from->next);
}

static void take_new(struct freshet_client *client)
{
    pthread_mutex_lock(&client->lock);
    move_all(&client->requests, &client->new_requests);
    move_all(&client->feeds, &client->new_feeds);
    pthread_mutex_unlock(&client->lock);
}

/* Nothing of this takes anything out of the rings but what is looked at. */
static int64_t do_what_is_due(struct freshet_client *client, int64_t now_ms)
{
    int64_t due_ms = CLIENT_TIME_NONE;
    struct fr_ring *in, *next;
    for (in = client->requests.next; in != &client->requests; in = next) {
        next = in->next;
        request_step(request_in(in), now_ms, &due_ms);
    }
    for (in = client->feeds.next; in != &client->feeds; in = next) {
        next = in->next;
        feed_step(in, now_ms, &due_ms);
    }
    if (!fr_ring_is_empty(&client->feeds))
        tokens_keep_fresh(&client->tokens, now_ms, &due_ms);
    return due_ms;
}

static int sleep_until(int64_t due_ms)
{
    int64_t left_ms = due_ms - fr_clock_monotonic_ms();
    if (left_ms <= 0)
        return 0;
    return left_ms < SLEEP_MAX_MS ? (int)left_ms : SLEEP_MAX_MS;
}

static void end_all(struct freshet_client *client)
{
    take_new(client);
    while (!fr_ring_is_empty(&client->requests))
        request_cancel(request_in(client->requests.next));
    while (!fr_ring_is_empty(&client->feeds))
        feed_abandon(client->feeds.next);
}

static void *run(void *arg)
{
    struct freshet_client *client = arg;
    while (!atomic_load(&client->stopping)) {
        transport_step(&client->transport);
        take_new(client);
        client->look_again = false;
        int64_t due_ms = do_what_is_due(client, fr_clock_monotonic_ms());
        bool busy = client->look_again || client->transport.dead;
        transport_wait(&client->transport, client->wake_read, busy ? 0 : sleep_until(due_ms));
        drain(client);
    }
    end_all(client);
    return NULL;
}

/* ---- from outside ---- */

static void close_pipe(struct freshet_client *client)
{
    close(client->wake_read);
    close(client->wake_write);
}

enum fr_status io_thread_start(struct freshet_client *client)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return FR_UNAVAILABLE;
    client->wake_read = ends[0];
    client->wake_write = ends[1];
    /* The program's signals are the program's; and none of ours may die of SIGPIPE in a TLS library. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&client->thread, NULL, run, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        return FR_OK;
    close_pipe(client);
    return FR_UNAVAILABLE;
}

void io_thread_stop(struct freshet_client *client)
{
    atomic_store(&client->stopping, true);
    io_thread_wake(client);
    pthread_join(client->thread, NULL);
    close_pipe(client);
}
