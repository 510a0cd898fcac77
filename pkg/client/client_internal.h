/* libfreshet, inside: the client, its thread, and what runs on it.
 *
 * Callers' threads make requests and feeds, hand them over under `lock`, and wake the thread; from then on
 * they are the thread's until it says that they are done. What has no lock belongs to the thread alone:
 * transport, tokens, requests, feeds. Cancelling is an atomic flag and a byte in a pipe, so that a signal
 * handler may do it. */
#ifndef FRESHET_CLIENT_INTERNAL_H
#define FRESHET_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "request.h"
#include "tokens.h"
#include "transport.h"

#define CLIENT_TIME_NONE INT64_MAX /* of monotonic times: never */

/* Streams of one connection: the gateway allows 100 (FRESHET's server: HTTP/2 SETTINGS). More calls wait
 * their turn, more feeds are refused. */
#define CLIENT_CALLS_MAX 64
#define CLIENT_FEEDS_MAX 16

struct freshet_canceller {
    struct freshet_client *client;
    atomic_bool cancelled;
};

struct freshet_client {
    /* Set once. */
    pid_t pid; /* whose it is: a child of fork() has no thread */
    char *url, *ca_file, *user_agent;
    int64_t timeout_ms, silence_ms, backoff_min_ms, backoff_max_ms;
    size_t answer_max;
    pthread_t thread;
    int wake_read, wake_write;
    /* Any thread. */
    atomic_bool cancelled, stopping;
    pthread_mutex_t lock;
    pthread_cond_t feed_gone; /* a feed that was closed is the thread's no longer */
    /* Under `lock`. */
    struct fr_ring new_requests, new_feeds;
    size_t feed_count;
    /* The thread's. */
    struct transport transport;
    struct tokens tokens;
    struct fr_ring requests, feeds;
    size_t calls_out; /* requests on the connection */
    bool look_again;  /* something changed for what was already looked at */
};

/* ---- io_thread.c ---- */

/* Starts the thread, with all signals blocked. */
enum fr_status io_thread_start(struct freshet_client *client) FR_WARN_UNUSED;
/* Ends what runs with FRESHET_CANCELLED, and the thread. */
void io_thread_stop(struct freshet_client *client);
/* Any thread, and signal handlers. */
void io_thread_wake(struct freshet_client *client);

/* ---- feed.c, for the thread ---- */

/* Does what is due, and lowers `*due_ms` to when it wants to be called next. */
void feed_step(struct fr_ring *in, int64_t now_ms, int64_t *due_ms);
/* The client ends. */
void feed_abandon(struct fr_ring *in);

/* ---- client.c ---- */

/* 32 characters that nobody can guess; for names of requests, and keys. */
#define CLIENT_NAME_SIZE 33
void client_make_name(char out[static CLIENT_NAME_SIZE]);
/* A seed for jitter. */
uint64_t client_random(void);
/* Reads a struct of the caller's with its size first: what is missing in it is 0 in `ret`. FRESHET_INVALID if
 * the size is none, or it has members set that this library does not know. `given` may be NULL. */
freshet_kind client_read_struct(void *ret, size_t size, const void *given, const char *name,
                                freshet_error *error);
/* FRESHET_INVALID in a child of fork(). */
freshet_kind client_check(const struct freshet_client *client, freshet_error *error);
/* 1 to 64 characters as headers have them. */
bool client_is_name(const char *text);

static inline bool canceller_is_set(struct freshet_canceller *canceller)
{
    return canceller != NULL && atomic_load(&canceller->cancelled);
}

static inline void due_at(int64_t *due_ms, int64_t at_ms)
{
    if (at_ms < *due_ms)
        *due_ms = at_ms;
}

#endif
