/* The token of a client: had by signing in, given, or asked for; renewed before its end. The client's thread.
 */
#ifndef FRESHET_TOKENS_H
#define FRESHET_TOKENS_H

#include "base/base.h"
#include "freshet/client.h"
#include "request.h"

#define TOKENS_TEXT_MAX 8192

enum tokens_source {
    TOKENS_OF_NOBODY,
    TOKENS_GIVEN,       /* this one, and what it is exchanged for */
    TOKENS_BY_PASSWORD, /* signs in */
    TOKENS_BY_FUNCTION, /* asks the program */
};

enum tokens_answer {
    TOKENS_HERE, /* tokens->text */
    TOKENS_COME, /* ask again when the thread comes by next */
    TOKENS_NONE, /* and `error` says why */
};

struct tokens {
    enum tokens_source source;
    int64_t user_id;
    char *password;
    freshet_token_fn ask;
    void *ask_data;

    char *text;          /* NULL: none */
    uint64_t generation; /* of `text`: from 1, rises with each new one */
    int64_t renew_ms, end_ms;
    char *refused; /* the last one that a server would not take, for `ask` */

    uint64_t identity; /* rises when the client becomes somebody else */
    bool renewing;
    uint64_t renewing_identity;
    struct request renewal;
    struct fr_buf renewal_body;
    char *renewal_token;
    char renewal_name[33];
    uint64_t failures; /* to get one */
    freshet_error failure;
};

/* Copies what the options say; their sources were checked. */
void tokens_init(struct tokens *tokens, struct freshet_client *client, const freshet_options *options);
/* Wipes. No renewal may be on its way. */
void tokens_release(struct tokens *tokens);

/* Whether there is a token or a way to have one. */
bool tokens_can_have(const struct tokens *tokens);
/* `*awaited` is the asker's, 0 when it begins to wait: what comes to nothing while it waits is its failure,
 * too. */
enum tokens_answer tokens_want(struct tokens *tokens, int64_t now_ms, uint64_t *awaited,
                               freshet_error *error);
/* The server refused the token of `generation`. True if there is another one, or there may be. */
bool tokens_refused(struct tokens *tokens, uint64_t generation);
/* While a feed is open nobody need ask for the token, and it is renewed all the same. */
void tokens_keep_fresh(struct tokens *tokens, int64_t now_ms, int64_t *due_ms);

/* A new token of whoever the client is. `expires_at_ms` is Unix time, 0 if unknown. */
void tokens_set(struct tokens *tokens, const char *text, int64_t expires_at_ms);
/* The client is this user from now on; a token follows by tokens_set(). */
void tokens_sign_in(struct tokens *tokens, int64_t user_id, const char *password);
/* The client is nobody from now on. */
void tokens_forget(struct tokens *tokens);

#endif
