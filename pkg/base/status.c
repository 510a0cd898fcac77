#include "base/status.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[FR_STATUS_COUNT] = {
    [FR_OK] = "ok",
    [FR_INVALID] = "invalid",
    [FR_UNAUTHENTICATED] = "unauthenticated",
    [FR_FORBIDDEN] = "forbidden",
    [FR_NOT_FOUND] = "not found",
    [FR_CONFLICT] = "conflict",
    [FR_FULL] = "full",
    [FR_TIMEOUT] = "timeout",
    [FR_UNAVAILABLE] = "unavailable",
    [FR_IO] = "input/output error",
    [FR_PROTOCOL] = "protocol error",
    [FR_CANCELLED] = "cancelled",
    [FR_INTERNAL] = "internal error",
};

const char *fr_status_name(enum fr_status status)
{
    if ((unsigned)status >= FR_STATUS_COUNT)
        return "unknown status";
    return status_names[status];
}

static void error_fill(struct fr_error *error, enum fr_status status, const char *field)
{
    error->status = status;
    error->sqlstate[0] = '\0';
    snprintf(error->field, sizeof error->field, "%s", field != NULL ? field : "");
}

enum fr_status fr_error_set(struct fr_error *error, enum fr_status status, const char *field, const char *fmt,
                            ...)
{
    assert(status != FR_OK);
    if (error == NULL)
        return status;
    error_fill(error, status, field);
    va_list args;
    va_start(args, fmt);
    vsnprintf(error->message, sizeof error->message, fmt, args);
    va_end(args);
    return status;
}

enum fr_status fr_error_set_errno(struct fr_error *error, int errnum, const char *fmt, ...)
{
    if (error == NULL)
        return FR_IO;
    error_fill(error, FR_IO, NULL);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(error->message, sizeof error->message, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof error->message) {
        char text[96];
        const char *reason = strerror_r(errnum, text, sizeof text);
        snprintf(error->message + n, sizeof error->message - (size_t)n, ": %s", reason);
    }
    return FR_IO;
}
