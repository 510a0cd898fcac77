#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/config.h"
#include "delivery/delivery.h"
#include "delivery/page_feeder.h"
#include "http/http_loop.h"
#include "http/lag_reader.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "timeline/pages.h"
#include "timeline/post_writer.h"

enum {
    STORE_QUEUE_MAX = 4096,
    STORE_STATEMENT_TIMEOUT_MS = 5000,
    STORE_GROUP_TIMEOUT_MS = 10000,
    IDLE_GRACE_MS = 1000, /* draining: how long a kept-alive connection may be quiet before it is closed */
    ENDING_MS_MAX = 3000, /* ending: then whatever h2o still holds is left behind */
    MAILS_MAX = 64,
    READ_BUFFER_BYTES = 4096, /* what libh2o wants to have free at least when it reads */
};

static void on_housekeeping(struct fr_timer *timer);

/* ---- the tick ---- */

void fr_http_loop_touch(struct fr_http_loop *home)
{
    fr_nested_loop_touch(&home->nested);
}

/* ---- connections ---- */

struct fr_conn *fr_http_conn_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

static void count_connections(struct fr_server *server, long long change)
{
    long long now = atomic_fetch_add(&server->connections, change) + change;
    fr_metric_set(FR_METRIC_CONNECTIONS, now);
}

static void on_conn_close(void *data)
{
    struct fr_conn *conn = data;
    struct fr_http_loop *home = conn->home;
    fr_ring_remove(&conn->ring);
    fr_guard_closed(conn);
    count_connections(home->server, -1);
    free(conn);
}

static void adopt(struct fr_http_loop *home, h2o_accept_ctx_t *accept_ctx, h2o_socket_t *sock)
{
    struct fr_conn *conn = FR_NEW(struct fr_conn);
    conn->home = home;
    conn->sock = sock;
    if (!fr_guard_admit(conn)) {
        free(conn);
        h2o_socket_close(sock);
        return;
    }
    fr_ring_add(&home->conns, &conn->ring);
    sock->on_close.cb = on_conn_close;
    sock->on_close.data = conn;
    count_connections(home->server, 1);
    unsigned timeout = HTTP_USER_TIMEOUT_MS;
    setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
    h2o_accept(accept_ctx, sock);
    fr_guard_watch(conn, accept_ctx->ssl_ctx != NULL);
}

void fr_http_loop_adopt(struct fr_http_loop *home, int fd)
{
    adopt(home, &home->accept_plain,
          h2o_evloop_socket_create(home->ctx.loop, fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION));
}

/* False when nobody waits in the listener's queue, or no descriptor is left for who does. */
static bool accept_one(struct fr_http_loop *home, h2o_socket_t *listener)
{
    h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
    if (sock == NULL)
        return false;
    adopt(home, listener == home->listen_tls ? &home->accept_tls : &home->accept_plain, sock);
    return true;
}

static bool is_exhaustion(int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM || errnum == ENOBUFS;
}

static void on_connection(h2o_socket_t *listener, const char *err)
{
    struct fr_http_loop *home = listener->data;
    if (err != NULL)
        return;
    fr_http_loop_touch(home);
    int accepted = 0;
    errno = 0;
    while (accepted < HTTP_ACCEPTS_PER_TICK && accept_one(home, listener))
        accepted++;
    /* The listener stays readable: looking again at once would be a busy loop. */
    if (accepted < HTTP_ACCEPTS_PER_TICK && is_exhaustion(errno)) {
        if (!home->told_no_descriptors)
            FR_LOG_WARN("no descriptor is left for new connections", FR_KV_I64("loop", home->state.number));
        home->told_no_descriptors = true;
        h2o_socket_read_stop(listener);
    }
}

/* Listeners that were left alone for want of descriptors. */
static void resume_accepting(struct fr_http_loop *home)
{
    h2o_socket_t *const listeners[] = {home->listen_plain, home->listen_tls};
    for (size_t i = 0; i < FR_COUNT_OF(listeners); i++) {
        if (listeners[i] != NULL && !h2o_socket_is_reading(listeners[i]))
            h2o_socket_read_start(listeners[i], on_connection);
    }
}

static h2o_socket_t *listen_on(struct fr_http_loop *home, int fd)
{
    if (fd < 0)
        return NULL;
    h2o_socket_t *sock = h2o_evloop_socket_create(home->ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    sock->data = home;
    int buffer = GUARD_RECEIVE_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer); /* accepted sockets have it too */
    h2o_socket_read_start(sock, on_connection);
    return sock;
}

static void stop_listening(struct fr_http_loop *home, h2o_socket_t **listener)
{
    if (*listener == NULL)
        return;
    /* Whoever got through to the queue was promised an answer. */
    while (accept_one(home, *listener))
        ;
    h2o_socket_close(*listener);
    *listener = NULL;
}

