#include "check.h"
#include "ws_frame.h"

#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_MAX = 70000, LOG_MAX = 200000 };

/* Frames as a client writes them. */
struct wire {
    uint8_t *bytes;
    size_t len;
};

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static void put(struct wire *wire, const void *bytes, size_t len)
{
    wire->bytes = fr_realloc_array(wire->bytes, wire->len + len + 1, 1);
    if (len > 0)
        memcpy(wire->bytes + wire->len, bytes, len);
    wire->len += len;
}

/* `first` is the whole first byte. */
static void put_frame(struct wire *wire, uint8_t first, const void *payload, size_t len)
{
    uint8_t header[14] = {first};
    size_t n = 2;
    if (len < 126) {
        header[1] = (uint8_t)(0x80 | len);
    } else if (len <= UINT16_MAX) {
        header[1] = 0x80 | 126;
        header[n++] = (uint8_t)(len >> 8);
        header[n++] = (uint8_t)len;
    } else {
        header[1] = 0x80 | 127;
        for (int i = 7; i >= 0; i--)
            header[n++] = (uint8_t)((uint64_t)len >> (8 * i));
    }
    memcpy(header + n, mask, 4);
    put(wire, header, n + 4);
    const uint8_t *bytes = payload;
    for (size_t i = 0; i < len; i++) {
        uint8_t masked = bytes[i] ^ mask[i & 3];
        put(wire, &masked, 1);
    }
}

/* What the parser told, as text: the pieces of a message are joined, so that it does not depend on how the
 * bytes came. */
static void tell(struct fr_buf *log, enum fr_ws_event event, const struct fr_ws_piece *piece)
{
    switch (event) {
    case FR_WS_EVENT_NONE:
        return;
    case FR_WS_EVENT_DATA:
        if (piece->first)
            fr_buf_append_text(log, piece->message == FR_WS_TEXT ? "text(" : "binary(");
        fr_buf_append_str(log, piece->payload);
        if (piece->last)
            fr_buf_append_text(log, ") ");
        return;
    case FR_WS_EVENT_PING:
        fr_buf_printf(log, "ping(%.*s) ", FR_STR_ARG(piece->payload));
        return;
    case FR_WS_EVENT_PONG:
        fr_buf_printf(log, "pong(%.*s) ", FR_STR_ARG(piece->payload));
        return;
    case FR_WS_EVENT_CLOSE:
        fr_buf_printf(log, "close(%d,%.*s) ", piece->code, FR_STR_ARG(piece->payload));
        return;
    case FR_WS_EVENT_ERROR:
        fr_buf_printf(log, "error(%d) ", piece->code);
        return;
    }
}

