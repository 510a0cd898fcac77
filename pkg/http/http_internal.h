/* http, inside: what a handler of a call gets and may do. Handlers include this and never h2o.h.
 *
 * A call is one request being answered. Rules of its life:
 *   - It belongs to the thread of its loop; so do all callbacks that a handler starts.
 *   - A handler answers it exactly once, at once or later, with one of fr_call_answer(),
 * fr_call_answer_empty(), fr_call_fail(), fr_call_problem(); that ends the call: its memory is gone
 * afterwards.
 *   - The call stays valid until then even if the client went meanwhile or its deadline passed
 * (fr_call_gone()); answering it then sends nothing and frees it. So a handler passes the call, or memory of
 * fr_call_alloc(), as the `arg` of asynchronous work and never counts references.
 *   - What the client sent (path, headers, body, undecoded query) is borrowed from the connection: valid
 * until the handler function returns, and later only while fr_call_gone() is false. User id, origin and
 * memory of fr_call_alloc() are the call's own and valid until it is answered.
 *   - After CALL_DEADLINE without an answer the client gets 503 timed-out.
 */
#ifndef FR_HTTP_INTERNAL_H
#define FR_HTTP_INTERNAL_H

#include "auth/auth.h"
#include "base/base.h"
#include "wire/wire.h"

struct fr_bus;
struct fr_client_address;
struct fr_hub;
struct fr_keyring;
struct fr_loop;
struct fr_pages;
struct fr_post_writer;
struct fr_settings;
struct fr_snowflake;
struct fr_store;
struct fr_workers;
struct fr_mailbox;
struct fr_revocation;
struct fr_web_files;

/* ---- one event loop thread ---- */
struct fr_loop_state {
    int number;                         /* 0 … threads - 1 */
    struct fr_loop *loop;               /* nested in the HTTP library's loop */
    struct fr_store *store;             /* this loop's connections to PostgreSQL */
    struct fr_hub *hub;                 /* this loop's live subscribers */
    struct fr_pages *pages;             /* first pages that this loop keeps ready */
    struct fr_post_writer *post_writer; /* new posts, several in a transaction */
    struct fr_workers *workers;         /* shared by all loops: password hashes */
    struct fr_mailbox *answers;         /* of this loop: where workers answer */
    const struct fr_settings *settings;
    const struct fr_keyring *keyring;
    const struct fr_web_files *web_files; /* of --web-dir; NULL: none */
    struct fr_bus *bus;
    struct fr_snowflake
        *snowflake; /* user and post ids; fr_snowflake_next() fails when the lease ended: NO_IDS */
};

/* ---- problems ---- */
enum fr_problem {
#define FR_PROBLEM(id, http_status, code, slug, title, detail) FR_PROBLEM_##id,
#include "http/problems.def"
#undef FR_PROBLEM
    FR_PROBLEM_COUNT
};

struct fr_problem_kind {
    int http_status, code;
    const char *type, *title, *detail;
};
const struct fr_problem_kind *fr_problem_kind(enum fr_problem problem);
/* What a status becomes when a handler has nothing better to say. `status` is not FR_OK. */
enum fr_problem fr_problem_of_status(enum fr_status status);

/* ---- a call: what was asked ---- */
struct fr_call;

