#include "stream_frame.h"

#include "check.h"

static void test_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        const struct fr_stream_format *format;
        enum fr_envelope type;
        const char *cursor;
        int64_t retry_ms;
        size_t len;
        struct fr_str expected;
    } rows[] = {
        {"an event", &fr_stream_sse, FR_ENVELOPE_POST, "Ab-_9", 0, 10,
         FR_STR("id: Ab-_9\nevent: post\ndata: ")},
        {"without a cursor", &fr_stream_sse, FR_ENVELOPE_READY, "", 0, 10, FR_STR("event: ready\ndata: ")},
        {"a reset takes the cursor away", &fr_stream_sse, FR_ENVELOPE_RESET, "", 0, 10,
         FR_STR("id:\nevent: reset\ndata: ")},
        {"a goodbye", &fr_stream_sse, FR_ENVELOPE_BYE, "", 1234, 10,
         FR_STR("retry: 1234\nevent: bye\ndata: ")},
        {"nothing but a cursor", &fr_stream_sse, FR_ENVELOPE_CURSOR, "Ab-_9", 0, 10,
         FR_STR("id: Ab-_9\nevent: cursor\ndata: ")},
        {"the longest name", &fr_stream_sse, FR_ENVELOPE_SNAPSHOT_END, "c", 0, 10,
         FR_STR("id: c\nevent: snapshot_end\ndata: ")},
        {"a length", &fr_stream_protobuf, FR_ENVELOPE_POST, "c", 0, 1, FR_STR("\x01")},
        {"the last of one byte", &fr_stream_protobuf, FR_ENVELOPE_POST, "c", 0, 127, FR_STR("\x7f")},
        {"the first of two", &fr_stream_protobuf, FR_ENVELOPE_BYE, "", 1234, 128, FR_STR("\x80\x01")},
        {"300", &fr_stream_protobuf, FR_ENVELOPE_POST, "c", 0, 300, FR_STR("\xac\x02")},
        {"three bytes", &fr_stream_protobuf, FR_ENVELOPE_POST, "c", 0, 16384, FR_STR("\x80\x80\x01")},
    };
    FR_FOR_ROWS(row, rows)
    {
        char out[FR_STREAM_PREFIX_MAX];
        size_t len =
            fr_stream_prefix(out, row->format, row->type, fr_str_of(row->cursor), row->retry_ms, row->len);
        FR_ASSERT_ROW(row, fr_str_equal((struct fr_str){out, len}, row->expected));
    }
}

static void test_the_longest_fits(void **state)
{
    (void)state;
    char cursor[129], out[FR_STREAM_PREFIX_MAX];
    memset(cursor, 'x', 128);
    cursor[128] = '\0';
    size_t len = fr_stream_prefix(out, &fr_stream_sse, FR_ENVELOPE_SNAPSHOT_END, fr_str_of(cursor), 0, 1);
    assert_int_equal(len, strlen("id: ") + 128 + strlen("\nevent: snapshot_end\ndata: "));
    assert_true(fr_stream_prefix(out, &fr_stream_sse, FR_ENVELOPE_BYE, FR_STR_NONE, INT64_MAX, 1) <
                sizeof out);
}

/* What says nothing must not be taken for an event, nor end one. */
static void test_notes(void **state)
{
    (void)state;
    assert_true(fr_str_equal(fr_stream_sse.heartbeat, FR_STR(":\n\n")));
    assert_true(fr_str_equal(fr_stream_sse.opening, FR_STR("retry: 2000\n\n")));
    assert_true(fr_str_equal(fr_stream_sse.behind, FR_STR("\n\n")));
    assert_true(fr_str_equal(fr_stream_protobuf.heartbeat, FR_STR("\0")));
    assert_int_equal(fr_stream_protobuf.opening.len, 0);
    assert_int_equal(fr_stream_protobuf.behind.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_the_longest_fits),
        cmocka_unit_test(test_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
