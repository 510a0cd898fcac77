/* Who asks: the token of a call, in a header or in the query, or a ticket in the query.
 *
 * Whatever looks like a token must be a good one, also on a call that needs none. A header goes before the
 * query, which only WebSockets and event streams may use; there `token` and `ticket` together are 400, since
 * one of them must be meant and the other would be wasted. */
#include "config/config.h"
#include "graph/graph.h"
#include "http/http_loop.h"

struct proof {
    struct fr_str text;
    bool given, is_ticket;
};

static bool bearer(struct fr_str value, struct fr_str *ret_token)
{
    if (value.len < 7 || !fr_str_equal_nocase((struct fr_str){value.data, 7}, FR_STR("Bearer ")))
        return false;
    *ret_token = fr_str_trim((struct fr_str){value.data + 7, value.len - 7});
    return true;
}

bool fr_call_bearer(const struct fr_call *call, struct fr_str *ret)
{
    return bearer(fr_call_header(call, "authorization"), ret);
}

static enum fr_status find_in_headers(const struct fr_call *call, struct proof *proof, struct fr_error *error)
{
    struct fr_str authorization = fr_call_header(call, "authorization");
    if (authorization.data != NULL) {
        proof->given = true;
        if (!bearer(authorization, &proof->text))
            return fr_error_set(error, FR_UNAUTHENTICATED, NULL,
                                "Authorization must be `Bearer` and a token");
        return FR_OK;
    }
    struct fr_str stripped;
    proof->text = fr_call_header(call, "x-auth");
    proof->given = proof->text.data != NULL;
    if (proof->given && bearer(proof->text, &stripped))
        proof->text = stripped;
    return FR_OK;
}

static enum fr_status find_in_query(struct fr_call *call, struct proof *proof, struct fr_error *error)
{
    struct fr_str token, ticket;
    enum fr_status has_token = fr_call_query(call, "token", &token, error);
    enum fr_status has_ticket = fr_call_query(call, "ticket", &ticket, error);
    if (has_token != FR_NOT_FOUND && has_ticket != FR_NOT_FOUND)
        return fr_error_set(error, FR_INVALID, "ticket", "token or ticket, not both");
    if (has_token == FR_INVALID || has_ticket == FR_INVALID)
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the %s is not well formed",
                            has_token == FR_INVALID ? "token" : "ticket");
    if (has_token == FR_OK)
        *proof = (struct proof){.text = token, .given = true};
    if (has_ticket == FR_OK)
        *proof = (struct proof){.text = ticket, .given = true, .is_ticket = true};
    return FR_OK;
}

/* `ticket` is filled if the proof is one. */
static enum fr_status check(struct fr_call *call, const struct proof *proof, struct fr_ticket *ticket,
                            struct fr_token *token, struct fr_error *error)
{
    struct fr_revocations *revocations = call->home->server->revocations;
    const struct fr_keyring *keyring = call->home->state.keyring;
    int64_t now_ms = fr_clock_wall_ms();
    enum fr_status status;
    if (proof->is_ticket) {
        status = fr_ticket_verify(keyring, proof->text, now_ms, ticket, error);
        if (status == FR_OK)
            *token = ticket->token;
    } else if ((call->route->flags & FR_ROUTE_TOKEN_IN_QUERY) != 0) {
        /* Live: shown once for a long time, and memory per connection counts. */
        status = fr_token_verify(keyring, proof->text, now_ms, token, error);
    } else {
        status = fr_token_cache_verify(call->home->tokens, proof->text, now_ms, token, error);
    }
    if (status != FR_OK)
        return status;
    if (!fr_revocations_complete(revocations))
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "revoked tokens are not read yet");
    if (fr_revocations_cover(revocations, token))
        return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the token is revoked");
    return FR_OK;
}

static void on_ticket_used(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status == FR_CONFLICT)
        fr_call_problem(call, FR_PROBLEM_UNAUTHENTICATED, NULL, "The ticket was used before.");
    else if (status != FR_OK)
        fr_call_fail(call, status, error);
    else if (fr_call_gone(call))
        fr_call_answer_empty(call, 204); /* to nobody */
    else
        fr_call_go_on(call);
}

/* Limits are asked as soon as it is known whose: by address, if it is not. */
void fr_call_authenticate(struct fr_call *call)
{
    if ((call->route->flags & FR_ROUTE_NO_USER) != 0) {
        if (fr_limits_take(call))
            fr_call_go_on(call);
        return;
    }
    struct fr_error error = {0};
    struct proof proof = {.text = FR_STR_NONE};
    struct fr_ticket ticket;
    enum fr_status status = find_in_headers(call, &proof, &error);
    if (status == FR_OK && !proof.given && (call->route->flags & FR_ROUTE_TOKEN_IN_QUERY) != 0)
        status = find_in_query(call, &proof, &error);
    if (status == FR_OK && !proof.given && (call->route->flags & FR_ROUTE_AUTH) != 0)
        status = fr_error_set(&error, FR_UNAUTHENTICATED, NULL, "A token is needed.");
    if (status == FR_OK && proof.given)
        status = check(call, &proof, &ticket, &call->token, &error);
    call->has_token = proof.given && status == FR_OK;
    if (!fr_limits_take(call))
        return;
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
        return;
    }
    if (proof.is_ticket)
        fr_graph_use_ticket(call->home->state.store, ticket.id, ticket.expires_ms, on_ticket_used, call);
    else
        fr_call_go_on(call);
}
