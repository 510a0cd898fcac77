/* A post of the timeline as JSON: what /post/get and /post/feed have in common. */
#ifndef FR_HTTP_POST_JSON_H
#define FR_HTTP_POST_JSON_H

#include "base/base.h"
#include "timeline/timeline.h"
#include "wire/wire.h"

/* At most: every byte of the text written as six (\u0001), and the other members. */
#define FR_POST_JSON_MAX (6 * FR_POST_TEXT_MAX + 256)

static inline void fr_post_json_append(struct fr_buf *out, const struct fr_post *post)
{
    fr_wire_json_post(out, &(struct fr_wire_post){
                               .id = post->id,
                               .author_id = post->author_id,
                               .text = post->text,
                               .created_at_ms = post->created_at_ms,
                               .edited_at_ms = post->edited_at_ms,
                           });
}

#endif
