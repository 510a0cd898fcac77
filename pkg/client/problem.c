#include "problem.h"

#include <curl/curl.h>
#include <stdio.h>

#include "codec.h"

enum { RETRY_AFTER_MAX_S = 24 * 60 * 60 };

const char *freshet_kind_name(freshet_kind kind)
{
    switch (kind) {
    case FRESHET_OK:
        return "ok";
    case FRESHET_INVALID:
        return "invalid";
    case FRESHET_UNAUTHENTICATED:
        return "not authenticated";
    case FRESHET_FORBIDDEN:
        return "forbidden";
    case FRESHET_NOT_FOUND:
        return "not found";
    case FRESHET_CONFLICT:
        return "conflict";
    case FRESHET_LIMITED:
        return "too many requests";
    case FRESHET_UNAVAILABLE:
        return "unavailable";
    case FRESHET_TIMEOUT:
        return "timed out";
    case FRESHET_CANCELLED:
        return "cancelled";
    case FRESHET_UNTRUSTED:
        return "not trusted";
    case FRESHET_PROTOCOL:
        return "not understood";
    case FRESHET_SERVER:
        return "server error";
    }
    return "unknown";
}

void problem_copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(to, from, len);
    to[len] = '\0';
}

void problem_clear(freshet_error *error)
{
    *error = (freshet_error){.kind = FRESHET_OK, .retry_after_ms = -1};
}

freshet_kind problem_set(freshet_error *error, freshet_kind kind, const char *field, const char *fmt, ...)
{
    if (error == NULL)
        return kind;
    char detail[2 * sizeof error->detail];
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    problem_clear(error);
    error->kind = kind;
    problem_copy(error->title, sizeof error->title, freshet_kind_name(kind));
    problem_copy(error->detail, sizeof error->detail, detail);
    problem_copy(error->field, sizeof error->field, field != NULL ? field : "");
    return kind;
}

freshet_kind problem_give(freshet_error *to, const freshet_error *from)
{
    if (to != NULL)
        *to = *from;
    return from->kind;
}

freshet_kind problem_kind_of_status(long status)
{
    switch (status) {
    case 401:
        return FRESHET_UNAUTHENTICATED;
    case 403:
        return FRESHET_FORBIDDEN;
    case 404:
        return FRESHET_NOT_FOUND;
    case 409:
        return FRESHET_CONFLICT;
    case 429:
        return FRESHET_LIMITED;
    case 502:
    case 503:
    case 504:
        return FRESHET_UNAVAILABLE;
    default:
        if (status >= 500)
            return FRESHET_SERVER;
        return status >= 400 ? FRESHET_INVALID : FRESHET_PROTOCOL;
    }
}

void problem_of_answer(freshet_error *error, long status, bool is_protobuf, struct fr_str body)
{
    freshet_kind kind = problem_kind_of_status(status);
    if (is_protobuf && codec_problem(body, error)) {
        error->kind = kind;
        error->status = (int)status;
        return;
    }
    problem_set(error, kind, NULL, "the server answered %ld, and not with a problem of Freshet's", status);
    error->status = (int)status;
}

/* What went wrong by the certificate, and not by the network. */
static bool is_untrusted(int code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS ||
           code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
}

void problem_of_transport(freshet_error *error, int curl_code, const char *text)
{
    freshet_kind kind = FRESHET_UNAVAILABLE;
    if (is_untrusted(curl_code))
        kind = FRESHET_UNTRUSTED;
    else if (curl_code == CURLE_URL_MALFORMAT || curl_code == CURLE_UNSUPPORTED_PROTOCOL)
        kind = FRESHET_INVALID;
    else if (curl_code == CURLE_WRITE_ERROR) /* refused by what reads the answer */
        kind = FRESHET_PROTOCOL;
    if (text[0] == '\0')
        text = curl_easy_strerror((CURLcode)curl_code);
    problem_set(error, kind, kind == FRESHET_INVALID ? "url" : NULL, "%s", text);
}

int64_t problem_retry_after(const char *header)
{
    int64_t seconds;
    if (header == NULL ||
        fr_str_to_i64(fr_str_trim(fr_str_of(header)), 0, RETRY_AFTER_MAX_S, &seconds) != FR_OK)
        return -1;
    return seconds * 1000;
}
