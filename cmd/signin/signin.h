/* The options that freshet-tail and freshet-post have in common: where the gateway is, and who asks. Secrets
 * come from files or the environment: a command line is for all eyes. */
#ifndef SIGNIN_H
#define SIGNIN_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include <freshet/client.h>

/* Exit codes of both programs. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SIGN_IN = 3,     /* the gateway knows no such user, or refuses the password or the token */
    EXIT_UNREACHABLE = 4, /* no answer; what was asked for may have happened */
};

struct signin {
    const char *url;
    const char *login, *password_file, *token_file, *ca_file; /* as given */
    int64_t user_id;
    char secret[4096]; /* the password if there is a login, else the token */
};

enum { SIGNIN_URL = 256, SIGNIN_LOGIN, SIGNIN_PASSWORD_FILE, SIGNIN_TOKEN_FILE, SIGNIN_CA_FILE, SIGNIN_LAST };

/* For getopt_long(), and the lines that --help has for them. */
#define SIGNIN_LONG_OPTIONS                                                                         \
    {"url", required_argument, NULL, SIGNIN_URL}, {"login", required_argument, NULL, SIGNIN_LOGIN}, \
        {"password-file", required_argument, NULL, SIGNIN_PASSWORD_FILE},                           \
        {"token-file", required_argument, NULL, SIGNIN_TOKEN_FILE},                                 \
    {                                                                                               \
        "ca-file", required_argument, NULL, SIGNIN_CA_FILE                                          \
    }
#define SIGNIN_HELP                                                                             \
    "  --url=URL             the gateway (default: FRESHET_URL, or http://127.0.0.1:8080)\n"    \
    "  --login=ID            sign in as this user, with the password from\n"                    \
    "  --password-file=FILE    the first line of FILE, or from FRESHET_PASSWORD\n"              \
    "  --token-file=FILE     or use the token in the first line of FILE, or in FRESHET_TOKEN\n" \
    "  --ca-file=FILE        trust these certificates (PEM) instead of the system's\n"

/* Takes an option of its own; false if `option` is none. */
bool signin_take(struct signin *signin, int option, const char *value);
/* When all options are there: reads the files and the environment. False, and a line on standard error, if it
 * can't be known who asks. */
bool signin_finish(struct signin *signin);
/* A client of that user; NULL, a line on standard error and the exit code if there can be none. The secret is
 * wiped. */
freshet_client *signin_client(struct signin *signin, int *ret_code);

/* One line on standard error, behind the program's name. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same of what the SDK said, behind `what`, with everything that helps to find the cause; gives the exit
 * code for it. */
int complain_of(const char *what, const freshet_error *error);
/* Reads a whole decimal number of `min` to `max`; false, and a line that names `flag`, if it is none. */
bool take_number(const char *flag, const char *text, int64_t min, int64_t max, int64_t *ret);

#endif
