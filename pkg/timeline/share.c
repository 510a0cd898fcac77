#include "timeline/share.h"

#include <string.h>

/* Process ids have 22 bits at most on Linux. Two members of one number cannot be: the second gets no lock. */
#define PID_BITS 24

int32_t fr_share_number(int worker, int backend_pid)
{
    return (int32_t)((unsigned)worker << PID_BITS | ((unsigned)backend_pid & ((1U << PID_BITS) - 1)));
}

static bool was_member(const struct fr_share *share, int32_t number)
{
    for (size_t i = 0; i < share->count; i++)
        if (share->members[i] == number)
            return true;
    return false;
}

void fr_share_see(struct fr_share *share, int32_t self, const int32_t *members, size_t count, int64_t now_ms)
{
    size_t kept = count < FR_AUTHOR_PARTITIONS ? count : FR_AUTHOR_PARTITIONS, known = 0;

    share->rank = 0;
    for (size_t i = 0; i < count; i++)
        share->rank += members[i] < self;
    for (size_t i = 0; i < kept; i++)
        known += was_member(share, members[i]);
    if (known < kept)
        share->came_ms = now_ms;
    if (known < kept || known < share->count)
        share->changed_ms = now_ms;
    memcpy(share->members, members, kept * sizeof(*members));
    share->count = kept;
    share->target = 0;
    if (share->rank < kept)
        share->target = FR_AUTHOR_PARTITIONS / kept + (share->rank < FR_AUTHOR_PARTITIONS % kept);
}

bool fr_share_may_take(const struct fr_share *share, int64_t now_ms)
{
    return now_ms - share->came_ms >= FR_SHARE_TAKE_MS;
}

bool fr_share_may_hand_over(const struct fr_share *share, int64_t now_ms)
{
    return now_ms - share->changed_ms >= FR_SHARE_HAND_OVER_MS;
}

int64_t fr_share_wait_ms(const struct fr_share *share, int64_t now_ms)
{
    if (!fr_share_may_take(share, now_ms))
        return share->came_ms + FR_SHARE_TAKE_MS - now_ms;
    if (!fr_share_may_hand_over(share, now_ms))
        return share->changed_ms + FR_SHARE_HAND_OVER_MS - now_ms;
    return -1;
}
