#include "seen.h"

/* A walk through 24 KB: less than a microsecond, beside a frame that came through a socket. */
static bool knows(const struct seen *seen, struct seen_key key)
{
    for (size_t i = 0; i < seen->count; i++) {
        const struct seen_key *known = &seen->keys[i];
        if (known->id == key.id && known->type == key.type && known->edited_at_ms == key.edited_at_ms)
            return true;
    }
    return false;
}

bool seen_add(struct seen *seen, struct seen_key key)
{
    if (knows(seen, key))
        return false;
    seen->keys[seen->next] = key;
    seen->next = (seen->next + 1) % SEEN_MAX;
    if (seen->count < SEEN_MAX)
        seen->count++;
    return true;
}

void seen_clear(struct seen *seen)
{
    seen->count = seen->next = 0;
}
