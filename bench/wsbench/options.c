#include "options.h"

#include <stdlib.h>

const char *const mode_names[MODE_COUNT] = {
    [MODE_IDLE] = "idle", [MODE_LIVE] = "live", [MODE_RESUME] = "resume",
    [MODE_ECHO] = "echo", [MODE_HTTP] = "http", [MODE_SERVE] = "serve",
};

static const char *const mode_help[MODE_COUNT] = {
    [MODE_IDLE] = "opens connections and leaves them alone: memory and processor time for each",
    [MODE_LIVE] = "posts, and measures until the posts have come to all connections of those who follow",
    [MODE_RESUME] =
        "breaks all connections, posts meanwhile, and has all come back at once with their cursors",
    [MODE_ECHO] = "sends messages to an echo and measures until they are back",
    [MODE_HTTP] = "requests over connections that stay open, each sent when the one before is answered",
    [MODE_SERVE] = "a bare server as a baseline: an echo, and a post is a loop of write() to all sockets",
};

enum {
    IDLE = 1 << MODE_IDLE,
    LIVE = 1 << MODE_LIVE,
    RESUME = 1 << MODE_RESUME,
    ECHO_ = 1 << MODE_ECHO,
    HTTP = 1 << MODE_HTTP,
    SERVE = 1 << MODE_SERVE,
    READING = IDLE | LIVE | RESUME,
    CLIENTS = READING | ECHO_ | HTTP,
};

enum kind { TEXT, NUMBER, HEX, FLAG };

struct row {
    const char *name, *metavar;
    enum kind kind;
    size_t offset;
    int64_t min, max, number; /* number: the default */
    const char *text;         /* the default */
    unsigned modes;
    const char *help;
};

#define AT(member) offsetof(struct options, member)
static const struct row table[] = {
    {"--url", "URL", TEXT, AT(url), 0, 0, 0, "http://127.0.0.1:8080", CLIENTS, "the server, an IPv4 address"},
    {"--tokens", "FILE", TEXT, AT(tokens), 0, 0, 0, NULL, READING | HTTP,
     "readers: lines of id, tab, token, as `freshetctl token mint FIRST..LAST` prints them; connection n is "
     "of line n, from the "
     "beginning again when they are used up"},
    {"--carrier", "NAME", TEXT, AT(carrier_name), 0, 0, 0, "plain", READING,
     "plain, json, protobuf: WebSockets without a subprotocol or with one; sse, stream: event streams over "
     "HTTP/1.1, as text or "
     "protobuf"},
    {"--sockets", "N", NUMBER, AT(sockets), 1, 1000000, 1000, NULL, READING | ECHO_, "connections"},
    {"--path", "PATH", TEXT, AT(path), 0, 0, 0, NULL, READING | ECHO_ | HTTP,
     "instead of the feed's (of /debug/echo; of /post/feed?limit=20)"},
    {"--window", "N", NUMBER, AT(window), 1, 100000, 256, NULL, READING | ECHO_,
     "connections being opened at a time"},
    {"--threads", "N", NUMBER, AT(threads), 1, 64, 1, NULL, READING | ECHO_, "threads that read"},
    {"--snapshot", "N", NUMBER, AT(snapshot), -1, 100, -1, NULL, READING,
     "posts of a snapshot; -1: what the server gives by itself"},
    {"--authors", "FILE", TEXT, AT(authors), 0, 0, 0, NULL, LIVE | RESUME,
     "who posts, of the same form; else the readers do"},
    {"--follows", "FILE", TEXT, AT(follows), 0, 0, 0, NULL, LIVE | RESUME,
     "lines of follower, tab, followed, of these people; else every reader follows every author"},
    {"--posts", "N", NUMBER, AT(posts), 0, POSTS_MAX, 0, NULL, LIVE | RESUME | HTTP,
     "so many posts (http: requests); 0: until --seconds are over. resume: while the connections are away"},
    {"--seconds", "N", NUMBER, AT(seconds), 0, 86400, 10, NULL, IDLE | LIVE | ECHO_ | HTTP,
     "for so long, unless --posts are given"},
    {"--rate", "N", NUMBER, AT(rate), 0, 1000000, 0, NULL, LIVE | ECHO_,
     "posts (echo: messages) per second; 0: as fast as they are answered (echo: 1000)"},
    {"--one-by-one", NULL, FLAG, AT(one_by_one), 0, 0, 0, NULL, LIVE,
     "the next post when the one before has come to everybody"},
    {"--pages", "N", NUMBER, AT(pages), 0, 1000, 0, NULL, LIVE,
     "so many pages are read for each post, in random order and by the same connections"},
    {"--page-readers", "FILE", TEXT, AT(page_readers), 0, 0, 0, NULL, LIVE,
     "whose pages, of the form of --tokens; else of the connected readers"},
    {"--connections", "N", NUMBER, AT(connections), 1, 10000, 64, NULL, LIVE | RESUME | HTTP,
     "connections for posts and requests"},
    {"--create", NULL, FLAG, AT(create), 0, 0, 0, NULL, HTTP, "POST /post/create instead of GET"},
    {"--text-size", "N", NUMBER, AT(text_size), MARK_SIZE, FR_POST_TEXT_MAX, 120, NULL,
     LIVE | RESUME | ECHO_ | HTTP, "bytes of a post's text"},
    {"--expect", "N", NUMBER, AT(expect), 0, POSTS_MAX, 0, NULL, LIVE,
     "posts nothing: somebody else sends so many posts with the marks 0 to N - 1 of --run, each to "
     "everybody"},
    {"--run", "HEX", HEX, AT(run), 0, UINT32_MAX, -1, NULL, LIVE | RESUME,
     "number of the run, which stands in the marks; else by the clock"},
    {"--seed", "N", NUMBER, AT(seed), 0, INT64_MAX, 1, NULL, LIVE | RESUME, "of the choice of authors"},
    {"--rounds", "N", NUMBER, AT(rounds), 1, 1000, 1, NULL, RESUME, "how many times all break and come back"},
    {"--retries", "N", NUMBER, AT(retries), 0, 1000, 0, NULL, READING,
     "times that a connection refused with 503 is opened again, a second later"},
    {"--open-time", "N", NUMBER, AT(open_time), 1, 3600, 120, NULL, READING | ECHO_,
     "seconds for all connections to be there"},
    {"--step", NULL, FLAG, AT(step), 0, 0, 0, NULL, IDLE | LIVE | RESUME,
     "when all connections are there, print `ready` and wait for a line of standard input, or its end"},
    {"--patience", "N", NUMBER, AT(patience), 1, 600, 10, NULL, LIVE | RESUME,
     "seconds without any arrival after which what is missing is lost"},
    {"--pid", "PID", NUMBER, AT(pid), 0, INT32_MAX, 0, NULL, CLIENTS,
     "the server's process, whose memory and processor time are read"},
    {"--received", "FILE", TEXT, AT(received), 0, 0, 0, NULL, LIVE | RESUME,
     "write what came to each connection: id, tab, numbers of posts"},
    {"--told", "FILE", TEXT, AT(told), 0, 0, 0, NULL, LIVE,
     "write of each accepted post: id of its author, tab, connections to which it came"},
    {"--json", "FILE", TEXT, AT(json), 0, 0, 0, NULL, CLIENTS, "write the result there too"},
    {"--quiet", NULL, FLAG, AT(quiet), 0, 0, 0, NULL, CLIENTS, "no lines of progress on standard error"},
    {"--listen", "PORT", NUMBER, AT(listen), 0, 65535, 0, NULL, SERVE,
     "of 127.0.0.1; 0: any, which is printed"},
};
#undef AT

