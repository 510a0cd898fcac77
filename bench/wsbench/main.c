/* wsbench: a load generator and measuring client for the gateway; see --help. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "modes.h"

static volatile sig_atomic_t told_to_stop;

static void on_signal(int number)
{
    (void)number;
    told_to_stop = 1;
}

bool interrupted(void)
{
    return told_to_stop != 0;
}

int failed(const struct fr_error *error)
{
    fprintf(stderr, "wsbench: %s\n", error->message);
    return EXIT_FAILED;
}

void write_create(struct fr_buf *out, const struct options *options, const char *token, uint32_t run,
                  uint32_t index)
{
    static const char open[] = "{\"text\":\"", close[] = "\"}";
    fr_buf_printf(out,
                  "POST /post/create HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                  options->address.authority, token,
                  sizeof open - 1 + (size_t)options->text_size + sizeof close - 1, open);
    mark_write(out, run, index, (size_t)options->text_size);
    fr_buf_append_text(out, close);
}

/* As many descriptors as are wanted, or as the system lets us have. */
static void raise_limit(const struct options *options)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)(options->sockets + options->connections + 64);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* to what is allowed anyhow */
    if (limit.rlim_max >= wanted)
        return;
    const struct rlimit more = {wanted, wanted};
    if (setrlimit(RLIMIT_NOFILE, &more) != 0)
        fprintf(stderr, "wsbench: %llu descriptors are wanted and %llu allowed (ulimit -n)\n",
                (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
}

int main(int argc, char **argv)
{
    struct options options;
    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_HELP_SHOWN:
        return EXIT_DONE;
    case OPTIONS_WRONG:
        return EXIT_USAGE;
    case OPTIONS_READY:
        break;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    raise_limit(&options);
    switch (options.mode) {
    case MODE_IDLE:
    case MODE_LIVE:
    case MODE_RESUME:
    case MODE_ECHO:
        return run_live(&options);
    case MODE_HTTP:
        return run_http(&options);
    case MODE_SERVE:
        return run_serve(&options);
    }
    return EXIT_USAGE;
}
