#include "protobuf.h"

#include <stdlib.h>

void fr_protobuf_pack(struct fr_buf *out, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    char *room = fr_buf_reserve(out, len);
    if (room == NULL)
        return;
    protobuf_c_message_pack(message, (uint8_t *)room);
    room[len] = '\0';
    out->len += len;
}

char *fr_protobuf_terminated(struct fr_str text)
{
    return fr_strndup(text.data != NULL ? text.data : "", text.len);
}

struct sized {
    size_t size;
    max_align_t bytes[];
};

static void *sized_alloc(void *arg, size_t size)
{
    struct sized *block = fr_alloc(sizeof *block + size);
    block->size = size;
    return block->bytes;
}

static void sized_free(void *arg, void *ptr)
{
    if (ptr != NULL)
        free(FR_CONTAINER_OF(ptr, struct sized, bytes));
}

static void sized_wipe(void *arg, void *ptr)
{
    if (ptr != NULL)
        explicit_bzero(ptr, FR_CONTAINER_OF(ptr, struct sized, bytes)->size);
    sized_free(arg, ptr);
}

ProtobufCAllocator fr_protobuf_allocator(bool secret)
{
    return (ProtobufCAllocator){.alloc = sized_alloc, .free = secret ? sized_wipe : sized_free};
}

struct fr_str fr_protobuf_text(char *text)
{
    if (text == protobuf_c_empty_string) /* absent: not allocated */
        return FR_STR("");
    return (struct fr_str){text, FR_CONTAINER_OF(text, struct sized, bytes)->size - 1};
}