/* ---- phases: serving, draining, ending, ended ---- */

static bool nothing_left(const struct fr_http_loop *home)
{
    return fr_ring_is_empty(&home->conns);
}

static void begin_drain(struct fr_http_loop *home, int64_t drain_ms)
{
    if (home->phase != HTTP_SERVING)
        return;
    home->phase = HTTP_DRAINING;
    home->drain_started_ms = fr_clock_monotonic_ms();
    home->drain_until_ms = home->drain_started_ms + drain_ms;
    stop_listening(home, &home->listen_plain);
    stop_listening(home, &home->listen_tls);
    h2o_context_request_shutdown(&home->ctx);
}

/* A kept-alive connection that asks for nothing: there is no way to tell its client in HTTP/1. */
static void close_quiet(struct fr_http_loop *home, int64_t now_ms)
{
    for (struct fr_ring *at = home->conns.next; at != &home->conns; at = at->next) {
        struct fr_conn *conn = FR_CONTAINER_OF(at, struct fr_conn, ring);
        const struct fr_guard *guard = conn->guard;
        int fd = h2o_socket_get_fd(conn->sock), unread = 0;
        if (guard == NULL || guard->requests > 0 || now_ms - guard->quiet_since_ms < IDLE_GRACE_MS)
            continue;
        if (conn->sock->input->size > 0) /* the beginning of a request */
            continue;
        if (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0)
            continue;
        shutdown(fd, SHUT_RDWR);
    }
}

static void close_everything(struct fr_http_loop *home)
{
    fr_live_close_all(home);
    for (struct fr_ring *at = home->conns.next; at != &home->conns; at = at->next)
        shutdown(h2o_socket_get_fd(FR_CONTAINER_OF(at, struct fr_conn, ring)->sock), SHUT_RDWR);
}

static void begin_ending(struct fr_http_loop *home)
{
    begin_drain(home, 0);
    if (home->phase != HTTP_DRAINING)
        return;
    home->phase = HTTP_ENDING;
    home->drain_until_ms = fr_clock_monotonic_ms() + ENDING_MS_MAX;
    fr_http_linger_end_all(home);
    close_everything(home);
}

static void go_on_draining(struct fr_http_loop *home, int64_t now_ms)
{
    switch (home->phase) {
    case HTTP_SERVING:
    case HTTP_ENDED:
        return;
    case HTTP_DRAINING:
        fr_live_drain_some(home, now_ms);
        close_quiet(home, now_ms);
        if (nothing_left(home) || now_ms >= home->drain_until_ms)
            atomic_store(&home->gone, true);
        return;
    case HTTP_ENDING:
        close_everything(home);
        if (nothing_left(home) || now_ms >= home->drain_until_ms)
            home->phase = HTTP_ENDED;
        return;
    }
}

static void expire_calls(struct fr_http_loop *home)
{
    int64_t latest_ns = fr_clock_monotonic_ns() - (int64_t)HTTP_CALL_DEADLINE_MS * 1000000;
    while (!fr_ring_is_empty(&home->calls)) {
        struct fr_call *call = FR_CONTAINER_OF(home->calls.next, struct fr_call, ring);
        if (call->started_ns > latest_ns)
            return;
        fr_call_expire(call);
    }
}

static void on_housekeeping(struct fr_timer *timer)
{
    struct fr_http_loop *home = FR_CONTAINER_OF(timer, struct fr_http_loop, housekeeping);
    atomic_store(&home->ready, fr_store_ready(home->state.store));
    expire_calls(home);
    resume_accepting(home);
    go_on_draining(home, fr_clock_monotonic_ms());
    int64_t delay = home->phase == HTTP_SERVING ? HTTP_HOUSEKEEPING_MS : HTTP_HOUSEKEEPING_MS / 10;
    if (home->phase != HTTP_ENDED)
        fr_timer_start(home->state.loop, timer, delay, on_housekeeping);
}

/* ---- messages from other threads ---- */

struct drain_mail {
    struct fr_loop_mail super;
    int64_t drain_ms; /* -1: end */
};

static void run_drain(struct fr_http_loop *home, struct fr_loop_mail *mail)
{
    struct drain_mail *drain = FR_CONTAINER_OF(mail, struct drain_mail, super);
    if (drain->drain_ms >= 0)
        begin_drain(home, drain->drain_ms);
    else
        begin_ending(home);
    free(drain);
    on_housekeeping(&home->housekeeping);
}

static void on_mail(void *arg, struct fr_mail *mail)
{
    struct fr_loop_mail *loop_mail = FR_CONTAINER_OF(mail, struct fr_loop_mail, mail);
    loop_mail->run(arg, loop_mail);
}