static void feed(struct fr_ws_parser *parser, const uint8_t *bytes, size_t len, struct fr_buf *log)
{
    /* A copy of the exact size: the parser writes into it, and a sanitizer sees a byte too many. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, bytes, len);
    for (size_t at = 0; at < len;) {
        struct fr_ws_piece piece;
        size_t used = 0;
        enum fr_ws_event event = fr_ws_parse(parser, copy + at, len - at, &used, &piece);
        tell(log, event, &piece);
        assert_true(used > 0 && used <= len - at);
        if (event == FR_WS_EVENT_NONE)
            assert_int_equal(used, len - at);
        at += used;
    }
    free(copy);
}

/* As a connection does, which keeps no parser that is at rest. */
static void forget_if_at_rest(struct fr_ws_parser *parser)
{
    if (fr_ws_parser_is_at_rest(parser))
        fr_ws_parser_init(parser, MESSAGE_MAX);
}

static void expect(const char *comment, const struct wire *wire, const char *expected)
{
    size_t splits = wire->len < 600 ? wire->len : 20; /* long ones: only around the headers */
    for (size_t split = 0; split <= splits; split++) {
        struct fr_ws_parser parser;
        struct fr_buf log;
        fr_buf_init(&log, LOG_MAX);
        fr_ws_parser_init(&parser, MESSAGE_MAX);
        feed(&parser, wire->bytes, split, &log);
        forget_if_at_rest(&parser);
        feed(&parser, wire->bytes + split, wire->len - split, &log);
        if (strcmp(log.data != NULL ? log.data : "", expected) != 0)
            fail_msg("row \"%s\", split at %zu: expected %.200s, got %.200s", comment, split, expected,
                     log.data);
        fr_buf_release(&log);
    }
    struct fr_ws_parser parser;
    struct fr_buf log;
    fr_buf_init(&log, LOG_MAX);
    fr_ws_parser_init(&parser, MESSAGE_MAX);
    for (size_t i = 0; i < wire->len; i++) {
        feed(&parser, wire->bytes + i, 1, &log);
        forget_if_at_rest(&parser);
    }
    if (strcmp(log.data != NULL ? log.data : "", expected) != 0)
        fail_msg("row \"%s\", byte by byte: expected %.200s, got %.200s", comment, expected, log.data);
    fr_buf_release(&log);
}

struct frame {
    uint8_t first;
    const char *payload; /* NULL: no such frame */
};

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        struct frame frames[5];
        const char *expected;
    } rows[] = {
        {"one text", {{0x81, "Hello"}}, "text(Hello) "},
        {"empty text", {{0x81, ""}}, "text() "},
        {"one binary, not UTF-8", {{0x82, "\xff\xfe"}}, "binary(\xff\xfe) "},
        {"two messages", {{0x81, "a"}, {0x82, "b"}}, "text(a) binary(b) "},
        {"fragments", {{0x01, "He"}, {0x00, "ll"}, {0x80, "o"}}, "text(Hello) "},
        {"empty fragments", {{0x01, ""}, {0x00, ""}, {0x80, ""}}, "text() "},
        {"ping between fragments", {{0x01, "a"}, {0x89, "p"}, {0x80, "b"}}, "text(aping(p) b) "},
        {"a character split over fragments", {{0x01, "\xe2\x82"}, {0x80, "\xac"}}, "text(\xe2\x82\xac) "},
        {"ping", {{0x89, "x"}}, "ping(x) "},
        {"empty ping", {{0x89, ""}}, "ping() "},
        {"pong", {{0x8a, "y"}}, "pong(y) "},
        {"close without code", {{0x88, ""}}, "close(1005,) "},
        {"nothing after a close", {{0x88, ""}, {0x81, "late"}}, "close(1005,) "},
        {"close with reason", {{0x88, "\x03\xe8ok"}}, "close(1000,ok) "},
        {"close of one byte", {{0x88, "\x03"}}, "error(1002) "},
        {"close reason not UTF-8", {{0x88, "\x03\xe8\xff"}}, "error(1007) "},
        {"close reason cut in a character", {{0x88, "\x03\xe8\xe2\x82"}}, "error(1007) "},
        {"text not UTF-8", {{0x81, "a\xff"}}, "error(1007) "},
        {"text with a surrogate", {{0x81, "\xed\xa0\x80"}}, "error(1007) "},
        {"text cut in a character", {{0x81, "\xe2\x82"}}, "error(1007) "},
        {"text bad in its second fragment", {{0x01, "a"}, {0x80, "\x80"}}, "text(aerror(1007) "},
        {"continuation of nothing", {{0x80, "x"}}, "error(1002) "},
        {"continuation after the end", {{0x81, "x"}, {0x80, "y"}}, "text(x) error(1002) "},
        {"new text within a message", {{0x01, "x"}, {0x81, "y"}}, "text(xerror(1002) "},
        {"reserved bit 1", {{0xc1, "x"}}, "error(1002) "},
        {"reserved bit 2", {{0xa1, "x"}}, "error(1002) "},
        {"reserved bit 3", {{0x91, "x"}}, "error(1002) "},
        {"opcode 3", {{0x83, "x"}}, "error(1002) "},
        {"opcode 7", {{0x87, "x"}}, "error(1002) "},
        {"opcode 11", {{0x8b, "x"}}, "error(1002) "},
        {"opcode 15", {{0x8f, "x"}}, "error(1002) "},
        {"fragmented ping", {{0x09, "x"}}, "error(1002) "},
        {"fragmented close", {{0x08, ""}}, "error(1002) "},
        {"nothing after an error", {{0x83, "x"}, {0x81, "late"}}, "error(1002) "},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct wire wire = {0};
        for (size_t i = 0; i < FR_COUNT_OF(row->frames) && row->frames[i].payload != NULL; i++)
            put_frame(&wire, row->frames[i].first, row->frames[i].payload, strlen(row->frames[i].payload));
        /* A text that is cut off tells its good bytes only if they came before the bad one: the row of one
         * frame is refused as a whole or in part, by how it is split. So only the last event counts for
         * those. */
        if (strcmp(row->expected, "error(1007) ") != 0 || row->frames[0].first == 0x88) {
            expect(row->comment, &wire, row->expected);
        } else {
            struct fr_ws_parser parser;
            struct fr_buf log;
            fr_buf_init(&log, LOG_MAX);
            fr_ws_parser_init(&parser, MESSAGE_MAX);
            for (size_t i = 0; i < wire.len; i++)
                feed(&parser, wire.bytes + i, 1, &log);
            FR_ASSERT_ROW(row, log.len >= 12 && strcmp(log.data + log.len - 12, row->expected) == 0);
            fr_buf_release(&log);
        }
        free(wire.bytes);
    }
}