struct fr_loop_state *fr_call_loop(const struct fr_call *call);
/* 0 if the caller sent no token; never 0 behind FR_ROUTE_AUTH. */
int64_t fr_call_user_id(const struct fr_call *call);
/* NULL if the caller sent none. */
const struct fr_token *fr_call_token(const struct fr_call *call);
/* Request id (never empty) and traceparent: for events and log lines. The call's own. */
struct fr_origin fr_call_origin(const struct fr_call *call);
/* GET, POST …; a HEAD is served by GET's handler. */
struct fr_str fr_call_method(const struct fr_call *call);
/* As it came, with the query: for links and, through FR_KV_PATH, for the log. */
struct fr_str fr_call_target(const struct fr_call *call);
/* Path alone, as it came. */
struct fr_str fr_call_path(const struct fr_call *call);
/* The host, with a port if the client named one, as it came; FR_STR_NONE if it named none. */
struct fr_str fr_call_authority(const struct fr_call *call);
/* `https`, `http`, or empty if that is not known: a proxy may stand before a connection in the clear. */
struct fr_str fr_call_scheme(const struct fr_call *call);
/* The token of `Authorization: Bearer …`, unchecked; false if there is none. */
FR_WARN_UNUSED bool fr_call_bearer(const struct fr_call *call, struct fr_str *ret);
/* `name` in lower case; FR_STR_NONE if absent. */
struct fr_str fr_call_header(const struct fr_call *call, const char *name);
/* At most FR_REQUEST_BODY_MAX bytes and what they are written in, by Content-Type; empty without
 * FR_ROUTE_BODY. */
struct fr_wire_body fr_call_body(const struct fr_call *call);
/* The path's parameter ({…} in the route) as it came; routes have one at most. */
struct fr_str fr_call_param_path(const struct fr_call *call);
/* The same as an id; FR_INVALID names the parameter. */
FR_WARN_UNUSED enum fr_status fr_call_param_id(const struct fr_call *call, int64_t *ret_id,
                                               struct fr_error *error);
/* The first value of `name` in the query, decoded (%xx and +), valid UTF-8 without NUL; the call's own
 * memory. FR_NOT_FOUND if absent (`error` untouched), FR_INVALID naming the parameter for bad encoding. */
FR_WARN_UNUSED enum fr_status fr_call_query(struct fr_call *call, const char *name, struct fr_str *ret,
                                            struct fr_error *error);
/* A decimal integer of the query; `fallback` if absent; FR_INVALID outside min..max. */
FR_WARN_UNUSED enum fr_status fr_call_query_i64(struct fr_call *call, const char *name, int64_t fallback,
                                                int64_t min, int64_t max, int64_t *ret,
                                                struct fr_error *error);

/* Whose limits count, and for logs: the peer, or behind --trusted-proxies whom these name. The call's own. */
const struct fr_client_address *fr_call_client(const struct fr_call *call);

/* The author has an event in the outbox: its partition's owner is told at the end of the tick, once for all
 * calls. May be lost; the owner also looks by itself. */
void fr_call_nudge(struct fr_call *call, int64_t author_id);

/* True when nobody waits for the answer any more: work that is only for the answer may be left out. */
bool fr_call_gone(const struct fr_call *call);

/* Zeroed memory that lives until the call is answered; `release` (may be NULL) runs just before it goes, in
 * reverse order of allocation. */
void *fr_call_alloc(struct fr_call *call, size_t size, void (*release)(void *memory));

/* ---- a call: the answer ---- */
/* What it is to be written in, by Accept: JSON or PROTOBUF. */
enum fr_encoding fr_call_encoding(const struct fr_call *call);
/* Adds a header to the answer; name and value are copied. Call it before answering; kept by problems too. */
void fr_call_add_header(struct fr_call *call, const char *name, struct fr_str value);
/* Takes the bytes out of `body`, which is left empty. A body that ran full becomes a 500. */
void fr_call_answer(struct fr_call *call, int http_status, const char *content_type, struct fr_buf *body);
/* fr_call_answer() with 200 and what fr_call_encoding() says: `body` is written in that. */
void fr_call_answer_body(struct fr_call *call, struct fr_buf *body);
void fr_call_answer_empty(struct fr_call *call, int http_status);
/* As fr_call_answer(), of bytes that are constant and outlive the server: they are not copied. */
void fr_call_answer_shared(struct fr_call *call, int http_status, const char *content_type,
                           struct fr_str body);
/* The answer may be kept, as this literal of Cache-Control says; else it bears `no-store`. */
void fr_call_let_keep(struct fr_call *call, const char *cache_control);
/* The problem of `status` (not FR_OK), with field and, below 500, message of `error` (may be NULL). From 500
 * on the message is logged and not shown. */
