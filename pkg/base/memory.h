/* Allocation that cannot return NULL. Every buffer, queue and table has a maximum of its own (limits.h), so
 * running out of memory means that the machine is wrongly sized: the process says so and aborts, and its
 * supervisor starts it again. What was accepted is in PostgreSQL. The HTTP library below us behaves the same.
 */
#ifndef FR_BASE_MEMORY_H
#define FR_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed; release with free(). */
void *fr_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *fr_alloc_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/* Grown bytes are not zeroed. */
void *fr_realloc_array(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
char *fr_strdup(const char *text) __attribute__((malloc, returns_nonnull));
/* All `len` bytes, whatever they are, and a NUL behind them. */
char *fr_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));

#define FR_NEW(type) ((type *)fr_alloc(sizeof(type)))

#endif
