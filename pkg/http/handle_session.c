#include "http/http_internal.h"

#include <stdlib.h>

#include "auth/revocations.h"
#include "config/config.h"
#include "http/bodies.h"

/* ---- POST /token/refresh ---- */
struct refresh_call {
    struct fr_call *call;
    int64_t asked_ms;
};

static void on_account(void *arg, enum fr_status status, const struct fr_error *error)
{
    const struct refresh_call *request = arg;
    struct fr_call *call = request->call;
    struct fr_loop_state *state = fr_call_loop(call);
    struct fr_token token;
    struct fr_error minting = {0};
    char *text = NULL;
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    /* From when the account was asked for: if it was deleted meanwhile, the token is from before that. */
    status = fr_token_mint(state->keyring, fr_call_user_id(call), request->asked_ms,
                           state->settings->token_ttl, &token, &text, &minting);
    if (status != FR_OK) {
        fr_call_fail(call, status, &minting);
        return;
    }
    fr_call_answer_token(call, fr_str_of(text), token.expires_ms);
    free(text);
}

/* The old token stays good until its end: whoever wants it dead logs out with it. So an answer that is lost
 * on its way signs nobody out. */
void fr_handle_token_refresh(struct fr_call *call)
{
    struct refresh_call *request = fr_call_alloc(call, sizeof *request, NULL);
    *request = (struct refresh_call){call, fr_clock_wall_ms()};
    fr_graph_check_account(fr_call_loop(call)->store, fr_call_user_id(call), on_account, request);
}

/* ---- POST /token/ticket ---- */
void fr_handle_token_ticket(struct fr_call *call)
{
    char text[FR_TICKET_SIZE];
    struct fr_ticket ticket;
    fr_ticket_make(fr_call_loop(call)->keyring, fr_call_token(call), fr_clock_wall_ms(), text, &ticket);
    fr_call_answer_ticket(call, fr_str_of(text), ticket.expires_ms);
}

/* ---- POST /logout ---- */
static void on_revoked(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    const struct fr_token *token = fr_call_token(call);
    struct fr_revocation revocation = {.until_ms = token->expires_ms};
    if (fr_revocation_parse(fr_str_of(token->id), &revocation) == FR_OK)
        fr_call_revoke(call, &revocation);
    fr_call_answer_empty(call, 200);
}

void fr_handle_logout(struct fr_call *call)
{
    const struct fr_token *token = fr_call_token(call);
    fr_graph_revoke_token(fr_call_loop(call)->store, token->id, token->expires_ms, on_revoked, call);
}
