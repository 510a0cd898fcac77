/* Clients: made from options, cancelled, freed. */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "client_internal.h"
#include "problem.h"

#define TEXT_OF(number) TEXT_OF_EXPANDED(number)
#define TEXT_OF_EXPANDED(number) #number
#define VERSION \
    TEXT_OF(FRESHET_VERSION_MAJOR) "." TEXT_OF(FRESHET_VERSION_MINOR) "." TEXT_OF(FRESHET_VERSION_PATCH)

enum {
    TIMEOUT_MS = 30000,
    CONNECT_TIMEOUT_MS = 10000,
    SILENCE_MS = 40000,
    BACKOFF_MIN_MS = 500,
    BACKOFF_MAX_MS = 60000,
    ANSWER_MAX = 4 * 1024 * 1024,
    STRUCT_SIZE_MAX = 4096, /* of a caller's, in whatever future */
};
static const int64_t time_max_ms = INT64_C(365) * 24 * 60 * 60 * 1000;

const char *freshet_version(void)
{
    return VERSION;
}

void freshet_free(void *result)
{
    free(result);
}

/* ---- what the other files use ---- */

static void random_bytes(void *out, size_t len)
{
    if (getrandom(out, len, 0) !=
        (ssize_t)len) /* up to 256 bytes it is all or, without /dev/urandom, nothing */
        abort();
}

uint64_t client_random(void)
{
    uint64_t number;
    random_bytes(&number, sizeof number);
    return number;
}

void client_make_name(char out[static CLIENT_NAME_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[(CLIENT_NAME_SIZE - 1) / 2];
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * sizeof bytes] = '\0';
}

bool client_is_name(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= 64 && fr_str_is_graphic((struct fr_str){text, len});
}

freshet_kind client_read_struct(void *ret, size_t size, const void *given, const char *name,
                                freshet_error *error)
{
    memset(ret, 0, size);
    if (given == NULL)
        return FRESHET_OK;
    size_t given_size;
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size || given_size > STRUCT_SIZE_MAX)
        return problem_set(error, FRESHET_INVALID, name, "%s: its member size is not set", name);
    for (size_t i = size; i < given_size; i++)
        if (((const char *)given)[i] != 0)
            return problem_set(error, FRESHET_INVALID, name,
                               "%s: has a member that this library is too old for", name);
    memcpy(ret, given, given_size < size ? given_size : size);
    return FRESHET_OK;
}

freshet_kind client_check(const struct freshet_client *client, freshet_error *error)
{
    if (client == NULL)
        return problem_set(error, FRESHET_INVALID, "client", "there is no client");
    if (client->pid != getpid())
        return problem_set(error, FRESHET_INVALID, "client",
                           "the client belongs to the process that this one was forked from");
    return FRESHET_OK;
}

/* ---- options ---- */

static freshet_kind check_url(const char *url, freshet_error *error)
{
    if (url == NULL)
        return problem_set(error, FRESHET_INVALID, "url", "url is wanted");
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;
    if (host == NULL || host[0] == '\0' || strpbrk(host, "?#@ ") != NULL || strlen(url) > 2048)
        return problem_set(error, FRESHET_INVALID, "url",
                           "url is not of the form http://host:port or https://host:port");
    return FRESHET_OK;
}

static freshet_kind check_source(const freshet_options *options, freshet_error *error)
{
    bool by_password = options->user_id != 0 || options->password != NULL;
    if (by_password && (options->user_id <= 0 || options->password == NULL))
        return problem_set(error, FRESHET_INVALID, "user_id", "user_id and password belong together");
    if (by_password + (options->token != NULL) + (options->token_fn != NULL) > 1)
        return problem_set(error, FRESHET_INVALID, "token", "more than one of password, token and token_fn");
    if (options->token != NULL && (options->token[0] == '\0' || strlen(options->token) >= TOKENS_TEXT_MAX ||
                                   !fr_str_is_graphic(fr_str_of(options->token))))
        return problem_set(error, FRESHET_INVALID, "token", "token is none");
    return FRESHET_OK;
}

/* 0 stands for `usual`. */
static freshet_kind read_time(int64_t *time_ms, int64_t usual, bool may_be_forever, const char *name,
                              freshet_error *error)
{
    if (*time_ms == 0)
        *time_ms = usual;
    if ((*time_ms > 0 && *time_ms <= time_max_ms) || (may_be_forever && *time_ms == FRESHET_FOREVER))
        return FRESHET_OK;
    return problem_set(error, FRESHET_INVALID, name, "%s makes no sense", name);
}

