/* Requests over the one connection: libcurl's multi interface, and the only user of curl's handles. All of it
 * belongs to the client's thread. */
#ifndef FRESHET_TRANSPORT_H
#define FRESHET_TRANSPORT_H

#include <curl/curl.h>

#include "base/base.h"

/* Sockets that are known, to be closed in a child of fork(); one is the rule. */
#define TRANSPORT_SOCKETS_MAX 16

/* Borrowed for as long as the transport lives. */
struct transport_options {
    const char *url; /* without a slash at its end */
    const char *ca_file;
    const char *user_agent;
    bool insecure;
    int64_t connect_timeout_ms;
};

struct transport {
    struct transport_options options;
    CURLM *multi;
    struct fr_ring exchanges;
    struct exchange *maker; /* makes the connection, or has made it; NULL: nobody, or it has left */
    bool dead;              /* see transport_give_up() */
    int64_t heard_ms;       /* when anything last came from the server, monotonic */
    int sockets[TRANSPORT_SOCKETS_MAX];
    size_t socket_count;
};

struct exchange;

struct exchange_verbs {
    /* Some of the answer's body. Returns false to pause: the same bytes come again after transport_go_on().
     */
    bool (*data)(struct exchange *exchange, struct fr_str bytes);
    /* It is over: `code` is CURLE_OK when an answer came to its end. The verb reads what it wants of the
     * answer and calls exchange_drop(); then the struct is its own again, for another one or to be freed. */
    void (*end)(struct exchange *exchange, CURLcode code);
};

/* One request and its answer, embedded by whoever asks. Zeroed it is idle. */
struct exchange {
    struct transport *transport;
    const struct exchange_verbs *verbs;
    struct fr_ring in;
    CURL *easy; /* NULL while idle */
    struct curl_slist *headers;
    int64_t begun_ms;
    bool makes;   /* a connection of its own, which the others share: see choose_role() */
    bool over;    /* it came to its end */
    bool missed;  /* the connection that was to be shared is not there */
    bool refused; /* the reader of the answer will have no more of it: see exchange_refuse() */
    char error_text[CURL_ERROR_SIZE];
};

/* Borrowed until exchange_begin() returns, but for `body`: until the end. */
struct exchange_ask {
    const char *method, *path;
    struct fr_str body;          /* protobuf; without data: none */
    const char *token;           /* NULL: none */
    const char *request_id;      /* NULL: none */
    const char *idempotency_key; /* NULL: none */
};

enum fr_status transport_init(struct transport *transport,
                              const struct transport_options *options) FR_WARN_UNUSED;
/* Ends nothing: exchanges must be dropped before. Harmless on a zeroed one. */
void transport_release(struct transport *transport);
/* In a child of fork(): lets go of the sockets without a word to the server. */
void transport_forsake(struct transport *transport);

/* Drives what can be driven now, and ends what is over. */
void transport_step(struct transport *transport);
/* Sleeps until there is something to drive, `wake_fd` can be read, or the time is over. */
void transport_wait(struct transport *transport, int wake_fd, int timeout_ms);
/* The connection seems dead though nobody said so: with the next step everything on it ends with
 * CURLE_RECV_ERROR, and what comes after takes a new one. */
static inline void transport_give_up(struct transport *transport)
{
    transport->dead = true;
}

void exchange_begin(struct exchange *exchange, struct transport *transport,
                    const struct exchange_verbs *verbs, const struct exchange_ask *ask, int64_t now_ms);
/* Lets go of it without calling `end`; harmless on an idle one. Not from `data`. */
void exchange_drop(struct exchange *exchange);
/* From `data`: ends with CURLE_WRITE_ERROR. */
void exchange_refuse(struct exchange *exchange);
/* After a pause. `data` may be called before this returns. */
void exchange_go_on(struct exchange *exchange);

static inline bool exchange_is_idle(const struct exchange *exchange)
{
    return exchange->easy == NULL;
}

/* Whether it has had a connection: the server may know of it. */
bool exchange_is_sent(const struct exchange *exchange);
/* Of the answer, from its first byte until it is dropped; 0 and NULL while there is none. */
long exchange_status(const struct exchange *exchange);
const char *exchange_header(const struct exchange *exchange, const char *name);
/* Whether its body is protobuf, by its content type. */
bool exchange_is_protobuf(const struct exchange *exchange);

#endif
