#include "muted.h"

#include <stdlib.h>

/* Oldest first. */
struct muted {
    size_t count;
    int64_t ids[MUTED_MAX];
};

static size_t find(const struct muted *muted, int64_t author_id)
{
    size_t at = 0;
    while (at < muted->count && muted->ids[at] != author_id)
        at++;
    return at;
}

static void take_out(struct muted *muted, size_t at)
{
    muted->count--;
    memmove(muted->ids + at, muted->ids + at + 1, (muted->count - at) * sizeof muted->ids[0]);
}

bool fr_delivery_muted_has(const struct muted *muted, int64_t author_id)
{
    return muted != NULL && find(muted, author_id) < muted->count;
}

void fr_delivery_muted_add(struct muted **muted, int64_t author_id)
{
    if (fr_delivery_muted_has(*muted, author_id))
        return;
    if (*muted == NULL)
        *muted = FR_NEW(struct muted);
    if ((*muted)->count == MUTED_MAX)
        take_out(*muted, 0);
    (*muted)->ids[(*muted)->count++] = author_id;
}

void fr_delivery_muted_remove(struct muted **muted, int64_t author_id)
{
    if (!fr_delivery_muted_has(*muted, author_id))
        return;
    take_out(*muted, find(*muted, author_id));
    if ((*muted)->count == 0) {
        free(*muted);
        *muted = NULL;
    }
}

void fr_delivery_muted_free(struct muted *muted)
{
    free(muted);
}
