/* libfreshet: a client of the real-time feed platform Freshet.
 *
 * A client (freshet_client) speaks protobuf with one gateway over one HTTP/2 connection: all calls and all
 * live feeds are streams of it. A feed (freshet_feed) is the live feed of the user as an iterator of events,
 * which connects again by itself, goes on where it stopped, and says so where that can't be had. A whole
 * program:
 *
 *     #include <freshet/client.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         const freshet_options *who = FRESHET_OPTIONS(.url = "http://127.0.0.1:8080", .user_id = 1,
 *                                                      .password = "secret");
 *         freshet_client *client = NULL;
 *         freshet_feed *feed = NULL;
 *         freshet_error error;
 *         const freshet_event *event;
 *         if (!freshet_client_new(who, &client, &error) && !freshet_feed_open(client, NULL, &feed, &error))
 *             while (!freshet_feed_next(feed, FRESHET_FOREVER, &event, &error))
 *                 if (event->type == FRESHET_EVENT_POST)
 *                     printf("%lld: %s\n", (long long)event->post.author_id, event->post.text);
 *         fprintf(stderr, "%s: %s\n", error.title, error.detail);
 *         freshet_feed_close(feed);
 *         freshet_client_free(client);
 *     }
 *
 * Threads. A client has one thread of its own, which does all input and output; it blocks all signals. Any
 * number of threads may make calls on one client at once, each waits for its own answer only. A feed is read
 * by one thread at a time. freshet_cancel(), freshet_client_cancel() and freshet_feed_cancel() may be called
 * from any thread and from a signal handler. Nothing may be called on what is being freed. In a child of
 * fork() the clients of the parent are dead: each call on them returns FRESHET_INVALID, and freeing them
 * leaves the parent's connection alone. Sockets are closed on exec.
 *
 * Ownership. What is passed in is borrowed until the call returns, and copied where it is needed longer. What
 * a call hands out through `ret_…` is one block that the caller releases with freshet_free(), its texts with
 * it; it outlives the client. Outputs are untouched on failure. An event belongs to its feed until the next
 * freshet_feed_next().
 *
 * Errors. What can fail returns a freshet_kind, FRESHET_OK being zero, and tells the rest in a freshet_error
 * of the caller's, which may be NULL and is written on failure only. If the system has no memory left the
 * process is ended by abort(); everything that the library keeps is bounded.
 *
 * Growth. Structs that the caller fills begin with their size; the macros of their names set it, as in the
 * program above, and leave everything else 0, which means the default everywhere. (In C++: freshet_options
 * options = {}; options.size = sizeof options;) Members are added at the end only, enumerators too: skip what
 * you don't know.
 *
 * Texts are UTF-8 and end with NUL. Ids are 64-bit numbers above 0. Times are Unix time in milliseconds.
 */
#ifndef FRESHET_CLIENT_H
#define FRESHET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define FRESHET_API __attribute__((visibility("default")))
#else
#define FRESHET_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; freshet_version() is that of the library. The major number changes when programs must be
 * built anew. */
#define FRESHET_VERSION_MAJOR 0
#define FRESHET_VERSION_MINOR 1
#define FRESHET_VERSION_PATCH 0

/* "0.1.0"; static. */
FRESHET_API const char *freshet_version(void);

/* As a time to wait: without an end. */
#define FRESHET_FOREVER (-1)

/* ---- errors ---- */

typedef enum freshet_kind {
    FRESHET_OK = 0,
    FRESHET_INVALID,         /* the request breaks a rule; `field` names the part at fault (400, 413 ...) */
    FRESHET_UNAUTHENTICATED, /* no token, a bad one, or none to be had for this id and password (401) */
    FRESHET_FORBIDDEN,       /* known who asks, and it is not theirs (403) */
    FRESHET_NOT_FOUND,       /* no such user or post (404) */
    FRESHET_CONFLICT,        /* contradicts what is stored, such as a used idempotency key (409) */
    FRESHET_LIMITED,         /* too many requests; see retry_after_ms (429) */
    FRESHET_UNAVAILABLE,     /* the gateway can't be reached, or can't answer now (502, 503, 504) */
    FRESHET_TIMEOUT,         /* the time that was given is over; whether something was done is not known */
    FRESHET_CANCELLED,       /* given up at the caller's wish; whether something was done is not known */
    FRESHET_UNTRUSTED,       /* the server's certificate could not be verified */
    FRESHET_PROTOCOL,        /* what came is no answer of Freshet's, or is longer than answer_max */
    FRESHET_SERVER,          /* a defect of the server; report request_id (500 and the rest) */
} freshet_kind;

