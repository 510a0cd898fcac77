/* freshet-tail: prints the live feed of a user. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cursor_file.h"
#include "print.h"
#include "signin.h"

#define LOOK_MS 1000 /* how often it is seen that nobody reads our output any more */

static const char help[] =
    "Usage: freshet-tail [OPTION]...\n"
    "Prints the live feed of a Freshet user: the newest posts, and then each post, edit and delete as it "
    "happens. Goes on\n"
    "over restarts of the gateway and lost connections; what happened meanwhile is printed then.\n"
    "\n" SIGNIN_HELP
    "  --json                a line of JSON for each, with the members of the enveloped live protocol\n"
    "  --cursor-file=FILE    go on where the last run with this FILE stopped, and keep the place there\n"
    "  --snapshot=N          how many of the newest posts to begin with, 0 to 100 (default 10)\n"
    "  --count=N             end after N posts\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 ended by --count, SIGINT, SIGTERM, or since nobody reads the output; 1 the feed or the "
    "output\n"
    "failed; 2 wrong usage; 3 cannot sign in, or the session was ended. That the connection is lost, and is "
    "back,\n"
    "is told on standard error.\n";

struct tail {
    struct signin signin;
    struct printer printer;
    struct cursor_file cursor;
    int64_t snapshot, count;
    freshet_state said; /* of which standard error knows */
};

enum {
    OPTION_JSON = SIGNIN_LAST,
    OPTION_CURSOR_FILE,
    OPTION_SNAPSHOT,
    OPTION_COUNT,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option options[] = {
    SIGNIN_LONG_OPTIONS,
    {"json", no_argument, NULL, OPTION_JSON},
    {"cursor-file", required_argument, NULL, OPTION_CURSOR_FILE},
    {"snapshot", required_argument, NULL, OPTION_SNAPSHOT},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static freshet_feed *feed; /* for the signal handler */

static void on_signal(int number)
{
    (void)number;
    freshet_feed_cancel(feed);
}

/* True if the program ends here, with `*ret`. */
static bool take_options(int argc, char **argv, struct tail *tail, int *ret)
{
    int option = 0;
    *ret = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (signin_take(&tail->signin, option, optarg))
            continue;
        switch (option) {
        case OPTION_JSON:
            tail->printer.json = true;
            break;
        case OPTION_CURSOR_FILE:
            tail->cursor.path = optarg;
            break;
        case OPTION_SNAPSHOT:
            if (!take_number("--snapshot", optarg, 0, 100, &tail->snapshot))
                return true;
            break;
        case OPTION_COUNT:
            if (!take_number("--count", optarg, 1, INT64_MAX, &tail->count))
                return true;
            break;
        case OPTION_HELP:
        case OPTION_VERSION:
            if (option == OPTION_HELP)
                fputs(help, stdout);
            else
                printf("freshet-tail %s\n", freshet_version());
            *ret = EXIT_DONE;
            return true;
        default: /* getopt_long() has said what is wrong */
            fputs("Try 'freshet-tail --help'.\n", stderr);
            return true;
        }
    }
    if (optind < argc)
        complain("'%s' is no option, and there is nothing else to give", argv[optind]);
    return optind < argc;
}

/* What becomes of the connection, for people, if it is worth a line. */
static void say_state(struct tail *tail, const freshet_event *event)
{
    const char *why = event->error != NULL && event->error->detail[0] != '\0' ? event->error->detail : NULL;
    if (event->state == tail->said)
        return;
    if (event->state == FRESHET_STATE_OFFLINE || event->state == FRESHET_STATE_RESUMING)
        complain("%s%s%s; trying again",
                 event->state == FRESHET_STATE_OFFLINE ? "no connection" : "connection lost",
                 why != NULL ? ": " : "", why != NULL ? why : "");
    else if (event->state == FRESHET_STATE_LIVE && tail->said != FRESHET_STATE_CONNECTING)
        complain("connected");
    tail->said = event->state;
}

/* Nobody will ever read what is printed. */
static bool is_output_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

static int fail_output(void)
{
    if (errno == EPIPE)
        return EXIT_DONE; /* as `| head` ends it */
    complain("standard output: %s", strerror(errno));
    return EXIT_FAILED;
}

static int end(freshet_kind kind, const freshet_error *error)
{
    if (kind == FRESHET_CANCELLED)
        return EXIT_DONE;
    int code = complain_of("the feed has ended", error);
    return code == EXIT_UNREACHABLE ? EXIT_FAILED : code;
}

static int follow(struct tail *tail)
{
    const freshet_event *event = NULL;
    freshet_error error = {0};
    for (;;) {
        freshet_kind kind = freshet_feed_next(feed, LOOK_MS, &event, &error);
        if (kind != FRESHET_OK && kind != FRESHET_TIMEOUT)
            return end(kind, &error);
        if (kind == FRESHET_TIMEOUT && is_output_gone())
            return EXIT_DONE;
        if (kind == FRESHET_OK && event->type == FRESHET_EVENT_STATE)
            say_state(tail, event);
        else if (kind == FRESHET_OK && !print_event(&tail->printer, event))
            return fail_output();
        if (!cursor_file_write(&tail->cursor, freshet_feed_cursor(feed), false))
            return EXIT_FAILED;
        if (tail->count != 0 && tail->printer.posts >= tail->count)
            return EXIT_DONE;
    }
}

static int run(struct tail *tail)
{
    freshet_error error = {0};
    if (freshet_feed_open(tail->printer.client,
                          FRESHET_FEED_OPTIONS(.cursor = tail->cursor.kept,
                                               .snapshot = tail->snapshot == 0 ? -1 : (int)tail->snapshot),
                          &feed, &error) != FRESHET_OK)
        return complain_of("can't follow the feed", &error);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int code = follow(tail);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!cursor_file_write(&tail->cursor, freshet_feed_cursor(feed), true))
        code = EXIT_FAILED;
    freshet_feed_close(feed);
    return code;
}

int main(int argc, char **argv)
{
    static struct tail tail = {.snapshot = 10};
    int code = EXIT_USAGE;
    argv[0] = program_invocation_short_name; /* as getopt_long() shall call us */
    signal(SIGPIPE, SIG_IGN);
    if (take_options(argc, argv, &tail, &code) || !signin_finish(&tail.signin))
        return code;
    if (!cursor_file_read(&tail.cursor))
        return EXIT_FAILED;
    tail.printer.client = signin_client(&tail.signin, &code);
    if (tail.printer.client == NULL)
        return code;
    code = run(&tail);
    freshet_client_free(tail.printer.client);
    return code;
}
