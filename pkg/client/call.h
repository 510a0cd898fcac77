/* What all calls have in common: a request in a caller's thread, which waits until the client's thread has
 * done it. */
#ifndef FRESHET_CALL_H
#define FRESHET_CALL_H

#include "client_internal.h"

#define CALL_PATH_MAX (8 * 1024) /* the gateway takes no more */

struct call;

/* A kind of call. */
struct call_spec {
    const char *method;
    enum request_auth auth;
    bool repeatable;  /* as in struct request */
    bool keyed;       /* goes with an idempotency key */
    int settled_code; /* as in struct request */
    /* Decodes the answer to `ret` (NULL: not wanted); false if it is no such answer. The caller's thread. */
    bool (*take)(const struct request *from, void *ret);
    /* Changes who the client is, after a good answer; false if it is none. The client's thread. */
    bool (*settle)(struct call *call);
};

struct call {
    struct request request;
    const struct call_spec *spec;
    struct fr_buf path, body;
    int64_t user_id; /* of freshet_login() */
    const char *password;
    char request_id[65], key[65];
    pthread_cond_t changed;
    bool done; /* under the client's lock */
};

/* Path and body are then the caller's to write. */
void call_init(struct call *call, const struct call_spec *spec);
/* Instead of performing it. */
void call_release(struct call *call);
/* Does it, and releases it whatever comes of it. `options` and `error` may be NULL. */
freshet_kind call_perform(struct call *call, struct freshet_client *client, const freshet_call *options,
                          void *ret, freshet_error *error);

#endif
