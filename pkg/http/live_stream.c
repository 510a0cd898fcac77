/* GET /post/feed/stream: the live feed as an answer that does not end, over HTTP/1.1 and HTTP/2.
 *
 * As server-sent events or as protobuf, as `Accept` says. The head is sent when the flow has started, not
 * before: whoever sees the 200 gets every post made after that. Until then the call waits.
 */
#include <stdlib.h>

#include "http/accept_header.h"
#include "http/live.h"
#include "http/stream.h"

struct live_stream {
    struct fr_live live;
    struct fr_stream stream;
};

static struct live_stream *stream_of(struct fr_live *live)
{
    return FR_CONTAINER_OF(live, struct live_stream, live);
}

/* ---- the stream's side ---- */

static void on_gone(struct fr_stream *stream)
{
    struct live_stream *live_stream = FR_CONTAINER_OF(stream, struct live_stream, stream);
    fr_live_gone(&live_stream->live);
    free(live_stream);
}

static void on_too_slow(struct fr_stream *stream)
{
    fr_live_too_slow(&FR_CONTAINER_OF(stream, struct live_stream, stream)->live);
}

static void on_left(struct fr_stream *stream)
{
    fr_live_left(&FR_CONTAINER_OF(stream, struct live_stream, stream)->live);
}

static const struct fr_stream_verbs stream_verbs = {
    .too_slow = on_too_slow, .left = on_left, .gone = on_gone};

/* ---- the live connection's side ---- */

static void on_accept(struct fr_live *live, struct fr_call *call)
{
    struct fr_stream *stream = &stream_of(live)->stream;
    if (fr_call_gone(call)) {
        fr_call_answer_empty(call, 204); /* to nobody */
        fr_stream_abort_later(stream);
        return;
    }
    fr_stream_begin(stream, call);
}

static enum fr_status on_send(struct fr_live *live, const struct fr_message *message)
{
    return fr_stream_send(&stream_of(live)->stream, message);
}

static void on_drop(struct fr_live *live)
{
    fr_stream_drop(&stream_of(live)->stream);
}

/* Code and reason were in the bye. */
static void on_close(struct fr_live *live, int code, const char *reason, bool drop_queued)
{
    fr_stream_end(&stream_of(live)->stream);
}

static void on_abort(struct fr_live *live)
{
    fr_stream_abort_later(&stream_of(live)->stream);
}

static void on_describe(struct fr_live *live, struct fr_live_carriage *ret)
{
    const struct fr_stream *stream = &stream_of(live)->stream;
    *ret = (struct fr_live_carriage){
        .sock = fr_stream_socket(stream),
        .http2 = stream->req != NULL && stream->req->version >= 0x200,
        .bytes_queued = stream->waiting.bytes,
        .slow_since_ms = stream->waiting.over_ms,
    };
}

static const struct fr_live_verbs live_verbs = {
    .accept = on_accept,
    .send = on_send,
    .drop = on_drop,
    .close = on_close,
    .abort = on_abort,
    .describe = on_describe,
};

/* ---- the call ---- */

/* NULL: the call is answered. */
static const struct fr_stream_format *choose_format(struct fr_call *call)
{
    static const struct fr_stream_format *const formats[] = {&fr_stream_sse, &fr_stream_protobuf};
    const char *const types[] = {formats[0]->content_type, formats[1]->content_type};
    int chosen = fr_accept_choose(fr_call_header(call, "accept"), types, FR_COUNT_OF(types));
    if (chosen >= 0)
        return formats[chosen];
    fr_call_problem(call, FR_PROBLEM_NOT_ACCEPTABLE, "Accept",
                    "This path gives text/event-stream and application/x-protobuf.");
    return NULL;
}

void fr_handle_live_stream(struct fr_call *call)
{
    struct fr_join join = {0};
    struct fr_cursor cursor;
    const struct fr_stream_format *format = choose_format(call);
    if (format == NULL || !fr_live_read_join(call, fr_call_header(call, "last-event-id"), &join, &cursor))
        return;
    struct fr_http_loop *home = call->home;
    if (home->phase != HTTP_SERVING) {
        fr_call_problem(call, FR_PROBLEM_UNAVAILABLE, NULL, "The gateway is stopping.");
        return;
    }
    fr_call_add_header(call, "x-accel-buffering", FR_STR("no"));
    fr_call_add_header(call, "vary", FR_STR("Accept"));
    if (fr_str_equal(fr_call_method(call), FR_STR("HEAD"))) {
        fr_call_answer_stream_head(call, format->content_type);
        return;
    }
    join.encoding = format->encoding;

    struct live_stream *live_stream = FR_NEW(struct live_stream);
    live_stream->live.carrier = format == &fr_stream_sse ? FR_LIVE_SSE : FR_LIVE_PROTOBUF;
    fr_stream_init(&live_stream->stream, home, format, &stream_verbs);
    if (fr_live_begin(&live_stream->live, call, &live_verbs, &join) != FR_OK)
        fr_stream_abort(&live_stream->stream);
}
