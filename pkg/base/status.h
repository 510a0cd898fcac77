/* Status and error: the one way in which code of Freshet reports failure.
 *
 * A function that can fail returns enum fr_status and writes its outputs only on FR_OK. The reason in words,
 * the field that is at fault and a SQLSTATE go into a caller-owned struct fr_error, which may be NULL.
 * Library code returns; the owner of the request logs once.
 */
#ifndef FR_BASE_STATUS_H
#define FR_BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>

enum fr_status {
    FR_OK = 0,
    FR_INVALID,         /* the caller's input breaks a rule; fr_error.field names which part of it */
    FR_UNAUTHENTICATED, /* no proof of identity, or one that is bad, expired or revoked */
    FR_FORBIDDEN,       /* known who asks, and it is not theirs */
    FR_NOT_FOUND,       /* the thing named does not exist */
    FR_CONFLICT,        /* contradicts what is stored */
    FR_FULL,            /* a bound of limits.h or of the configuration is reached */
    FR_TIMEOUT,         /* a deadline passed; the effect is unknown */
    FR_UNAVAILABLE,     /* a dependency is away; the same call may succeed later */
    FR_IO,              /* the operating system refused; message has strerror */
    FR_PROTOCOL,        /* what a peer or a stored row said is not what was agreed */
    FR_CANCELLED,       /* given up at the caller's or the shutdown's wish */
    FR_INTERNAL,        /* a defect of ours */
};
#define FR_STATUS_COUNT (FR_INTERNAL + 1)

struct fr_error {
    enum fr_status status;
    char field[48];    /* "text", "limit", "--listen"; empty when no one field is at fault */
    char sqlstate[6];  /* five characters when the failure came from PostgreSQL, else empty */
    char message[240]; /* one sentence for a person, without a secret */
};

/* A fixed upper-case-free word for `status`, such as "not found"; never NULL. */
const char *fr_status_name(enum fr_status status);

/* Fills `error` (if not NULL) and returns `status`, so that `return fr_error_set(...)` reads well.
 * `field` may be NULL. The message is cut, never overrun. */
enum fr_status fr_error_set(struct fr_error *error, enum fr_status status, const char *field, const char *fmt,
                            ...) __attribute__((format(printf, 4, 5)));

/* As fr_error_set with FR_IO and the text of `errnum` appended. */
enum fr_status fr_error_set_errno(struct fr_error *error, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