/* "not found" and the like; static, never NULL. */
FRESHET_API const char *freshet_kind_name(freshet_kind kind);

/* The caller's, usually on its stack. Texts are never NULL, cut where they are too long, and empty if there
 * is nothing to say. */
typedef struct freshet_error {
    freshet_kind kind;
    int status;             /* of HTTP; 0 if no answer came */
    int code;               /* docs/errors.md; 0 if the server told none */
    int64_t retry_after_ms; /* the server's wish; -1 if it has none */
    char title[64];         /* the kind of problem, for people */
    char detail[256];       /* this case, for people; not for programs to read */
    char field[64];         /* the member, parameter or argument at fault */
    char request_id[68];    /* under which the server's logs have it */
    uint64_t reserved[8];
} freshet_error;

/* ---- clients ---- */

typedef struct freshet_client freshet_client;
typedef struct freshet_canceller freshet_canceller;

/* A token of your own making, or its renewal: called on the client's thread when a token is needed and there
 * is none, when the last one was refused (`refused` is its text, else NULL), and some time before the last
 * one ends. Writes at most `size` bytes with the NUL to `token`, and to `expires_at_ms` when it ends (0,
 * which stands there: unknown, used until it is refused). False: there is none to be had, which ends what
 * waited for it with FRESHET_UNAUTHENTICATED. Everything else of the client stands still meanwhile; must not
 * call anything on this client but the cancels. */
typedef bool (*freshet_token_fn)(void *data, const char *refused, char *token, size_t size,
                                 int64_t *expires_at_ms);

/* Who the client is: `user_id` with `password` (signs in when the first call needs it, again when need be),
 * or `token`, or `token_fn`; at most one of them. With none of them the open calls work, and freshet_login()
 * signs in. Tokens that come from signing in, and a `token` whose end was told, are renewed in time. */
typedef struct freshet_options {
    size_t size;
    const char *url; /* "http://host:port", HTTP/2 without asking first, or "https://host:port"; wanted */
    int64_t user_id;
    const char *password;
    const char *token;
    int64_t token_expires_at_ms; /* of `token`; 0: not known, so it is never renewed */
    freshet_token_fn token_fn;
    void *token_data;
    int64_t timeout_ms;         /* for a whole call, repeats included; 30,000. FRESHET_FOREVER: no end */
    int64_t connect_timeout_ms; /* 10,000 */
    int64_t silence_ms;     /* a live stream that is silent for so long is dead; 40,000 (servers: 15,000) */
    int64_t backoff_min_ms; /* wait before the first repeat, at random from 0 to this; 500 */
    int64_t backoff_max_ms; /* it doubles up to this; 60,000 */
    size_t answer_max;      /* bytes of the longest answer taken; 4 MiB */
    const char *ca_file;    /* certificates in PEM to trust instead of the system's */
    bool insecure;          /* trust whatever certificate: for tests and nothing else */
    const char *user_agent; /* "libfreshet/<version>" */
} freshet_options;
#define FRESHET_OPTIONS(...) (&(const freshet_options){.size = sizeof(freshet_options), __VA_ARGS__})

/* Starts the thread; connects to nobody yet. INVALID if an option makes no sense, UNAVAILABLE if the system
 * gives no thread or descriptor. */
FRESHET_API freshet_kind freshet_client_new(const freshet_options *options, freshet_client **ret_client,
                                            freshet_error *error);
/* Ends what still runs with FRESHET_CANCELLED, ends the thread, closes the connection. Feeds and cancellers
 * of the client must be closed and freed before, and no other thread may be in a call. NULL is allowed. */
FRESHET_API void freshet_client_free(freshet_client *client);
/* Ends every call and every feed of the client with FRESHET_CANCELLED, those to come too. */
FRESHET_API void freshet_client_cancel(freshet_client *client);

/* What cancels some calls and feeds of a client: those to which it was given. Valid until freed; free it when
 * none of them is running. freshet_cancel() is for good: those to come with it are cancelled too. */
