/* freshet-post: writes a post, edits one, deletes one. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "signin.h"

#define TEXT_MAX 4096 /* bytes; what the gateway takes */

static const char help[] =
    "Usage: freshet-post [OPTION]... [TEXT]\n"
    "       freshet-post [OPTION]... --edit=POST [TEXT]\n"
    "       freshet-post [OPTION]... --delete=POST\n"
    "Writes a post to Freshet and prints its id; or edits or deletes one, and prints nothing. Without a "
    "TEXT, or\n"
    "if it is -, the text is what standard input has, without the newline at its end: up to 4,096 bytes of "
    "UTF-8.\n"
    "\n" SIGNIN_HELP "  --edit=POST           give this post the text instead\n"
    "  --delete=POST         delete this post\n"
    "  --idempotency-key=KEY 1 to 64 printable characters: the same post again with the same KEY within 24 "
    "hours is\n"
    "                          written once, and its first id printed (default: a new one)\n"
    "  --timeout=SECONDS     give up after so long (default 30)\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done; 1 refused; 2 wrong usage; 3 cannot sign in; 4 no answer, so that it is not known "
    "whether\n"
    "it was done: run it again, a new post with --idempotency-key; 130 interrupted, which leaves as much "
    "open.\n";

enum { EXIT_INTERRUPTED = 130 };

struct request {
    struct signin signin;
    const char *text;
    char *read; /* from standard input; owned */
    int64_t edited, deleted;
    const char *key;
    char own_key[33];
    int64_t timeout_s;
};

enum { OPTION_EDIT = SIGNIN_LAST, OPTION_DELETE, OPTION_KEY, OPTION_TIMEOUT, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
    SIGNIN_LONG_OPTIONS,
    {"edit", required_argument, NULL, OPTION_EDIT},
    {"delete", required_argument, NULL, OPTION_DELETE},
    {"idempotency-key", required_argument, NULL, OPTION_KEY},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static freshet_client *client; /* for the signal handler */

static void on_signal(int number)
{
    (void)number;
    freshet_client_cancel(client);
}

/* True if the program ends here, with `*ret`. */
static bool take_options(int argc, char **argv, struct request *request, int *ret)
{
    int option = 0;
    *ret = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (signin_take(&request->signin, option, optarg))
            continue;
        switch (option) {
        case OPTION_EDIT:
            if (!take_number("--edit", optarg, 1, INT64_MAX, &request->edited))
                return true;
            break;
        case OPTION_DELETE:
            if (!take_number("--delete", optarg, 1, INT64_MAX, &request->deleted))
                return true;
            break;
        case OPTION_KEY:
            request->key = optarg;
            break;
        case OPTION_TIMEOUT:
            if (!take_number("--timeout", optarg, 1, 86400, &request->timeout_s))
                return true;
            break;
        case OPTION_HELP:
        case OPTION_VERSION:
            if (option == OPTION_HELP)
                fputs(help, stdout);
            else
                printf("freshet-post %s\n", freshet_version());
            *ret = EXIT_DONE;
            return true;
        default: /* getopt_long() has said what is wrong */
            fputs("Try 'freshet-post --help'.\n", stderr);
            return true;
        }
    }
    return false;
}

/* What is left of the command line must fit what was asked for. */
static bool take_arguments(int count, char **arguments, struct request *request)
{
    bool deletes = request->deleted != 0;
    if (deletes && request->edited != 0)
        complain("--edit and --delete: give one of them");
    else if (deletes && count > 0)
        complain("--delete: takes no text, but there is '%s'", arguments[0]);
    else if (count > 1)
        complain("the text must be one argument, in quotes; there is '%s' too", arguments[1]);
    else if (request->key != NULL && (deletes || request->edited != 0))
        complain("--idempotency-key: is for new posts; edits and deletes may be repeated without");
    else {
        request->text = count > 0 && strcmp(arguments[0], "-") != 0 ? arguments[0] : NULL;
        return true;
    }
    return false;
}

static bool read_text(struct request *request)
{
    size_t len = 0;
    if (request->deleted != 0 || request->text != NULL)
        return true;
    request->read = malloc(TEXT_MAX + 2);
    if (request->read == NULL)
        abort();
    while (len <= TEXT_MAX) {
        ssize_t got = read(STDIN_FILENO, request->read + len, TEXT_MAX + 1 - len);
        if (got < 0 && errno != EINTR) {
            complain("standard input: %s", strerror(errno));
            return false;
        }
        if (got == 0)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    if (len > 0 && request->read[len - 1] == '\n')
        len--;
    if (len > TEXT_MAX) {
        complain("standard input: a post has at most %d bytes", TEXT_MAX);
        return false;
    }
    request->read[len] = '\0';
    if (strlen(request->read) != len) {
        complain("standard input: there is a NUL in the text");
        return false;
    }
    request->text = request->read;
    return true;
}

/* A key of our own can be told when the answer does not come. */
static void make_key(struct request *request)
{
    unsigned char bytes[16];
    if (request->key != NULL || getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(request->own_key + 2 * i, 3, "%02x", bytes[i]);
    request->key = request->own_key;
}

static int run(struct request *request)
{
    freshet_error error = {0};
    freshet_kind kind = FRESHET_OK;
    int64_t id = 0;
    const char *what = "can't post";
    freshet_call call = {.size = sizeof call, .timeout_ms = request->timeout_s * 1000};
    if (request->deleted != 0) {
        what = "--delete";
        kind = freshet_post_delete(client, request->deleted, &call, &error);
    } else if (request->edited != 0) {
        what = "--edit";
        kind = freshet_post_update(client, request->edited, request->text, &call, &error);
    } else {
        make_key(request);
        call.idempotency_key = request->key;
        kind = freshet_post_create(client, request->text, &call, &id, &error);
    }
    if (kind == FRESHET_OK && id != 0 && (printf("%" PRId64 "\n", id) < 0 || fflush(stdout) != 0)) {
        complain("the post is written as %" PRId64 ", but standard output: %s", id, strerror(errno));
        return EXIT_FAILED;
    }
    if (kind == FRESHET_OK)
        return EXIT_DONE;
    int code = complain_of(what, &error);
    if (kind == FRESHET_CANCELLED)
        code = EXIT_INTERRUPTED;
    if ((code == EXIT_UNREACHABLE || code == EXIT_INTERRUPTED) && request->key != NULL)
        complain("it may have been written; repeat it with --idempotency-key=%s", request->key);
    return code;
}

int main(int argc, char **argv)
{
    struct request request = {.timeout_s = 30};
    int code = EXIT_USAGE;
    argv[0] = program_invocation_short_name; /* as getopt_long() shall call us */
    signal(SIGPIPE, SIG_IGN);
    if (!take_options(argc, argv, &request, &code) &&
        take_arguments(argc - optind, argv + optind, &request) && signin_finish(&request.signin)) {
        code = EXIT_FAILED;
        if (read_text(&request) && (client = signin_client(&request.signin, &code)) != NULL) {
            struct sigaction action = {.sa_handler = on_signal};
            sigaction(SIGINT, &action, NULL);
            sigaction(SIGTERM, &action, NULL);
            code = run(&request);
            signal(SIGINT, SIG_DFL);
            signal(SIGTERM, SIG_DFL);
            freshet_client_free(client);
        }
    }
    free(request.read);
    return code;
}
