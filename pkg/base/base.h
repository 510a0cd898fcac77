/* base: what every other module stands on. No threads, no sockets, no global state.
 *
 *   status.h     fr_status and struct fr_error: how everything that can fail says so
 *   memory.h     allocation that cannot return NULL
 *   str.h        struct fr_str: a borrowed slice of bytes
 *   buf.h        struct fr_buf: growing bytes with a maximum
 *   utf8.h       validation of text that comes from outside
 *   id.h         64-bit ids and their decimal form
 *   snowflake.h  ids that rise with time
 *   clock.h      wall and monotonic time, RFC 3339
 *   hash.h       FNV-1a-32 and the partitions made with it
 *   random.h     repeatable random numbers for test and load data
 *   origin.h     where a change came from
 *   limits.h     every maximum of the system in one place
 */
#ifndef FR_BASE_H
#define FR_BASE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/once.h"
#include "base/origin.h"
#include "base/random.h"
#include "base/ring.h"
#include "base/snowflake.h"
#include "base/status.h"
#include "base/str.h"
#include "base/utf8.h"

/* The structure that holds `ptr` as its member `member`. */
#define FR_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define FR_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FR_WARN_UNUSED __attribute__((warn_unused_result))
#define FR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#endif
