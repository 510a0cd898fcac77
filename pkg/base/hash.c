#include "base/hash.h"

#include "base/id.h"

uint32_t fr_fnv1a32(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++) {
        hash ^= p[i];
        hash *= 16777619u;
    }
    return hash;
}

int fr_partition_of(int64_t id, int count)
{
    char text[FR_ID_TEXT_SIZE];
    size_t len = fr_id_format(id, text);
    return (int)(fr_fnv1a32(text, len) % (uint32_t)count);
}
