#include "wire/wire.h"

#include <stdlib.h>

#include "check.h"
#include "freshet/v1/envelope.pb-c.h"

static const struct fr_wire_post post = {
    .id = 101,
    .author_id = 42,
    .text = {"\"hi\"", 4},
    .created_at_ms = 1767225600000,
};

/* Both pieces of an envelope, one behind the other. */
enum what { READY, POST, SNAPSHOT_POST, EDIT, DELETE, RESET, SNAPSHOT_END, BYE, CURSOR };

static void write(struct fr_buf *out, enum fr_encoding encoding, enum what what)
{
    struct fr_wire_post edited = post;
    edited.edited_at_ms = 1767225601500;
    switch (what) {
    case READY:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_READY, FR_STR_NONE, false);
        fr_wire_envelope_ready(out, encoding, true, 7);
        return;
    case POST:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_POST, FR_STR("c1"), false);
        fr_wire_envelope_post(out, encoding, &post);
        return;
    case SNAPSHOT_POST:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_POST, FR_STR_NONE, true);
        fr_wire_envelope_post(out, encoding, &post);
        return;
    case EDIT:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_EDIT, FR_STR("c2"), false);
        fr_wire_envelope_post(out, encoding, &edited);
        return;
    case DELETE:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_DELETE, FR_STR("c3"), false);
        fr_wire_envelope_delete(out, encoding, 101, 42);
        return;
    case RESET:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_RESET, FR_STR_NONE, false);
        fr_wire_envelope_nothing(out, encoding);
        return;
    case SNAPSHOT_END:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_SNAPSHOT_END, FR_STR("c4"), false);
        fr_wire_envelope_nothing(out, encoding);
        return;
    case BYE:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_BYE, FR_STR_NONE, false);
        fr_wire_envelope_bye(out, encoding, 1001, "stopping", 1730);
        return;
    case CURSOR:
        fr_wire_envelope_head(out, encoding, FR_ENVELOPE_CURSOR, FR_STR("c5"), false);
        fr_wire_envelope_nothing(out, encoding);
        return;
    }
}

