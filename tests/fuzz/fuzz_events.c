/* Events in protobuf, as they come from the bus: what is accepted can be written and read again, and says the
 * same. */
#include "fuzz.h"
#include "wire/wire.h"

void fr_fuzz_begin(void)
{
}

static void check_same(const struct fr_event *a, const struct fr_event *b)
{
    FR_FUZZ_RULE(a->kind == b->kind && a->post_id == b->post_id && a->author_id == b->author_id &&
                     a->follower_id == b->follower_id && a->revision == b->revision &&
                     a->created_at_ms == b->created_at_ms && a->edited_at_ms == b->edited_at_ms,
                 "numbers come back");
    FR_FUZZ_RULE(fr_str_equal(a->text, b->text) && fr_str_equal(a->request_id, b->request_id) &&
                     fr_str_equal(a->traceparent, b->traceparent),
                 "texts come back");
}

/* Both encodings of an envelope can be made of it. */
static void check_envelopes(const struct fr_event *event)
{
    static const enum fr_encoding encodings[] = {FR_ENCODING_JSON, FR_ENCODING_PROTOBUF};
    const struct fr_wire_post post = {event->post_id, event->author_id, event->text, event->created_at_ms,
                                      event->edited_at_ms};
    for (size_t i = 0; i < FR_COUNT_OF(encodings); i++) {
        struct fr_buf out;
        fr_buf_init(&out, 8 * FR_POST_TEXT_MAX);
        fr_wire_envelope_head(&out, encodings[i], FR_ENVELOPE_POST, FR_STR("cursor"), true);
        fr_wire_envelope_post(&out, encodings[i], &post);
        FR_FUZZ_RULE(fr_buf_status(&out) == FR_OK, "an envelope has room");
        fr_buf_release(&out);
    }
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_wire_event *first = NULL, *second = NULL;
    struct fr_error error = {0};
    enum fr_status status = fr_wire_decode_event((struct fr_str){(const char *)data, len}, &first, &error);
    fr_fuzz_check_error(status, &error, false);
    if (status != FR_OK)
        return;
    const struct fr_event *event = fr_wire_event_get(first);
    FR_FUZZ_RULE(event->author_id > 0, "events have an author");
    FR_FUZZ_RULE(event->text.len <= FR_POST_TEXT_MAX, "texts keep their bound");
    struct fr_buf out;
    fr_buf_init(&out, 2 * FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&out, event);
    FR_FUZZ_RULE(fr_buf_status(&out) == FR_OK, "an event has room");
    FR_FUZZ_RULE(fr_wire_decode_event(fr_buf_str(&out), &second, &error) == FR_OK,
                 "what we write can be read");
    check_same(event, fr_wire_event_get(second));
    if (fr_event_is_of_post(event->kind))
        check_envelopes(event);
    fr_wire_event_free(second);
    fr_wire_event_free(first);
    fr_buf_release(&out);
}
