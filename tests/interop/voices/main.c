/* interop_voice protobuf-c|wire|libfreshet
 *
 * Answers questions, one JSON object a line, with one line each, until its input ends:
 *
 *     {"do":"list"}                                       {"reads":[…],"writes":[…],"passes":[…]}
 *     {"do":"read","message":"freshet.v1.Post","bytes":"08…"}  {"json":{…}}
 *     {"do":"write","message":…,"json":{…}}               {"bytes":"08…"}
 *     {"do":"pass","message":…,"bytes":"08…"}             {"bytes":"08…"}: read and written again
 *
 * or with {"error":"…","field":"…"}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "voice.h"

/* ---- bytes as hexadecimal digits ---- */

static bool take_hex(const char *text, struct fr_buf *out)
{
    for (; text[0] != '\0'; text += 2) {
        unsigned byte;
        int used = 0;
        if (sscanf(text, "%2x%n", &byte, &used) != 1 || used != 2)
            return false;
        fr_buf_append_char(out, (char)byte);
    }
    return true;
}

static json_t *hex_of(const struct fr_buf *bytes)
{
    struct fr_buf text;
    fr_buf_init(&text, 2 * VOICE_MESSAGE_MAX);
    for (size_t i = 0; i < bytes->len; i++)
        fr_buf_printf(&text, "%02x", (unsigned char)bytes->data[i]);
    json_t *made = json_stringn(text.data != NULL ? text.data : "", text.len);
    fr_buf_release(&text);
    return made;
}

/* ---- protobuf-c knows all messages; the others have tables ---- */

static const struct voice_message *find(const struct voice *voice, const char *name)
{
    for (const struct voice_message *message = voice->messages; message->name != NULL; message++) {
        if (strcmp(message->name, name) == 0)
            return message;
    }
    return NULL;
}

static json_t *list(const struct voice *voice)
{
    json_t *reads = json_array(), *writes = json_array(), *passes = json_array();
    for (size_t i = 0; voice == NULL && voice_types[i] != NULL; i++) {
        json_array_append_new(reads, json_string(voice_types[i]->name));
        json_array_append_new(writes, json_string(voice_types[i]->name));
        json_array_append_new(passes, json_string(voice_types[i]->name));
    }
    for (const struct voice_message *it = voice != NULL ? voice->messages : NULL;
         it != NULL && it->name != NULL; it++) {
        if (it->read != NULL)
            json_array_append_new(reads, json_string(it->name));
        if (it->write != NULL)
            json_array_append_new(writes, json_string(it->name));
        if (it->pass != NULL)
            json_array_append_new(passes, json_string(it->name));
    }
    return json_pack("{s:o,s:o,s:o}", "reads", reads, "writes", writes, "passes", passes);
}

static enum fr_status read_message(const struct voice *voice, const char *name, struct fr_str bytes,
                                   json_t **ret, struct fr_error *error)
{
    const ProtobufCMessageDescriptor *type = voice_find_type(name);
    const struct voice_message *message = voice != NULL ? find(voice, name) : NULL;
    if (voice == NULL && type != NULL)
        return voice_read_any(type, bytes, ret, error);
    if (message != NULL && message->read != NULL)
        return message->read(bytes, ret, error);
    return fr_error_set(error, FR_NOT_FOUND, NULL, "this voice does not read %s", name);
}

static enum fr_status write_message(const struct voice *voice, const char *name, const json_t *members,
                                    struct fr_buf *out, struct fr_error *error)
{
    const ProtobufCMessageDescriptor *type = voice_find_type(name);
    const struct voice_message *message = voice != NULL ? find(voice, name) : NULL;
    if (voice == NULL && type != NULL)
        return voice_write_any(type, members, out, error);
    if (message != NULL && message->write != NULL)
        return message->write(members, out, error);
    return fr_error_set(error, FR_NOT_FOUND, NULL, "this voice does not write %s", name);
}

static enum fr_status pass_message(const struct voice *voice, const char *name, struct fr_str bytes,
                                   struct fr_buf *out, struct fr_error *error)
{
    const ProtobufCMessageDescriptor *type = voice_find_type(name);
    const struct voice_message *message = voice != NULL ? find(voice, name) : NULL;
    if (voice == NULL && type != NULL)
        return voice_pass_any(type, bytes, out, error);
    if (message != NULL && message->pass != NULL)
        return message->pass(bytes, out, error);
    return fr_error_set(error, FR_NOT_FOUND, NULL, "this voice does not pass %s on", name);
}

/* ---- one question ---- */

static json_t *answer(const struct voice *voice, const json_t *question)
{
    const char *verb = voice_text(question, "do"), *name = voice_text(question, "message");
    enum fr_status status = FR_OK;
    struct fr_error error = {0};
    struct fr_buf bytes, out;
    json_t *members = NULL, *said;

    fr_buf_init(&bytes, VOICE_MESSAGE_MAX);
    fr_buf_init(&out, VOICE_MESSAGE_MAX);
    if (!take_hex(voice_text(question, "bytes"), &bytes))
        status = fr_error_set(&error, FR_INVALID, "bytes", "no hexadecimal digits");
    else if (strcmp(verb, "read") == 0)
        status = read_message(voice, name, fr_buf_str(&bytes), &members, &error);
    else if (strcmp(verb, "write") == 0)
        status = write_message(voice, name, json_object_get(question, "json"), &out, &error);
    else if (strcmp(verb, "pass") == 0)
        status = pass_message(voice, name, fr_buf_str(&bytes), &out, &error);
    else if (strcmp(verb, "list") == 0)
        members = list(voice);
    else
        status = fr_error_set(&error, FR_INVALID, "do", "unknown");
    if (status == FR_OK && fr_buf_status(&out) != FR_OK)
        status = fr_error_set(&error, FR_FULL, NULL, "too long");

    if (status != FR_OK)
        said = json_pack("{s:s,s:s}", "error", error.message, "field", error.field);
    else if (strcmp(verb, "list") == 0)
        said = json_incref(members);
    else if (members != NULL)
        said = json_pack("{s:O}", "json", members);
    else
        said = json_pack("{s:o}", "bytes", hex_of(&out));
    json_decref(members);
    fr_buf_release(&bytes);
    fr_buf_release(&out);
    return said;
}

int main(int argc, char **argv)
{
    static const struct voice *const voices[] = {&voice_wire, &voice_sdk};
    const struct voice *voice = NULL; /* protobuf-c */
    for (size_t i = 0; argc == 2 && i < FR_COUNT_OF(voices); i++) {
        if (strcmp(voices[i]->name, argv[1]) == 0)
            voice = voices[i];
    }
    if (argc != 2 || (voice == NULL && strcmp(argv[1], "protobuf-c") != 0)) {
        fprintf(stderr, "usage: interop_voice protobuf-c|wire|libfreshet\n");
        return 2;
    }

    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        json_t *question = json_loads(line, 0, NULL);
        json_t *said = answer(voice, question);
        json_dumpf(said, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(said);
        json_decref(question);
    }
    free(line);
    return 0;
}
