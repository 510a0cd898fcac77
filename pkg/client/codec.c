#include "codec.h"

#include <stdlib.h>

#include "freshet/v1/api.pb-c.h"
#include "freshet/v1/envelope.pb-c.h"
#include "problem.h"

/* ---- requests ---- */

/* The generated structs have `char *` for what is only read. */
static char *borrow(const char *text)
{
    return text != NULL ? (char *)(uintptr_t)text : (char *)(uintptr_t)protobuf_c_empty_string;
}

static void pack(struct fr_buf *out, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    char *room = fr_buf_reserve(out, len);
    if (room == NULL)
        return;
    protobuf_c_message_pack(message, (uint8_t *)room);
    room[len] = '\0';
    out->len += len;
}

void codec_write_login(struct fr_buf *out, int64_t user_id, const char *password)
{
    Freshet__V1__LoginRequest message;
    freshet__v1__login_request__init(&message);
    message.id = user_id;
    message.password = borrow(password);
    pack(out, &message.base);
}

void codec_write_registration(struct fr_buf *out, const freshet_registration *who)
{
    Freshet__V1__RegisterRequest message;
    freshet__v1__register_request__init(&message);
    message.first_name = borrow(who->first_name);
    message.second_name = borrow(who->second_name);
    message.birthdate = borrow(who->birthdate);
    message.biography = borrow(who->biography);
    message.city = borrow(who->city);
    message.password = borrow(who->password);
    pack(out, &message.base);
}

void codec_write_account_delete(struct fr_buf *out, const char *password)
{
    Freshet__V1__DeleteAccountRequest message;
    freshet__v1__delete_account_request__init(&message);
    message.password = borrow(password);
    pack(out, &message.base);
}

void codec_write_post(struct fr_buf *out, const char *text)
{
    Freshet__V1__PostCreateRequest message;
    freshet__v1__post_create_request__init(&message);
    message.text = borrow(text);
    pack(out, &message.base);
}

void codec_write_post_update(struct fr_buf *out, int64_t post_id, const char *text)
{
    Freshet__V1__PostUpdateRequest message;
    freshet__v1__post_update_request__init(&message);
    message.id = post_id;
    message.text = borrow(text);
    pack(out, &message.base);
}

/* ---- blocks: a struct, what it points to, and all texts in one allocation ---- */

/* Made by two walks over the same things: the first, without memory, counts; the second puts. */
struct block {
    char *memory; /* NULL while counting */
    size_t used;
};

