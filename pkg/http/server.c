#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "http/http_loop.h"
#include "log/log.h"

enum {
    HTTP2_SHUTDOWN_TIMEOUT_MS = 1000,
    HTTP2_CONCURRENT_MAX = 100,
    BACKSTOP_MS = 2000, /* h2o's own deadlines come so long after those of guard.c, which counts them */
    LOOPS_MAX = 64,
    POLL_MS = 5,
};

static void configure(h2o_globalconf_t *conf, const struct fr_settings *settings)
{
    h2o_config_init(conf);
    conf->server_name = h2o_iovec_init(H2O_STRLIT("freshet"));
    conf->max_request_entity_size = HTTP_ENTITY_MAX;
    conf->handshake_timeout = (uint64_t)settings->request_timeout + BACKSTOP_MS;
    conf->http1.req_timeout = (uint64_t)(settings->idle_timeout + settings->request_timeout) + BACKSTOP_MS;
    conf->http2.idle_timeout = (uint64_t)settings->idle_timeout;
    conf->http2.graceful_shutdown_timeout = HTTP2_SHUTDOWN_TIMEOUT_MS;
    conf->http2.max_concurrent_requests_per_connection = HTTP2_CONCURRENT_MAX;
    h2o_hostconf_t *host = h2o_config_register_host(conf, h2o_iovec_init(H2O_STRLIT("default")), UINT16_MAX);
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    h2o_handler_t *handler = h2o_create_handler(root, sizeof *handler);
    handler->on_req = fr_http_on_request;
    fr_http_error_filter_register(&host->fallback_path);
}

static int thread_count(const struct fr_settings *settings)
{
    long count = settings->threads > 0 ? settings->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > LOOPS_MAX ? LOOPS_MAX : (int)count;
}

/* Each connection is a descriptor: take all that the system allows. */
static void raise_descriptor_limit(const struct fr_settings *settings)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur != RLIM_INFINITY && (int64_t)limit.rlim_cur < settings->connections_max)
        FR_LOG_INFO("fewer descriptors than --connections-max",
                    FR_KV_I64("descriptors", (int64_t)limit.rlim_cur),
                    FR_KV_I64("connections_max", settings->connections_max));
}

static enum fr_status check_options(const struct fr_settings *settings, bool *ret_tls, struct fr_error *error)
{
    struct fr_networks *proxies = NULL;
    struct fr_listen_address unused;
    bool plain_off, tls_off;
    enum fr_status status = fr_listen_parse(settings->listen, "--listen", &unused, &plain_off, error);
    if (status == FR_OK)
        status = fr_listen_parse(settings->tls_listen, "--tls-listen", &unused, &tls_off, error);
    if (status == FR_OK)
        status = fr_networks_parse(settings->trusted_proxies, "--trusted-proxies", &proxies, error);
    fr_networks_free(proxies);
    if (status != FR_OK)
        return status;
    if (plain_off && tls_off)
        return fr_error_set(error, FR_INVALID, "--listen", "--listen and --tls-listen are both off");
    *ret_tls = !tls_off;
    return FR_OK;
}

enum fr_status fr_server_check_listeners(const struct fr_settings *settings, struct fr_error *error)
{
    bool unused;
    enum fr_status status = check_options(settings, &unused, error);
    if (status == FR_OK)
        status = fr_listen_probe(settings->listen, "--listen", error);
    if (status == FR_OK)
        status = fr_listen_probe(settings->tls_listen, "--tls-listen", error);
    return status;
}