FRESHET_API freshet_canceller *freshet_canceller_new(freshet_client *client);
FRESHET_API void freshet_canceller_free(freshet_canceller *canceller);
FRESHET_API void freshet_cancel(freshet_canceller *canceller);

/* Releases what a call handed out. NULL is allowed. */
FRESHET_API void freshet_free(void *result);

/* ---- calls ----
 *
 * Each waits for its answer. Until its time is over a call is repeated by itself, after pauses that grow and
 * as the server wishes (Retry-After), when no connection is to be had and when the server is overloaded or
 * limits requests (429, 503); but not where the first attempt may have done what must not be done twice. */

/* What one call does otherwise than the client's options say; NULL stands for nothing. */
typedef struct freshet_call {
    size_t size;
    int64_t timeout_ms; /* FRESHET_FOREVER: no end */
    freshet_canceller *canceller;
    const char *request_id; /* 1 to 64 printable characters without blanks; one is made if there is none */
    const char *idempotency_key; /* freshet_post_create() only; the same */
} freshet_call;
#define FRESHET_CALL(...) (&(const freshet_call){.size = sizeof(freshet_call), __VA_ARGS__})

/* A part of a list; NULL stands for its beginning. Go on with the `next` of what came. */
typedef struct freshet_page {
    size_t size;
    int limit;          /* 1 and more; above 100 means 100. 0: the server's choice */
    const char *cursor; /* NULL or empty: from the beginning */
    int64_t offset;     /* freshet_feed_page() only, without a cursor: skips so many, up to 10,000 */
} freshet_page;
#define FRESHET_PAGE(...) (&(const freshet_page){.size = sizeof(freshet_page), __VA_ARGS__})

/* A token, or a ticket. */
typedef struct freshet_token {
    const char *text;
    int64_t expires_at_ms;
} freshet_token;

typedef struct freshet_user {
    int64_t id;
    const char *first_name;
    const char *second_name;
    const char *birthdate; /* "2017-02-01"; empty: not told */
    const char *biography;
    const char *city;
} freshet_user;

typedef struct freshet_users {
    size_t count;
    const freshet_user *const *items;
    const char *next; /* cursor of the next page; empty: there is none */
} freshet_users;

typedef struct freshet_profile {
    const freshet_user *user;
    int64_t follower_count;
    int64_t following_count;
    bool celebrity;
    bool followed; /* by the caller; false if the client is nobody */
} freshet_profile;

typedef struct freshet_post {
    int64_t id;
    int64_t author_id;
    const char *text;
    int64_t created_at_ms;
    int64_t edited_at_ms; /* 0: never */
} freshet_post;

typedef struct freshet_posts {
    size_t count;
    const freshet_post *const *items;
    const char *next;
} freshet_posts;

/* NULL and empty are the same: not told. */
typedef struct freshet_registration {
    size_t size;
    const char *first_name;  /* wanted */
    const char *second_name; /* wanted */
    const char *birthdate;   /* "2017-02-01" */
    const char *biography;
    const char *city;
    const char *password; /* wanted, 8 to 128 bytes */
} freshet_registration;
#define FRESHET_REGISTRATION(...) \
    (&(const freshet_registration){.size = sizeof(freshet_registration), __VA_ARGS__})

/* Signs in: from now on the client is this user, whatever the options said. NOT_FOUND for an unknown user,
 * INVALID with code 1002 for a wrong password. `ret_token` may be NULL. */
FRESHET_API freshet_kind freshet_login(freshet_client *client, int64_t user_id, const char *password,
                                       const freshet_call *call, freshet_token **ret_token,
                                       freshet_error *error);
/* Makes the token of the client worthless everywhere; its feeds end. The client is nobody then, and forgets
 * how to sign in. A client without a token has nothing to do. */
FRESHET_API freshet_kind freshet_logout(freshet_client *client, const freshet_call *call,
                                        freshet_error *error);
/* A new token now, which the client uses from now on. `ret_token` may be NULL. */
FRESHET_API freshet_kind freshet_token_refresh(freshet_client *client, const freshet_call *call,
                                               freshet_token **ret_token, freshet_error *error);
/* A ticket: stands for the token in the URL of one WebSocket or event stream, for a minute. */
FRESHET_API freshet_kind freshet_ticket_create(freshet_client *client, const freshet_call *call,
                                               freshet_token **ret_ticket, freshet_error *error);

