#include "http/http_internal.h"

#include "auth/revocations.h"
#include "graph/graph.h"
#include "wire/wire.h"

/* ---- DELETE /user/me ---- */
struct delete_call {
    struct fr_wire_password form; /* first: released as one */
    struct fr_call *call;
};

static void release_form(void *memory)
{
    fr_wire_password_release(memory);
}

static void on_deleted(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct delete_call *request = arg;
    if (status != FR_OK) {
        fr_call_fail(request->call, status, error);
        return;
    }
    int64_t user_id = fr_call_user_id(request->call), now_ms = fr_clock_wall_ms();
    fr_call_revoke(request->call, &(struct fr_revocation){.user_id = user_id,
                                                          .revoked_ms = now_ms,
                                                          .until_ms = now_ms + FR_TOKEN_TTL_MAX_MS});
    fr_call_nudge(request->call, user_id);
    fr_call_answer_empty(request->call, 200);
}

static void on_verified(struct fr_call *call, void *arg, enum fr_status status, const char *hash,
                        const struct fr_error *error)
{
    if (status == FR_UNAUTHENTICATED) {
        fr_call_login_failed(call);
        fr_call_problem(call, FR_PROBLEM_WRONG_PASSWORD, "password", NULL);
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    fr_call_login_passed(call);
    struct fr_origin origin = fr_call_origin(call);
    fr_graph_delete_account(fr_call_loop(call)->store, fr_call_user_id(call), &origin, on_deleted, arg);
}

static void on_credentials(void *arg, enum fr_status status, const char *password_hash,
                           const struct fr_error *error)
{
    struct delete_call *request = arg;
    if (status == FR_NOT_FOUND) /* a token outlives its account */
        fr_call_problem(request->call, FR_PROBLEM_UNAUTHENTICATED, NULL, "The account is gone.");
    else if (status != FR_OK)
        fr_call_fail(request->call, status, error);
    else
        fr_call_verify_password(request->call, fr_str_of(request->form.password), password_hash, on_verified,
                                request);
}

void fr_handle_account_delete(struct fr_call *call)
{
    struct fr_error error = {0};
    struct delete_call *request = fr_call_alloc(call, sizeof(*request), release_form);
    request->call = call;
    enum fr_status status = fr_wire_decode_password(fr_call_body(call), &request->form, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else if (fr_call_login_begins(call, fr_call_user_id(call)))
        fr_graph_credentials(fr_call_loop(call)->store, fr_call_user_id(call), on_credentials, request);
}