static void drop_mail(void *arg, struct fr_mail *mail)
{
    struct fr_loop_mail *loop_mail = FR_CONTAINER_OF(mail, struct fr_loop_mail, mail);
    if (loop_mail->drop != NULL)
        loop_mail->drop(loop_mail);
    else
        free(loop_mail);
}

static void send_drain(struct fr_http_loop *home, int64_t drain_ms)
{
    struct drain_mail *mail = FR_NEW(struct drain_mail);
    mail->super.run = run_drain;
    mail->drain_ms = drain_ms;
    fr_mailbox_send_always(home->mails, &mail->super.mail);
}

void fr_http_loop_drain(struct fr_http_loop *home, int64_t drain_ms)
{
    send_drain(home, drain_ms);
}

void fr_http_loop_end(struct fr_http_loop *home)
{
    send_drain(home, -1);
}

struct snowflake_mail {
    struct fr_loop_mail super;
    struct fr_snowflake *snowflake;
};

static void run_set_snowflake(struct fr_http_loop *home, struct fr_loop_mail *mail)
{
    struct snowflake_mail *set = FR_CONTAINER_OF(mail, struct snowflake_mail, super);
    home->state.snowflake = set->snowflake;
    free(set);
}

void fr_http_loop_set_snowflake(struct fr_http_loop *home, struct fr_snowflake *snowflake)
{
    struct snowflake_mail *mail = FR_NEW(struct snowflake_mail);
    mail->super.run = run_set_snowflake;
    mail->snowflake = snowflake;
    fr_mailbox_send_always(home->mails, &mail->super.mail);
}

/* ---- the thread ---- */

static void wire_pages(struct fr_http_loop *home)
{
    const struct fr_settings *settings = home->server->options.settings;
    size_t loops = (size_t)home->server->loop_count;
    bool kept = settings->body_cache > 0 && loops > 0;
    home->page_feeders = fr_page_feeders_new(home->state.bus);
    const struct fr_pages_options pages = {
        .loop = home->state.loop,
        .store = home->state.store,
        .bodies = home->server->bodies,
        .pages_max = kept ? ((size_t)settings->hot_pages + loops - 1) / loops : 0,
        .flowing = fr_page_feeders_flowing,
        .want_feed = fr_page_feeders_want,
        .drop_feed = fr_page_feeders_drop,
        .arg = home->page_feeders,
    };
    home->state.pages = fr_pages_new(&pages);
}

static enum fr_status next_post_id(void *arg, int64_t *ret_id)
{
    const struct fr_http_loop *home = arg;
    return fr_snowflake_next(home->state.snowflake, fr_clock_wall_ms(), ret_id);
}

static void wire_post_writer(struct fr_http_loop *home)
{
    const struct fr_post_writer_options options = {
        .loop = home->state.loop,
        .store = home->state.store,
        .batch_max = (size_t)home->state.settings->post_batch,
        .next_id = next_post_id,
        .arg = home,
    };
    home->state.post_writer = fr_post_writer_new(&options);
}

static void wire(struct fr_http_loop *home)
{
    const struct fr_server_options *options = &home->server->options;
    const struct fr_settings *settings = options->settings;
    struct fr_loop *loop = home->state.loop;
    struct fr_store_options store = {
        .conninfo = settings->database_url,
        .application_name = "freshet-gateway",
        .connections = (int)settings->database_connections,
        .queue_max = STORE_QUEUE_MAX,
        .statement_timeout_ms = STORE_STATEMENT_TIMEOUT_MS,
        .group_timeout_ms = STORE_GROUP_TIMEOUT_MS,
    };
    home->state.settings = settings;
    home->state.keyring = options->keyring;
    home->state.web_files = home->server->web_files;
    home->tokens = fr_token_cache_new(options->keyring);
    home->state.bus = options->bus;
    home->state.snowflake = options->snowflake != NULL ? options->snowflake : &home->server->no_ids;
    home->state.workers = home->server->workers;
    home->state.answers =
        fr_mailbox_new(loop, HTTP_ANSWERS_MAX, fr_http_deliver_answer, fr_http_deliver_answer, home);
    home->state.store = fr_store_new(loop, &store);
    wire_post_writer(home);
    wire_pages(home);
    const struct fr_hub_options hub = {
        .store = home->state.store,
        .keyring = options->keyring,
        .resume_window_ms = settings->resume_window,
    };
    home->state.hub = fr_hub_new(options->delivery, loop, &hub);
    fr_page_feeders_begin(home->page_feeders, home->state.hub, home->state.pages);
    home->lag_view = fr_lag_view_new();
    if (home->state.number == 0)
        home->revocation_poll = fr_revocation_poll_new(home);
    if (home->state.number == 0 && settings->admin_token[0] != '\0')
        home->lag_reader = fr_lag_reader_new(home);
}

