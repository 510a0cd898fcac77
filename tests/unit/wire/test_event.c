#include "wire/wire.h"

#include <stdlib.h>

#include "check.h"

static const struct fr_event full = {
    .kind = FR_EVENT_EDIT,
    .post_id = INT64_MAX,
    .author_id = 42,
    .text = {"na\xc3\xafve \xf0\x9f\x98\x80", 11},
    .revision = 3,
    .created_at_ms = 1767323045678,
    .edited_at_ms = 1767323045679,
    .request_id = {"req-1", 5},
    .traceparent = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 55},
};

static void assert_text(struct fr_str got, struct fr_str wanted)
{
    assert_int_equal(got.len, wanted.len);
    assert_memory_equal(got.data, wanted.data, wanted.len);
}

static void event_comes_back_as_it_went(void **state)
{
    const struct fr_event bare = {
        .kind = FR_EVENT_DELETE, .post_id = 1, .author_id = 2, .revision = 1, .created_at_ms = 0};
    const struct fr_event follow = {.kind = FR_EVENT_FOLLOW, .author_id = 2, .follower_id = INT64_MAX};
    const struct fr_event account = {.kind = FR_EVENT_ACCOUNT, .author_id = 2};
    const struct fr_event *events[] = {&full, &bare, &follow, &account};
    for (size_t i = 0; i < FR_COUNT_OF(events); i++) {
        struct fr_buf out;
        fr_buf_init(&out, FR_EVENT_BYTES_MAX);
        fr_buf_append_text(&out, "!"); /* encoders append */
        fr_wire_encode_event(&out, events[i]);
        assert_int_equal(fr_buf_status(&out), FR_OK);
        fr_buf_consume(&out, 1);
        struct fr_wire_event *decoded = NULL;
        struct fr_error error = {0};
        assert_int_equal(fr_wire_decode_event(fr_buf_str(&out), &decoded, &error), FR_OK);
        fr_buf_release(&out); /* nothing is borrowed from the bytes */
        const struct fr_event *event = fr_wire_event_get(decoded);
        assert_int_equal(event->kind, events[i]->kind);
        assert_int_equal(event->post_id, events[i]->post_id);
        assert_int_equal(event->author_id, events[i]->author_id);
        assert_int_equal(event->follower_id, events[i]->follower_id);
        assert_int_equal(event->revision, events[i]->revision);
        assert_int_equal(event->created_at_ms, events[i]->created_at_ms);
        assert_int_equal(event->edited_at_ms, events[i]->edited_at_ms);
        assert_text(event->text, events[i]->text);
        assert_text(event->request_id, events[i]->request_id);
        assert_text(event->traceparent, events[i]->traceparent);
        fr_wire_event_free(decoded);
    }
    fr_wire_event_free(NULL);
}

static void full_buffer_is_told(void **state)
{
    struct fr_buf out;
    fr_buf_init(&out, 20);
    fr_wire_encode_event(&out, &full);
    assert_int_equal(fr_buf_status(&out), FR_FULL);
    assert_int_equal(out.len, 0);
    fr_buf_release(&out);
}

static char long_text[FR_POST_TEXT_MAX + 2];

