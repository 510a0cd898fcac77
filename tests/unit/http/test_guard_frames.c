#include "check.h"

#include <stdlib.h>

#include "http/guard_frames.h"

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};

/* Bytes of a connection, written frame by frame. */
struct writer {
    uint8_t bytes[400000];
    size_t len;
};

static void put(struct writer *out, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                size_t len)
{
    uint8_t header[9] = {
        (uint8_t)(len >> 16),    (uint8_t)(len >> 8),     (uint8_t)len,           type,           flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(out->bytes + out->len, header, sizeof header);
    memset(out->bytes + out->len + sizeof header, 'x', len);
    if (payload != NULL)
        memcpy(out->bytes + out->len + sizeof header, payload, len);
    out->len += sizeof header + len;
}

static struct writer out;
static const struct fr_frame_context nothing;

static void test_counts(void **state)
{
    static const struct {
        const char *comment;
        uint8_t type, flags;
        uint32_t stream;
        const char *payload;
        size_t len;
        struct fr_frame_batch expected;
    } table[] = {
        {"a request", HEADERS, 5, 1, NULL, 20, {.requests = 1}},
        {"a trailer of a stream that is open", HEADERS, 5, 0, NULL, 20, {0}},
        {"part of a body", DATA, 0, 1, NULL, 20, {.body = true}},
        {"the end of a body", DATA, 1, 1, NULL, 20, {0}},
        {"nothing of a body", DATA, 0, 1, NULL, 0, {.body = true, .control_points = FRAME_POINTS}},
        {"a reset", RST_STREAM, 0, 1, NULL, 4, {.resets = 1, .control_points = FRAME_POINTS}},
        {"a ping", PING, 0, 0, NULL, 8, {.control_points = FRAME_POINTS}},
        {"the answer to one", PING, 1, 0, NULL, 8, {0}},
        {"settings", SETTINGS, 0, 0, NULL, 6, {.control_points = FRAME_POINTS}},
        {"the answer to ours", SETTINGS, 1, 0, NULL, 0, {0}},
        {"a priority", PRIORITY, 0, 1, NULL, 5, {.control_points = FRAME_POINTS}},
        {"a window", WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4, {.control_points = FRAME_POINTS_WINDOW_UPDATE}},
        {"a window of nothing",
         WINDOW_UPDATE,
         0,
         1,
         "\0\0\0\0",
         4,
         {.resets = 1, .control_points = FRAME_POINTS_WINDOW_UPDATE}},
        {"a reserved bit is not a size",
         WINDOW_UPDATE,
         0,
         1,
         "\x80\0\0\0",
         4,
         {.resets = 1, .control_points = FRAME_POINTS_WINDOW_UPDATE}},
        {"a continuation", CONTINUATION, 4, 1, NULL, 20, {.control_points = FRAME_POINTS}},
        {"of an unknown type", 0x77, 0, 1, NULL, 20, {.control_points = FRAME_POINTS}},
    };
    FR_FOR_ROWS(row, table)
    {
        struct fr_frame_batch got;
        out.len = 0;
        put(&out, row->type, row->flags, row->stream, row->payload, row->len);
        size_t before = out.len, left = fr_frames_read(out.bytes, out.len, &nothing, &got);
        FR_ASSERT_ROW(row, got.requests == row->expected.requests);
        FR_ASSERT_ROW(row, got.resets == row->expected.resets);
        FR_ASSERT_ROW(row, got.control_points == row->expected.control_points);
        FR_ASSERT_ROW(row, got.body == row->expected.body);
        FR_ASSERT_ROW(row, !got.headers_too_large && got.dropped == 0);
        FR_ASSERT_ROW(row, left == (row->type == 0x77 ? 0 : before));
    }
}

static void test_streams_are_counted_once(void **state)
{
    struct fr_frame_batch got;
    struct fr_frame_context context = {.max_stream_id = 5};
    out.len = 0;
    const uint32_t streams[] = {5, 7, 9, 9, 7};
    for (size_t i = 0; i < FR_COUNT_OF(streams); i++)
        put(&out, HEADERS, 5, streams[i], NULL, 10);
    fr_frames_read(out.bytes, out.len, &context, &got);
    assert_int_equal(got.requests, 2);
}

static void test_header_block(void **state)
{
    static const struct {
        const char *comment;
        size_t before, pieces, each;
        bool too_large;
    } table[] = {
        {"one frame, as large as may be", 0, 1, 16384, false},
        {"two", 0, 2, 16384, false},
        {"and a byte", 1, 2, 16384, true},
        {"three", 0, 3, 16000, true},
        {"what came before counts", 30000, 1, 3000, true},
    };
    FR_FOR_ROWS(row, table)
    {
        struct fr_frame_batch got;
        struct fr_frame_context context = {.header_block = row->before};
        out.len = 0;
        for (size_t i = 0; i < row->pieces; i++)
            put(&out, i == 0 && row->before == 0 ? HEADERS : CONTINUATION, 0, 1, NULL, row->each);
        fr_frames_read(out.bytes, out.len, &context, &got);
        FR_ASSERT_ROW(row, got.headers_too_large == row->too_large);
    }
}

static void test_unknown_types_are_taken_out(void **state)
{
    static struct writer expected;
    struct fr_frame_batch got;
    out.len = expected.len = 0;
    put(&out, 0x10, 0, 0, NULL, 100);
    put(&out, PING, 0, 0, "12345678", 8);
    put(&out, 0xff, 0, 7, NULL, 0);
    put(&out, 0x0a, 0, 7, NULL, 16384);
    put(&out, HEADERS, 5, 1, NULL, 30);
    put(&out, 0x77, 0, 0, NULL, 500);
    out.len -= 400; /* the last is not there in whole */
    put(&expected, PING, 0, 0, "12345678", 8);
    put(&expected, HEADERS, 5, 1, NULL, 30);
    put(&expected, 0x77, 0, 0, NULL, 500);
    expected.len -= 400;
    size_t left = fr_frames_read(out.bytes, out.len, &nothing, &got);
    assert_int_equal(left, expected.len);
    assert_memory_equal(out.bytes, expected.bytes, expected.len);
}

static size_t body_of_100000(const void *arg, uint32_t stream_id)
{
    return stream_id == 3 ? 100000 : 0;
}

static void test_refused_bodies_are_taken_out(void **state)
{
    struct fr_frame_batch got;
    struct fr_frame_context context = {.refused = {0, 5}, .body_size = body_of_100000};
    out.len = 0;
    put(&out, DATA, 0, 5, NULL, 1000);
    put(&out, DATA, 0, 7, NULL, 1000);
    size_t left = fr_frames_read(out.bytes, out.len, &context, &got);
    assert_int_equal(left, 1009);
    assert_int_equal(got.dropped, 1000);
    /* Past what libh2o shall get: 6 of 16,000 bytes still fit. */
    out.len = 0;
    for (int i = 0; i < 10; i++)
        put(&out, DATA, i == 9, 3, NULL, 16000);
    left = fr_frames_read(out.bytes, out.len, &context, &got);
    assert_int_equal(left, 6 * 16009);
    assert_int_equal(got.dropped, 4 * 16000);
    assert_true(got.body);
}

static void test_preface(void **state)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct fr_frame_batch got;
    for (size_t len = 3; len <= sizeof preface - 1; len++) {
        memcpy(out.bytes, preface, len);
        assert_int_equal(fr_frames_read(out.bytes, len, &nothing, &got), len);
    }
    out.len = sizeof preface - 1;
    put(&out, HEADERS, 5, 1, NULL, 10);
    assert_int_equal(fr_frames_read(out.bytes, out.len, &nothing, &got), out.len);
    assert_int_equal(got.requests, 1);
}

/* Whatever comes and however it is cut: nothing outside is read, nothing is made longer. */
static void test_any_bytes(void **state)
{
    struct fr_random random = fr_random_of_seed(7);
    struct fr_frame_batch got;
    for (int round = 0; round < 20000; round++) {
        size_t len = fr_random_below(&random, 300);
        uint8_t *bytes = fr_alloc(len + 1);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(fr_random_below(&random, 3) == 0 ? fr_random_next(&random)
                                                                  : fr_random_below(&random, 10));
        assert_true(fr_frames_read(bytes, len, &nothing, &got) <= len);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_streams_are_counted_once),
        cmocka_unit_test(test_header_block),
        cmocka_unit_test(test_unknown_types_are_taken_out),
        cmocka_unit_test(test_refused_bodies_are_taken_out),
        cmocka_unit_test(test_preface),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests_name("guard_frames", tests, NULL, NULL);
}
