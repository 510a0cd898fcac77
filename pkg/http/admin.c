/* The admin listener: a small server of the same kind, on a thread of its own, for any process. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/debug_connections.h"
#include "http/echo.h"
#include "http/http_loop.h"
#include "metrics/metrics.h"

enum { ADMIN_IDLE_MS = 10000, ADMIN_TICK_MS = 100, ADMIN_ENDING_TICKS = 20, METRICS_MAX = 4 * 1024 * 1024 };

struct fr_admin {
    struct fr_admin_options options;
    h2o_globalconf_t conf;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept_ctx;
    struct fr_loop *loop;
    struct fr_nested_loop nested;
    h2o_socket_t *listener;
    struct fr_ring conns; /* struct admin_conn */
    struct fr_debug debug;
    _Atomic(struct fr_server *) server; /* what /debug/connections shows */
    int fd;
    pthread_t thread;
    bool started;
    atomic_bool stop;
};

struct admin_conn {
    struct fr_ring ring;
    h2o_socket_t *sock;
};

struct admin_handler {
    h2o_handler_t super;
    struct fr_admin *admin;
};

static h2o_generator_t *generator_of(h2o_req_t *req)
{
    h2o_generator_t *generator = h2o_mem_alloc_pool(&req->pool, sizeof *generator);
    *generator = (h2o_generator_t){NULL, NULL};
    return generator;
}

