#include "timeline/linger.h"

void fr_timeline_linger_init(struct linger *linger, int64_t whole_ms)
{
    *linger = (struct linger){.whole_ms = whole_ms, .began_ms = INT64_MIN / 2};
}

void fr_timeline_linger_note(struct linger *linger, int64_t began_ms, size_t events, bool plenty)
{
    int64_t load = events < LINGER_EVENTS ? (int64_t)events : LINGER_EVENTS;

    linger->plenty = plenty;
    if (events == 0)
        return; /* that was no batch */
    linger->began_ms = began_ms;
    linger->part_ms = linger->whole_ms * load / LINGER_EVENTS;
}

void fr_timeline_linger_forget(struct linger *linger)
{
    linger->plenty = false;
}

int64_t fr_timeline_linger_left_ms(const struct linger *linger, int64_t now_ms)
{
    int64_t left = linger->began_ms + linger->part_ms - now_ms;

    return linger->plenty || left < 0 ? 0 : left;
}
