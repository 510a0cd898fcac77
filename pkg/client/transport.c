#include "transport.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char content_type[] = "application/x-protobuf";

/* ---- sockets: closed on exec, and known ---- */

static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct exchange *exchange = data;
    struct transport *transport = exchange->transport;
    if (!exchange->makes) {
        exchange->missed = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && transport->socket_count < TRANSPORT_SOCKETS_MAX)
        transport->sockets[transport->socket_count++] = fd;
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static int on_close_socket(void *data, curl_socket_t fd)
{
    struct transport *transport = data;
    for (size_t i = 0; i < transport->socket_count; i++) {
        if (transport->sockets[i] == fd) {
            transport->sockets[i] = transport->sockets[--transport->socket_count];
            break;
        }
    }
    return close(fd);
}

/* ---- who makes the connection ----
 *
 * libcurl 7.88 begins HTTP/2 anew with each request that knows of it before
 * (CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE), on a connection that speaks it already, too, which breaks it (curl's
 * issue 10634). So one exchange makes the connection by that knowledge, and is sure to make a new one; the
 * others share it and merely ask for HTTP/2. Should there be none to share they would begin to speak
 * HTTP/1.1: then they get no socket, and start once more in the other role. With TLS ALPN decides, and all of
 * them are makers to us. */

static bool is_tls(const struct transport *transport)
{
    return strncmp(transport->options.url, "https:", 6) == 0;
}

static void choose_role(struct exchange *exchange, bool makes)
{
    struct transport *transport = exchange->transport;
    bool tls = is_tls(transport);
    exchange->makes = makes || tls;
    if (makes)
        transport->maker = exchange;
    long version = tls     ? CURL_HTTP_VERSION_2TLS
                   : makes ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                           : CURL_HTTP_VERSION_2_0;
    curl_easy_setopt(exchange->easy, CURLOPT_HTTP_VERSION, version);
    curl_easy_setopt(exchange->easy, CURLOPT_FRESH_CONNECT, makes && !tls ? 1L : 0L);
}

static void start_over(struct exchange *exchange)
{
    struct transport *transport = exchange->transport;
    curl_multi_remove_handle(transport->multi, exchange->easy);
    exchange->missed = false;
    /* If somebody is just making one there will be one to share. */
    choose_role(exchange, transport->maker == NULL || exchange_is_sent(transport->maker));
    curl_multi_add_handle(transport->multi, exchange->easy);
}

/* ---- the transport ---- */

static CURLM *new_multi(void)
{
    CURLM *multi = curl_multi_init();
    if (multi != NULL)
        curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    return multi;
}

enum fr_status transport_init(struct transport *transport, const struct transport_options *options)
{
    *transport = (struct transport){.options = *options};
    fr_ring_init(&transport->exchanges);
    transport->multi = new_multi();
    return transport->multi != NULL ? FR_OK : FR_UNAVAILABLE;
}

void transport_release(struct transport *transport)
{
    if (transport->multi != NULL)
        curl_multi_cleanup(transport->multi);
    transport->multi = NULL;
}

void transport_forsake(struct transport *transport)
{
    for (size_t i = 0; i < transport->socket_count; i++)
        close(transport->sockets[i]);
    transport->socket_count = 0;
}

static struct exchange *exchange_in(struct fr_ring *in)
{
    return FR_CONTAINER_OF(in, struct exchange, in);
}

static void renew(struct transport *transport)
{
    transport->dead = false;
    CURLM *fresh = new_multi();
    if (fresh == NULL)
        return; /* it will be tried again */
    struct fr_ring lost;
    fr_ring_init(&lost);
    while (!fr_ring_is_empty(&transport->exchanges)) {
        struct exchange *exchange = exchange_in(transport->exchanges.next);
        curl_multi_remove_handle(transport->multi, exchange->easy);
        fr_ring_add(&lost, &exchange->in);
    }
    curl_multi_cleanup(transport->multi); /* and with it the connection */
    transport->multi = fresh;
    while (!fr_ring_is_empty(&lost)) {
        struct exchange *exchange = exchange_in(lost.next);
        fr_ring_remove(&exchange->in);
        exchange->over = true;
        exchange->verbs->end(exchange, CURLE_RECV_ERROR);
    }
}

