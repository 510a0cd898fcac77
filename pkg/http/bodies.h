/* Answers that several calls have in common: tokens, users and posts, in the call's encoding. Each answers
 * the call with 200; what is given is borrowed during it. */
#ifndef FR_HTTP_BODIES_H
#define FR_HTTP_BODIES_H

#include "graph/graph.h"
#include "http/http_internal.h"
#include "timeline/timeline.h"

/* These two are not to be stored by anybody on the way. */
void fr_call_answer_token(struct fr_call *call, struct fr_str token, int64_t expires_ms);
void fr_call_answer_ticket(struct fr_call *call, struct fr_str ticket, int64_t expires_ms);
void fr_call_answer_user(struct fr_call *call, const struct fr_user *user);
/* Whether the caller follows is told if there is one. */
void fr_call_answer_profile(struct fr_call *call, const struct fr_profile *profile);
/* At most FR_PAGE_LIMIT_MAX. */
void fr_call_answer_users(struct fr_call *call, const struct fr_user *users, size_t count);
void fr_call_answer_post(struct fr_call *call, const struct fr_post *post);
/* At most FR_PAGE_LIMIT_MAX. */
void fr_call_answer_posts(struct fr_call *call, const struct fr_post *posts, size_t count);

#endif
