/* The command line of wsbench: one table for parsing and --help. */
#ifndef WSBENCH_OPTIONS_H
#define WSBENCH_OPTIONS_H

#include <stdio.h>

#include "fleet.h"
#include "protocol.h"

enum mode {
    MODE_IDLE,
    MODE_LIVE,
    MODE_RESUME,
    MODE_ECHO,
    MODE_HTTP,
    MODE_SERVE,
};
#define MODE_COUNT (MODE_SERVE + 1)
extern const char *const mode_names[MODE_COUNT];

/* Texts are borrowed from argv. */
struct options {
    enum mode mode;
    struct address address;
    enum carrier carrier;
    const char *url, *carrier_name, *tokens, *authors, *follows, *path, *json, *received, *page_readers,
        *told;
    int64_t sockets, threads, window, snapshot;
    int64_t connections, posts, seconds, rate, text_size, expect, rounds, run, seed, pages;
    int64_t retries, open_time, patience, pid, listen;
    bool one_by_one, create, step, quiet;
};

enum options_result { OPTIONS_READY, OPTIONS_HELP_SHOWN, OPTIONS_WRONG };
/* Says what is wrong on standard error, and --help on standard output. */
enum options_result options_parse(int argc, char **argv, struct options *ret);

#endif
