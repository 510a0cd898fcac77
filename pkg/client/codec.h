/* Protobuf to the structs of freshet/client.h and back: the only user of the generated code in the SDK. Pure
 * functions on bytes.
 *
 * What decodes to a pointer gives one block with its texts in it, to be released with free(); NULL if the
 * bytes are no such message. Unknown fields are skipped. */
#ifndef FRESHET_CODEC_H
#define FRESHET_CODEC_H

#include "base/base.h"
#include "freshet/client.h"

#define CODEC_CURSOR_SIZE 129 /* of the live feed: at most 128 bytes (docs/asyncapi.yaml) */

/* ---- requests: appended to `out` ---- */

void codec_write_login(struct fr_buf *out, int64_t user_id, const char *password);
void codec_write_registration(struct fr_buf *out, const freshet_registration *who);
void codec_write_account_delete(struct fr_buf *out, const char *password);
void codec_write_post(struct fr_buf *out, const char *text);
void codec_write_post_update(struct fr_buf *out, int64_t post_id, const char *text);

/* ---- answers ---- */

freshet_token *codec_token(struct fr_str bytes);
freshet_token *codec_ticket(struct fr_str bytes);
/* RegisterResponse and PostId. */
bool codec_user_id(struct fr_str bytes, int64_t *ret_id);
bool codec_post_id(struct fr_str bytes, int64_t *ret_id);
freshet_user *codec_user(struct fr_str bytes);
freshet_profile *codec_profile(struct fr_str bytes);
/* `next`: the cursor of the next page, or empty. */
freshet_users *codec_users(struct fr_str bytes, const char *next);
freshet_post *codec_post(struct fr_str bytes);
freshet_posts *codec_posts(struct fr_str bytes, const char *next);
/* Everything but `kind`. */
bool codec_problem(struct fr_str bytes, freshet_error *ret_error);

/* ---- the live feed ---- */

enum envelope_type {
    ENVELOPE_UNKNOWN, /* of a newer server, or none: counts for its cursor */
    ENVELOPE_READY,
    ENVELOPE_POST,
    ENVELOPE_EDIT,
    ENVELOPE_DELETE,
    ENVELOPE_RESET,
    ENVELOPE_SNAPSHOT_END,
    ENVELOPE_BYE,
    ENVELOPE_CURSOR,
};

struct envelope {
    enum envelope_type type;
    char cursor[CODEC_CURSOR_SIZE]; /* empty if it has none */
    bool snapshot, resumed;
    int code; /* a close code of WebSocket */
    int64_t user_id;
    int64_t reconnect_after_ms;
    freshet_post post;
    const char *reason; /* never NULL, like the post's text */
    struct fr_str wire; /* the message itself, with the fields that this version does not know */
};

struct envelope *codec_envelope(struct fr_str bytes);

#endif
