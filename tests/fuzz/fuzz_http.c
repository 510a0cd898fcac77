/* A connection's bytes, HTTP/1.1 or HTTP/2 with prior knowledge, through a socket pair into the gateway's own
 * loop: whatever comes, nothing crashes, nothing is left over, and nobody is told 500. The database is away
 * or empty, the bus is silent.
 *
 * The first byte of an input says how it is cut and which database it meets. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "config/config.h"
#include "delivery/delivery.h"
#include "fuzz.h"
#include "http/http_loop.h"
#include "log/log.h"
#include "no_servers.h"

enum { ROUNDS_AFTER = 4, ROUNDS_MAX = 100000, ANSWER_MAX = 4 << 20 };

static struct fr_settings settings;
static struct fr_keyring *keyring;
static struct fr_delivery *delivery;
static struct fr_server *server;
static struct fr_http_loop *home;
static struct fr_snowflake snowflake;

static void must(enum fr_status status, const struct fr_error *error)
{
    if (status == FR_OK)
        return;
    fprintf(stderr, "cannot begin: %s\n", error->message);
    abort();
}

static const char *file_in(const char *folder, const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
}

/* With a page of which there is a variant, read from a folder that is gone again. */
static void make_server(const struct fr_server_options *options, const char *folder)
{
    static const char
        page[] = "body{}\n",
        zipped[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\xca\x4f\xa9\xac\xae\xe5\x02\x00\xb2\x68"
                   "\x82\x20\x07\x00\x00\x00";
    struct fr_error error = {0};
    put_file(file_in(folder, "index.html"), page, sizeof page - 1);
    put_file(file_in(folder, "index.html.gz"), zipped, sizeof zipped - 1);
    must(fr_server_new(options, &server, &error), &error);
    unlink(file_in(folder, "index.html"));
    unlink(file_in(folder, "index.html.gz"));
    rmdir(folder);
}

void fr_fuzz_begin(void)
{
    struct fr_error error = {0};
    enum fr_config_action action;
    char name[] = "fuzz", level[] = "--log-level=error", rates[] = "--rate-limits=off";
    char web[] = "--web-dir=/tmp/freshet-fuzz.XXXXXX", token[] = "FRESHET_ADMIN_TOKEN=0123456789abcdef";
    char *arguments[] = {name, level, rates, web, NULL}, *environment[] = {token, NULL};
    if (mkdtemp(strchr(web, '/')) == NULL)
        abort();
    must(fr_config_load(FR_PROGRAM_GATEWAY, 4, arguments, environment, &settings, &action, NULL, &error),
         &error);
    must(fr_auth_init(&error), &error);
    must(fr_keyring_load(NULL, "k1:0123456789abcdef0123456789abcdef", &keyring, &error), &error);
    must(fr_delivery_open(NULL, "fuzz", &delivery, &error), &error);
    fr_snowflake_init(&snowflake, 1, 0, INT64_MAX);
    const struct fr_server_options options = {
        .settings = &settings, .keyring = keyring, .delivery = delivery, .snowflake = &snowflake};
    make_server(&options, settings.web_dir);
    fr_revocations_set_complete(server->revocations); /* else nobody with a token gets in */
    home = fr_http_loop_new(server, 0, -1, -1);
    server->loops = &home;
    server->loop_count = 1;
    fr_http_loop_open(home);
}

static void turn(void)
{
    fr_http_loop_run(home, 0);
}

/* Reads what the gateway says; false at the end. */
static bool read_answer(int fd, struct fr_buf *answer)
{
    char bytes[65536];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        fr_buf_append(answer, bytes, (size_t)n);
    return n != 0;
}

static void write_all(int fd, struct fr_str bytes, struct fr_buf *answer)
{
    bool open = true;
    for (int round = 0; bytes.len > 0 && open && round < ROUNDS_MAX; round++) {
        ssize_t n = send(fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            bytes.data += n;
            bytes.len -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN) {
            return;
        }
        turn();
        open = read_answer(fd, answer);
    }
}

static void check_answer(const struct fr_buf *answer)
{
    if (answer->len == 0 || answer->full)
        return;
    FR_FUZZ_RULE(memmem(answer->data, answer->len, "HTTP/1.1 500", 12) == NULL, "nobody is told 500");
    FR_FUZZ_RULE(memmem(answer->data, answer->len, "urn:freshet:problem:internal", 28) == NULL,
                 "in HTTP/2 neither");
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_fuzz_input input = {data, len};
    uint8_t how = fr_fuzz_take_byte(&input);
    size_t piece = (how & 1) != 0 ? 1 + (size_t)(how >> 4) * 7 : input.len;
    no_servers_set_database((how & 2) != 0 ? NO_SERVERS_EMPTY : NO_SERVERS_AWAY);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    struct fr_buf answer;
    fr_buf_init(&answer, ANSWER_MAX);
    fr_http_loop_adopt(home, pair[1]);
    while (input.len > 0)
        write_all(pair[0], fr_fuzz_take(&input, piece), &answer);
    for (int i = 0; i < ROUNDS_AFTER; i++) {
        turn();
        read_answer(pair[0], &answer);
    }
    close(pair[0]);
    /* Passwords are computed by a thread. */
    for (int i = 0; atomic_load(&server->connections) > 0; i++) {
        FR_FUZZ_RULE(i < ROUNDS_MAX, "a connection ends when its client is gone");
        fr_http_loop_run(home, i < ROUNDS_AFTER ? 0 : 1);
    }
    if ((how & 2) == 0)
        check_answer(&answer);
    fr_buf_release(&answer);
}
