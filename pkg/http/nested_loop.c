#include "http/nested_loop.h"

#include <unistd.h>

static void on_end_of_tick(h2o_timeout_entry_t *entry)
{
    struct fr_nested_loop *nested = FR_CONTAINER_OF(entry, struct fr_nested_loop, end_of_tick);
    fr_loop_run_deferred(nested->loop);
}

static void on_ready(h2o_socket_t *sock, const char *err)
{
    struct fr_nested_loop *nested = sock->data;
    fr_loop_run(nested->loop, 0);
}

void fr_nested_loop_start(struct fr_nested_loop *nested, struct fr_loop *loop, h2o_context_t *ctx)
{
    *nested = (struct fr_nested_loop){.loop = loop, .ctx = ctx, .end_of_tick = {.cb = on_end_of_tick}};
    nested->watched = h2o_evloop_socket_create(ctx->loop, dup(fr_loop_fd(loop)), H2O_SOCKET_FLAG_DONT_READ);
    nested->watched->data = nested;
    h2o_socket_read_start(nested->watched, on_ready);
}

void fr_nested_loop_touch(struct fr_nested_loop *nested)
{
    if (!h2o_timeout_is_linked(&nested->end_of_tick))
        h2o_timeout_link(nested->ctx->loop, &nested->ctx->zero_timeout, &nested->end_of_tick);
}

void fr_nested_loop_stop(struct fr_nested_loop *nested)
{
    h2o_socket_close(nested->watched);
    h2o_evloop_run(nested->ctx->loop, 0); /* its memory goes in the next round */
    h2o_timeout_unlink(&nested->end_of_tick);
}
