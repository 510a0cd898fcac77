/* One call: sent, repeated where that is safe, until it has an answer, its time is over or it is cancelled.
 * The client's thread, but for what its owner sets before and reads after. */
#ifndef FRESHET_REQUEST_H
#define FRESHET_REQUEST_H

#include "backoff.h"
#include "base/base.h"
#include "freshet/client.h"
#include "link.h"
#include "transport.h"

struct freshet_client;

enum request_auth {
    REQUEST_OPEN,      /* without a token */
    REQUEST_SIGNED,    /* with the client's token; fails without */
    REQUEST_SIGNED_IF, /* with it, if the client is somebody */
    REQUEST_SIGN_OFF,  /* with the one that there is; where there is none, or none that is good, it is done */
};

struct request {
    /* Set by the owner, borrowed until it is done. */
    struct freshet_client *client;
    const char *method, *path;
    struct fr_str body;
    enum request_auth auth;
    const char *token;           /* REQUEST_OPEN only: this one instead of the client's; NULL: none */
    const char *idempotency_key; /* NULL: none */
    const char *request_id;
    bool repeatable;  /* done twice is as good as once */
    int settled_code; /* the problem that a repeat meets when the first attempt worked; 0: none does */
    int64_t deadline_ms;
    struct freshet_canceller *canceller;
    /* On the client's thread, the last that it does with the request. */
    void (*on_done)(struct request *request);

    /* What came of it: `error.kind` FRESHET_OK, and the answer; or why not. request_release() frees it. */
    freshet_error error;
    struct fr_buf answer;
    char next[LINK_CURSOR_SIZE];

    /* Its own. */
    struct fr_ring in;
    struct exchange exchange;
    struct backoff backoff;
    int64_t again_ms;          /* not before */
    uint64_t token_generation; /* of the token it went with; 0: none */
    uint64_t token_awaited;    /* see tokens_want() */
    bool renewed;              /* it was refused once for its token */
    bool maybe_done;           /* an attempt may have taken effect */
};

/* From now on it is the thread's. */
void request_begin(struct request *request, struct fr_ring *ring);
/* Does what is due, which may be its end, and lowers `*due_ms` to when it wants to be called next. */
void request_step(struct request *request, int64_t now_ms, int64_t *due_ms);
/* Ends it. */
void request_cancel(struct request *request);
/* Of one that is done, or was never begun. Wipes the answer. */
void request_release(struct request *request);

static inline struct request *request_in(struct fr_ring *in)
{
    return FR_CONTAINER_OF(in, struct request, in);
}

#endif
