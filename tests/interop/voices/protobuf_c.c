#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "freshet/v1/api.pb-c.h"
#include "freshet/v1/dialog.pb-c.h"
#include "freshet/v1/envelope.pb-c.h"
#include "freshet/v1/event.pb-c.h"
#include "freshet/v1/job.pb-c.h"
#include "voice.h"

const ProtobufCMessageDescriptor *const voice_types[] = {
    &freshet__v1__login_request__descriptor,
    &freshet__v1__token__descriptor,
    &freshet__v1__ticket__descriptor,
    &freshet__v1__register_request__descriptor,
    &freshet__v1__register_response__descriptor,
    &freshet__v1__user__descriptor,
    &freshet__v1__user_list__descriptor,
    &freshet__v1__profile__descriptor,
    &freshet__v1__delete_account_request__descriptor,
    &freshet__v1__post_create_request__descriptor,
    &freshet__v1__post_id__descriptor,
    &freshet__v1__post_update_request__descriptor,
    &freshet__v1__post__descriptor,
    &freshet__v1__post_list__descriptor,
    &freshet__v1__problem__descriptor,
    &freshet__v1__dialog_send_request__descriptor,
    &freshet__v1__dialog_message__descriptor,
    &freshet__v1__dialog_message_list__descriptor,
    &freshet__v1__room_message__descriptor,
    &freshet__v1__room_message_list__descriptor,
    &freshet__v1__room_read_request__descriptor,
    &freshet__v1__room_unread__descriptor,
    &freshet__v1__unread_totals__descriptor,
    &freshet__v1__room_envelope__descriptor,
    &freshet__v1__room_client_message__descriptor,
    &freshet__v1__client_message__descriptor,
    &freshet__v1__envelope__descriptor,
    &freshet__v1__event__descriptor,
    &freshet__v1__job_request__descriptor,
    &freshet__v1__job_client_message__descriptor,
    &freshet__v1__job_answer__descriptor,
    NULL,
};

const ProtobufCMessageDescriptor *voice_find_type(const char *name)
{
    for (size_t i = 0; voice_types[i] != NULL; i++) {
        if (strcmp(voice_types[i]->name, name) == 0)
            return voice_types[i];
    }
    return NULL;
}

/* A value of a field: one member of what generated structs have. */
union value {
    int32_t number;
    int64_t long_number;
    protobuf_c_boolean flag;
    char *text;
    ProtobufCMessage *message;
};

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int32_t);
    case PROTOBUF_C_TYPE_INT64:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(char *);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    default:
        fprintf(stderr, "%s: no field of proto/ was of such a type\n", field->name);
        abort();
    }
}

static bool is_in_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* ---- to JSON ---- */

static json_t *object_of(const ProtobufCMessage *message);

static json_t *json_of_value(const ProtobufCFieldDescriptor *field, const union value *value)
{
    const ProtobufCEnumValue *named;
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_INT32:
        return json_integer(value->number);
    case PROTOBUF_C_TYPE_INT64:
        return json_sprintf("%lld", (long long)value->long_number);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(value->flag);
    case PROTOBUF_C_TYPE_STRING:
        return json_string(value->text); /* NULL, an error, if it is not UTF-8 */
    case PROTOBUF_C_TYPE_MESSAGE:
        return object_of(value->message);
    case PROTOBUF_C_TYPE_ENUM:
        named = protobuf_c_enum_descriptor_get_value(field->descriptor, value->number);
        return named != NULL ? json_string(named->name) : json_integer(value->number);
    default:
        return NULL;
    }
}

static bool is_nothing(const ProtobufCFieldDescriptor *field, const union value *value)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return value->number == 0;
    case PROTOBUF_C_TYPE_INT64:
        return value->long_number == 0;
    case PROTOBUF_C_TYPE_BOOL:
        return !value->flag;
    case PROTOBUF_C_TYPE_STRING:
        return value->text == NULL || value->text[0] == '\0';
    case PROTOBUF_C_TYPE_MESSAGE:
        return value->message == NULL;
    default:
        return true;
    }
}

/* NULL: a text is not UTF-8. */
static json_t *list_of(const ProtobufCFieldDescriptor *field, const char *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        union value value = {0};
        memcpy(&value, items + i * size_of(field), size_of(field));
        if (json_array_append_new(list, json_of_value(field, &value)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Sets the member, if there is one; false: a text is not UTF-8. */
static bool put_member(json_t *members, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    const char *at = (const char *)message + field->offset;
    const char *quantifier = (const char *)message + field->quantifier_offset;
    union value value = {0};
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)(const void *)quantifier;
        const char *items = *(char *const *)(const void *)at;
        return count == 0 || json_object_set_new(members, field->name, list_of(field, items, count)) == 0;
    }
    memcpy(&value, at, size_of(field));
    if (is_in_oneof(field) ? *(const uint32_t *)(const void *)quantifier != field->id
                           : is_nothing(field, &value))
        return true;
    return json_object_set_new(members, field->name, json_of_value(field, &value)) == 0;
}

static json_t *object_of(const ProtobufCMessage *message)
{
    json_t *members = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        if (!put_member(members, message, &message->descriptor->fields[i])) {
            json_decref(members);
            return NULL;
        }
    }
    return members;
}