void fr_call_fail(struct fr_call *call, enum fr_status status, const struct fr_error *error);
/* A problem chosen by the handler. `field` may be NULL; `detail` NULL: the table's; else one sentence,
 * printf. */
void fr_call_problem(struct fr_call *call, enum fr_problem problem, const char *field, const char *detail,
                     ...) FR_PRINTF(4, 5);

/* ---- revoked tokens ---- */
/* This is revoked, as the database knows already: in this process from now on, its live connections included.
 */
void fr_call_revoke(struct fr_call *call, const struct fr_revocation *revocation);

/* ---- passwords, on the workers ---- */
/* `hash` is borrowed until the callback returns and NULL unless status is FR_OK; after a verification it is
 * the hash that was given. The callback must answer the call (or go on with it). */
typedef void (*fr_call_password_fn)(struct fr_call *call, void *arg, enum fr_status status, const char *hash,
                                    const struct fr_error *error);
/* Both copy what they are given and wipe it afterwards. When too many wait already, they answer the call with
 * 503 passwords-busy and `done` is not called; else `done` is called once, later. */
void fr_call_hash_password(struct fr_call *call, struct fr_str password, fr_call_password_fn done, void *arg);
/* FR_UNAUTHENTICATED when the password does not match. An empty `hash` never matches but takes as long. */
void fr_call_verify_password(struct fr_call *call, struct fr_str password, const char *hash,
                             fr_call_password_fn done, void *arg);

/* Wrong passwords are limited by account and by client address (rate_limits.c). Before a password is looked
 * at; false: the call is answered, 429. Then one of the two that follow; neither, if nobody could say whether
 * the password was right. */
FR_WARN_UNUSED bool fr_call_login_begins(struct fr_call *call, int64_t account_id);
void fr_call_login_failed(struct fr_call *call);
void fr_call_login_passed(struct fr_call *call);

/* ---- routes ---- */
enum {
    FR_ROUTE_AUTH = 1,           /* needs a token */
    FR_ROUTE_BODY = 2,           /* takes a body, in JSON or protobuf */
    FR_ROUTE_TOKEN_IN_QUERY = 4, /* ?token= is a token too, and ?ticket= stands for one */
    FR_ROUTE_NO_USER = 8,        /* looks at no user's token: files, and what takes the admin token */
    FR_ROUTE_PASSWORD = 256,     /* computes a password hash or takes what can be guessed: limits count it as
                                    many */
};

struct fr_route {
    const char *method;
    const char *pattern; /* "/user/get/{id}": {name} stands for one whole segment, once at most */
    unsigned flags;
    void (*handle)(struct fr_call *call);
};

/* routes.c: the table. */
extern const struct fr_route fr_routes[];
extern const size_t fr_route_count;

/* Handlers: handle_*.c, live_ws.c and live_stream.c */
void fr_handle_login(struct fr_call *call);
void fr_handle_user_register(struct fr_call *call);
void fr_handle_user_get(struct fr_call *call);
void fr_handle_user_profile(struct fr_call *call);
void fr_handle_user_search(struct fr_call *call);
void fr_handle_users(struct fr_call *call);
void fr_handle_user_posts(struct fr_call *call);
void fr_handle_user_followers(struct fr_call *call);
void fr_handle_user_following(struct fr_call *call);
void fr_handle_token_refresh(struct fr_call *call);
void fr_handle_token_ticket(struct fr_call *call);
void fr_handle_logout(struct fr_call *call);
void fr_handle_account_delete(struct fr_call *call);
void fr_handle_friend_set(struct fr_call *call);
void fr_handle_friend_delete(struct fr_call *call);
void fr_handle_post_create(struct fr_call *call);
void fr_handle_post_update(struct fr_call *call);
void fr_handle_post_delete(struct fr_call *call);
void fr_handle_post_get(struct fr_call *call);
void fr_handle_post_feed(struct fr_call *call);
void fr_handle_live(struct fr_call *call);
void fr_handle_live_stream(struct fr_call *call);
void fr_handle_ops_metrics(struct fr_call *call);
void fr_handle_debug_constant(struct fr_call *call);

#endif