/* Takes the bytes of `body`. */
static void send_text(h2o_req_t *req, int http_status, const char *reason, const char *type,
                      struct fr_buf *body)
{
    h2o_iovec_t bytes = h2o_strdup(&req->pool, body->data != NULL ? body->data : "", body->len);
    fr_buf_release(body);
    bool head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    req->res.status = http_status;
    req->res.reason = reason;
    req->res.content_length = bytes.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    h2o_start_response(req, generator_of(req));
    h2o_send(req, &bytes, head ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static void send_plain(h2o_req_t *req, int http_status, const char *reason, const char *text)
{
    struct fr_buf body;
    fr_buf_init(&body, 256);
    fr_buf_append_text(&body, text);
    send_text(req, http_status, reason, "text/plain; charset=utf-8", &body);
}

static void send_metrics(h2o_req_t *req)
{
    struct fr_buf body;
    fr_buf_init(&body, METRICS_MAX);
    fr_metrics_expose(&body);
    send_text(req, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void send_ready(struct fr_admin *admin, h2o_req_t *req)
{
    struct fr_buf missing, body;
    fr_buf_init(&missing, 1024);
    fr_buf_init(&body, 2048);
    if (admin->options.missing != NULL)
        admin->options.missing(admin->options.arg, &missing);
    if (missing.len == 0) {
        fr_buf_append_text(&body, "ready\n");
        send_text(req, 200, "OK", "text/plain; charset=utf-8", &body);
    } else {
        fr_buf_printf(&body, "not ready: %.*s\n", (int)missing.len, missing.data);
        send_text(req, 503, "Service Unavailable", "text/plain; charset=utf-8", &body);
    }
    fr_buf_release(&missing);
}

/* ---- /debug/ ---- */

static void send_debug(h2o_req_t *req, int http_status, const char *type, struct fr_buf *body)
{
    const char *reason = http_status == 200   ? "OK"
                         : http_status == 400 ? "Bad Request"
                                              : "Service Unavailable";
    send_text(req, http_status, reason, type, body);
}

static void send_debug_list(struct fr_admin *admin, h2o_req_t *req)
{
    struct fr_buf body;
    fr_buf_init(&body, 1024);
    if (atomic_load(&admin->server) != NULL)
        fr_buf_append_text(&body,
                           "/debug/connections  live connections, the oldest 1,000; ?limit=0..10000\n");
    if (admin->options.debug_echo)
        fr_buf_append_text(&body, "/debug/echo         a WebSocket that sends back what it gets\n");
    if (body.len == 0)
        fr_buf_append_text(&body, "nothing to see in this process\n");
    send_text(req, 200, "OK", "text/plain; charset=utf-8", &body);
}

static void send_echo(struct fr_admin *admin, h2o_req_t *req)
{
    const char *why = NULL;
    int http_status = fr_echo_answer(&admin->nested, req, &why);
    if (http_status != 101)
        send_plain(req, http_status, http_status == 426 ? "Upgrade Required" : "Bad Request", why);
}

/* False: there is no such page. */
static bool answer_debug(struct fr_admin *admin, h2o_req_t *req, struct fr_str path)
{
    struct fr_server *server = atomic_load(&admin->server);
    if (fr_str_equal(path, FR_STR("/debug/")) || fr_str_equal(path, FR_STR("/debug"))) {
        send_debug_list(admin, req);
        return true;
    }
    if (server != NULL && fr_str_equal(path, FR_STR("/debug/connections"))) {
        fr_debug_connections(&admin->debug, server, req);
        return true;
    }
    if (admin->options.debug_echo && fr_str_equal(path, FR_STR("/debug/echo"))) {
        send_echo(admin, req);
        return true;
    }
    return false;
}

void fr_admin_show(struct fr_admin *admin, struct fr_server *server)
{
    atomic_store(&admin->server, server);
}

static int on_request(h2o_handler_t *super, h2o_req_t *req)
{
    struct fr_admin *admin = ((struct admin_handler *)(void *)super)->admin;
    struct fr_str method = {req->input.method.base, req->input.method.len};
    struct fr_str path = {req->path_normalized.base, req->path_normalized.len};
    fr_nested_loop_touch(&admin->nested);
    if (!fr_str_equal(method, FR_STR("GET")) && !fr_str_equal(method, FR_STR("HEAD"))) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL, H2O_STRLIT("GET, HEAD"));
        send_plain(req, 405, "Method Not Allowed", "only GET here\n");
    } else if (fr_str_equal(path, FR_STR("/healthz"))) {
        send_plain(req, 200, "OK", "ok\n");
    } else if (fr_str_equal(path, FR_STR("/readyz"))) {
        send_ready(admin, req);
    } else if (fr_str_equal(path, FR_STR("/metrics"))) {
        send_metrics(req);
    } else if (!answer_debug(admin, req, path)) {
        send_plain(req, 404, "Not Found", "here are /metrics, /healthz, /readyz and /debug/\n");
    }
    return 0;
}

static void on_conn_close(void *data)
{
    struct admin_conn *conn = data;
    fr_ring_remove(&conn->ring);
    free(conn);
}

static void on_connection(h2o_socket_t *listener, const char *err)
{
    struct fr_admin *admin = listener->data;
    for (int i = 0; err == NULL && i < HTTP_ACCEPTS_PER_TICK; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL)
            return;
        struct admin_conn *conn = FR_NEW(struct admin_conn);
        conn->sock = sock;
        fr_ring_add(&admin->conns, &conn->ring);
        sock->on_close.cb = on_conn_close;
        sock->on_close.data = conn;
        h2o_accept(&admin->accept_ctx, sock);
    }
}

static void close_connections(struct fr_admin *admin)
{
    for (struct fr_ring *at = admin->conns.next; at != &admin->conns; at = at->next)
        shutdown(h2o_socket_get_fd(FR_CONTAINER_OF(at, struct admin_conn, ring)->sock), SHUT_RDWR);
}

static void *run(void *arg)
{
    struct fr_admin *admin = arg;
    h2o_evloop_t *evloop = h2o_evloop_create();
    h2o_context_init(&admin->ctx, evloop, &admin->conf);
    admin->loop = fr_loop_new();
    fr_nested_loop_start(&admin->nested, admin->loop, &admin->ctx);
    fr_debug_begin(&admin->debug, admin->loop, send_debug);
    admin->accept_ctx = (h2o_accept_ctx_t){.ctx = &admin->ctx, .hosts = admin->conf.hosts};
    admin->listener = h2o_evloop_socket_create(evloop, admin->fd, H2O_SOCKET_FLAG_DONT_READ);
    admin->listener->data = admin;
    h2o_socket_read_start(admin->listener, on_connection);
    while (!atomic_load(&admin->stop))
        h2o_evloop_run(evloop, ADMIN_TICK_MS);
    h2o_socket_close(admin->listener);
    for (int i = 0; i < ADMIN_ENDING_TICKS && !fr_ring_is_empty(&admin->conns); i++) {
        close_connections(admin);
        h2o_evloop_run(evloop, ADMIN_TICK_MS);
    }
    fr_debug_end(&admin->debug);
    bool clean = fr_ring_is_empty(&admin->conns);
    fr_nested_loop_stop(&admin->nested);
    if (clean) {
        fr_loop_free(admin->loop);
        fr_http_context_end(&admin->ctx);
    }
    return NULL;
}

static void configure(struct fr_admin *admin)
{
    h2o_config_init(&admin->conf);
    admin->conf.server_name = h2o_iovec_init(H2O_STRLIT("freshet"));
    admin->conf.max_request_entity_size = FR_REQUEST_BODY_MAX;
    admin->conf.http1.req_timeout = ADMIN_IDLE_MS;
    admin->conf.http2.idle_timeout = ADMIN_IDLE_MS;
    h2o_hostconf_t *host =
        h2o_config_register_host(&admin->conf, h2o_iovec_init(H2O_STRLIT("default")), UINT16_MAX);
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    struct admin_handler *handler = (void *)h2o_create_handler(root, sizeof *handler);
    handler->super.on_req = on_request;
    handler->admin = admin;
}

enum fr_status fr_admin_start(const struct fr_admin_options *options, struct fr_admin **ret,
                              struct fr_error *error)
{
    int fd;
    enum fr_status status = fr_listen_open(options->listen, "--admin-listen", 1, &fd, error);
    if (status != FR_OK)
        return status;
    struct fr_admin *admin = FR_NEW(struct fr_admin);
    admin->options = *options;
    admin->fd = fd;
    fr_ring_init(&admin->conns);
    configure(admin);
    if (fd >= 0) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int errnum = pthread_create(&admin->thread, NULL, run, admin);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (errnum != 0) {
            close(fd);
            fr_admin_free(admin);
            return fr_error_set_errno(error, errnum, "cannot start the admin thread");
        }
        pthread_setname_np(admin->thread, "fr-admin");
        admin->started = true;
    }
    *ret = admin;
    return FR_OK;
}

void fr_admin_free(struct fr_admin *admin)
{
    if (admin == NULL)
        return;
    if (admin->started) {
        atomic_store(&admin->stop, true);
        pthread_join(admin->thread, NULL);
    }
    h2o_config_dispose(&admin->conf);
    free(admin);
}