/* ---- from JSON: all memory by malloc(), as protobuf_c_message_free_unpacked() frees it ---- */

static ProtobufCMessage *message_of(const ProtobufCMessageDescriptor *type, const json_t *members);

static union value value_of(const ProtobufCFieldDescriptor *field, const json_t *json)
{
    const ProtobufCEnumValue *named;
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_INT32:
        return (union value){.number = (int32_t)json_integer_value(json)};
    case PROTOBUF_C_TYPE_INT64:
        assert(json_is_string(json));
        return (union value){.long_number = strtoll(json_string_value(json), NULL, 10)};
    case PROTOBUF_C_TYPE_BOOL:
        return (union value){.flag = json_is_true(json)};
    case PROTOBUF_C_TYPE_STRING:
        return (union value){.text = fr_strndup(json_string_value(json), json_string_length(json))};
    case PROTOBUF_C_TYPE_MESSAGE:
        return (union value){.message = message_of(field->descriptor, json)};
    case PROTOBUF_C_TYPE_ENUM:
        if (json_is_integer(json))
            return (union value){.number = (int32_t)json_integer_value(json)};
        named = protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, json_string_value(json));
        assert(named != NULL);
        return (union value){.number = named->value};
    default:
        return (union value){0};
    }
}

static void take_member(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, const json_t *json)
{
    char *at = (char *)message + field->offset;
    char *quantifier = (char *)message + field->quantifier_offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = json_array_size(json);
        char *items = calloc(count, size_of(field));
        for (size_t i = 0; i < count; i++) {
            union value value = value_of(field, json_array_get(json, i));
            memcpy(items + i * size_of(field), &value, size_of(field));
        }
        memcpy(at, &items, sizeof items);
        memcpy(quantifier, &count, sizeof count);
        return;
    }
    union value value = value_of(field, json);
    memcpy(at, &value, size_of(field));
    if (is_in_oneof(field))
        memcpy(quantifier, &field->id, sizeof field->id);
}

static ProtobufCMessage *message_of(const ProtobufCMessageDescriptor *type, const json_t *members)
{
    ProtobufCMessage *message = calloc(1, type->sizeof_message);
    protobuf_c_message_init(type, message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const json_t *json = json_object_get(members, type->fields[i].name);
        if (json != NULL)
            take_member(message, &type->fields[i], json);
    }
    return message;
}

/* ---- the three verbs ---- */

static enum fr_status unpack(const ProtobufCMessageDescriptor *type, struct fr_str bytes,
                             ProtobufCMessage **ret, struct fr_error *error)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return fr_error_set(error, FR_INVALID, NULL, "no message %s", type->name);
    *ret = message;
    return FR_OK;
}

static void pack(struct fr_buf *out, const ProtobufCMessage *message)
{
    char *room = fr_buf_reserve(out, protobuf_c_message_get_packed_size(message));
    if (room != NULL)
        out->len += protobuf_c_message_pack(message, (uint8_t *)room);
}

enum fr_status voice_read_any(const ProtobufCMessageDescriptor *type, struct fr_str bytes, json_t **ret,
                              struct fr_error *error)
{
    ProtobufCMessage *message = NULL;
    enum fr_status status = unpack(type, bytes, &message, error);
    if (status != FR_OK)
        return status;
    json_t *members = object_of(message);
    protobuf_c_message_free_unpacked(message, NULL);
    if (members == NULL)
        return fr_error_set(error, FR_INVALID, NULL, "%s: a text is not UTF-8", type->name);
    *ret = members;
    return FR_OK;
}

enum fr_status voice_write_any(const ProtobufCMessageDescriptor *type, const json_t *members,
                               struct fr_buf *out, struct fr_error *error)
{
    ProtobufCMessage *message = message_of(type, members);
    pack(out, message);
    protobuf_c_message_free_unpacked(message, NULL);
    return FR_OK;
}

enum fr_status voice_pass_any(const ProtobufCMessageDescriptor *type, struct fr_str bytes, struct fr_buf *out,
                              struct fr_error *error)
{
    ProtobufCMessage *message = NULL;
    enum fr_status status = unpack(type, bytes, &message, error);
    if (status != FR_OK)
        return status;
    pack(out, message);
    protobuf_c_message_free_unpacked(message, NULL);
    return FR_OK;
}