static enum fr_status start_loops(struct fr_server *server, struct fr_error *error)
{
    const struct fr_settings *settings = server->options.settings;
    int plain_fds[LOOPS_MAX], tls_fds[LOOPS_MAX];
    int count = thread_count(settings);
    enum fr_status status = fr_listen_open(settings->listen, "--listen", count, plain_fds, error);
    if (status != FR_OK)
        return status;
    status = fr_listen_open(settings->tls_listen, "--tls-listen", count, tls_fds, error);
    if (status != FR_OK) {
        for (int i = 0; i < count; i++) {
            if (plain_fds[i] >= 0)
                close(plain_fds[i]);
        }
        return status;
    }
    server->loops = fr_alloc_array((size_t)count, sizeof *server->loops);
    for (int i = 0; i < count; i++)
        server->loops[server->loop_count++] = fr_http_loop_new(server, i, plain_fds[i], tls_fds[i]);
    for (int i = 0; i < count && status == FR_OK; i++)
        status = fr_http_loop_start(server->loops[i], error);
    return status;
}

enum fr_status fr_server_start(const struct fr_server_options *options, struct fr_server **ret,
                               struct fr_error *error)
{
    const struct fr_settings *settings = options->settings;
    bool tls = false;
    enum fr_status status = check_options(settings, &tls, error);
    if (status != FR_OK)
        return status;
    struct fr_server *server = FR_NEW(struct fr_server);
    server->options = *options;
    configure(&server->conf, settings);
    server->addresses = fr_address_count_new();
    server->limits = fr_limits_new(settings);
    fr_snowflake_init(&server->no_ids, 0, 0, 0);
    status = fr_networks_parse(settings->trusted_proxies, "--trusted-proxies", &server->proxies, error);
    if (status == FR_OK && tls)
        status = fr_tls_context_new(settings->tls_certificate, settings->tls_key, &server->tls, error);
    if (status == FR_OK) {
        server->workers = fr_workers_new((int)settings->password_workers, (size_t)settings->password_queue);
        status = start_loops(server, error);
    }
    if (status != FR_OK) {
        fr_server_free(server);
        return status;
    }
    raise_descriptor_limit(settings);
    FR_LOG_INFO("gateway listens", FR_KV_TEXT("listen", settings->listen),
                FR_KV_TEXT("tls_listen", settings->tls_listen), FR_KV_I64("threads", server->loop_count));
    *ret = server;
    return FR_OK;
}

bool fr_server_ready(const struct fr_server *server)
{
    for (int i = 0; i < server->loop_count; i++) {
        if (!atomic_load(&server->loops[i]->ready))
            return false;
    }
    return true;
}

void fr_server_set_snowflake(struct fr_server *server, struct fr_snowflake *snowflake)
{
    for (int i = 0; i < server->loop_count; i++)
        fr_http_loop_set_snowflake(server->loops[i], snowflake);
}

static void wait_for_all(struct fr_server *server, bool (*done)(const struct fr_http_loop *))
{
    struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    for (int i = 0; i < server->loop_count; i++) {
        const struct fr_http_loop *home = server->loops[i];
        while (home->started && !done(home))
            nanosleep(&pause, NULL);
    }
}

static bool is_gone(const struct fr_http_loop *home)
{
    return atomic_load(&home->gone);
}

static bool is_ended(const struct fr_http_loop *home)
{
    return atomic_load(&home->ended);
}

void fr_server_drain(struct fr_server *server, int64_t drain_ms)
{
    for (int i = 0; i < server->loop_count; i++)
        fr_http_loop_drain(server->loops[i], drain_ms);
    wait_for_all(server, is_gone);
    FR_LOG_INFO("gateway drained", FR_KV_I64("connections_left", atomic_load(&server->connections)));
}

void fr_server_free(struct fr_server *server)
{
    if (server == NULL)
        return;
    for (int i = 0; i < server->loop_count; i++) {
        if (server->loops[i]->started)
            fr_http_loop_end(server->loops[i]);
    }
    wait_for_all(server, is_ended);
    if (server->workers != NULL)
        fr_workers_free(server->workers);
    for (int i = 0; i < server->loop_count; i++)
        fr_http_loop_free(server->loops[i]);
    free(server->loops);
    h2o_config_dispose(&server->conf);
    SSL_CTX_free(server->tls);
    fr_networks_free(server->proxies);
    fr_limits_free(server->limits);
    fr_address_count_free(server->addresses);
    free(server);
}
