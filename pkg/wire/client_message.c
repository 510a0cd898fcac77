#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "freshet/v1/envelope.pb-c.h"
#include "wire/wire.h"

static enum fr_status refuse(struct fr_error *error)
{
    return fr_error_set(error, FR_INVALID, NULL, "only an auth message may be sent here");
}

static enum fr_status take_token(const char *text, size_t len, struct fr_wire_client_message *ret,
                                 struct fr_error *error)
{
    if (len == 0)
        return refuse(error);
    ret->auth_token = fr_strndup(text, len);
    return FR_OK;
}

static enum fr_status decode_json(struct fr_str bytes, struct fr_wire_client_message *ret,
                                  struct fr_error *error)
{
    json_t *object = bytes.len > 0 ? json_loadb(bytes.data, bytes.len, 0, NULL) : NULL;
    /* Both are strings without U+0000: the parser refuses that. */
    const char *type = json_string_value(json_object_get(object, "type"));
    const json_t *token = json_object_get(object, "token");
    enum fr_status status = type != NULL && strcmp(type, "auth") == 0 && json_is_string(token)
                                ? take_token(json_string_value(token), json_string_length(token), ret, error)
                                : refuse(error);
    json_decref(object);
    return status;
}

static enum fr_status decode_protobuf(struct fr_str bytes, struct fr_wire_client_message *ret,
                                      struct fr_error *error)
{
    Freshet__V1__ClientMessage *message =
        freshet__v1__client_message__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return refuse(error);
    enum fr_status status = take_token(message->auth_token, strlen(message->auth_token), ret, error);
    freshet__v1__client_message__free_unpacked(message, NULL);
    return status;
}

enum fr_status fr_wire_decode_client_message(struct fr_str bytes, enum fr_encoding encoding,
                                             struct fr_wire_client_message *ret, struct fr_error *error)
{
    switch (encoding) {
    case FR_ENCODING_PLAIN:
        break;
    case FR_ENCODING_JSON:
        return decode_json(bytes, ret, error);
    case FR_ENCODING_PROTOBUF:
        return decode_protobuf(bytes, ret, error);
    }
    return refuse(error);
}

void fr_wire_client_message_release(struct fr_wire_client_message *message)
{
    if (message->auth_token != NULL)
        explicit_bzero(message->auth_token, strlen(message->auth_token));
    free(message->auth_token);
    *message = (struct fr_wire_client_message){0};
}
