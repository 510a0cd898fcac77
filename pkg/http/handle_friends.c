#include "http/http_internal.h"

#include "graph/graph.h"

struct friend_call {
    struct fr_call *call;
    int64_t user_id; /* of whom the caller follows or no longer follows */
};

static void on_edge(void *arg, enum fr_status status, bool changed, const struct fr_error *error)
{
    const struct friend_call *friend = arg;
    struct fr_call *call = friend->call;
    if (status == FR_OK) {
        /* The followed user's partition has news. */
        if (changed)
            fr_call_nudge(call, friend->user_id);
        fr_call_answer_empty(call, 200);
    } else if (status == FR_NOT_FOUND) {
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_USER, "user_id", NULL);
    } else if (status == FR_FULL && error->field[0] != '\0') {
        fr_call_problem(call, FR_PROBLEM_TOO_MANY_FOLLOWS, "user_id", "%s.", error->message);
    } else {
        fr_call_fail(call, status, error);
    }
}

static struct friend_call *begin(struct fr_call *call)
{
    struct fr_error error = {0};
    struct friend_call *friend = fr_call_alloc(call, sizeof(*friend), NULL);
    friend->call = call;
    enum fr_status status = fr_call_param_id(call, &friend->user_id, &error);
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
        return NULL;
    }
    return friend;
}

void fr_handle_friend_set(struct fr_call *call)
{
    struct friend_call *friend = begin(call);
    if (friend == NULL)
        return;
    if (friend->user_id == fr_call_user_id(call)) {
        fr_call_problem(call, FR_PROBLEM_SELF_FOLLOW, "user_id", NULL);
        return;
    }
    struct fr_origin origin = fr_call_origin(call);
    fr_graph_follow(fr_call_loop(call)->store, fr_call_user_id(call), friend->user_id, &origin, on_edge,
                    friend);
}

void fr_handle_friend_delete(struct fr_call *call)
{
    struct friend_call *friend = begin(call);
    if (friend == NULL)
        return;
    struct fr_origin origin = fr_call_origin(call);
    fr_graph_unfollow(fr_call_loop(call)->store, fr_call_user_id(call), friend->user_id, &origin, on_edge,
                      friend);
}
