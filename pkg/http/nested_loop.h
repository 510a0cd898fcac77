/* A loop of ours within one of libh2o: timers and tasks for code that lives between the two.
 *
 * libh2o 2.2.5 puts work off to the end of a tick only within its own run: what is left pending outside of
 * callbacks waits for the next event. So every entry from h2o into our code calls fr_nested_loop_touch(),
 * whose zero timeout runs our deferred tasks after the sockets of this tick. */
#ifndef FR_HTTP_NESTED_LOOP_H
#define FR_HTTP_NESTED_LOOP_H

#include <h2o.h>

#include "loop/loop.h"

struct fr_nested_loop {
    struct fr_loop *loop; /* borrowed */
    h2o_context_t *ctx;
    h2o_socket_t *watched; /* a duplicate of the loop's descriptor */
    h2o_timeout_entry_t end_of_tick;
};

void fr_nested_loop_start(struct fr_nested_loop *nested, struct fr_loop *loop, h2o_context_t *ctx);
void fr_nested_loop_touch(struct fr_nested_loop *nested);
/* Not from within a callback. */
void fr_nested_loop_stop(struct fr_nested_loop *nested);

#endif