static freshet_kind read_options(freshet_options *options, const freshet_options *given, freshet_error *error)
{
    freshet_kind kind = client_read_struct(options, sizeof *options, given, "options", error);
    if (kind == FRESHET_OK)
        kind = check_url(options->url, error);
    if (kind == FRESHET_OK)
        kind = check_source(options, error);
    if (kind == FRESHET_OK)
        kind = read_time(&options->timeout_ms, TIMEOUT_MS, true, "timeout_ms", error);
    if (kind == FRESHET_OK)
        kind =
            read_time(&options->connect_timeout_ms, CONNECT_TIMEOUT_MS, false, "connect_timeout_ms", error);
    if (kind == FRESHET_OK)
        kind = read_time(&options->silence_ms, SILENCE_MS, false, "silence_ms", error);
    if (kind == FRESHET_OK)
        kind = read_time(&options->backoff_min_ms, BACKOFF_MIN_MS, false, "backoff_min_ms", error);
    if (kind == FRESHET_OK)
        kind = read_time(&options->backoff_max_ms,
                         options->backoff_min_ms > BACKOFF_MAX_MS ? options->backoff_min_ms : BACKOFF_MAX_MS,
                         false, "backoff_max_ms", error);
    if (kind == FRESHET_OK && options->backoff_max_ms < options->backoff_min_ms)
        kind = problem_set(error, FRESHET_INVALID, "backoff_max_ms",
                           "backoff_max_ms is less than backoff_min_ms");
    if (options->answer_max == 0)
        options->answer_max = ANSWER_MAX;
    if (options->user_agent == NULL)
        options->user_agent = "libfreshet/" VERSION;
    return kind;
}

/* ---- the client ---- */

static char *copy(const char *text)
{
    return text != NULL ? fr_strdup(text) : NULL;
}

/* Not what the thread had, which is gone before. */
static void free_shell(struct freshet_client *client)
{
    pthread_cond_destroy(&client->feed_gone);
    pthread_mutex_destroy(&client->lock);
    free(client->url);
    free(client->ca_file);
    free(client->user_agent);
    free(client);
}

static struct freshet_client *new_shell(const freshet_options *options)
{
    struct freshet_client *client = FR_NEW(struct freshet_client);
    client->pid = getpid();
    client->url = fr_strdup(options->url);
    for (size_t len = strlen(client->url); client->url[len - 1] == '/'; len--)
        client->url[len - 1] = '\0';
    client->ca_file = copy(options->ca_file);
    client->user_agent = copy(options->user_agent);
    client->timeout_ms = options->timeout_ms;
    client->silence_ms = options->silence_ms;
    client->backoff_min_ms = options->backoff_min_ms;
    client->backoff_max_ms = options->backoff_max_ms;
    client->answer_max = options->answer_max;
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->feed_gone, NULL);
    fr_ring_init(&client->new_requests);
    fr_ring_init(&client->new_feeds);
    fr_ring_init(&client->requests);
    fr_ring_init(&client->feeds);
    return client;
}

freshet_kind freshet_client_new(const freshet_options *given, freshet_client **ret_client,
                                freshet_error *error)
{
    freshet_options options;
    freshet_kind kind = read_options(&options, given, error);
    if (kind != FRESHET_OK)
        return kind;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return problem_set(error, FRESHET_UNAVAILABLE, NULL, "libcurl cannot be used");
    struct freshet_client *client = new_shell(&options);
    struct transport_options transport = {
        .url = client->url,
        .ca_file = client->ca_file,
        .user_agent = client->user_agent,
        .insecure = options.insecure,
        .connect_timeout_ms = options.connect_timeout_ms,
    };
    tokens_init(&client->tokens, client, &options);
    if (transport_init(&client->transport, &transport) == FR_OK && io_thread_start(client) == FR_OK) {
        *ret_client = client;
        return FRESHET_OK;
    }
    transport_release(&client->transport);
    tokens_release(&client->tokens);
    free_shell(client);
    curl_global_cleanup();
    return problem_set(error, FRESHET_UNAVAILABLE, NULL, "the system gives no more threads or descriptors");
}

/* In a child of fork() there is no thread, and the connection is the parent's: not a byte may go into it, so
 * what libcurl has is left as it is. */
static void leave_to_parent(struct freshet_client *client)
{
    transport_forsake(&client->transport);
    close(client->wake_read);
    close(client->wake_write);
    tokens_release(&client->tokens);
    free(client->url);
    free(client->ca_file);
    free(client->user_agent);
    free(client);
}

void freshet_client_free(freshet_client *client)
{
    if (client == NULL)
        return;
    if (client->pid != getpid()) {
        leave_to_parent(client);
        return;
    }
    io_thread_stop(client);
    transport_release(&client->transport);
    tokens_release(&client->tokens);
    free_shell(client);
    curl_global_cleanup();
}

/* ---- cancelling ---- */

void freshet_client_cancel(freshet_client *client)
{
    atomic_store(&client->cancelled, true);
    io_thread_wake(client);
}

freshet_canceller *freshet_canceller_new(freshet_client *client)
{
    struct freshet_canceller *canceller = FR_NEW(struct freshet_canceller);
    canceller->client = client;
    return canceller;
}

void freshet_canceller_free(freshet_canceller *canceller)
{
    free(canceller);
}

void freshet_cancel(freshet_canceller *canceller)
{
    atomic_store(&canceller->cancelled, true);
    io_thread_wake(canceller->client);
}