static void json_is_as_the_contract_says(void **state)
{
    static const struct {
        enum what what;
        const char *wanted;
    } rows[] = {
        {READY, "{\"type\":\"ready\",\"resumed\":true,\"user_id\":\"7\"}"},
        {POST, "{\"type\":\"post\",\"cursor\":\"c1\",\"id\":\"101\",\"text\":\"\\\"hi\\\"\",\"author_user_"
               "id\":\"42\","
               "\"created_at\":\"2026-01-01T00:00:00.000Z\"}"},
        {SNAPSHOT_POST, "{\"type\":\"post\",\"snapshot\":true,\"id\":\"101\",\"text\":\"\\\"hi\\\"\","
                        "\"author_user_id\":\"42\",\"created_at\":\"2026-01-01T00:00:00.000Z\"}"},
        {EDIT, "{\"type\":\"edit\",\"cursor\":\"c2\",\"id\":\"101\",\"text\":\"\\\"hi\\\"\",\"author_user_"
               "id\":\"42\","
               "\"created_at\":\"2026-01-01T00:00:00.000Z\",\"edited_at\":\"2026-01-01T00:00:01.500Z\"}"},
        {DELETE, "{\"type\":\"delete\",\"cursor\":\"c3\",\"id\":\"101\",\"author_user_id\":\"42\"}"},
        {RESET, "{\"type\":\"reset\"}"},
        {SNAPSHOT_END, "{\"type\":\"snapshot_end\",\"cursor\":\"c4\"}"},
        {BYE, "{\"type\":\"bye\",\"code\":1001,\"reason\":\"stopping\",\"reconnect_after_ms\":1730}"},
        {CURSOR, "{\"type\":\"cursor\",\"cursor\":\"c5\"}"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out;
        fr_buf_init(&out, 4096);
        write(&out, FR_ENCODING_JSON, row->what);
        assert_string_equal(out.data, row->wanted);
        fr_buf_release(&out);
    }
}

struct said {
    Freshet__V1__EnvelopeType type;
    const char *cursor, *text, *reason;
    int64_t id, author_user_id, created_at_ms, edited_at_ms, user_id, reconnect_after_ms;
    bool snapshot, resumed;
    int code;
};

/* The generated code reads the two pieces as one message with all members. */
static void protobuf_says_the_same(void **state)
{
    static const struct {
        enum what what;
        struct said wanted;
    } rows[] = {
        {READY,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_READY,
          .cursor = "",
          .text = "",
          .reason = "",
          .resumed = true,
          .user_id = 7}},
        {POST,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_POST,
          .cursor = "c1",
          .text = "\"hi\"",
          .reason = "",
          .id = 101,
          .author_user_id = 42,
          .created_at_ms = 1767225600000}},
        {SNAPSHOT_POST,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_POST,
          .cursor = "",
          .text = "\"hi\"",
          .reason = "",
          .id = 101,
          .author_user_id = 42,
          .created_at_ms = 1767225600000,
          .snapshot = true}},
        {EDIT,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_EDIT,
          .cursor = "c2",
          .text = "\"hi\"",
          .reason = "",
          .id = 101,
          .author_user_id = 42,
          .created_at_ms = 1767225600000,
          .edited_at_ms = 1767225601500}},
        {DELETE,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_DELETE,
          .cursor = "c3",
          .text = "",
          .reason = "",
          .id = 101,
          .author_user_id = 42}},
        {RESET,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_RESET, .cursor = "", .text = "", .reason = ""}},
        {SNAPSHOT_END,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_SNAPSHOT_END,
          .cursor = "c4",
          .text = "",
          .reason = ""}},
        {BYE,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_BYE,
          .cursor = "",
          .text = "",
          .reason = "stopping",
          .code = 1001,
          .reconnect_after_ms = 1730}},
        {CURSOR,
         {.type = FRESHET__V1__ENVELOPE_TYPE__ENVELOPE_TYPE_CURSOR,
          .cursor = "c5",
          .text = "",
          .reason = ""}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out;
        fr_buf_init(&out, 4096);
        write(&out, FR_ENCODING_PROTOBUF, row->what);
        Freshet__V1__Envelope *got = freshet__v1__envelope__unpack(NULL, out.len, (const uint8_t *)out.data);
        assert_non_null(got);
        const struct said *wanted = &row->wanted;
        assert_int_equal(got->type, wanted->type);
        assert_string_equal(got->cursor, wanted->cursor);
        assert_string_equal(got->text, wanted->text);
        assert_string_equal(got->reason, wanted->reason);
        assert_true(got->id == wanted->id && got->author_user_id == wanted->author_user_id);
        assert_true(got->created_at_ms == wanted->created_at_ms && got->edited_at_ms == wanted->edited_at_ms);
        assert_true(got->snapshot == wanted->snapshot && got->resumed == wanted->resumed);
        assert_true(got->user_id == wanted->user_id && got->code == wanted->code);
        assert_true(got->reconnect_after_ms == wanted->reconnect_after_ms);
        freshet__v1__envelope__free_unpacked(got, NULL);
        fr_buf_release(&out);
    }
}

static void a_head_with_the_longest_cursor_has_room(void **state)
{
    char cursor[128];
    memset(cursor, 'x', sizeof cursor);
    for (int i = FR_ENCODING_JSON; i < FR_ENCODING_COUNT; i++) {
        struct fr_buf out;
        fr_buf_init(&out, FR_ENVELOPE_HEAD_MAX);
        fr_wire_envelope_head(&out, (enum fr_encoding)i, FR_ENVELOPE_SNAPSHOT_END,
                              (struct fr_str){cursor, sizeof cursor}, true);
        assert_int_equal(fr_buf_status(&out), FR_OK);
        fr_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_as_the_contract_says),
        cmocka_unit_test(protobuf_says_the_same),
        cmocka_unit_test(a_head_with_the_longest_cursor_has_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