static void fields_are_checked(void **state)
{
    static const struct {
        const char *comment, *field; /* field NULL: accepted */
        struct fr_event change;      /* members that are not 0 replace those of a good event */
        int text_len;                /* of long_text; 0: as in change */
        int zero;                    /* 1 post_id, 2 author_id, 3 revision, 4 text, 5 created, 6 kind */
    } rows[] = {
        {"good", NULL, {0}, 0, 0},
        {"unknown kind", "kind", {.kind = (enum fr_event_kind)9}, 0, 0},
        {"kind left out", "kind", {0}, 0, 6},
        {"negative kind", "kind", {.kind = (enum fr_event_kind) - 1}, 0, 0},
        {"no post id", "post_id", {0}, 0, 1},
        {"negative post id", "post_id", {.post_id = -5}, 0, 0},
        {"no author", "author_id", {0}, 0, 2},
        {"negative author", "author_id", {.author_id = INT64_MIN}, 0, 0},
        {"revision 0", "revision", {0}, 0, 3},
        {"negative revision", "revision", {.revision = -1}, 0, 0},
        {"no text in a post", "text", {0}, 0, 4},
        {"longest text", NULL, {0}, FR_POST_TEXT_MAX, 0},
        {"text too long", "text", {0}, FR_POST_TEXT_MAX + 1, 0},
        {"text not UTF-8", "text", {.text = {"a\xff", 2}}, 0, 0},
        {"text cut in a character", "text", {.text = {"a\xc3", 2}}, 0, 0},
        {"text of a surrogate", "text", {.text = {"\xed\xa0\x80", 3}}, 0, 0},
        {"text in a delete", "text", {.kind = FR_EVENT_DELETE}, 0, 0},
        {"delete", NULL, {.kind = FR_EVENT_DELETE}, 0, 4},
        {"no time", "created_at_ms", {0}, 0, 5},
        {"time past the year 9999", "created_at_ms", {.created_at_ms = 253402300800000}, 0, 0},
        {"negative edit time", "edited_at_ms", {.edited_at_ms = -1}, 0, 0},
        {"edit time past the year 9999", "edited_at_ms", {.edited_at_ms = INT64_MAX}, 0, 0},
        {"longest request id", NULL, {.request_id = {long_text, 64}}, 0, 0},
        {"request id too long", "request_id", {.request_id = {long_text, 65}}, 0, 0},
        {"control character in it", "request_id", {.request_id = {"a\nb", 3}}, 0, 0},
        {"non-ASCII in it", "request_id", {.request_id = {"\xc3\xaf", 2}}, 0, 0},
        {"traceparent too long", "traceparent", {.traceparent = {long_text, 56}}, 0, 0},
        {"control character in it", "traceparent", {.traceparent = {"\x1b", 1}}, 0, 0},
    };
    memset(long_text, 'x', sizeof long_text);
    FR_FOR_ROWS(row, rows)
    {
        struct fr_event event = {.kind = FR_EVENT_POST,
                                 .post_id = 7,
                                 .author_id = 8,
                                 .text = {"hi", 2},
                                 .revision = 1,
                                 .created_at_ms = 1767323045678};
        if (row->change.kind != 0)
            event.kind = row->change.kind;
        if (row->change.post_id != 0)
            event.post_id = row->change.post_id;
        if (row->change.author_id != 0)
            event.author_id = row->change.author_id;
        if (row->change.revision != 0)
            event.revision = row->change.revision;
        if (row->change.created_at_ms != 0)
            event.created_at_ms = row->change.created_at_ms;
        if (row->change.edited_at_ms != 0)
            event.edited_at_ms = row->change.edited_at_ms;
        if (row->change.text.len != 0)
            event.text = row->change.text;
        if (row->text_len != 0)
            event.text = (struct fr_str){long_text, (size_t)row->text_len};
        event.request_id = row->change.request_id;
        event.traceparent = row->change.traceparent;
        switch (row->zero) {
        case 1:
            event.post_id = 0;
            break;
        case 2:
            event.author_id = 0;
            break;
        case 3:
            event.revision = 0;
            break;
        case 4:
            event.text = FR_STR_NONE;
            break;
        case 5:
            event.created_at_ms = 0;
            break;
        case 6:
            event.kind = (enum fr_event_kind)0;
            break;
        }
        struct fr_buf out;
        fr_buf_init(&out, FR_EVENT_BYTES_MAX);
        fr_wire_encode_event(&out, &event);
        struct fr_wire_event *decoded = NULL;
        struct fr_error error = {0};
        enum fr_status status = fr_wire_decode_event(fr_buf_str(&out), &decoded, &error);
        FR_ASSERT_ROW(row, status == (row->field != NULL ? FR_PROTOCOL : FR_OK));
        FR_ASSERT_ROW(row, strcmp(error.field, row->field != NULL ? row->field : "") == 0);
        FR_ASSERT_ROW(row, (decoded != NULL) == (status == FR_OK));
        fr_wire_event_free(decoded);
        fr_buf_release(&out);
    }
}

