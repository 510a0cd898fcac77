#include "http/outqueue.h"

#include <assert.h>

#include "config/config.h"

enum fr_status fr_outqueue_rule_read(const struct fr_settings *settings, struct fr_outqueue_rule *ret,
                                     struct fr_error *error)
{
    if (settings->connection_queue_soft > settings->connection_queue)
        return fr_error_set(error, FR_INVALID, "--connection-queue-soft",
                            "--connection-queue-soft: must not be more than --connection-queue");
    *ret = (struct fr_outqueue_rule){
        .hard = (uint32_t)settings->connection_queue,
        .soft = (uint32_t)settings->connection_queue_soft,
        .soft_ms = settings->slow_client_time,
    };
    return FR_OK;
}

bool fr_outqueue_has_room(const struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes)
{
    uint64_t bound =
        queue->writing ? (uint64_t)queue->burst + rule->hard : (uint64_t)FR_OUTQUEUE_BURST * rule->hard;
    return bytes <= bound && queue->bytes <= bound - bytes;
}

void fr_outqueue_add(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes,
                     int64_t now_ms)
{
    queue->bytes += (uint32_t)bytes;
    if (queue->over_ms == 0 && queue->bytes > rule->soft)
        queue->over_ms = now_ms;
}

void fr_outqueue_write(struct fr_outqueue *queue, int64_t now_ms)
{
    if (queue->writing)
        return;
    queue->writing = true;
    queue->burst = queue->bytes;
    if (queue->over_ms != 0)
        queue->over_ms = now_ms;
}

static void shrink(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes)
{
    assert(bytes <= queue->bytes);
    queue->bytes -= (uint32_t)bytes;
    if (queue->bytes <= rule->soft)
        queue->over_ms = 0;
    if (queue->bytes == 0)
        queue->writing = false;
}

void fr_outqueue_wrote(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes)
{
    queue->burst -= bytes < queue->burst ? (uint32_t)bytes : queue->burst;
    shrink(queue, rule, bytes);
}

void fr_outqueue_dropped(struct fr_outqueue *queue, const struct fr_outqueue_rule *rule, size_t bytes)
{
    shrink(queue, rule, bytes);
    if (queue->burst > queue->bytes)
        queue->burst = queue->bytes;
}

int64_t fr_outqueue_deadline_ms(const struct fr_outqueue *queue, const struct fr_outqueue_rule *rule)
{
    return queue->over_ms != 0 ? queue->over_ms + rule->soft_ms : INT64_MAX;
}
