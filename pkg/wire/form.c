#include "form.h"

#include <assert.h>

enum fr_status fr_form_open(struct fr_wire_body body, const ProtobufCMessageDescriptor *type,
                            struct fr_form *ret, struct fr_error *error)
{
    *ret = (struct fr_form){0};
    if (body.encoding != FR_ENCODING_PROTOBUF)
        return fr_form_parse_json(body.bytes, &ret->object, error);
    ProtobufCAllocator allocator = fr_protobuf_allocator(true);
    ret->message =
        protobuf_c_message_unpack(type, &allocator, body.bytes.len, (const uint8_t *)body.bytes.data);
    if (ret->message == NULL)
        return fr_error_set(error, FR_INVALID, FR_FORM_BODY, "body is not a protobuf message %s", type->name);
    return FR_OK;
}

void fr_form_close(struct fr_form *form)
{
    ProtobufCAllocator allocator = fr_protobuf_allocator(true);
    if (form->message != NULL)
        protobuf_c_message_free_unpacked(form->message, &allocator);
    if (form->object != NULL)
        fr_form_drop_json(form->object);
    *form = (struct fr_form){0};
}

/* ---- JSON ---- */

static enum fr_status find_string(const json_t *object, const char *name, struct fr_str *ret,
                                  struct fr_error *error)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value))
        return FR_NOT_FOUND;
    if (!json_is_string(value))
        return fr_error_set(error, FR_INVALID, name, "%s must be a string", name);
    *ret = (struct fr_str){json_string_value(value), json_string_length(value)};
    return FR_OK;
}

/* ---- protobuf ---- */

/* Members have the same names in both encodings: that the message has the field, of this type, is for the
 * programmer to see to. */
static void *field_of(const ProtobufCMessage *message, const char *name, ProtobufCType type)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    assert(field != NULL && field->type == type && field->label == PROTOBUF_C_LABEL_NONE);
    return (char *)(uintptr_t)message + field->offset;
}

static enum fr_status find_packed_text(const ProtobufCMessage *message, const char *name, struct fr_str *ret,
                                       struct fr_error *error)
{
    char *const *field = field_of(message, name, PROTOBUF_C_TYPE_STRING);
    struct fr_str text = fr_protobuf_text(*field);
    struct fr_utf8 state = {0};
    if (text.len == 0)
        return FR_NOT_FOUND;
    if (!fr_utf8_feed(&state, text.data, text.len) || !fr_utf8_complete(&state))
        return fr_error_set(error, FR_INVALID, name, "%s is not UTF-8", name);
    *ret = text;
    return FR_OK;
}

/* ---- both ---- */

enum fr_status fr_form_text(const struct fr_form *form, const char *name, struct fr_str *ret,
                            struct fr_error *error)
{
    return form->message != NULL ? find_packed_text(form->message, name, ret, error)
                                 : find_string(form->object, name, ret, error);
}

enum fr_status fr_form_id(const struct fr_form *form, const char *name, int64_t *ret, struct fr_error *error)
{
    int64_t id = 0;
    if (form->message != NULL) {
        id = *(const int64_t *)field_of(form->message, name, PROTOBUF_C_TYPE_INT64);
        if (id == 0)
            return FR_NOT_FOUND;
    } else {
        struct fr_str text = FR_STR_NONE;
        enum fr_status status = find_string(form->object, name, &text, error);
        if (status != FR_OK)
            return status;
        if (fr_id_parse(text, &id) != FR_OK)
            id = 0;
    }
    if (id <= 0)
        return fr_error_set(error, FR_INVALID, name, "%s must be an id: a decimal number of 1 to 19 digits",
                            name);
    *ret = id;
    return FR_OK;
}
