#include "nats_fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static struct raw {
    int fd;
    FILE *in;
    unsigned requests;
} raw = {.fd = -1};

const char *nats_url(void)
{
    const char *url = getenv("FRESHET_NATS_URL");
    if (url == NULL)
        fail_msg("FRESHET_NATS_URL is not set: run this under tools/with-servers --nats");
    return url;
}

static pid_t server_pid(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/nats.pid", getenv("FRESHET_NATS_DIR"));
    FILE *file = fopen(path, "re");
    int pid = 0;
    if (file == NULL || fscanf(file, "%d", &pid) != 1 || pid <= 1)
        fail_msg("no process id in %s", path);
    fclose(file);
    return pid;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

void nats_kill(void)
{
    pid_t pid = server_pid();
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) {
        char path[64], state[512] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *file = fopen(path, "re");
        bool gone = file == NULL || fgets(state, sizeof state, file) == NULL || strstr(state, ") Z ") != NULL;
        if (file != NULL)
            fclose(file);
        if (gone)
            return;
        pause_ms(5);
    }
}

static void run_tool(const char *verb)
{
    char command[8192];
    snprintf(command, sizeof command, "'%s/private-nats' %s '%s'", FR_TEST_TOOLS, verb,
             getenv("FRESHET_NATS_DIR"));
    if (system(command) != 0)
        fail_msg("%s failed", command);
}

void nats_start(void)
{
    run_tool("start");
}

void nats_wipe(void)
{
    run_tool("wipe");
}

/* The signal comes back before all threads stand: a busy one may answer what is sent meanwhile. */
static bool is_stopped(pid_t pid)
{
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state == 'T';
}

void nats_stop(void)
{
    pid_t pid = server_pid();
    assert_int_equal(kill(pid, SIGSTOP), 0);
    for (int i = 0; i < 10000 && !is_stopped(pid); i++)
        usleep(1000);
    assert_true(is_stopped(pid));
}

void nats_continue(void)
{
    assert_int_equal(kill(server_pid(), SIGCONT), 0);
}

static int server_port(void)
{
    const char *colon = strrchr(nats_url(), ':');
    return atoi(colon + 1);
}

static void raw_open(void)
{
    if (raw.fd >= 0)
        return;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server_port()),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    raw.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(raw.fd, (struct sockaddr *)&address, sizeof address), 0);
    char user[128] = "", password[256] = "";
    if (sscanf(nats_url(), "nats://%127[^:]:%255[^@]@", user, password) != 2)
        fail_msg("no user and password in FRESHET_NATS_URL");
    dprintf(raw.fd,
            "CONNECT "
            "{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"user\":\"%s\",\"pass\":\"%s\"}\r\n"
            "SUB test.reply.* 1\r\n",
            user, password);
    raw.in = fdopen(dup(raw.fd), "re");
    struct timeval limit = {.tv_sec = 5};
    setsockopt(raw.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

void nats_raw_close(void)
{
    if (raw.fd < 0)
        return;
    fclose(raw.in);
    close(raw.fd);
    raw.fd = -1;
}

/* The payload of the next message; NULL when none comes. */
static char *raw_read(unsigned request)
{
    char line[4096];
    while (fgets(line, sizeof line, raw.in) != NULL) {
        unsigned number;
        size_t head = 0, size = 0;
        if (strncmp(line, "PING", 4) == 0) {
            dprintf(raw.fd, "PONG\r\n");
        } else if (strncmp(line, "-ERR", 4) == 0) {
            fail_msg("NATS says %s", line);
        } else if (sscanf(line, "HMSG test.reply.%u 1 %zu %zu", &number, &head, &size) == 3 ||
                   sscanf(line, "MSG test.reply.%u 1 %zu", &number, &size) == 2) {
            char *payload = fr_alloc(size + 3);
            if (fread(payload, 1, size + 2, raw.in) != size + 2) {
                free(payload);
                return NULL;
            }
            payload[size] = '\0';
            if (line[0] == 'H')
                payload[0] = '\0'; /* no responders */
            if (number == request)
                return payload;
            free(payload);
        }
    }
    return NULL;
}

void nats_raw_publish(const char *subject, const char *data)
{
    raw_open();
    dprintf(raw.fd, "PUB %s %zu\r\n%s\r\n", subject, strlen(data), data);
}

char *nats_raw_request(const char *subject, const char *data)
{
    raw_open();
    unsigned request = ++raw.requests;
    dprintf(raw.fd, "PUB %s test.reply.%u %zu\r\n%s\r\n", subject, request, strlen(data), data);
    char *payload = raw_read(request);
    return payload != NULL ? payload : fr_strdup("");
}

int64_t nats_api_number(const char *subject, const char *name)
{
    char *reply = nats_raw_request(subject, ""), member[64];
    snprintf(member, sizeof member, "\"%s\":", name);
    const char *found = strstr(reply, member);
    int64_t number = found != NULL ? strtoll(found + strlen(member), NULL, 10) : -1;
    free(reply);
    return number;
}

void nats_break_connections(void)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int fd = atoi(entry->d_name);
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof peer;
        if (entry->d_name[0] == '.' || fd == raw.fd || (raw.fd >= 0 && fd == fileno(raw.in)))
            continue;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == server_port())
            shutdown(fd, SHUT_RDWR);
    }
    closedir(dir);
}

static void count_reconnected(void *arg)
{
    _Atomic int *count = arg;
    if (count != NULL)
        atomic_fetch_add(count, 1);
}

struct fr_bus *nats_open_bus(const char *name, int64_t pending_max, _Atomic int *reconnected)
{
    const struct fr_bus_options options = {.url = nats_url(),
                                           .name = name,
                                           .replicas = 1,
                                           .resume_window_ms = 300000,
                                           .publish_pending_max = pending_max,
                                           .reconnected = count_reconnected,
                                           .arg = reconnected};
    struct fr_bus *bus = NULL;
    struct fr_error error = {0};
    if (fr_bus_open(&options, &bus, &error) != FR_OK)
        fail_msg("bus not opened: %s", error.message);
    return bus;
}

void nats_wait(const char *what, _Atomic int *value, int wanted)
{
    int64_t until_ms = fr_clock_monotonic_ms() + 20000;
    while (atomic_load(value) < wanted) {
        if (fr_clock_monotonic_ms() > until_ms)
            fail_msg("%s: expected %d, got %d within 20 s", what, wanted, atomic_load(value));
        pause_ms(2);
    }
}
