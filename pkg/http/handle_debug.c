#include "http/http_internal.h"

#include "config/config.h"

/* GET /debug/constant?bytes=N: so many bytes of JSON out of nothing, through the same loops, token check and
 * answer as every call: what benchmarks hold the calls that do something against. There with --debug-echo
 * alone. */
void fr_handle_debug_constant(struct fr_call *call)
{
    struct fr_error error = {0};
    int64_t bytes = 0;
    if (!fr_call_loop(call)->settings->debug_echo) {
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_PATH, NULL, NULL);
        return;
    }
    enum fr_status status = fr_call_query_i64(call, "bytes", 2, 2, FR_RESPONSE_BODY_MAX, &bytes, &error);
    if (status != FR_OK) {
        fr_call_fail(call, status, &error);
        return;
    }
    struct fr_buf body;
    fr_buf_init(&body, (size_t)bytes);
    char *room = fr_buf_reserve(&body, (size_t)bytes);
    memset(room, 'x', (size_t)bytes); /* there is room: it was asked for at init */
    room[0] = room[bytes - 1] = '"';
    room[bytes] = '\0';
    body.len = (size_t)bytes;
    fr_call_answer(call, 200, "application/json", &body);
    fr_buf_release(&body);
}
