/* A request that its sender may repeat and that is done once all the same (Idempotency-Key). */
#ifndef FR_BASE_ONCE_H
#define FR_BASE_ONCE_H

#include <stdint.h>

#include "base/str.h"

#define FR_ONCE_HASH_SIZE 32

struct fr_once {
    struct fr_str key; /* 1..FR_IDEMPOTENCY_KEY_MAX printable characters; its sender's alone */
    /* SHA-256 of the call and its body: the same key with another hash is another request, and refused. */
    uint8_t hash[FR_ONCE_HASH_SIZE];
};

#endif
