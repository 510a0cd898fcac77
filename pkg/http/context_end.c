#include "http/http_loop.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ADDRESS_SANITIZER 1
#endif
#endif

void fr_http_context_end(h2o_context_t *ctx)
{
    h2o_evloop_t *evloop = ctx->loop;
    /* The last of a graceful shutdown is not waited for. */
    h2o_timeout_unlink(&ctx->http2._graceful_shutdown_timeout);
    h2o_context_dispose(ctx);
    h2o_evloop_destroy(evloop);
}

#ifdef UNDER_ADDRESS_SANITIZER
const char *__lsan_default_suppressions(void);
/* h2o keeps free chunks for each thread and has no call that gives them back when the thread ends; nor does
 * it free the queues between threads. */
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle\nleak:h2o_multithread_create_queue\n";
}
#endif