FRESHET_API freshet_kind freshet_user_register(freshet_client *client, const freshet_registration *who,
                                               const freshet_call *call, int64_t *ret_user_id,
                                               freshet_error *error);
FRESHET_API freshet_kind freshet_user_get(freshet_client *client, int64_t user_id, const freshet_call *call,
                                          freshet_user **ret_user, freshet_error *error);
FRESHET_API freshet_kind freshet_user_profile(freshet_client *client, int64_t user_id,
                                              const freshet_call *call, freshet_profile **ret_profile,
                                              freshet_error *error);
/* Up to 100 at once, in the order of `ids`, unknown ones left out. */
FRESHET_API freshet_kind freshet_user_list(freshet_client *client, const int64_t *ids, size_t count,
                                           const freshet_call *call, freshet_users **ret_users,
                                           freshet_error *error);
/* By the beginnings of both names, which are both wanted. */
FRESHET_API freshet_kind freshet_user_search(freshet_client *client, const char *first_name,
                                             const char *last_name, const freshet_page *page,
                                             const freshet_call *call, freshet_users **ret_users,
                                             freshet_error *error);
FRESHET_API freshet_kind freshet_user_followers(freshet_client *client, int64_t user_id,
                                                const freshet_page *page, const freshet_call *call,
                                                freshet_users **ret_users, freshet_error *error);
FRESHET_API freshet_kind freshet_user_following(freshet_client *client, int64_t user_id,
                                                const freshet_page *page, const freshet_call *call,
                                                freshet_users **ret_users, freshet_error *error);
/* Newest first. */
FRESHET_API freshet_kind freshet_user_posts(freshet_client *client, int64_t user_id, const freshet_page *page,
                                            const freshet_call *call, freshet_posts **ret_posts,
                                            freshet_error *error);
/* Deletes the account of the client with all its posts, for good; the client is nobody then. */
FRESHET_API freshet_kind freshet_account_delete(freshet_client *client, const char *password,
                                                const freshet_call *call, freshet_error *error);

/* Both may be repeated without harm. */
FRESHET_API freshet_kind freshet_follow(freshet_client *client, int64_t user_id, const freshet_call *call,
                                        freshet_error *error);
FRESHET_API freshet_kind freshet_unfollow(freshet_client *client, int64_t user_id, const freshet_call *call,
                                          freshet_error *error);

/* FRESHET_OK: it reaches every follower, whatever fails. `text` has 1 to 4,096 bytes. A key of its own makes
 * repeats harmless; give one in `call` to repeat by yourself, in another process too, within 24 hours.
 * `ret_post_id` may be NULL. */
FRESHET_API freshet_kind freshet_post_create(freshet_client *client, const char *text,
                                             const freshet_call *call, int64_t *ret_post_id,
                                             freshet_error *error);
FRESHET_API freshet_kind freshet_post_update(freshet_client *client, int64_t post_id, const char *text,
                                             const freshet_call *call, freshet_error *error);
FRESHET_API freshet_kind freshet_post_delete(freshet_client *client, int64_t post_id,
                                             const freshet_call *call, freshet_error *error);
FRESHET_API freshet_kind freshet_post_get(freshet_client *client, int64_t post_id, const freshet_call *call,
                                          freshet_post **ret_post, freshet_error *error);
/* A page of the home feed, newest first. */
FRESHET_API freshet_kind freshet_feed_page(freshet_client *client, const freshet_page *page,
                                           const freshet_call *call, freshet_posts **ret_posts,
                                           freshet_error *error);

/* ---- the live feed ---- */

typedef struct freshet_feed freshet_feed;

typedef enum freshet_state {
    FRESHET_STATE_CONNECTING = 0, /* has not been live yet */
    FRESHET_STATE_LIVE,           /* what happens is told at once */
    FRESHET_STATE_RESUMING,       /* the connection broke, and is being made anew from the last cursor */
    FRESHET_STATE_OFFLINE,        /* no connection is to be had; it is tried again and again */
    FRESHET_STATE_CLOSED,         /* over, for good */
} freshet_state;

/* "live" and the like; static, never NULL. */
FRESHET_API const char *freshet_state_name(freshet_state state);

