/* http: h2o and what clients see through it. The only user of h2o.h.
 *
 * A server runs one event loop per thread, each with its own SO_REUSEPORT listeners, its own struct fr_loop
 * nested in it, its own pipelined store and its own hub; a connection never changes thread. The admin server
 * is a small one of the same kind for every process.
 */
#ifndef FR_HTTP_H
#define FR_HTTP_H

#include "base/base.h"

struct fr_settings;
struct fr_keyring;
struct fr_bus;
struct fr_delivery;
struct fr_snowflake;
struct fr_server;
struct fr_admin;

struct fr_server_options {
    const struct fr_settings *settings;
    const struct fr_keyring *keyring;
    struct fr_bus *bus;
    struct fr_delivery *delivery;
    struct fr_snowflake *snowflake; /* for user and post ids; NULL: none yet, see fr_server_set_snowflake() */
};

/* Tries whether --listen and --tls-listen can be had and --web-dir can be read, before anything else is
 * started. Errors as below. */
FR_WARN_UNUSED enum fr_status fr_server_check_listeners(const struct fr_settings *settings,
                                                        struct fr_error *error);
/* Binds the listeners and starts the threads. All of `options` is borrowed until fr_server_free(). FR_IO or
 * FR_INVALID names the flag at fault (a busy port: "--listen"). */
FR_WARN_UNUSED enum fr_status fr_server_start(const struct fr_server_options *options, struct fr_server **ret,
                                              struct fr_error *error);
/* Any thread: from soon on ids come from `snowflake`, which is borrowed until fr_server_free(). Calls that
 * need an id before there is one are answered 503. */
void fr_server_set_snowflake(struct fr_server *server, struct fr_snowflake *snowflake);
/* Any thread: every loop has a database connection. */
bool fr_server_ready(const struct fr_server *server);
/* Any thread: the revoked tokens were read once. Until then calls with a token are answered 503. */
bool fr_server_knows_revocations(const struct fr_server *server);
/* Begins to stop: accepts nobody any more, answers what is in flight, ends live connections with 1001 spread
 * over the drain time. */
void fr_server_drain(struct fr_server *server, int64_t drain_ms);
/* Any thread: all are gone, or the drain's time is over. */
bool fr_server_drained(const struct fr_server *server);
/* Any thread: open ones. */
int64_t fr_server_connections(const struct fr_server *server);
/* Ends whatever is left, at once. */
void fr_server_free(struct fr_server *server);

struct fr_admin_options {
    const char *listen; /* ADDRESS:PORT */
    /* Appends the name of each dependency that is missing, separated by ", "; nothing when ready. Any thread.
     */
    void (*missing)(void *arg, struct fr_buf *out);
    void *arg;
    bool debug_echo; /* /debug/echo, a WebSocket, too */
};
/* /metrics, /healthz, /readyz and /debug/ on a thread of its own. */
FR_WARN_UNUSED enum fr_status fr_admin_start(const struct fr_admin_options *options, struct fr_admin **ret,
                                             struct fr_error *error);
/* Any thread: /debug/connections shows `server`, which must outlive `admin`. */
void fr_admin_show(struct fr_admin *admin, struct fr_server *server);
void fr_admin_free(struct fr_admin *admin);

#endif
