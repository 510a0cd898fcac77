/* The labels of counters that say why: `metrics.def` names the texts, whoever counts the numbers. */
#ifndef FR_METRICS_REASONS_H
#define FR_METRICS_REASONS_H

/* A connection was closed as soon as it was accepted. */
enum fr_refused_connection {
    FR_REFUSED_PROCESS, /* --connections-max */
    FR_REFUSED_ADDRESS, /* --connections-per-address */
    FR_REFUSED_CONNECTIONS,
};
#define FR_REFUSED_CONNECTION_TEXTS               \
    ((const char *const[FR_REFUSED_CONNECTIONS]){ \
        [FR_REFUSED_PROCESS] = "process", [FR_REFUSED_ADDRESS] = "address"})

/* An open connection was closed because of what its client did, or did not do. */
enum fr_cut {
    FR_CUT_NONE, /* not counted */
    FR_CUT_RESETS,
    FR_CUT_CONTROL_FRAMES,
    FR_CUT_HEADERS,
    FR_CUT_BACKLOG,
    FR_CUT_SLOW_REQUEST,
    FR_CUT_SLOW_READER,
    FR_CUT_IDLE,
    FR_CUTS,
};
#define FR_CUT_TEXTS                                \
    ((const char *const[FR_CUTS]){                  \
        [FR_CUT_NONE] = "none",                     \
        [FR_CUT_RESETS] = "resets",                 \
        [FR_CUT_CONTROL_FRAMES] = "control_frames", \
        [FR_CUT_HEADERS] = "headers",               \
        [FR_CUT_BACKLOG] = "backlog",               \
        [FR_CUT_SLOW_REQUEST] = "slow_request",     \
        [FR_CUT_SLOW_READER] = "slow_reader",       \
        [FR_CUT_IDLE] = "idle",                     \
    })

/* A request was answered 413, 414, 429 or 431 by a limit, or its stream was reset. */
enum fr_limited_request {
    FR_LIMITED_USER,
    FR_LIMITED_ADDRESS,
    FR_LIMITED_LOGIN_ACCOUNT,
    FR_LIMITED_LOGIN_ADDRESS,
    FR_LIMITED_TARGET,
    FR_LIMITED_HEADERS,
    FR_LIMITED_BODY,
    FR_LIMITED_SLOW_BODY,
    FR_LIMITED_REQUESTS,
};
#define FR_LIMITED_REQUEST_TEXTS                      \
    ((const char *const[FR_LIMITED_REQUESTS]){        \
        [FR_LIMITED_USER] = "user",                   \
        [FR_LIMITED_ADDRESS] = "address",             \
        [FR_LIMITED_LOGIN_ACCOUNT] = "login_account", \
        [FR_LIMITED_LOGIN_ADDRESS] = "login_address", \
        [FR_LIMITED_TARGET] = "target",               \
        [FR_LIMITED_HEADERS] = "headers",             \
        [FR_LIMITED_BODY] = "body",                   \
        [FR_LIMITED_SLOW_BODY] = "slow_body",         \
    })

#endif
