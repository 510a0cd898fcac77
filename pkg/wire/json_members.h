/* Members of JSON objects, as they are appended: each `key` brings its own punctuation, such as `,"text":`.
 */
#ifndef FR_WIRE_JSON_MEMBERS_H
#define FR_WIRE_JSON_MEMBERS_H

#include "wire/wire.h"

void fr_wire_member_text(struct fr_buf *out, const char *key, struct fr_str text);
void fr_wire_member_id(struct fr_buf *out, const char *key, int64_t id);
void fr_wire_member_time(struct fr_buf *out, const char *key, int64_t unix_ms);
/* All members of a post, without the braces. */
void fr_wire_members_post(struct fr_buf *out, const struct fr_wire_post *post);

#endif
