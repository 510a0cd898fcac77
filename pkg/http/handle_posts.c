#include "http/http_internal.h"

#include "base/fault.h"
#include "http/bodies.h"
#include "http/idempotency.h"
#include "loop/loop.h"

/* ---- POST /post/create ---- */

/* How long to wait before an id is refused as too early again, in ms: at once when two loops of this process
 * only crossed each other, longer when another gateway's clock is ahead. */
static const int64_t create_pauses_ms[] = {0, 2, 10, 50, 250};

struct create_call {
    struct fr_wire_post_create post; /* first: released with the rest */
    struct fr_call *call;
    const struct fr_once *once; /* NULL: may be done as often as it is asked for */
    struct fr_timer pause;
    size_t refused;
};

static void release_create(void *memory)
{
    struct create_call *create = memory;
    fr_timer_stop(&create->pause);
    fr_wire_post_create_release(&create->post);
}

static void on_created(void *arg, enum fr_status status, int64_t post_id, const struct fr_error *error);

static void create_with_next_id(struct create_call *create)
{
    struct fr_loop_state *state = fr_call_loop(create->call);
    int64_t post_id;
    if (fr_snowflake_next(state->snowflake, fr_clock_wall_ms(), &post_id) != FR_OK) {
        fr_call_problem(create->call, FR_PROBLEM_NO_IDS, NULL, NULL);
        return;
    }
    struct fr_origin origin = fr_call_origin(create->call);
    fr_timeline_create_post(state->store, fr_call_user_id(create->call), post_id,
                            fr_str_of(create->post.text), create->once, &origin, on_created, create);
}

static void on_pause_over(struct fr_timer *timer)
{
    create_with_next_id(FR_CONTAINER_OF(timer, struct create_call, pause));
}

static void on_created(void *arg, enum fr_status status, int64_t post_id, const struct fr_error *error)
{
    struct create_call *create = arg;
    struct fr_call *call = create->call;
    if (status == FR_CONFLICT && error->field[0] != '\0') {
        fr_call_problem(call, FR_PROBLEM_IDEMPOTENCY_CONFLICT, error->field, NULL);
        return;
    }
    if (status == FR_CONFLICT) {
        if (create->refused < FR_COUNT_OF(create_pauses_ms) && !fr_call_gone(call))
            fr_timer_start(fr_call_loop(call)->loop, &create->pause, create_pauses_ms[create->refused++],
                           on_pause_over);
        else
            fr_call_problem(call, FR_PROBLEM_UNAVAILABLE, NULL,
                            "The clock of this server is behind; try again.");
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    fr_fault_point("post_created");
    fr_call_nudge(call, fr_call_user_id(call));
    struct fr_buf body;
    fr_buf_init(&body, 32);
    fr_wire_answer_post_id(&body, fr_call_encoding(call), post_id);
    fr_call_answer_body(call, &body);
    fr_buf_release(&body);
}

void fr_handle_post_create(struct fr_call *call)
{
    struct fr_error error = {0};
    struct create_call *create = fr_call_alloc(call, sizeof(*create), release_create);
    create->call = call;
    enum fr_status status = fr_wire_decode_post_create(fr_call_body(call), &create->post, &error);
    if (status == FR_OK)
        status = fr_call_once(call, &create->once, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        create_with_next_id(create);
}

/* ---- PUT /post/update, PUT /post/delete/{id} ---- */
static void on_changed(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status == FR_OK) {
        fr_call_nudge(call, fr_call_user_id(call));
        fr_call_answer_empty(call, 200);
    } else if (status == FR_NOT_FOUND) {
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_POST, "id", NULL);
    } else {
        fr_call_fail(call, status, error);
    }
}

void fr_handle_post_update(struct fr_call *call)
{
    struct fr_error error = {0};
    struct fr_wire_post_update update = {0};
    enum fr_status status = fr_wire_decode_post_update(fr_call_body(call), &update, &error);
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
    } else {
        struct fr_origin origin = fr_call_origin(call);
        fr_timeline_update_post(fr_call_loop(call)->store, fr_call_user_id(call), update.id,
                                fr_str_of(update.text), &origin, on_changed, call);
    }
    fr_wire_post_update_release(&update);
}

void fr_handle_post_delete(struct fr_call *call)
{
    struct fr_error error = {0};
    int64_t post_id = 0;
    enum fr_status status = fr_call_param_id(call, &post_id, &error);
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
        return;
    }
    struct fr_origin origin = fr_call_origin(call);
    fr_timeline_delete_post(fr_call_loop(call)->store, fr_call_user_id(call), post_id, &origin, on_changed,
                            call);
}

/* ---- GET /post/get/{id} ---- */
static void on_post(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                    const struct fr_error *error)
{
    struct fr_call *call = arg;
    if (status == FR_NOT_FOUND) {
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_POST, "id", NULL);
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    fr_call_answer_post(call, &posts[0]);
}

void fr_handle_post_get(struct fr_call *call)
{
    struct fr_error error = {0};
    int64_t post_id = 0;
    enum fr_status status = fr_call_param_id(call, &post_id, &error);
    if (status != FR_OK)
        fr_call_fail(call, status, &error);
    else
        fr_timeline_get_post(fr_call_loop(call)->store, post_id, on_post, call);
}
