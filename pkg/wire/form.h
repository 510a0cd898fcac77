/* wire, inside: a request's body as it came, in JSON or protobuf: what its members are, before any rule. */
#ifndef FR_WIRE_FORM_H
#define FR_WIRE_FORM_H

#include <jansson.h>

#include "protobuf.h"
#include "wire/wire.h"

#define FR_FORM_BODY "body" /* what is named when no one member is at fault */

struct fr_form {
    json_t *object;            /* or NULL */
    ProtobufCMessage *message; /* or NULL */
};

/* FR_INVALID for what is not of the encoding, or no object. `type`: the message that the call takes. Close
 * whatever was opened; what the form held is wiped. */
FR_WARN_UNUSED enum fr_status fr_form_open(struct fr_wire_body body, const ProtobufCMessageDescriptor *type,
                                           struct fr_form *ret, struct fr_error *error);
void fr_form_close(struct fr_form *form);

/* The member of that name, borrowed until the form is closed. FR_NOT_FOUND: absent or null; a protobuf
 * message does not tell that from an empty text or 0. FR_INVALID: of another type, or not UTF-8; that has
 * been told. */
FR_WARN_UNUSED enum fr_status fr_form_text(const struct fr_form *form, const char *name, struct fr_str *ret,
                                           struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_form_id(const struct fr_form *form, const char *name, int64_t *ret,
                                         struct fr_error *error);

/* ---- form_json.c ---- */
FR_WARN_UNUSED enum fr_status fr_form_parse_json(struct fr_str bytes, json_t **ret, struct fr_error *error);
/* Wipes its texts too. */
void fr_form_drop_json(json_t *object);

#endif