void transport_step(struct transport *transport)
{
    if (transport->dead)
        renew(transport);
    int running, left;
    curl_multi_perform(transport->multi, &running);
    const CURLMsg *message;
    while ((message = curl_multi_info_read(transport->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct exchange *exchange = (struct exchange *)(void *)private;
        if (code == CURLE_HTTP2) /* libcurl does not close such a connection, and would go on with it */
            transport->dead = true;
        if (exchange->missed) {
            start_over(exchange);
        } else {
            exchange->over = true;
            exchange->verbs->end(exchange, code);
        }
    }
}

void transport_wait(struct transport *transport, int wake_fd, int timeout_ms)
{
    struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
    curl_multi_poll(transport->multi, &wake, 1, timeout_ms, NULL);
}

/* ---- exchanges ---- */

static size_t on_write(char *data, size_t one, size_t len, void *arg)
{
    struct exchange *exchange = arg;
    exchange->transport->heard_ms = fr_clock_monotonic_ms();
    if (!exchange->verbs->data(exchange, (struct fr_str){data, len}))
        return CURL_WRITEFUNC_PAUSE;
    return exchange->refused ? 0 : len;
}

static size_t on_header(char *data, size_t one, size_t len, void *arg)
{
    struct exchange *exchange = arg;
    exchange->transport->heard_ms = fr_clock_monotonic_ms();
    return len;
}

static void add_header(struct exchange *exchange, const char *name, const char *value)
{
    struct fr_buf line;
    fr_buf_init(&line, 64 * 1024);
    fr_buf_printf(&line, "%s: %s", name, value);
    struct curl_slist *longer = line.full ? NULL : curl_slist_append(exchange->headers, line.data);
    if (longer != NULL) /* else it goes without, and the server's answer says what is missing */
        exchange->headers = longer;
    explicit_bzero(line.data, line.len);
    fr_buf_release(&line);
}

static void add_headers(struct exchange *exchange, const struct exchange_ask *ask)
{
    add_header(exchange, "Accept", content_type);
    if (ask->body.data != NULL) {
        add_header(exchange, "Content-Type", content_type);
        add_header(exchange, "Expect", ""); /* no 100-continue */
    }
    if (ask->request_id != NULL)
        add_header(exchange, "X-Request-ID", ask->request_id);
    if (ask->idempotency_key != NULL)
        add_header(exchange, "Idempotency-Key", ask->idempotency_key);
    if (ask->token != NULL) {
        struct fr_buf value;
        fr_buf_init(&value, 64 * 1024);
        fr_buf_printf(&value, "Bearer %s", ask->token);
        if (!value.full)
            add_header(exchange, "Authorization", value.data);
        explicit_bzero(value.data, value.len);
        fr_buf_release(&value);
    }
}

static void set_url(struct exchange *exchange, const char *path)
{
    struct fr_buf url;
    fr_buf_init(&url, 64 * 1024);
    fr_buf_printf(&url, "%s%s", exchange->transport->options.url, path);
    curl_easy_setopt(exchange->easy, CURLOPT_URL, url.data != NULL ? url.data : "");
    fr_buf_release(&url);
}

static void set_security(CURL *easy, const struct transport_options *options)
{
    if (options->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (options->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* instead of the system's, not beside */
    }
}

void exchange_begin(struct exchange *exchange, struct transport *transport,
                    const struct exchange_verbs *verbs, const struct exchange_ask *ask, int64_t now_ms)
{
    assert(exchange_is_idle(exchange));
    const struct transport_options *options = &transport->options;
    *exchange = (struct exchange){.transport = transport, .verbs = verbs, .begun_ms = now_ms};
    CURL *easy = exchange->easy = curl_easy_init();
    if (easy == NULL)
        abort(); /* no memory: see base/memory.h */
    set_url(exchange, ask->path);
    add_headers(exchange, ask);
    set_security(easy, options);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error_text);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
    choose_role(exchange, transport->maker == NULL && transport->socket_count == 0);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* a stream of the connection being made, not one more */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says: HTTP/2 does not pass most */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transport);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    if (ask->body.data != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, ask->body.data);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, ask->method);
    fr_ring_add(&transport->exchanges, &exchange->in);
    curl_multi_add_handle(transport->multi, easy);
}

void exchange_drop(struct exchange *exchange)
{
    if (exchange_is_idle(exchange))
        return;
    struct transport *transport = exchange->transport;
    curl_multi_remove_handle(transport->multi, exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    exchange->easy = NULL;
    exchange->headers = NULL;
    if (transport->maker == exchange)
        transport->maker = NULL;
    fr_ring_remove(&exchange->in);
    /* libcurl 7.88 resets the stream in its own memory, and tells the server with what is sent next. If
     * nothing is, the server would hold a live feed for nobody. */
    if (!exchange->over && fr_ring_is_empty(&transport->exchanges))
        transport_give_up(transport);
}

void exchange_refuse(struct exchange *exchange)
{
    exchange->refused = true;
}

void exchange_go_on(struct exchange *exchange)
{
    curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
}

bool exchange_is_sent(const struct exchange *exchange)
{
    curl_off_t begun_us = 0;
    if (exchange->easy != NULL)
        curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
    return begun_us > 0;
}

long exchange_status(const struct exchange *exchange)
{
    long status = 0;
    if (exchange->easy != NULL)
        curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    struct curl_header *header = NULL;
    if (exchange->easy == NULL ||
        curl_easy_header(exchange->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

bool exchange_is_protobuf(const struct exchange *exchange)
{
    struct fr_str type = fr_str_of(exchange_header(exchange, "Content-Type")), essence;
    return fr_str_next(&type, ';', &essence) &&
           fr_str_equal_nocase(fr_str_trim(essence), fr_str_of(content_type));
}
