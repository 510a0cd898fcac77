/* guard: what stands between clients and libh2o 2.2.5, which has no limits of its own on resets, control
 * frames, drips and answers that nobody takes. Included by http_loop.h.
 *
 * How: a connection's guard puts itself in front of h2o's read callback (the socket's `_cb.read`), so it sees
 * what came, decrypted, before h2o does. It counts what comes, refuses what is too much, and leaves a note
 * (`later`); what has to be done to the connection is done at the end of the loop's round, when h2o is not in
 * the middle of it. Times are looked at by one timer for each connection, which is moved only when a request
 * comes in pieces.
 *
 * All of it belongs to the loop's thread.
 */
#ifndef FR_HTTP_GUARD_H
#define FR_HTTP_GUARD_H

#include <h2o.h>

#include "http/client_address.h"
#include "http/guard_frames.h"
#include "http/guard_head.h"
#include "loop/loop.h"
#include "metrics/reasons.h"

enum {
    /* A client may cancel so many requests at once, and so many more each second. */
    GUARD_RESETS_BURST = 200,
    GUARD_RESETS_PER_S = 20,
    GUARD_RESETS_OF_BAD_HEAD = 10, /* what a refused head of HTTP/2 counts as */
    /* Points of guard_frames.h, and bytes that the client took for one more. */
    GUARD_CONTROL_BURST = 10000,
    GUARD_CONTROL_PER_S = 1000,
    GUARD_CONTROL_BYTES_A_POINT = 16,
    GUARD_BACKLOG_MAX = 1024 * 1024,      /* bytes that h2o holds to be written to one connection, itself */
    GUARD_UNTAKEN_MAX = 16 * 1024 * 1024, /* answers that one connection's client has not taken */
    GUARD_TAKE_BYTES_PER_S = 4096,        /* an answer has --idle-timeout and its size by this */
    GUARD_LAST_WORDS_MS = 1000,           /* for the frame that says why */
    GUARD_RECEIVE_BUFFER = 128 * 1024,    /* of the kernel: what one read can bring */
};

struct fr_call;
struct fr_conn;
struct fr_http_loop;
struct fr_request_end;

/* Of a connection for as long as it speaks HTTP. */
struct fr_guard {
    struct fr_conn *conn;
    unsigned requests;      /* being answered */
    int linger_fd;          /* a duplicate of the socket that outlives it, or -1; see linger.c */
    int64_t quiet_since_ms; /* monotonic: the last request ended, or the connection came */
    bool in_handshake;      /* TLS: h2o's protocol has not begun */
    bool bodies;            /* parts of bodies came in this round */
    enum fr_cut due;        /* to be cut at the end of the round */
    enum fr_cut cut;        /* is being closed */
    h2o_socket_cb inner;    /* h2o's read callback; of the handshake first */
    struct fr_ring later;   /* home->guarded or home->handshakes */
    struct fr_timer timer;
    struct fr_head_scan head;                /* HTTP/1: the request that comes in */
    int64_t receiving_since_ms;              /* part of a request is there, or nothing yet; 0: neither */
    struct fr_ring answers;                  /* struct fr_request_end: handed over, not taken by the client */
    size_t untaken;                          /* their bytes */
    int64_t resets_full_ns, control_full_ns; /* struct fr_bucket_state's */
    size_t written;         /* bytes written to the socket when its budget was last looked at */
    unsigned opened, begun; /* HTTP/2, in this round: streams, and requests that were there in whole */
    unsigned unfinished;    /* HTTP/2: fr_h2_unfinished() at the end of the last round */
    uint32_t refused[FRAME_REFUSED_MAX]; /* HTTP/2: streams answered before their end */
    unsigned refused_next;
    char *last_words; /* HTTP/1: being written */
};

/* ---- guard.c, and what guard_internal.h names ---- */
/* False: the connection is to be closed at once, and is counted. `conn` has its socket and home. */
bool fr_guard_admit(struct fr_conn *conn);
/* Right after h2o took the socket. */
void fr_guard_watch(struct fr_conn *conn, bool tls);
/* Not HTTP any more: the guard goes. The request that asked for it is still there, and its end will be told.
 */
void fr_guard_upgraded(struct fr_conn *conn);
/* The socket closes. */
void fr_guard_closed(struct fr_conn *conn);
/* The loop ends before the connection does. */
void fr_guard_abandon(struct fr_conn *conn);
/* Closes it, with a word to the client where that is possible. */
void fr_guard_cut(struct fr_conn *conn, enum fr_cut why);

/* A request is there in whole, and is over. `answered`: the handler had answered it. */
void fr_guard_request_begins(struct fr_conn *conn);
void fr_guard_request_ends(struct fr_conn *conn, struct fr_request_end *end, bool answered);
/* An answer of `len` bytes is handed over; it is watched until the request ends. */
void fr_guard_answered(struct fr_request_end *end, size_t len);
/* fr_h2_refuse_bodies() answers a request that goes on: what comes of it is dropped. No reset tells the
 * client to stop, as RFC 9113 section 8.1 allows: curl 7.88 takes it for an error and forgets the answer. */
void fr_guard_refuses(struct fr_conn *conn, uint32_t stream_id);
/* A request's head broke a limit. */
void fr_guard_bad_head(struct fr_conn *conn);

/* After each round of the loop. */
void fr_guard_round(struct fr_http_loop *home);

/* ---- guard_client.c ---- */
/* Sets the call's client. */
void fr_guard_find_client(struct fr_call *call, const struct fr_conn *conn);
/* How the client came, to us or to the nearest of --trusted-proxies: `https`, `http`, or empty if that is not
 * known, since a proxy that is not named may stand before a connection in the clear. */
struct fr_str fr_guard_scheme(const h2o_req_t *req);

/* ---- guard_h2.c: what is read of and done to h2o's HTTP/2 connection, `sock->data` ---- */
bool fr_h2_speaks(const h2o_socket_t *sock);
/* Streams whose request is not there in whole. */
unsigned fr_h2_unfinished(const h2o_socket_t *sock);
/* Bytes of a header block that came without its end. */
size_t fr_h2_header_block(const h2o_socket_t *sock);
uint32_t fr_h2_max_stream_id(const h2o_socket_t *sock);
/* Bytes that came of the body of a stream. */
size_t fr_h2_body_size(const void *sock, uint32_t stream_id);
/* Bytes of a frame that came without its end. */
size_t fr_h2_partial(const h2o_socket_t *sock);
/* DATA was taken out before h2o saw it. */
void fr_h2_give_back_window(h2o_socket_t *sock, size_t bytes);
size_t fr_h2_backlog(const h2o_socket_t *sock);
/* GOAWAY with ENHANCE_YOUR_CALM, then the end; not from within h2o. */
void fr_h2_go_away(h2o_socket_t *sock);
/* Resets streams whose request began more than `age_ms` ago and is not there in whole; how many. `ret_age_ms`
 * is the age of the oldest that is left, -1 if none is. */
unsigned fr_h2_reset_slow(h2o_socket_t *sock, int64_t age_ms, int64_t *ret_age_ms);
/* Answers 413 to streams whose body is longer than FR_REQUEST_BODY_MAX; how many. */
unsigned fr_h2_refuse_bodies(h2o_socket_t *sock);
/* The sockets of connections that began to speak HTTP/2, newest first; `visit` is false to stop. */
void fr_h2_walk_newest(h2o_context_t *ctx, bool (*visit)(h2o_socket_t *sock));

#endif
