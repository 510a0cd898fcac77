#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "delivery/delivery.h"
#include "http/http_loop.h"
#include "http/origin.h"
#include "http/user_counts.h"
#include "http/web_files.h"
#include "log/log.h"
#include "timeline/bodies.h"

enum {
    HTTP2_CONCURRENT_MAX = 100,
    BACKSTOP_MS = 2000, /* h2o's own deadlines come so long after those of guard_time.c, which counts them */
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
    conf->http2.graceful_shutdown_timeout =
        0; /* what is answered or flows is not cut: the drain has its own end */
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

static enum fr_status read_web_files(const struct fr_settings *settings, struct fr_web_files **ret,
                                     struct fr_error *error)
{
    return settings->web_dir[0] != '\0' ? fr_web_files_read(settings->web_dir, ret, error) : FR_OK;
}

/* A header must be able to bear it. */
static enum fr_status check_admin_token(const struct fr_settings *settings, struct fr_error *error)
{
    static const char name[] = "FRESHET_ADMIN_TOKEN";
    struct fr_str token = fr_str_of(settings->admin_token);
    if (token.len > 0 && token.len < FR_ADMIN_TOKEN_MIN)
        return fr_error_set(error, FR_INVALID, name, "%s: has less than %d bytes", name, FR_ADMIN_TOKEN_MIN);
    if (!fr_str_is_graphic(token))
        return fr_error_set(error, FR_INVALID, name, "%s: must be visible ASCII characters without blanks",
                            name);
    return FR_OK;
}

static enum fr_status check_options(const struct fr_settings *settings, bool *ret_tls, struct fr_error *error)
{
    struct fr_networks *proxies = NULL;
    struct fr_listen_address unused;
    struct fr_outqueue_rule unused_rule;
    bool plain_off, tls_off;
    enum fr_status status = fr_listen_parse(settings->listen, "--listen", &unused, &plain_off, error);
    if (status == FR_OK)
        status = fr_listen_parse(settings->tls_listen, "--tls-listen", &unused, &tls_off, error);
    if (status == FR_OK)
        status = fr_origins_check(fr_str_of(settings->allowed_origins), "--allowed-origins", error);
    if (status == FR_OK)
        status = fr_outqueue_rule_read(settings, &unused_rule, error);
    if (status == FR_OK)
        status = fr_networks_parse(settings->trusted_proxies, "--trusted-proxies", &proxies, error);
    fr_networks_free(proxies);
    if (status == FR_OK)
        status = check_admin_token(settings, error);
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
    struct fr_web_files *web_files = NULL;
    if (status == FR_OK)
        status = read_web_files(settings, &web_files, error);
    fr_web_files_free(web_files);
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

/* On threads of the bus: bodies are there before anyone asks for them. */
static void on_event_seen(void *arg, const struct fr_event *event)
{
    struct fr_bodies *bodies = arg;
    if (event->kind == FR_EVENT_DELETE)
        fr_bodies_bury(bodies, event->post_id);
    else if (fr_event_is_of_post(event->kind))
        fr_bodies_put(bodies, &(struct fr_post){.id = event->post_id,
                                                .author_id = event->author_id,
                                                .text = event->text,
                                                .revision = event->revision,
                                                .created_at_ms = event->created_at_ms,
                                                .edited_at_ms = event->edited_at_ms});
}

enum fr_status fr_server_new(const struct fr_server_options *options, struct fr_server **ret,
                             struct fr_error *error)
{
    const struct fr_settings *settings = options->settings;
    struct fr_server *server = FR_NEW(struct fr_server);
    server->options = *options;
    configure(&server->conf, settings);
    server->addresses = fr_address_count_new();
    server->limits = fr_limits_new(settings);
    fr_snowflake_init(&server->no_ids, 0, 0, 0);
    server->bodies = fr_bodies_new((size_t)settings->body_cache);
    fr_delivery_set_seen(options->delivery, on_event_seen, server->bodies);
    server->revocations = fr_revocations_new(FR_REVOCATIONS_MAX);
    server->user_counts = fr_user_counts_new();
    server->workers = fr_workers_new((int)settings->password_workers, (size_t)settings->password_queue);
    enum fr_status status = fr_outqueue_rule_read(settings, &server->outqueue_rule, error);
    if (status == FR_OK)
        status = fr_networks_parse(settings->trusted_proxies, "--trusted-proxies", &server->proxies, error);
    if (status == FR_OK)
        status = read_web_files(settings, &server->web_files, error);
    if (status == FR_OK)
        *ret = server;
    else
        fr_server_free(server);
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
    struct fr_server *server = NULL;
    status = fr_server_new(options, &server, error);
    if (status == FR_OK && tls)
        status = fr_tls_context_new(settings->tls_certificate, settings->tls_key, &server->tls, error);
    if (status == FR_OK)
        status = start_loops(server, error);
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

bool fr_server_knows_revocations(const struct fr_server *server)
{
    return fr_revocations_complete(server->revocations);
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

static bool is_ended(const struct fr_http_loop *home)
{
    return atomic_load(&home->ended);
}

void fr_server_drain(struct fr_server *server, int64_t drain_ms)
{
    for (int i = 0; i < server->loop_count; i++)
        fr_http_loop_drain(server->loops[i], drain_ms);
}

bool fr_server_drained(const struct fr_server *server)
{
    for (int i = 0; i < server->loop_count; i++) {
        if (!atomic_load(&server->loops[i]->gone))
            return false;
    }
    return true;
}

int64_t fr_server_connections(const struct fr_server *server)
{
    return atomic_load(&server->connections);
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
    fr_workers_free(server->workers);
    for (int i = 0; i < server->loop_count; i++)
        fr_http_loop_join(server->loops[i]);
    for (int i = 0; i < server->loop_count; i++)
        fr_http_loop_free(server->loops[i]);
    free(server->loops);
    fr_delivery_set_seen(server->options.delivery, NULL, NULL);
    fr_bodies_free(server->bodies);
    fr_revocations_free(server->revocations);
    fr_user_counts_free(server->user_counts);
    h2o_config_dispose(&server->conf);
    SSL_CTX_free(server->tls);
    fr_networks_free(server->proxies);
    fr_limits_free(server->limits);
    fr_web_files_free(server->web_files);
    fr_address_count_free(server->addresses);
    free(server);
}
