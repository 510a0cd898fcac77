/* http, the side that talks to libh2o: what its own files share. Handlers see http_internal.h only.
 *
 * Facts about libh2o 2.2.5 that shape this code:
 *   - Work may be put off to the end of a tick only within its own run (nested_loop.h). So every entry from
 * h2o calls fr_http_loop_touch().
 *   - A request's memory pool runs the dispose callbacks of shared blocks when the request ends, for whatever
 * reason: struct fr_request_end is such a block, and how a call learns that its client went.
 *   - After an upgrade h2o forgets the connection; sock->on_close stays.
 */
#ifndef FR_HTTP_LOOP_H
#define FR_HTTP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>

#include "auth/revocations.h"
#include "auth/token_cache.h"
#include "base/random.h"
#include "delivery/id_table.h"
#include "http/accept_header.h"
#include "http/address_count.h"
#include "http/guard.h"
#include "http/http.h"
#include "http/http_internal.h"
#include "http/listener.h"
#include "http/nested_loop.h"
#include "http/outqueue.h"
#include "http/rate_limits.h"
#include "http/router.h"
#include "http/tls.h"

struct fr_bodies;
struct fr_lag_reader;
struct fr_lag_view;
struct fr_page_feeders;

enum {
    HTTP_CALL_DEADLINE_MS = 30000,
    HTTP_HOUSEKEEPING_MS = 250,
    HTTP_ACCEPTS_PER_TICK = 64,
    HTTP_ENTITY_MAX = 4 * FR_REQUEST_BODY_MAX, /* up to here we answer 413 ourselves, also on HTTP/2 */
    HTTP_RETRY_AFTER_S = 1,
    HTTP_ANSWERS_MAX = 65536,
    HTTP_USER_TIMEOUT_MS = 60000, /* unacknowledged data after this closes a connection */
};

struct fr_http_loop;

/* One accepted connection, whatever it speaks by now. Lives as sock->on_close.data. Most are WebSockets that
 * wait: what only HTTP needs is in the guard, and goes when that is over. */
struct fr_conn {
    struct fr_ring ring; /* home->conns */
    struct fr_http_loop *home;
    h2o_socket_t *sock;
    struct fr_guard *guard; /* NULL: a WebSocket, not h2o's any more */
    struct fr_client_address peer;
    bool counted; /* in the table of addresses */
    bool proxied; /* the peer is one of --trusted-proxies */
};

/* A message to a loop's thread. */
struct fr_loop_mail {
    struct fr_mail mail;
    void (*run)(struct fr_http_loop *home, struct fr_loop_mail *self); /* owns it */
    void (*drop)(struct fr_loop_mail *self); /* instead, if the loop has ended; NULL: free() */
};

enum fr_live_carrier { FR_LIVE_WEBSOCKET, FR_LIVE_SSE, FR_LIVE_PROTOBUF };
#define FR_LIVE_CARRIERS (FR_LIVE_PROTOBUF + 1)

enum fr_http_phase { HTTP_SERVING, HTTP_DRAINING, HTTP_ENDING, HTTP_ENDED };

struct fr_http_loop {
    struct fr_loop_state state; /* what handlers see */
    struct fr_page_feeders *page_feeders;
    struct fr_lag_view *lag_view;     /* lag_reader.c: what GET /ops/metrics waits for */
    struct fr_lag_reader *lag_reader; /* of the first loop, if there is an admin token; else NULL */
    struct fr_token_cache *tokens;    /* that clients of this loop have shown before */
    struct fr_server *server;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept_plain, accept_tls;
    int plain_fd, tls_fd;                    /* bound by the server; -1: none */
    h2o_socket_t *listen_plain, *listen_tls; /* NULL: none, or closed by the drain */
    struct fr_nested_loop nested;            /* of state.loop in ctx.loop */
    struct fr_timer housekeeping;
    struct fr_ring calls; /* waiting for an answer, oldest first */
    struct fr_ring conns;
    struct fr_ring lives;                       /* live connections, oldest first */
    struct fr_ring lingers;                     /* linger.c */
    struct id_table lives_by_token;             /* live_tokens.c */
    struct fr_revocation_poll *revocation_poll; /* of the first loop; NULL at the others */
    struct fr_random random;                    /* for when to come back */
    size_t live_count, live_by_carrier[FR_LIVE_CARRIERS];
    size_t linger_count;
    struct fr_ring guarded, handshakes; /* guard.c */
    struct fr_ring turns;               /* calls whose handler runs at the end of the tick */
    struct fr_task turn;
    uint32_t nudges; /* partitions with news, told at the end of the tick */
    struct fr_task nudge;
    size_t drain_lives, drained_lives; /* live connections when the drain began; told to go since */
    struct fr_mailbox *mails;          /* struct fr_loop_mail */
    pthread_t thread;
    bool started;
    bool told_no_descriptors;
    enum fr_http_phase phase;
    int64_t drain_started_ms, drain_until_ms;
    atomic_bool ready; /* for other threads */
    atomic_bool gone;  /* nothing is left to drain */
    atomic_bool ended; /* no connection is left; waits for `stop` before its modules go */
    atomic_bool stop;
    h2o_generator_t generator; /* of answers that are complete at once */
};

