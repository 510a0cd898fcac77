/* What the guard's files share: guard.c sees connections come, go and be cut, and requests; guard_http1.c
 * and guard_http2.c look at what comes and, at the end of the round, at what it came to; guard_time.c at what
 * takes too long. */
#ifndef FR_HTTP_GUARD_INTERNAL_H
#define FR_HTTP_GUARD_INTERNAL_H

#include "config/config.h"
#include "http/http_loop.h"

static inline const struct fr_settings *fr_guard_settings(const struct fr_conn *conn)
{
    return conn->home->server->options.settings;
}

/* ---- guard.c ---- */
/* To be looked at when this round ends. */
void fr_guard_look_later(struct fr_conn *conn);
bool fr_guard_speaks_h2(const struct fr_conn *conn);
/* h2o sees the end, and closes. Not gently: what was not taken goes with it; the kernel would keep it for
 * minutes. */
void fr_guard_shut(struct fr_conn *conn, bool gently);

/* ---- guard_http1.c ---- */
/* The head that comes in; false: it is refused. */
bool fr_guard_http1_look(struct fr_conn *conn);
/* What came begins as HTTP/2 does (RFC 9113 section 3.4). */
bool fr_guard_http1_begins_h2(const h2o_socket_t *sock);

/* ---- guard_http2.c ---- */
/* Frames before h2o reads them; FR_CUT_NONE if it may. `begun`: h2o speaks HTTP/2 already. */
enum fr_cut fr_guard_http2_read(struct fr_conn *conn, bool begun);
/* At the end of a round: what they came to. May say why the connection is to be cut (guard->due). */
void fr_guard_http2_look(struct fr_conn *conn);
/* The client cancelled so many requests; false: too many. */
bool fr_guard_http2_take_resets(struct fr_guard *guard, unsigned count);

/* ---- guard_time.c ---- */
/* In so many milliseconds what takes long is looked at, or, if the connection is cut, it is ended. */
void fr_guard_time_look_in(struct fr_conn *conn, int64_t ms);
/* Starts and stops the time that a client has for a request. */
void fr_guard_time_receiving(struct fr_conn *conn, bool h2);

#endif