/* Handlers that wait for an answer get one from each of these (cancelled), and free their calls. */
static void unwire(struct fr_http_loop *home)
{
    fr_timer_stop(&home->housekeeping);
    for (struct fr_ring *at = home->conns.next; at != &home->conns; at = at->next)
        fr_guard_abandon(FR_CONTAINER_OF(at, struct fr_conn, ring));
    fr_revocation_poll_stop(home->revocation_poll);
    fr_mailbox_free(home->state.answers);
    fr_lag_reader_free(home->lag_reader);
    fr_lag_view_free(home->lag_view);
    fr_store_free(home->state.store);
    fr_post_writer_free(home->state.post_writer);
    fr_revocation_poll_free(home->revocation_poll);
    fr_page_feeders_free(home->page_feeders);
    fr_pages_free(home->state.pages);
    fr_hub_free(home->state.hub);
    fr_loop_run_deferred(home->state.loop);
    fr_token_cache_free(home->tokens);
}

void fr_http_loop_open(struct fr_http_loop *home)
{
    h2o_evloop_t *evloop = h2o_evloop_create();
    /* Twice that by itself; heads have some hundred bytes, and the buffer of an HTTP/1 request is kept until
     * its answer is over, which a stream's never is. One of this thread's, and none is made yet. */
    h2o_socket_buffer_prototype._initial_buf.capacity = READ_BUFFER_BYTES;
    h2o_context_init(&home->ctx, evloop, &home->server->conf);
    home->accept_plain = (h2o_accept_ctx_t){.ctx = &home->ctx, .hosts = home->server->conf.hosts};
    home->accept_tls = home->accept_plain;
    home->accept_tls.ssl_ctx = home->server->tls;
    fr_nested_loop_start(&home->nested, home->state.loop, &home->ctx);
    wire(home);
}

void fr_http_loop_run(struct fr_http_loop *home, int wait_ms)
{
    h2o_evloop_run(home->ctx.loop, wait_ms);
    fr_guard_round(home);
}

static void *run(void *arg)
{
    struct fr_http_loop *home = arg;
    fr_http_loop_open(home);
    h2o_evloop_t *evloop = home->ctx.loop;
    home->listen_plain = listen_on(home, home->plain_fd);
    home->listen_tls = listen_on(home, home->tls_fd);
    on_housekeeping(&home->housekeeping);

    while (home->phase != HTTP_ENDED)
        fr_http_loop_run(home, 1000);
    bool clean = nothing_left(home);
    atomic_store(&home->gone, true);

    /* Workers may still have an answer for us: the server stops them now, and then lets us go. */
    atomic_store(&home->ended, true);
    while (!atomic_load(&home->stop))
        h2o_evloop_run(evloop, 10);
    unwire(home);
    fr_nested_loop_stop(&home->nested);
    if (clean)
        fr_http_context_end(&home->ctx);
    return NULL;
}

struct fr_http_loop *fr_http_loop_new(struct fr_server *server, int number, int plain_fd, int tls_fd)
{
    struct fr_http_loop *home = FR_NEW(struct fr_http_loop);
    home->server = server;
    home->state.number = number;
    home->plain_fd = plain_fd;
    home->tls_fd = tls_fd;
    fr_ring_init(&home->calls);
    fr_ring_init(&home->conns);
    fr_ring_init(&home->lives);
    fr_ring_init(&home->lingers);
    fr_ring_init(&home->guarded);
    fr_ring_init(&home->handshakes);
    fr_ring_init(&home->turns);
    home->random = fr_random_stream((uint64_t)fr_clock_monotonic_ns(), 0, (uint64_t)number);
    /* Before the thread: mails may come at once. */
    home->state.loop = fr_loop_new();
    home->mails = fr_mailbox_new(home->state.loop, MAILS_MAX, on_mail, drop_mail, home);
    return home;
}

enum fr_status fr_http_loop_start(struct fr_http_loop *home, struct fr_error *error)
{
    /* Signals are for the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(&home->thread, NULL, run, home);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errnum != 0)
        return fr_error_set_errno(error, errnum, "cannot start an event loop thread");
    pthread_setname_np(home->thread, "fr-http");
    home->started = true;
    return FR_OK;
}

void fr_http_loop_join(struct fr_http_loop *home)
{
    if (!home->started)
        return;
    atomic_store(&home->stop, true);
    pthread_join(home->thread, NULL);
}

void fr_http_loop_free(struct fr_http_loop *home)
{
    if (!home->started) {
        if (home->plain_fd >= 0)
            close(home->plain_fd);
        if (home->tls_fd >= 0)
            close(home->tls_fd);
    }
    fr_delivery_table_release(&home->lives_by_token);
    fr_mailbox_free(home->mails);
    fr_loop_free(home->state.loop);
    free(home);
}