struct fr_server {
    struct fr_server_options options;
    h2o_globalconf_t conf;
    SSL_CTX *tls;
    struct fr_workers *workers;
    struct fr_bodies *bodies;
    struct fr_http_loop **loops;
    int loop_count;
    struct fr_outqueue_rule outqueue_rule; /* of live connections */
    struct fr_snowflake no_ids;            /* makes none: until there is a real one */
    struct fr_revocations *revocations;
    struct fr_user_counts *user_counts; /* live connections */
    atomic_llong connections;           /* accepted and not closed, over all loops */
    atomic_ullong lives_begun;          /* numbers live connections */
    struct fr_address_count *addresses;
    struct fr_networks *proxies;    /* --trusted-proxies */
    struct fr_limits *limits;       /* NULL: --rate-limits=off */
    struct fr_web_files *web_files; /* NULL: no --web-dir */
};

/* ---- server.c ---- */
/* Everything but listeners, TLS and loops. FR_INVALID names flags that don't go together. */
FR_WARN_UNUSED enum fr_status fr_server_new(const struct fr_server_options *options, struct fr_server **ret,
                                            struct fr_error *error);

/* ---- loop_thread.c ---- */
struct fr_http_loop *fr_http_loop_new(struct fr_server *server, int number, int plain_fd, int tls_fd);
/* Makes the event loop and what handlers use; on the thread that will run it, which fr_http_loop_start()'s
 * does by itself. */
void fr_http_loop_open(struct fr_http_loop *home);
/* One round: waits at most so long for something to do. On the loop's thread. */
void fr_http_loop_run(struct fr_http_loop *home, int wait_ms);
/* Takes over a connected socket as if it had come through the plain listener. On the loop's thread. */
void fr_http_loop_adopt(struct fr_http_loop *home, int fd);
FR_WARN_UNUSED enum fr_status fr_http_loop_start(struct fr_http_loop *home, struct fr_error *error);
/* Any thread: begins to drain; `gone` tells when it is done or the time is over. */
void fr_http_loop_drain(struct fr_http_loop *home, int64_t drain_ms);
/* Any thread. */
void fr_http_loop_set_snowflake(struct fr_http_loop *home, struct fr_snowflake *snowflake);
/* Any thread: closes every connection; `ended` tells when that is done. */
void fr_http_loop_end(struct fr_http_loop *home);
/* After fr_http_loop_end(), and when no worker can answer any more: joins the thread. */
void fr_http_loop_join(struct fr_http_loop *home);
/* When all loops are joined: they send each other mail. */
void fr_http_loop_free(struct fr_http_loop *home);
/* On every way from h2o into our code. */
void fr_http_loop_touch(struct fr_http_loop *home);
struct fr_conn *fr_http_conn_of(h2o_req_t *req);

/* ---- call.c ---- */
struct fr_call_memory {
    struct fr_call_memory *next;
    void (*release)(void *memory);
    max_align_t bytes[];
};
struct fr_call_header {
    struct fr_call_header *next;
    struct fr_str name, value;
};

/* In the request's pool; disposed with it. */
struct fr_request_end {
    struct fr_call *call; /* NULL once answered */
    struct fr_conn *conn;
    struct fr_ring answers; /* conn->guard->answers once an answer is handed over */
    size_t untaken;         /* its bytes */
    int64_t take_until_ms;
};

struct fr_call {
    struct fr_ring ring; /* home->calls while a client waits */
    struct fr_ring turn; /* home->turns until the handler runs */
    struct fr_http_loop *home;
    h2o_req_t *req; /* NULL: gone */
    struct fr_request_end *end;
    const struct fr_route *route; /* NULL for requests that found none */
    struct fr_str param;
    struct fr_call_memory *memory;
    struct fr_call_header *headers, **headers_tail;
    const char *cache_control; /* NULL: no-store */
    int64_t started_ns;
    enum fr_accept accept;
    enum fr_encoding body_encoding;
    bool head, has_token;
    struct fr_token token;
    struct fr_client_address client;
    struct fr_call_limits limits;
    char request_id[FR_REQUEST_ID_MAX + 1];
    char traceparent[56];
};

/* The one handler of h2o. */
int fr_http_on_request(h2o_handler_t *self, h2o_req_t *req);
/* Writes the accepted or a new request id; returns its length. */
size_t fr_http_request_id(const h2o_req_t *req, char out[static FR_REQUEST_ID_MAX + 1]);
size_t fr_http_random_request_id(char out[static FR_REQUEST_ID_MAX + 1]);
struct fr_str fr_http_header(const h2o_req_t *req, const char *name);
/* A request of HTTP/1 as it came: its head, and whatever was read behind it. Until it is answered. Of HTTP/2:
 * empty. */
