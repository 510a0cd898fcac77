#include "tokens.h"

#include <stdlib.h>

#include "client_internal.h"
#include "codec.h"
#include "problem.h"

enum { RENEWAL_PAUSE_MS = 5000 /* after one that failed while the token is still good */ };

static void wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void wipe_buf(struct fr_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->len);
    fr_buf_release(buf);
}

static char *copy(const char *text)
{
    return text != NULL ? fr_strdup(text) : NULL;
}

void tokens_init(struct tokens *tokens, struct freshet_client *client, const freshet_options *options)
{
    *tokens = (struct tokens){.identity = 1, .user_id = options->user_id};
    tokens->renewal.client = client;
    fr_buf_init(&tokens->renewal_body, 4096);
    if (options->password != NULL) {
        tokens->source = TOKENS_BY_PASSWORD;
        tokens->password = copy(options->password);
    } else if (options->token != NULL) {
        tokens->source = TOKENS_GIVEN;
        tokens_set(tokens, options->token, options->token_expires_at_ms);
    } else if (options->token_fn != NULL) {
        tokens->source = TOKENS_BY_FUNCTION;
        tokens->ask = options->token_fn;
        tokens->ask_data = options->token_data;
    }
}

static void forget_text(struct tokens *tokens)
{
    wipe(&tokens->refused);
    tokens->refused = tokens->text;
    tokens->text = NULL;
}

void tokens_forget(struct tokens *tokens)
{
    forget_text(tokens);
    wipe(&tokens->refused);
    wipe(&tokens->password);
    tokens->source = TOKENS_OF_NOBODY;
    tokens->identity++;
}

void tokens_release(struct tokens *tokens)
{
    tokens_forget(tokens);
    wipe(&tokens->renewal_token);
    wipe_buf(&tokens->renewal_body);
}

void tokens_sign_in(struct tokens *tokens, int64_t user_id, const char *password)
{
    tokens_forget(tokens);
    tokens->source = TOKENS_BY_PASSWORD;
    tokens->user_id = user_id;
    tokens->password = fr_strdup(password);
}

void tokens_set(struct tokens *tokens, const char *text, int64_t expires_at_ms)
{
    char *fresh = fr_strdup(text);
    wipe(&tokens->refused);
    wipe(&tokens->text);
    tokens->text = fresh;
    tokens->generation++;
    /* A clock that says that it is over already is wrong, or it is the token's: the server will tell. */
    int64_t left_ms = expires_at_ms - fr_clock_wall_ms(), now_ms = fr_clock_monotonic_ms();
    bool known = expires_at_ms > 0 && left_ms > 0;
    tokens->renew_ms = known ? now_ms + left_ms / 5 * 4 : CLIENT_TIME_NONE;
    tokens->end_ms = known ? now_ms + left_ms : CLIENT_TIME_NONE;
}

bool tokens_can_have(const struct tokens *tokens)
{
    return tokens->source != TOKENS_OF_NOBODY;
}

bool tokens_refused(struct tokens *tokens, uint64_t generation)
{
    if (tokens->text != NULL && tokens->generation == generation)
        forget_text(tokens);
    return tokens->text != NULL || tokens->source == TOKENS_BY_PASSWORD ||
           tokens->source == TOKENS_BY_FUNCTION || tokens->refused != NULL;
}

/* ---- renewal: by the token, or by the password when there is none ---- */

/* What can be exchanged for a new one; NULL: nothing. A token that was given and refused is tried, once: it
 * may be that only this call had no use for it. */
static const char *exchangeable(const struct tokens *tokens)
{
    return tokens->text != NULL || tokens->source != TOKENS_GIVEN ? tokens->text : tokens->refused;
}

static void renewal_failed(struct tokens *tokens, const freshet_error *error)
{
    tokens->failures++;
    tokens->failure = *error;
    /* The renewal's own token was refused: sign in instead, if there is a way; else this is the end of it. */
    if (error->status == 401 && tokens->source == TOKENS_BY_PASSWORD && tokens->text != NULL &&
        tokens->renewal_token != NULL && strcmp(tokens->text, tokens->renewal_token) == 0)
        forget_text(tokens);
    if (error->status == 401 && tokens->text == NULL && tokens->source == TOKENS_GIVEN)
        wipe(&tokens->refused);
    /* Who waited for it hears that it is about who he is, not about what he asked for. */
    if (tokens->renewal_token == NULL && (error->kind == FRESHET_INVALID || error->kind == FRESHET_NOT_FOUND))
        tokens->failure.kind = FRESHET_UNAUTHENTICATED;
    tokens->renew_ms = fr_clock_monotonic_ms() + RENEWAL_PAUSE_MS;
}