/* A good event by hand: kind 1, post 7, author 8, text "hi", revision 1, created 5. */
#define HEAD "\x08\x01\x10\x07\x18\x08"
#define TAIL "\x28\x01\x30\x05"
#define GOOD HEAD "\x22\x02hi" TAIL
#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static void fields_of_other_kinds_are_refused(void **state)
{
    static const struct {
        const char *comment, *field; /* field NULL: accepted */
        struct fr_event event;
    } rows[] = {
        {"follow", NULL, {.kind = FR_EVENT_FOLLOW, .author_id = 8, .follower_id = 9}},
        {"unfollow", NULL, {.kind = FR_EVENT_UNFOLLOW, .author_id = 8, .follower_id = 9}},
        {"celebrity", NULL, {.kind = FR_EVENT_CELEBRITY, .author_id = 8}},
        {"ordinary", NULL, {.kind = FR_EVENT_ORDINARY, .author_id = 8}},
        {"account", NULL, {.kind = FR_EVENT_ACCOUNT, .author_id = 8}},
        {"follow by nobody", "follower_id", {.kind = FR_EVENT_FOLLOW, .author_id = 8}},
        {"unfollow by nobody", "follower_id", {.kind = FR_EVENT_UNFOLLOW, .author_id = 8, .follower_id = -1}},
        {"follow of nobody", "author_id", {.kind = FR_EVENT_FOLLOW, .follower_id = 9}},
        {"post in a follow",
         "post_id",
         {.kind = FR_EVENT_FOLLOW, .author_id = 8, .follower_id = 9, .post_id = 1}},
        {"revision in a flip", "revision", {.kind = FR_EVENT_CELEBRITY, .author_id = 8, .revision = 1}},
        {"time in a flip", "created_at_ms", {.kind = FR_EVENT_ORDINARY, .author_id = 8, .created_at_ms = 1}},
        {"edit time in a flip",
         "edited_at_ms",
         {.kind = FR_EVENT_ORDINARY, .author_id = 8, .edited_at_ms = 1}},
        {"text in a flip", "text", {.kind = FR_EVENT_ORDINARY, .author_id = 8, .text = {"hi", 2}}},
        {"follower in a flip", "follower_id", {.kind = FR_EVENT_CELEBRITY, .author_id = 8, .follower_id = 9}},
        {"follower in a delete",
         "follower_id",
         {.kind = FR_EVENT_DELETE, .post_id = 7, .author_id = 8, .revision = 1, .follower_id = 9}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_event *decoded = NULL;
        struct fr_error error = {0};
        struct fr_buf out;
        fr_buf_init(&out, FR_EVENT_BYTES_MAX);
        fr_wire_encode_event(&out, &row->event);
        enum fr_status status = fr_wire_decode_event(fr_buf_str(&out), &decoded, &error);
        FR_ASSERT_ROW(row, status == (row->field == NULL ? FR_OK : FR_PROTOCOL));
        if (row->field != NULL)
            assert_string_equal(error.field, row->field);
        fr_wire_event_free(decoded);
        fr_buf_release(&out);
    }
}

static void bytes_of_any_kind_are_answered(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
        enum fr_status status;
    } rows[] = {
        {"good", BYTES(GOOD), FR_OK},
        {"unknown members", BYTES(GOOD "\xa0\x06\x01\xaa\x06\x03xyz"), FR_OK},
        {"a member twice: the last counts", BYTES(GOOD "\x22\x03xyz"), FR_OK},
        {"nothing", {"", 0}, FR_PROTOCOL},
        {"NULL", {NULL, 0}, FR_PROTOCOL},
        {"text", BYTES("hello"), FR_PROTOCOL},
        {"JSON", BYTES("{\"kind\":1}"), FR_PROTOCOL},
        {"cut", {GOOD, sizeof(GOOD) - 2}, FR_PROTOCOL},
        {"text longer than the message", BYTES(HEAD TAIL "\x22\x7fhi"), FR_PROTOCOL},
        {"NUL inside the text", BYTES(HEAD "\x22\x03h\0i" TAIL), FR_PROTOCOL},
        {"NUL at its end", BYTES(HEAD "\x22\x03hi\0" TAIL), FR_PROTOCOL},
        {"NUL at its beginning", BYTES(HEAD "\x22\x03\0hi" TAIL), FR_PROTOCOL},
        {"empty text", BYTES(HEAD "\x22\x00" TAIL), FR_PROTOCOL},
        {"NUL inside the request id", BYTES(GOOD "\x42\x03r\0q"), FR_PROTOCOL},
        {"wrong wire type of the text", BYTES(HEAD "\x20\x02" TAIL), FR_PROTOCOL},
        {"endless varint", BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), FR_PROTOCOL},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_event *decoded = NULL;
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, fr_wire_decode_event(row->bytes, &decoded, &error) == row->status);
        FR_ASSERT_ROW(row, (decoded != NULL) == (row->status == FR_OK));
        FR_ASSERT_ROW(row, (error.message[0] != '\0') == (row->status != FR_OK));
        fr_wire_event_free(decoded);
    }

    char *large = fr_alloc(FR_EVENT_BYTES_MAX + 1);
    struct fr_wire_event *decoded = NULL;
    assert_int_equal(fr_wire_decode_event((struct fr_str){large, FR_EVENT_BYTES_MAX + 1}, &decoded, NULL),
                     FR_PROTOCOL);
    free(large);
}

/* Every cut and every flipped byte of a good event is answered with a status, whatever it is (sanitizers
 * watch). */
static void damaged_bytes_do_no_harm(void **state)
{
    struct fr_buf out;
    fr_buf_init(&out, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&out, &full);
    int refused = 0;
    for (size_t i = 0; i < out.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            char *copy = fr_alloc(out.len);
            memcpy(copy, out.data, out.len);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            struct fr_wire_event *decoded = NULL;
            size_t len = bit == 0 ? i : out.len;
            if (fr_wire_decode_event((struct fr_str){copy, len}, &decoded, NULL) != FR_OK)
                refused++;
            fr_wire_event_free(decoded);
            free(copy);
        }
    }
    assert_true(refused > 0);
    fr_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_comes_back_as_it_went),
        cmocka_unit_test(full_buffer_is_told),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(fields_of_other_kinds_are_refused),
        cmocka_unit_test(bytes_of_any_kind_are_answered),
        cmocka_unit_test(damaged_bytes_do_no_harm),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
