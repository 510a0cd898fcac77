/* Limits on requests by user or client address, and on wrong passwords (settings rate-*, login-*). In memory,
 * for the process alone: with N gateways a client may get N times as much. */
#ifndef FR_HTTP_RATE_LIMITS_H
#define FR_HTTP_RATE_LIMITS_H

#include "base/base.h"
#include "http/rate.h"

struct fr_call;
struct fr_settings;
struct fr_limits;

enum {
    RATE_BUCKETS = 65536,        /* users and addresses that are not at rest, and as many for passwords */
    RATE_PASSWORD_PRICE = 50,    /* of a request that computes a password hash, in requests */
    LOGIN_KNOWN_MS = 2592000000, /* so long an address is known to an account that signed in from there */
};

struct fr_rate_policy {
    const char *name;
    struct fr_bucket_rule rule;
    char header[64]; /* RateLimit-Policy */
    size_t header_len;
};

/* Of a call; zeroed at first. */
struct fr_call_limits {
    const struct fr_rate_policy *policy; /* NULL: not subject to a limit */
    int64_t remaining, reset_s;          /* RateLimit's r and t */
    int64_t retry_after_s;               /* 0: nothing better is known */
    bool login_open;                     /* a password is being tried, and paid for */
    bool login_paid_account;             /* in the bucket of the account, too */
    int64_t login_account;
};

/* NULL with --rate-limits=off. Never fails. */
struct fr_limits *fr_limits_new(const struct fr_settings *settings);
void fr_limits_free(struct fr_limits *limits);

/* Takes one request from the caller's bucket, or what its route costs. False: answered, 429. */
bool fr_limits_take(struct fr_call *call);
/* The call ends without a verdict on the password that it tried: what was paid for it is given back. */
void fr_limits_end(struct fr_call *call);

#endif
