/* wire, inside: JSON. */
#ifndef FR_WIRE_JSON_MEMBERS_H
#define FR_WIRE_JSON_MEMBERS_H

#include "wire/wire.h"

/* A JSON string with quotes; text is valid UTF-8. */
void fr_wire_json_text(struct fr_buf *out, struct fr_str text);

/* Members of objects, as they are appended: each `key` brings its own punctuation, such as `,"text":`. */
void fr_wire_member_text(struct fr_buf *out, const char *key, struct fr_str text);
void fr_wire_member_id(struct fr_buf *out, const char *key, int64_t id);
void fr_wire_member_time(struct fr_buf *out, const char *key, int64_t unix_ms);
/* All members of a post, without the braces. */
void fr_wire_members_post(struct fr_buf *out, const struct fr_wire_post *post);

/* Whole answers. */
void fr_wire_json_user(struct fr_buf *out, const struct fr_wire_user *user);
void fr_wire_json_profile(struct fr_buf *out, const struct fr_wire_profile *profile);
void fr_wire_json_post(struct fr_buf *out, const struct fr_wire_post *post);
void fr_wire_json_token(struct fr_buf *out, struct fr_str token, int64_t expires_ms);
void fr_wire_json_ticket(struct fr_buf *out, struct fr_str ticket, int64_t expires_ms);
void fr_wire_json_user_id(struct fr_buf *out, int64_t user_id); /* {"user_id":"…"} */
void fr_wire_json_id(struct fr_buf *out, int64_t id);           /* "…" */
void fr_wire_json_problem(struct fr_buf *out, const struct fr_wire_problem *problem);

#endif