static void print_help(FILE *out)
{
    fputs("usage: wsbench MODE [OPTION...]\n\n"
          "A load generator and a measuring client for Freshet's gateway: many live connections, read by "
          "threads of this\n"
          "process, and posts by it too, so that one clock tells how long a post takes to come to its "
          "readers. Posts bear\n"
          "marks, by which each connection is held against what it should have got: every post of those whom "
          "its reader\n"
          "follows, once, in the order of each author's posts, and nothing else.\n\nModes:\n",
          out);
    for (int mode = 0; mode < MODE_COUNT; mode++)
        fprintf(out, "  %-8s %s\n", mode_names[mode], mode_help[mode]);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < FR_COUNT_OF(table); i++) {
        const struct row *row = &table[i];
        char usage[64];
        snprintf(usage, sizeof usage, "%s%s%s", row->name, row->metavar != NULL ? "=" : "",
                 row->metavar != NULL ? row->metavar : "");
        fprintf(out, "  %-20s %s\n  %-20s ", usage, row->help, "");
        for (int mode = 0; mode < MODE_COUNT; mode++) {
            if ((row->modes & 1u << mode) != 0)
                fprintf(out, "[%s] ", mode_names[mode]);
        }
        if (row->kind == NUMBER)
            fprintf(out, "(%lld)", (long long)row->number);
        else if (row->text != NULL)
            fprintf(out, "(%s)", row->text);
        putc('\n', out);
    }
    fputs("\nThe client takes processor time too: with as many processors as the server uses it takes from "
          "the server's. The\n"
          "result tells how much.\n\n"
          "Exit codes: 0 done; 1 it could not be done, or connections were lost or refused, or requests "
          "failed; 2 wrong usage;\n"
          "3 posts were lost, doubled, out of order, or came to the wrong ones.\n",
          out);
}

static enum options_result refuse(const char *name, const char *why)
{
    fprintf(stderr, "wsbench: %s %s; see wsbench --help\n", name, why);
    return OPTIONS_WRONG;
}