static void test_raw_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        const char *bytes;
        size_t len;
        const char *expected;
    } rows[] = {
        {"no mask", "\x81\x01x", 3, "error(1002) "},
        {"16-bit length of 5", "\x82\xfe\x00\x05\x00\x00\x00\x00", 8, "error(1002) "},
        {"16-bit length of 125", "\x82\xfe\x00\x7d\x00\x00\x00\x00", 8, "error(1002) "},
        {"64-bit length of 126", "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x7e\x00\x00\x00\x00", 14,
         "error(1002) "},
        {"64-bit length of 65535", "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", 14,
         "error(1002) "},
        {"64-bit length with the highest bit", "\x82\xff\x80\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00", 14,
         "error(1002) "},
        {"64-bit length past the bound", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 14,
         "error(1009) "},
        {"ping with a 16-bit length", "\x89\xfe\x00\x7e\x00\x00\x00\x00", 8, "error(1002) "},
        {"close with a 64-bit length", "\x88\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", 14,
         "error(1002) "},
        {"half a header", "\x81", 1, ""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct wire wire = {0};
        put(&wire, row->bytes, row->len);
        expect(row->comment, &wire, row->expected);
        free(wire.bytes);
    }
}

static void test_rest(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        struct frame frames[3];
        size_t missing; /* bytes of the end */
        bool at_rest;
    } rows[] = {
        {"nothing came", {{0}}, 0, true},
        {"half a header", {{0x81, ""}}, 5, false},
        {"a header without its payload", {{0x81, "x"}}, 1, false},
        {"a text", {{0x81, "x"}}, 0, true},
        {"an empty text", {{0x81, ""}}, 0, true},
        {"the first part of a text", {{0x01, "x"}}, 0, false},
        {"both parts", {{0x01, "x"}, {0x80, "y"}}, 0, true},
        {"a ping between the parts", {{0x01, "x"}, {0x89, "?"}}, 0, false},
        {"half a pong", {{0x8a, "abc"}}, 1, false},
        {"a pong", {{0x8a, "abc"}}, 0, true},
        {"a close, behind which nothing may come", {{0x88, "\x03\xe8"}}, 0, false},
        {"what is refused", {{0x83, "x"}}, 0, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct wire wire = {0};
        for (size_t i = 0; i < FR_COUNT_OF(row->frames) && row->frames[i].payload != NULL; i++)
            put_frame(&wire, row->frames[i].first, row->frames[i].payload, strlen(row->frames[i].payload));
        struct fr_ws_parser parser;
        struct fr_buf log;
        fr_buf_init(&log, LOG_MAX);
        fr_ws_parser_init(&parser, MESSAGE_MAX);
        feed(&parser, wire.bytes, wire.len - row->missing, &log);
        FR_ASSERT_ROW(row, fr_ws_parser_is_at_rest(&parser) == row->at_rest);
        fr_buf_release(&log);
        free(wire.bytes);
    }
}

