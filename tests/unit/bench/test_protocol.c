#include "protocol.h"

#include "check.h"

static void heads(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
        enum piece piece;
        struct http_head head;
    } rows[] = {
        {"an answer with a body",
         FR_STR("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n\"1234567890\""),
         PIECE_DONE,
         {200, 12, false, false, 39}},
        {"an upgrade",
         FR_STR("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n"),
         PIECE_DONE,
         {101, -1, false, false, 57}},
        {"a stream",
         FR_STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"),
         PIECE_DONE,
         {200, -1, true, false, 47}},
        {"the last of its connection",
         FR_STR("HTTP/1.1 503 No\r\nCONNECTION: Close\r\n\r\n"),
         PIECE_DONE,
         {503, -1, false, true, 38}},
        {"half", FR_STR("HTTP/1.1 200 OK\r\nContent-Le"), PIECE_MORE, {0}},
        {"nothing", FR_STR(""), PIECE_MORE, {0}},
        {"another protocol", FR_STR("SSH-2.0-x\r\n\r\n"), PIECE_BAD, {0}},
        {"no status", FR_STR("HTTP/1.1 abc\r\n\r\n"), PIECE_BAD, {0}},
        {"a length that is none", FR_STR("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), PIECE_BAD, {0}},
        {"a header without a name", FR_STR("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), PIECE_BAD, {0}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct http_head head = {0};
        FR_ASSERT_ROW(row, http_head_parse(row->bytes, &head) == row->piece);
        FR_ASSERT_ROW(row, head.status == row->head.status &&
                               head.content_length == row->head.content_length &&
                               head.chunked == row->head.chunked && head.close == row->head.close &&
                               head.size == row->head.size);
    }
}

/* However the bytes are cut. */
static void chunks(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
        const char *body; /* NULL: refused */
        bool ended;
    } rows[] = {
        {"two and the last", FR_STR("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), "hello!", true},
        {"hexadecimal, in both cases", FR_STR("a\r\n0123456789\r\nA\r\n0123456789\r\n"),
         "01234567890123456789", false},
        {"an extension", FR_STR("2;name=value\r\nok\r\n"), "ok", false},
        {"not whole", FR_STR("5\r\nhel"), "hel", false},
        {"no size", FR_STR("\r\nhello"), NULL, false},
        {"a size that is none", FR_STR("x\r\n"), NULL, false},
        {"longer than it says", FR_STR("2\r\nhello\r\n"), NULL, false},
        {"larger than any", FR_STR("ffffffffffffffff\r\n"), NULL, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        for (size_t step = 1; step <= row->bytes.len; step++) {
            struct chunks chunks = {0};
            struct fr_buf body;
            bool taken = true;
            fr_buf_init(&body, 100);
            for (size_t at = 0; at < row->bytes.len && taken; at += step) {
                size_t len = row->bytes.len - at < step ? row->bytes.len - at : step;
                taken = chunks_decode(&chunks, (struct fr_str){row->bytes.data + at, len}, &body);
            }
            FR_ASSERT_ROW(row, taken == (row->body != NULL));
            FR_ASSERT_ROW(row, !taken || fr_str_equal(fr_buf_str(&body), fr_str_of(row->body)));
            FR_ASSERT_ROW(row, chunks_ended(&chunks) == row->ended);
            fr_buf_release(&body);
        }
    }
}

static void frames_that_are_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, MESSAGE_MAX};
    for (size_t i = 0; i < FR_COUNT_OF(sizes); i++) {
        uint8_t head[WS_FRAME_HEAD_MAX];
        struct fr_buf bytes;
        struct ws_frame frame;
        fr_buf_init(&bytes, 2 * MESSAGE_MAX);
        fr_buf_append(&bytes, head, ws_frame_head(WS_BINARY, false, sizes[i], head));
        size_t start = bytes.len;
        memset(fr_buf_reserve(&bytes, sizes[i]), 'x', sizes[i]);
        bytes.len += sizes[i];
        assert_int_equal(ws_frame_parse(fr_buf_str(&bytes), &frame), PIECE_DONE);
        assert_int_equal(frame.opcode, WS_BINARY);
        assert_int_equal(frame.payload.len, sizes[i]);
        assert_int_equal(frame.size, start + sizes[i]);
        for (size_t len = 0; len < start; len++)
            assert_int_equal(ws_frame_parse((struct fr_str){bytes.data, len}, &frame), PIECE_MORE);
        if (sizes[i] > 0)
            assert_int_equal(ws_frame_parse((struct fr_str){bytes.data, bytes.len - 1}, &frame), PIECE_MORE);
        fr_buf_release(&bytes);
    }
}

static void frames_that_no_server_sends(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
    } rows[] = {
        {"masked", FR_STR("\x81\x81xxxxx")},
        {"a fragment", FR_STR("\x01\x01x")},
        {"an extension's bit", FR_STR("\xC1\x01x")},
        {"too long", FR_STR("\x81\x7F\x00\x00\x00\x00\x00\x10\x00\x01")},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct ws_frame frame;
        FR_ASSERT_ROW(row, ws_frame_parse(row->bytes, &frame) == PIECE_BAD);
    }
}

static void a_client_masks_with_zeroes(void **state)
{
    uint8_t head[WS_FRAME_HEAD_MAX];
    assert_int_equal(ws_frame_head(WS_PONG, true, 5, head), 6);
    assert_memory_equal(head, "\x8A\x85\0\0\0\0", 6);
}

static void events(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
        enum piece piece;
        size_t size;
        const char *payload;
    } rows[] = {
        {"an event", FR_STR("id: c1\nevent: post\ndata: {\"type\":\"post\"}\n\nid"), PIECE_DONE, 42,
         "{\"type\":\"post\"}"},
        {"a comment", FR_STR(":\n\n"), PIECE_DONE, 3, ""},
        {"not whole", FR_STR("data: {\"type\":\"post\"}\n"), PIECE_MORE, 0, ""},
        {"two lines of data", FR_STR("data: a\ndata: b\n\n"), PIECE_BAD, 0, ""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct delimited event = {0};
        FR_ASSERT_ROW(row, event_parse(row->bytes, &event) == row->piece);
        FR_ASSERT_ROW(row, event.size == row->size && fr_str_equal(event.payload, fr_str_of(row->payload)));
    }
}

static void delimited_messages(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str bytes;
        enum piece piece;
        size_t size, payload;
    } rows[] = {
        {"short", FR_STR("\x02okmore"), PIECE_DONE, 3, 2},
        {"empty", FR_STR("\x00x"), PIECE_DONE, 1, 0},
        {"a length of two bytes", FR_STR("\x81\x00x"), PIECE_DONE, 3, 1},
        {"not whole", FR_STR("\x03ok"), PIECE_MORE, 0, 0},
        {"half a length", FR_STR("\x81"), PIECE_MORE, 0, 0},
        {"too long", FR_STR("\xFF\xFF\xFF\x7F"), PIECE_BAD, 0, 0},
        {"a length without end", FR_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), PIECE_BAD, 0, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct delimited one = {0};
        FR_ASSERT_ROW(row, delimited_parse(row->bytes, &one) == row->piece);
        FR_ASSERT_ROW(row, one.size == row->size && one.payload.len == row->payload);
    }
}

static void envelopes(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str payload;
        bool protobuf, good;
        enum message_type type;
        const char *cursor;
        bool snapshot, resumed;
    } rows[] = {
        {"ready", FR_STR("{\"type\":\"ready\",\"cursor\":\"c9\",\"resumed\":true,\"user_id\":\"7\"}"), false,
         true, MESSAGE_READY, "c9", false, true},
        {"a fresh start", FR_STR("{\"type\":\"ready\",\"resumed\":false,\"user_id\":\"7\"}"), false, true,
         MESSAGE_READY, "", false, false},
        {"of a snapshot", FR_STR("{\"type\":\"post\",\"snapshot\":true,\"id\":\"5\",\"text\":\"x\"}"), false,
         true, MESSAGE_POST, "", true, false},
        {"a text that looks like a member",
         FR_STR(
             "{\"type\":\"post\",\"id\":\"5\",\"text\":\"\\\"snapshot\\\":true,\\\"cursor\\\":\\\"x\\\"\"}"),
         false, true, MESSAGE_POST, "", false, false},
        {"a type to come", FR_STR("{\"type\":\"weather\"}"), false, true, MESSAGE_OTHER, "", false, false},
        {"no envelope", FR_STR("{\"postId\":\"5\"}"), false, false, MESSAGE_OTHER, "", false, false},
        {"no object", FR_STR("\"type\":\"post\""), false, false, MESSAGE_OTHER, "", false, false},
        {"ready", FR_STR("\x08\x01\x48\x01\x50\x07"), true, true, MESSAGE_READY, "", false, true},
        {"a post",
         FR_STR("\x08\x02\x12\x02"
                "c9\x18\x05\x22\x03"
                "abc\x40\x01"),
         true, true, MESSAGE_POST, "c9", true, false},
        {"fields to come",
         FR_STR("\x08\x05\xA1\x06"
                "12345678\xA5\x06"
                "1234"),
         true, true, MESSAGE_RESET, "", false, false},
        {"half a field",
         FR_STR("\x08\x02\x12\x05"
                "c9"),
         true, false, MESSAGE_OTHER, "", false, false},
        {"groups", FR_STR("\x0B"), true, false, MESSAGE_OTHER, "", false, false},
        {"nothing", FR_STR(""), true, false, MESSAGE_OTHER, "", false, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct message message = {0};
        bool good = row->protobuf ? message_parse_protobuf(row->payload, &message)
                                  : message_parse_json(row->payload, &message);
        FR_ASSERT_ROW(row, good == row->good);
        if (!good)
            continue;
        FR_ASSERT_ROW(row, message.type == row->type && message.snapshot == row->snapshot &&
                               message.resumed == row->resumed);
        FR_ASSERT_ROW(row, fr_str_equal(message.cursor, fr_str_of(row->cursor)));
    }
}

static void a_mark_is_found_again(void **state)
{
    struct fr_buf text;
    uint32_t index;
    fr_buf_init(&text, 4096);
    fr_buf_append_text(&text, "{\"text\":\"");
    mark_write(&text, 0xBADCAFE, 17, 120);
    assert_int_equal(text.len, 9 + 120);
    fr_buf_append_text(&text, "\"}");
    assert_true(mark_find(fr_buf_str(&text), 0xBADCAFE, &index));
    assert_int_equal(index, 17);
    assert_false(mark_find(fr_buf_str(&text), 0xBADCAFF, &index)); /* of another run */
    assert_false(mark_find((struct fr_str){text.data, 9 + MARK_SIZE - 2}, 0xBADCAFE, &index));
    assert_false(mark_find(FR_STR_NONE, 0, &index));
    fr_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(chunks),
        cmocka_unit_test(frames_that_are_whole),
        cmocka_unit_test(frames_that_no_server_sends),
        cmocka_unit_test(a_client_masks_with_zeroes),
        cmocka_unit_test(events),
        cmocka_unit_test(delimited_messages),
        cmocka_unit_test(envelopes),
        cmocka_unit_test(a_mark_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
