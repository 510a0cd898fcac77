#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *ptr, size_t size)
{
    if (ptr == NULL) {
        fprintf(stderr, "freshet: out of memory (%zu bytes wanted)\n", size);
        abort();
    }
    return ptr;
}

void *fr_alloc(size_t size)
{
    return check(calloc(1, size != 0 ? size : 1), size);
}

void *fr_alloc_array(size_t count, size_t size)
{
    return check(calloc(count != 0 ? count : 1, size != 0 ? size : 1), count * size);
}

void *fr_realloc_array(void *ptr, size_t count, size_t size)
{
    return check(reallocarray(ptr, count != 0 ? count : 1, size), count * size);
}

char *fr_strdup(const char *text)
{
    return check(strdup(text), strlen(text));
}

char *fr_strndup(const char *text, size_t len)
{
    char *copy = check(malloc(len + 1), len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
