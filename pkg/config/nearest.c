#include "config/config.h"

enum { WORD_MAX = 64 };

/* How many letters must be changed, added or left out (or two neighbours swapped, which counts as one). */
static size_t distance(struct fr_str a, struct fr_str b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = j;
    memcpy(before, last, sizeof rows[0]);
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = last[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b.len];
}

const char *fr_config_nearest(struct fr_str word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t least = WORD_MAX;
    if (word.len == 0 || word.len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct fr_str name = fr_str_of(names[i]);
        if (name.len > WORD_MAX)
            continue;
        size_t changes = distance(word, name);
        if (changes < least && changes * 3 <= name.len) {
            least = changes;
            nearest = names[i];
        }
    }
    return nearest;
}
