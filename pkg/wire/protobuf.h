/* wire, inside: what all users of the generated code need. */
#ifndef FR_WIRE_PROTOBUF_H
#define FR_WIRE_PROTOBUF_H

#include <protobuf-c/protobuf-c.h>

#include "base/base.h"

/* Appends the packed message. */
void fr_protobuf_pack(struct fr_buf *out, const ProtobufCMessage *message);
/* A copy with a NUL behind it, as generated messages want their texts; the caller calls free(). */
char *fr_protobuf_terminated(struct fr_str text);

/* For unpacking. The generated code forgets how long a text was, so one with a NUL inside would be cut
 * without a word: what this allocates remembers its size. With `secret` it is wiped before it goes. */
ProtobufCAllocator fr_protobuf_allocator(bool secret);
/* All of a text of a message that was unpacked with it; borrowed from the message. */
struct fr_str fr_protobuf_text(char *text);

#endif
