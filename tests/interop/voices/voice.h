/* The C side of tests/interop: each voice says which messages it reads and writes, and does it between bytes
 * and the JSON of protobuf (names as in the proto files, 64-bit numbers as strings, what is 0, empty or false
 * left out). */
#ifndef FR_TESTS_INTEROP_VOICE_H
#define FR_TESTS_INTEROP_VOICE_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/base.h"

#define VOICE_MESSAGE_MAX (1024 * 1024)

/* Outputs are untouched on failure; `ret` is the caller's. */
typedef enum fr_status voice_read_fn(struct fr_str bytes, json_t **ret, struct fr_error *error);
typedef enum fr_status voice_write_fn(const json_t *members, struct fr_buf *out, struct fr_error *error);
/* Reads and writes again: with all fields, those too that it does not know. */
typedef enum fr_status voice_pass_fn(struct fr_str bytes, struct fr_buf *out, struct fr_error *error);

struct voice_message {
    const char *name; /* "freshet.v1.Post" */
    voice_read_fn *read;
    voice_write_fn *write; /* any may be NULL: not a thing that it does */
    voice_pass_fn *pass;
};

struct voice {
    const char *name;
    const struct voice_message *messages; /* ended by one without a name */
};

extern const struct voice voice_wire; /* pkg/wire, as the gateway uses it */
extern const struct voice voice_sdk;  /* the codec of libfreshet */

/* ---- protobuf_c.c: protobuf-c itself, every message of proto/ by its descriptor ---- */
const ProtobufCMessageDescriptor *voice_find_type(const char *name);
extern const ProtobufCMessageDescriptor *const voice_types[]; /* ended by NULL */
enum fr_status voice_read_any(const ProtobufCMessageDescriptor *type, struct fr_str bytes, json_t **ret,
                              struct fr_error *error);
enum fr_status voice_write_any(const ProtobufCMessageDescriptor *type, const json_t *members,
                               struct fr_buf *out, struct fr_error *error);
enum fr_status voice_pass_any(const ProtobufCMessageDescriptor *type, struct fr_str bytes, struct fr_buf *out,
                              struct fr_error *error);

/* ---- members.c: members of JSON objects ---- */
/* What is absent is "", 0, false. Borrowed from the object. */
const char *voice_text(const json_t *members, const char *name);
struct fr_str voice_str(const json_t *members, const char *name);
int64_t voice_number(const json_t *members, const char *name);
bool voice_flag(const json_t *members, const char *name);
/* Those that are "", 0 or false are left out. */
void voice_put_text(json_t *members, const char *name, const char *text);
void voice_put_int64(json_t *members, const char *name, int64_t number);
void voice_put_int32(json_t *members, const char *name, int32_t number);
void voice_put_flag(json_t *members, const char *name, bool flag);

#endif