struct fr_str fr_http_head(const h2o_req_t *req);
void fr_call_free(struct fr_call *call);
/* call.c, behind fr_call_authenticate(): the rest of the checks, and the handler. The call is not gone. */
void fr_call_go_on(struct fr_call *call);
/* The client's deadline has passed: 503 at once; the handler's answer will free it. */
void fr_call_expire(struct fr_call *call);

/* ---- authenticate.c ---- */
/* Finds out who asks, at once or later; then answers, or fr_call_go_on(). */
void fr_call_authenticate(struct fr_call *call);

/* ---- revoke.c ---- */
/* Any loop: these are revoked, by whomever: no call and no live connection of this process may go on with
 * them. Known ones are harmless. */
void fr_server_revoke(struct fr_server *server, const struct fr_revocation *revocations, size_t count);
struct fr_revocation_poll;
/* Reads them in the database from now on, with the loop's store. */
struct fr_revocation_poll *fr_revocation_poll_new(struct fr_http_loop *home);
/* Before the store goes. NULL is fine. */
void fr_revocation_poll_stop(struct fr_revocation_poll *poll);
/* And after. */
void fr_revocation_poll_free(struct fr_revocation_poll *poll);

/* ---- answer.c ---- */
/* Switches the connection over: 101 with the headers added so far. Ends the call, which must not be gone.
 * `done` gets the socket, or NULL if the connection was lost; maybe before this returns. */
void fr_call_upgrade(struct fr_call *call, h2o_http1_upgrade_cb done, void *arg);
/* Begins an answer that comes in pieces: 200 with the headers added so far, and no length. Ends the call,
 * which must not be gone. The caller starts the response with a generator of its own. */
h2o_req_t *fr_call_begin_stream(struct fr_call *call, const char *content_type);
/* The answer to a HEAD of the same. */
void fr_call_answer_stream_head(struct fr_call *call, const char *content_type);
bool fr_call_is_http11(const struct fr_call *call);

/* ---- http_error.c ---- */
/* Replaces the text/plain errors that h2o makes before a handler is asked. */
void fr_http_error_filter_register(h2o_pathconf_t *fallback);

/* ---- answer.c ---- */
/* Appends the problem in what `accept` says; returns its content type. `detail` empty: the kind's own. */
const char *fr_http_write_problem(struct fr_buf *out, enum fr_accept accept,
                                  const struct fr_problem_kind *kind, struct fr_str detail,
                                  struct fr_str field, struct fr_str request_id);

/* To every answer but files: it is of its moment, often one user's, and written as `Accept` says. Caches know
 * of Authorization (RFC 9111 section 3.5), but not of X-Auth and not of that. */
void fr_http_forbid_keeping(h2o_req_t *req);

/* ---- cors.c ---- */
/* As fr_origin_allowed(), for this request. */
bool fr_http_allows_origin(const h2o_req_t *req, const struct fr_settings *settings, struct fr_str origin);
/* To every answer: lets a page of an allowed origin read it, and caches know that it is the origin's. */
void fr_http_cors_add(h2o_req_t *req, const struct fr_settings *settings);
/* To the answer of OPTIONS, before it is sent: what a page of an allowed origin may ask. */
void fr_http_cors_preflight(struct fr_call *call, struct fr_str methods);

/* ---- passwords.c: a job done by a worker for this loop ---- */
struct fr_loop_job {
    struct fr_job job;
    void (*finish)(struct fr_loop_job *job); /* on the loop; owns it */
};
void fr_http_deliver_answer(void *arg, struct fr_mail *mail);

/* ---- linger.c ---- */
/* h2o closes a connection at once after an early error. With unread data in the socket that is a reset, which
 * may overtake the answer. This keeps a duplicate of the socket open, reads and drops what still comes, for 2
 * s. */
void fr_http_linger_prepare(struct fr_conn *conn);
void fr_http_linger_begin(struct fr_http_loop *home, int fd);
void fr_http_linger_end_all(struct fr_http_loop *home);

/* ---- live.c ---- */
/* Draining: closes the connections that are due by `now_ms` (monotonic). */
void fr_live_drain_some(struct fr_http_loop *home, int64_t now_ms);
/* Ends those that the revocation covers. */
void fr_live_revoke(struct fr_http_loop *home, const struct fr_revocation *revocation);
/* Ending: closes all at once. */
void fr_live_close_all(struct fr_http_loop *home);

/* ---- context_end.c ---- */
/* Disposes the context and its loop; no connection is left. */
void fr_http_context_end(h2o_context_t *ctx);

#endif