/* Keep posts by id: a POST or EDIT replaces what has its id, a DELETE takes it out, and at a RESET all is
 * forgotten. */
typedef enum freshet_event_type {
    FRESHET_EVENT_STATE = 0, /* `state` is another one, at first CONNECTING; `error`: what went wrong */
    FRESHET_EVENT_READY,     /* connected: `user_id`; `resumed`: what was missed follows, else a RESET does */
    FRESHET_EVENT_POST,      /* `post`, new, or, with `snapshot`, of the page after a RESET, newest last */
    FRESHET_EVENT_EDIT,      /* `post` as it reads now */
    FRESHET_EVENT_DELETE,    /* `post` is gone: its id and author_id */
    FRESHET_EVENT_RESET,     /* something is missing: forget what you show, the newest page follows */
    FRESHET_EVENT_SNAPSHOT_END, /* the page is whole */
} freshet_event_type;

typedef struct freshet_event {
    freshet_event_type type;
    freshet_state state; /* of the feed, when this came */
    bool snapshot;
    bool resumed;
    int64_t user_id;    /* READY */
    freshet_post post;  /* POST, EDIT, DELETE; `text` is never NULL */
    const char *cursor; /* the place behind this event, to go on from in another process; may be empty */
    const freshet_error *error; /* STATE; NULL if nothing went wrong */
    int64_t retry_in_ms;        /* STATE, when there is a wait: until it is tried again */
    /* All but STATE: the message Envelope of proto/freshet/v1/envelope.proto, with what a later server says
     * and this version does not know: to be passed on whole. */
    const void *wire;
    size_t wire_size;
} freshet_event;

typedef struct freshet_feed_options {
    size_t size;
    const char *cursor; /* where an earlier feed of the same user stopped */
    int snapshot;       /* posts of the page after a RESET, up to 100; 0: 20; negative: none */
    size_t queue_max;   /* events kept for the reader, 1,024; when it is full the stream is not read on */
    freshet_canceller *canceller;
} freshet_feed_options;
#define FRESHET_FEED_OPTIONS(...) \
    (&(const freshet_feed_options){.size = sizeof(freshet_feed_options), __VA_ARGS__})

/* Begins to listen; does not wait for the connection. `options` may be NULL. Nothing is lost between events,
 * nothing told twice, as far as the last 1,024 go; a RESET says where that can't be kept. Whoever does not
 * read stops the stream, at most queue_max events and one read later; the server may then end it, and it goes
 * on from its cursor. */
FRESHET_API freshet_kind freshet_feed_open(freshet_client *client, const freshet_feed_options *options,
                                           freshet_feed **ret_feed, freshet_error *error);
/* The next event, within so many milliseconds; 0 does not wait. FRESHET_TIMEOUT if there was none, and the
 * feed goes on. Anything else is the end of the feed, and told each time: UNAUTHENTICATED, FORBIDDEN,
 * CANCELLED. All other failures the feed mends by itself and tells as FRESHET_EVENT_STATE. */
FRESHET_API freshet_kind freshet_feed_next(freshet_feed *feed, int64_t timeout_ms,
                                           const freshet_event **ret_event, freshet_error *error);
/* The same with a function: gets each event in the calling thread until it returns false (then FRESHET_OK is
 * returned) or the feed ends. It may make calls, but not close the feed. */
typedef bool (*freshet_event_fn)(void *data, const freshet_event *event);
FRESHET_API freshet_kind freshet_feed_run(freshet_feed *feed, freshet_event_fn on_event, void *data,
                                          freshet_error *error);
/* The state at this moment; events on their way to the reader may be older. Any thread. */
FRESHET_API freshet_state freshet_feed_state(freshet_feed *feed);
/* The place behind the last event that was read, or, while there is none to read, a newer one that the server
 * told: what to keep in order to go on in another process. Empty within a snapshot and before the first. The
 * reader's thread; valid until its next call on the feed. */
FRESHET_API const char *freshet_feed_cursor(freshet_feed *feed);
/* freshet_feed_next() returns FRESHET_CANCELLED, now and from now on. */
FRESHET_API void freshet_feed_cancel(freshet_feed *feed);
/* Ends and frees it. NULL is allowed. */
FRESHET_API void freshet_feed_close(freshet_feed *feed);

#ifdef __cplusplus
}
#endif

#endif