static void on_renewed(struct request *request)
{
    struct tokens *tokens = FR_CONTAINER_OF(request, struct tokens, renewal);
    tokens->renewing = false;
    request->client->look_again = true; /* somebody waits for it */
    if (tokens->renewing_identity == tokens->identity) {
        freshet_token *token =
            request->error.kind == FRESHET_OK ? codec_token(fr_buf_str(&request->answer)) : NULL;
        if (request->error.kind == FRESHET_OK && token == NULL)
            problem_set(&request->error, FRESHET_PROTOCOL, NULL, "the answer is no token");
        if (token != NULL) {
            tokens_set(tokens, token->text, token->expires_at_ms);
            freshet_free(token);
        } else {
            renewal_failed(tokens, &request->error);
        }
    }
    request_release(request);
    wipe(&tokens->renewal_token);
    wipe_buf(&tokens->renewal_body);
}

static void begin_renewal(struct tokens *tokens, int64_t now_ms)
{
    struct freshet_client *client = tokens->renewal.client;
    tokens->renewing = true;
    tokens->renewing_identity = tokens->identity;
    tokens->renewal_token = copy(exchangeable(tokens));
    fr_buf_reset(&tokens->renewal_body);
    if (tokens->renewal_token == NULL)
        codec_write_login(&tokens->renewal_body, tokens->user_id, tokens->password);
    client_make_name(tokens->renewal_name);
    tokens->renewal = (struct request){
        .client = client,
        .method = "POST",
        .path = tokens->renewal_token != NULL ? "/token/refresh" : "/login",
        .body = tokens->renewal_token != NULL ? FR_STR_NONE : fr_buf_str(&tokens->renewal_body),
        .auth = REQUEST_OPEN,
        .token = tokens->renewal_token,
        .request_id = tokens->renewal_name,
        .repeatable = true, /* one token more does no harm */
        .deadline_ms = client->timeout_ms < 0 ? CLIENT_TIME_NONE : now_ms + client->timeout_ms,
        .on_done = on_renewed,
    };
    request_begin(&tokens->renewal, &client->requests);
    client->look_again = true; /* it may stand behind the one that is looked at */
}

static bool ask_program(struct tokens *tokens)
{
    char text[TOKENS_TEXT_MAX] = "";
    int64_t expires_at_ms = 0;
    bool good = tokens->ask(tokens->ask_data, tokens->refused, text, sizeof text, &expires_at_ms) &&
                text[0] != '\0' && memchr(text, '\0', sizeof text) != NULL;
    if (good)
        tokens_set(tokens, text, expires_at_ms);
    explicit_bzero(text, sizeof text);
    return good;
}

/* There is a token, and it is time for the next. */
static void renew_in_time(struct tokens *tokens, int64_t now_ms)
{
    if (tokens->source == TOKENS_BY_FUNCTION) {
        if (!ask_program(tokens))
            tokens->renew_ms = now_ms + RENEWAL_PAUSE_MS;
    } else {
        begin_renewal(tokens, now_ms);
    }
}

void tokens_keep_fresh(struct tokens *tokens, int64_t now_ms, int64_t *due_ms)
{
    if (tokens->text == NULL || tokens->renewing)
        return;
    if (now_ms >= tokens->renew_ms && now_ms < tokens->end_ms)
        renew_in_time(tokens, now_ms);
    if (!tokens->renewing && now_ms < tokens->end_ms)
        due_at(due_ms, tokens->renew_ms);
}

static enum tokens_answer none(freshet_error *error, const char *why)
{
    problem_set(error, FRESHET_UNAUTHENTICATED, NULL, "%s", why);
    return TOKENS_NONE;
}

/* There is no token that is still good. */
static enum tokens_answer make_one(struct tokens *tokens, int64_t now_ms, uint64_t *awaited,
                                   freshet_error *error)
{
    if (*awaited != 0 && tokens->failures >= *awaited) {
        *error = tokens->failure;
        *awaited = 0;
        return TOKENS_NONE;
    }
    switch (tokens->source) {
    case TOKENS_OF_NOBODY:
        return none(error, "nobody is signed in");
    case TOKENS_GIVEN:
        if (!tokens->renewing && tokens->refused == NULL)
            return none(error, "the token that was given is not good any more");
        if (!tokens->renewing)
            begin_renewal(tokens, now_ms);
        break;
    case TOKENS_BY_FUNCTION:
        return ask_program(tokens) ? TOKENS_HERE : none(error, "the program has no token");
    case TOKENS_BY_PASSWORD:
        if (!tokens->renewing)
            begin_renewal(tokens, now_ms);
        break;
    }
    if (*awaited == 0)
        *awaited = tokens->failures + 1;
    return TOKENS_COME;
}

enum tokens_answer tokens_want(struct tokens *tokens, int64_t now_ms, uint64_t *awaited, freshet_error *error)
{
    int64_t due_ms = CLIENT_TIME_NONE;
    if (tokens->text != NULL && now_ms >= tokens->end_ms && !tokens->renewing)
        forget_text(tokens);
    if (tokens->text == NULL || now_ms >= tokens->end_ms)
        return make_one(tokens, now_ms, awaited, error);
    *awaited = 0;
    tokens_keep_fresh(tokens, now_ms, &due_ms);
    return TOKENS_HERE;
}