static void test_every_close_code(void **state)
{
    (void)state;
    for (int code = 0; code <= UINT16_MAX; code++) {
        bool may = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                   (code >= 3000 && code <= 4999);
        assert_int_equal(fr_ws_code_may_travel(code), may);
        struct wire wire = {0};
        uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
        put_frame(&wire, 0x88, payload, sizeof payload);
        struct fr_ws_parser parser;
        struct fr_ws_piece piece;
        size_t used;
        fr_ws_parser_init(&parser, MESSAGE_MAX);
        enum fr_ws_event event = fr_ws_parse(&parser, wire.bytes, wire.len, &used, &piece);
        assert_int_equal(event, may ? FR_WS_EVENT_CLOSE : FR_WS_EVENT_ERROR);
        assert_int_equal(piece.code, may ? code : FR_WS_CODE_PROTOCOL);
        free(wire.bytes);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        size_t len;
        bool fits;
    } rows[] = {
        {"longest short form", 125, true}, {"shortest 16 bits", 126, true},
        {"longest 16 bits", 65535, true},  {"shortest 64 bits", 65536, true},
        {"the bound", MESSAGE_MAX, true},  {"past the bound", MESSAGE_MAX + 1, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct wire wire = {0};
        char *payload = malloc(row->len);
        assert_non_null(payload);
        memset(payload, 'x', row->len);
        put_frame(&wire, 0x81, payload, row->len);
        struct fr_buf expected;
        fr_buf_init(&expected, LOG_MAX);
        if (row->fits)
            fr_buf_printf(&expected, "text(%.*s) ", (int)row->len, payload);
        else
            fr_buf_append_text(&expected, "error(1009) ");
        expect(row->comment, &wire, expected.data);
        fr_buf_release(&expected);
        free(payload);
        free(wire.bytes);
    }
}

static void test_fragments_share_the_bound(void **state)
{
    (void)state;
    struct wire wire = {0};
    char *payload = malloc(MESSAGE_MAX);
    assert_non_null(payload);
    memset(payload, 'x', MESSAGE_MAX);
    put_frame(&wire, 0x02, payload, MESSAGE_MAX);
    put_frame(&wire, 0x80, "y", 1);
    struct fr_ws_parser parser;
    struct fr_buf log;
    fr_buf_init(&log, LOG_MAX);
    fr_ws_parser_init(&parser, MESSAGE_MAX);
    feed(&parser, wire.bytes, wire.len, &log);
    assert_string_equal(log.data + log.len - 12, "error(1009) ");
    fr_buf_release(&log);
    free(payload);
    free(wire.bytes);
}

static void test_write_header(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        enum fr_ws_opcode opcode;
        uint64_t len;
        size_t expected_len;
        const char *expected;
    } rows[] = {
        {"empty ping", FR_WS_PING, 0, 2, "\x89\x00"},
        {"text of 5", FR_WS_TEXT, 5, 2, "\x81\x05"},
        {"text of 125", FR_WS_TEXT, 125, 2, "\x81\x7d"},
        {"binary of 126", FR_WS_BINARY, 126, 4, "\x82\x7e\x00\x7e"},
        {"text of 65535", FR_WS_TEXT, 65535, 4, "\x81\x7e\xff\xff"},
        {"text of 65536", FR_WS_TEXT, 65536, 10, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
    };
    FR_FOR_ROWS(row, rows)
    {
        uint8_t out[FR_WS_HEADER_MAX];
        size_t len = fr_ws_write_header(out, row->opcode, row->len);
        FR_ASSERT_ROW(row, len == row->expected_len && memcmp(out, row->expected, len) == 0);
    }
}

static void test_write_close(void **state)
{
    (void)state;
    uint8_t out[FR_WS_CONTROL_MAX];
    assert_int_equal(fr_ws_write_close(out, 4002, "slow"), 6);
    assert_memory_equal(out, "\x0f\xa2slow", 6);
    assert_int_equal(fr_ws_write_close(out, 1001, NULL), 2);
    char reason[301];
    memset(reason, 'r', 300);
    reason[300] = '\0';
    assert_int_equal(fr_ws_write_close(out, 1001, reason), FR_WS_CONTROL_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),       cmocka_unit_test(test_raw_bytes),
        cmocka_unit_test(test_rest),         cmocka_unit_test(test_every_close_code),
        cmocka_unit_test(test_lengths),      cmocka_unit_test(test_fragments_share_the_bound),
        cmocka_unit_test(test_write_header), cmocka_unit_test(test_write_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
