#include "signin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void complain(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int complain_of(const char *what, const freshet_error *error)
{
    char more[128] = "";
    if (error->request_id[0] != '\0')
        snprintf(more, sizeof more, " (request %s)", error->request_id);
    complain("%s: %s%s", what, error->detail[0] != '\0' ? error->detail : freshet_kind_name(error->kind),
             more);
    if (error->kind == FRESHET_UNAUTHENTICATED)
        return EXIT_SIGN_IN;
    return error->kind == FRESHET_UNAVAILABLE || error->kind == FRESHET_TIMEOUT ||
                   error->kind == FRESHET_UNTRUSTED
               ? EXIT_UNREACHABLE
               : EXIT_FAILED;
}

bool take_number(const char *flag, const char *text, int64_t min, int64_t max, int64_t *ret)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool whole = end != text && *end == '\0' && text[strspn(text, "0123456789")] == '\0';
    if (!whole || errno != 0 || number < min || number > max) {
        complain("%s: '%s' is no whole number from %" PRId64 " to %" PRId64, flag, text, min, max);
        return false;
    }
    *ret = number;
    return true;
}

bool signin_take(struct signin *signin, int option, const char *value)
{
    switch (option) {
    case SIGNIN_URL:
        signin->url = value;
        return true;
    case SIGNIN_LOGIN:
        signin->login = value;
        return true;
    case SIGNIN_PASSWORD_FILE:
        signin->password_file = value;
        return true;
    case SIGNIN_TOKEN_FILE:
        signin->token_file = value;
        return true;
    case SIGNIN_CA_FILE:
        signin->ca_file = value;
        return true;
    default:
        return false;
    }
}

/* The first line of `file`. */
static bool read_secret(const char *flag, const char *file, char *secret, size_t size)
{
    FILE *in = fopen(file, "re");
    if (in != NULL)
        setvbuf(in, NULL, _IONBF, 0); /* no copy of it stays behind */
    bool read = in != NULL && fgets(secret, (int)size, in) != NULL;
    int problem = errno;
    bool failed = in == NULL || ferror(in);
    if (in != NULL)
        fclose(in);
    if (!read) {
        complain("%s: %s: %s", flag, file, failed ? strerror(problem) : "it is empty");
        return false;
    }
    size_t len = strcspn(secret, "\r\n");
    if (len == size - 1) {
        complain("%s: %s: its first line is too long for a secret", flag, file);
        return false;
    }
    if (len == 0) {
        complain("%s: %s: its first line is empty", flag, file);
        return false;
    }
    secret[len] = '\0';
    return true;
}

/* Of `file` if there is one, else of the environment; `missing` is what to say if it is in neither. */
static bool find_secret(struct signin *signin, const char *flag, const char *file, const char *variable,
                        const char *missing)
{
    const char *value = getenv(variable);
    if (file != NULL)
        return read_secret(flag, file, signin->secret, sizeof signin->secret);
    if (value == NULL || value[0] == '\0')
        complain("%s", missing);
    else if ((size_t)snprintf(signin->secret, sizeof signin->secret, "%s", value) >= sizeof signin->secret)
        complain("%s: it is too long for a secret", variable);
    else
        return true;
    return false;
}

bool signin_finish(struct signin *signin)
{
    const char *url = getenv("FRESHET_URL");
    if (signin->url == NULL)
        signin->url = url != NULL && url[0] != '\0' ? url : "http://127.0.0.1:8080";
    if (signin->login != NULL && signin->token_file != NULL) {
        complain("--login and --token-file: give one of them");
        return false;
    }
    if (signin->login == NULL && signin->password_file != NULL) {
        complain("--password-file: --login=ID is missing: whose password is it?");
        return false;
    }
    if (signin->login == NULL)
        return find_secret(
            signin, "--token-file", signin->token_file, "FRESHET_TOKEN",
            "who are you? Give --login=ID with a password, or --token-file=FILE, or FRESHET_TOKEN");
    return take_number("--login", signin->login, 1, INT64_MAX, &signin->user_id) &&
           find_secret(signin, "--password-file", signin->password_file, "FRESHET_PASSWORD",
                       "--login: the password is missing: give --password-file=FILE or FRESHET_PASSWORD");
}

freshet_client *signin_client(struct signin *signin, int *ret_code)
{
    freshet_client *client = NULL;
    freshet_error error = {0};
    bool login = signin->login != NULL;
    freshet_kind kind = freshet_client_new(FRESHET_OPTIONS(.url = signin->url, .user_id = signin->user_id,
                                                           .password = login ? signin->secret : NULL,
                                                           .token = login ? NULL : signin->secret,
                                                           .ca_file = signin->ca_file),
                                           &client, &error);
    explicit_bzero(signin->secret, sizeof signin->secret);
    if (kind != FRESHET_OK) {
        complain_of(strcmp(error.field, "url") == 0 ? "--url" : "can't begin", &error);
        *ret_code = kind == FRESHET_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    return client;
}