static void *member(struct options *options, const struct row *row)
{
    return (char *)options + row->offset;
}

static void set_defaults(struct options *options)
{
    for (size_t i = 0; i < FR_COUNT_OF(table); i++) {
        if (table[i].kind == TEXT)
            *(const char **)member(options, &table[i]) = table[i].text;
        else if (table[i].kind != FLAG)
            *(int64_t *)member(options, &table[i]) = table[i].number;
    }
}

static const struct row *find_row(struct fr_str name)
{
    for (size_t i = 0; i < FR_COUNT_OF(table); i++) {
        if (fr_str_equal(name, fr_str_of(table[i].name)))
            return &table[i];
    }
    return NULL;
}

static bool take_number(const struct row *row, const char *value, int64_t *ret)
{
    if (row->kind == NUMBER)
        return fr_str_to_i64(fr_str_of(value), row->min, row->max, ret) == FR_OK;
    char *end;
    unsigned long long number = strtoull(value, &end, 16);
    if (value[0] == '\0' || value[0] == '-' || *end != '\0' || number > (unsigned long long)row->max)
        return false;
    *ret = (int64_t)number;
    return true;
}

/* --name=value, --name value, --flag. Moves *at behind what it took. */
static enum options_result take_option(char **argv, int argc, int *at, struct options *options)
{
    const char *given = argv[(*at)++], *equals = strchr(given, '=');
    const struct row *row =
        find_row((struct fr_str){given, equals != NULL ? (size_t)(equals - given) : strlen(given)});
    if (row == NULL)
        return refuse(given, "is no option");
    if ((row->modes & 1u << options->mode) == 0)
        return refuse(row->name, "is no option of this mode");
    if (row->kind == FLAG) {
        if (equals != NULL)
            return refuse(row->name, "takes no value");
        *(bool *)member(options, row) = true;
        return OPTIONS_READY;
    }
    if (equals == NULL && *at == argc)
        return refuse(row->name, "wants a value");
    const char *value = equals != NULL ? equals + 1 : argv[(*at)++];
    if (row->kind == TEXT)
        *(const char **)member(options, row) = value;
    else if (!take_number(row, value, member(options, row)))
        return refuse(row->name, "is out of its range, or no number");
    return OPTIONS_READY;
}

static enum options_result check(struct options *options)
{
    struct fr_error error = {0};
    bool known = false;
    if (options->mode == MODE_SERVE)
        return OPTIONS_READY;
    if (address_parse(options->url, &options->address, &error) != FR_OK)
        return refuse("--url", "must be http://ADDRESS:PORT, with an IPv4 address");
    for (int carrier = 0; carrier < CARRIER_ECHO; carrier++) {
        if (fr_str_equal(fr_str_of(options->carrier_name), fr_str_of(carrier_names[carrier]))) {
            options->carrier = (enum carrier)carrier;
            known = true;
        }
    }
    if (!known)
        return refuse("--carrier", "must be plain, json, protobuf, sse or stream");
    if (options->mode != MODE_ECHO && options->tokens == NULL)
        return refuse("--tokens", "is missing");
    if (options->mode == MODE_RESUME && !carrier_has_cursors(options->carrier))
        return refuse("--carrier", "must be one with cursors: json, protobuf, sse or stream");
    if (options->pages > 0 && (options->rate > 0 || options->one_by_one || options->expect > 0))
        return refuse("--pages", "goes with neither --rate, --one-by-one nor --expect");
    if (options->pages == 0 && options->page_readers != NULL)
        return refuse("--page-readers", "wants --pages");
    if (options->posts == 0 && options->seconds == 0 && options->mode != MODE_RESUME)
        return refuse("--seconds", "and --posts can't both be 0");
    return OPTIONS_READY;
}

enum options_result options_parse(int argc, char **argv, struct options *ret)
{
    for (int i = 1; i < argc; i++) {
        if (fr_str_equal(fr_str_of(argv[i]), FR_STR("--help"))) {
            print_help(stdout);
            return OPTIONS_HELP_SHOWN;
        }
    }
    struct options options = {.mode = MODE_COUNT};
    for (int mode = 0; argc > 1 && mode < MODE_COUNT; mode++) {
        if (fr_str_equal(fr_str_of(argv[1]), fr_str_of(mode_names[mode])))
            options.mode = (enum mode)mode;
    }
    if ((int)options.mode == MODE_COUNT)
        return refuse(argc > 1 ? argv[1] : "a mode", argc > 1 ? "is no mode" : "is missing");
    set_defaults(&options);
    enum options_result result = OPTIONS_READY;
    for (int at = 2; at < argc && result == OPTIONS_READY;)
        result = take_option(argv, argc, &at, &options);
    if (result == OPTIONS_READY)
        result = check(&options);
    if (result == OPTIONS_READY)
        *ret = options;
    return result;
}