static void *block_take(struct block *block, size_t size)
{
    block->used = (block->used + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    void *taken = block->memory != NULL ? block->memory + block->used : NULL;
    block->used += size;
    return taken;
}

static const char *block_text(struct block *block, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = block->memory != NULL ? memcpy(block->memory + block->used, text, size) : NULL;
    block->used += size;
    return copy;
}

typedef void *(*put_fn)(struct block *block, const ProtobufCMessage *message, const char *next);

/* Unpacks, copies with `put`, and frees what was unpacked. */
static void *decode(const ProtobufCMessageDescriptor *descriptor, struct fr_str bytes, put_fn put,
                    const char *next)
{
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, NULL, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return NULL;
    struct block counted = {0};
    put(&counted, message, next);
    struct block filled = {.memory = fr_alloc(counted.used)};
    put(&filled, message, next); /* begins with the struct that is wanted */
    protobuf_c_message_free_unpacked(message, NULL);
    return filled.memory;
}

#define MESSAGE_AS(type, message) ((const type *)(const void *)(message))

/* ---- tokens ---- */

static void *put_token_text(struct block *block, const char *text, int64_t expires_at_ms)
{
    freshet_token *token = block_take(block, sizeof *token);
    freshet_token made = {.text = block_text(block, text), .expires_at_ms = expires_at_ms};
    if (token != NULL)
        *token = made;
    return token;
}

static void *put_token(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__Token *from = MESSAGE_AS(Freshet__V1__Token, message);
    return put_token_text(block, from->token, from->expires_at_ms);
}

static void *put_ticket(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__Ticket *from = MESSAGE_AS(Freshet__V1__Ticket, message);
    return put_token_text(block, from->ticket, from->expires_at_ms);
}

freshet_token *codec_token(struct fr_str bytes)
{
    return decode(&freshet__v1__token__descriptor, bytes, put_token, NULL);
}

freshet_token *codec_ticket(struct fr_str bytes)
{
    return decode(&freshet__v1__ticket__descriptor, bytes, put_ticket, NULL);
}

/* ---- ids ---- */

bool codec_user_id(struct fr_str bytes, int64_t *ret_id)
{
    Freshet__V1__RegisterResponse *message =
        freshet__v1__register_response__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return false;
    *ret_id = message->user_id;
    freshet__v1__register_response__free_unpacked(message, NULL);
    return true;
}

bool codec_post_id(struct fr_str bytes, int64_t *ret_id)
{
    Freshet__V1__PostId *message = freshet__v1__post_id__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return false;
    *ret_id = message->id;
    freshet__v1__post_id__free_unpacked(message, NULL);
    return true;
}

/* ---- users ---- */

static void *put_user(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__User *from = MESSAGE_AS(Freshet__V1__User, message);
    freshet_user *user = block_take(block, sizeof *user);
    freshet_user made = {
        .id = from->id,
        .first_name = block_text(block, from->first_name),
        .second_name = block_text(block, from->second_name),
        .birthdate = block_text(block, from->birthdate),
        .biography = block_text(block, from->biography),
        .city = block_text(block, from->city),
    };
    if (user != NULL)
        *user = made;
    return user;
}

static void *put_profile(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__Profile *from = MESSAGE_AS(Freshet__V1__Profile, message);
    freshet_profile *profile = block_take(block, sizeof *profile);
    freshet_user *user = block_take(block, sizeof *user);
    freshet_user made_user = {
        .id = from->id,
        .first_name = block_text(block, from->first_name),
        .second_name = block_text(block, from->second_name),
        .birthdate = block_text(block, from->birthdate),
        .biography = block_text(block, from->biography),
        .city = block_text(block, from->city),
    };
    freshet_profile made = {
        .user = user,
        .follower_count = from->follower_count,
        .following_count = from->following_count,
        .celebrity = from->celebrity,
        .followed = from->viewer_case == FRESHET__V1__PROFILE__VIEWER_FOLLOWED && from->followed,
    };
    if (profile != NULL) {
        *user = made_user;
        *profile = made;
    }
    return profile;
}

static void *put_users(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__UserList *from = MESSAGE_AS(Freshet__V1__UserList, message);
    freshet_users *users = block_take(block, sizeof *users);
    const freshet_user **items = block_take(block, from->n_users * sizeof(const freshet_user *));
    for (size_t i = 0; i < from->n_users; i++) {
        const freshet_user *user = put_user(block, &from->users[i]->base, NULL);
        if (items != NULL)
            items[i] = user;
    }
    freshet_users made = {.count = from->n_users, .items = items, .next = block_text(block, next)};
    if (users != NULL)
        *users = made;
    return users;
}

freshet_user *codec_user(struct fr_str bytes)
{
    return decode(&freshet__v1__user__descriptor, bytes, put_user, NULL);
}

freshet_profile *codec_profile(struct fr_str bytes)
{
    return decode(&freshet__v1__profile__descriptor, bytes, put_profile, NULL);
}

freshet_users *codec_users(struct fr_str bytes, const char *next)
{
    return decode(&freshet__v1__user_list__descriptor, bytes, put_users, next);
}

/* ---- posts ---- */

static void *put_post(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__Post *from = MESSAGE_AS(Freshet__V1__Post, message);
    freshet_post *post = block_take(block, sizeof *post);
    freshet_post made = {
        .id = from->id,
        .author_id = from->author_user_id,
        .text = block_text(block, from->text),
        .created_at_ms = from->created_at_ms,
        .edited_at_ms = from->edited_at_ms,
    };
    if (post != NULL)
        *post = made;
    return post;
}

static void *put_posts(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__PostList *from = MESSAGE_AS(Freshet__V1__PostList, message);
    freshet_posts *posts = block_take(block, sizeof *posts);
    const freshet_post **items = block_take(block, from->n_posts * sizeof(const freshet_post *));
    for (size_t i = 0; i < from->n_posts; i++) {
        const freshet_post *post = put_post(block, &from->posts[i]->base, NULL);
        if (items != NULL)
            items[i] = post;
    }
    freshet_posts made = {.count = from->n_posts, .items = items, .next = block_text(block, next)};
    if (posts != NULL)
        *posts = made;
    return posts;
}

freshet_post *codec_post(struct fr_str bytes)
{
    return decode(&freshet__v1__post__descriptor, bytes, put_post, NULL);
}

freshet_posts *codec_posts(struct fr_str bytes, const char *next)
{
    return decode(&freshet__v1__post_list__descriptor, bytes, put_posts, next);
}

/* ---- problems ---- */

bool codec_problem(struct fr_str bytes, freshet_error *ret_error)
{
    Freshet__V1__Problem *from = freshet__v1__problem__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
    if (from == NULL)
        return false;
    problem_clear(ret_error);
    ret_error->status = from->status;
    ret_error->code = from->code;
    problem_copy(ret_error->title, sizeof ret_error->title, from->title);
    problem_copy(ret_error->detail, sizeof ret_error->detail, from->detail);
    problem_copy(ret_error->field, sizeof ret_error->field, from->field);
    problem_copy(ret_error->request_id, sizeof ret_error->request_id, from->request_id);
    freshet__v1__problem__free_unpacked(from, NULL);
    return true;
}

/* ---- the live feed ---- */

static enum envelope_type type_of(Freshet__V1__EnvelopeType type)
{
    switch (type) {
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_READY:
        return ENVELOPE_READY;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_POST:
        return ENVELOPE_POST;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_EDIT:
        return ENVELOPE_EDIT;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_DELETE:
        return ENVELOPE_DELETE;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_RESET:
        return ENVELOPE_RESET;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_SNAPSHOT_END:
        return ENVELOPE_SNAPSHOT_END;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_BYE:
        return ENVELOPE_BYE;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_CURSOR:
        return ENVELOPE_CURSOR;
    case FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_UNSPECIFIED:
    case _FRESHET__V1__ENVELOPE_TYPE_IS_INT_SIZE:
        break;
    }
    return ENVELOPE_UNKNOWN;
}

static void *put_envelope(struct block *block, const ProtobufCMessage *message, const char *next)
{
    const Freshet__V1__Envelope *from = MESSAGE_AS(Freshet__V1__Envelope, message);
    struct envelope *envelope = block_take(block, sizeof *envelope);
    size_t wire_size = protobuf_c_message_get_packed_size(message);
    uint8_t *wire = block_take(block, wire_size);
    const char *text = block_text(block, from->text), *reason = block_text(block, from->reason);
    if (envelope == NULL)
        return NULL;
    protobuf_c_message_pack(message, wire);
    *envelope = (struct envelope){
        .type = type_of(from->type),
        .snapshot = from->snapshot,
        .resumed = from->resumed,
        .code = from->code,
        .user_id = from->user_id,
        .reconnect_after_ms = from->reconnect_after_ms,
        .post =
            {
                .id = from->id,
                .author_id = from->author_user_id,
                .text = text,
                .created_at_ms = from->created_at_ms,
                .edited_at_ms = from->edited_at_ms,
            },
        .reason = reason,
        .wire = {(char *)wire, wire_size},
    };
    /* One that is too long is none of the server's, and a part of it would be none at all. */
    if (strlen(from->cursor) < sizeof envelope->cursor)
        memcpy(envelope->cursor, from->cursor, strlen(from->cursor) + 1);
    return envelope;
}

struct envelope *codec_envelope(struct fr_str bytes)
{
    return decode(&freshet__v1__envelope__descriptor, bytes, put_envelope, NULL);
}
