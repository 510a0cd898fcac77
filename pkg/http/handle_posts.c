#include "http/http_internal.h"

#include "base/fault.h"
#include "http/bodies.h"
#include "http/idempotency.h"
#include "loop/loop.h"
#include "timeline/post_writer.h"

/* ---- POST /post/create ---- */

/* An id that came too late is taken anew: at once when two loops of this process crossed each other, for some
 * time when another gateway's clock is ahead. */
enum { RETRIES_AT_ONCE = 3, RETRY_PAUSE_MAX_MS = 64, RETRY_PATIENCE_MS = 2000 };

struct create_call {
    struct fr_wire_post_create body; /* first: released with the rest */
    struct fr_call *call;
    struct fr_new_post post;
    struct fr_timer pause;
    unsigned refused;
    int64_t give_up_ms; /* monotonic; from the first refusal on */
};

static void release_create(void *memory)
{
    struct create_call *create = memory;
    fr_timer_stop(&create->pause);
    fr_wire_post_create_release(&create->body);
}

static void on_pause_over(struct fr_timer *timer)
{
    struct create_call *create = FR_CONTAINER_OF(timer, struct create_call, pause);
    fr_post_writer_write(fr_call_loop(create->call)->post_writer, &create->post);
}

static void retry(struct create_call *create)
{
    int64_t now_ms = fr_clock_monotonic_ms(), pause_ms = 0;
    if (create->refused == 0)
        create->give_up_ms = now_ms + RETRY_PATIENCE_MS;
    if (now_ms >= create->give_up_ms || fr_call_gone(create->call)) {
        fr_call_problem(create->call, FR_PROBLEM_UNAVAILABLE, NULL,
                        "The clock of this server is behind; try again.");
        return;
    }
    if (create->refused >= RETRIES_AT_ONCE) {
        unsigned doublings = create->refused - RETRIES_AT_ONCE;
        pause_ms = doublings < 6 ? INT64_C(1) << doublings : RETRY_PAUSE_MAX_MS;
    }
    create->refused++;
    fr_timer_start(fr_call_loop(create->call)->loop, &create->pause, pause_ms, on_pause_over);
}

static void on_created(struct fr_new_post *post, enum fr_status status, int64_t post_id,
                       const struct fr_error *error)
{
    struct create_call *create = FR_CONTAINER_OF(post, struct create_call, post);
    struct fr_call *call = create->call;
    bool of_field = status != FR_OK && error->field[0] != '\0';
    if (status == FR_CONFLICT && of_field) {
        fr_call_problem(call, FR_PROBLEM_IDEMPOTENCY_CONFLICT, error->field, NULL);
        return;
    }
    if (status == FR_UNAVAILABLE && of_field) {
        fr_call_problem(call, FR_PROBLEM_NO_IDS, NULL, NULL);
        return;
    }
    if (status == FR_CONFLICT) {
        retry(create);
        return;
    }
    if (status != FR_OK) {
        fr_call_fail(call, status, error);
        return;
    }
    fr_fault_point("post_created");
    fr_call_nudge(call, fr_call_user_id(call));
    struct fr_buf answer;
    fr_buf_init(&answer, 32);
    fr_wire_answer_post_id(&answer, fr_call_encoding(call), post_id);
    fr_call_answer_body(call, &answer);
    fr_buf_release(&answer);
}

void fr_handle_post_create(struct fr_call *call)
{
    struct fr_error error = {0};
    struct create_call *create = fr_call_alloc(call, sizeof(*create), release_create);
    create->call = call;
    enum fr_status status = fr_wire_decode_post_create(fr_call_body(call), &create->body, &error);
    if (status == FR_OK)
        status = fr_call_once(call, &create->post.once, &error);
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
        return;
    }
    create->post.author_id = fr_call_user_id(call);
    create->post.text = fr_str_of(create->body.text);
    create->post.origin = fr_call_origin(call);
    create->post.done = on_created;
    fr_post_writer_write(fr_call_loop(call)->post_writer, &create->post);
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
