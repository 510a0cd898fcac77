#include "frames.h"

#include <stdlib.h>

#include "check.h"

enum { MAX = 300 };

/* Reads `stream` in pieces of `piece` bytes; writes what came as "[text]" for each message, with "!" where it
 * broke. */
static void read_in_pieces(struct fr_str stream, size_t piece, struct fr_buf *out)
{
    struct frames frames;
    frames_init(&frames, MAX);
    bool broken = false;
    for (size_t at = 0; at < stream.len && !broken; at += piece) {
        size_t len = stream.len - at < piece ? stream.len - at : piece;
        char *copy = fr_strndup(stream.data + at, len); /* of its own: reading past it is noticed */
        struct fr_str rest = {copy, len}, frame;
        enum frames_status status;
        while ((status = frames_next(&frames, &rest, &frame)) == FRAMES_FRAME) {
            fr_buf_append_char(out, '[');
            fr_buf_append_str(out, frame);
            fr_buf_append_char(out, ']');
        }
        broken = status == FRAMES_BAD;
        assert_true(broken || rest.len == 0);
        free(copy);
    }
    if (broken)
        fr_buf_append_char(out, '!');
    frames_release(&frames);
}

#define OF_300 "\xac\x02"
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define THREE_HUNDRED FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

static const struct {
    const char *comment;
    struct fr_str stream;
    const char *messages;
} rows[] = {
    {"nothing", FR_STR(""), ""},
    {"one", FR_STR("\003abc"), "[abc]"},
    {"two", FR_STR("\003abc\001d"), "[abc][d]"},
    {"a heartbeat between", FR_STR("\003abc\000\001d"), "[abc][][d]"},
    {"heartbeats alone", FR_STR("\000\000\000"), "[][][]"},
    {"the last is not whole", FR_STR("\003abc\005de"), "[abc]"},
    {"a length of two bytes", FR_STR(OF_300 THREE_HUNDRED "\001x"), "[" THREE_HUNDRED "][x]"},
    {"a length of two bytes, not whole", FR_STR("\xac"), ""},
    {"one byte too long", FR_STR("\xad\x02" THREE_HUNDRED "y"), "!"},
    {"a length longer than need be",
     FR_STR("\x83\x80\x80\x80\x00"
            "abc"),
     "[abc]"},
    {"a length of six bytes",
     FR_STR("\x83\x80\x80\x80\x80\x00"
            "abc"),
     "!"},
    {"the longest length of five bytes", FR_STR("\xff\xff\xff\xff\x7f"), "!"},
};

static void messages_come_whole_whatever_the_pieces(void **state)
{
    FR_FOR_ROWS(row, rows)
    {
        for (size_t piece = 1; piece <= row->stream.len + 1; piece++) {
            struct fr_buf out;
            fr_buf_init(&out, 4096);
            read_in_pieces(row->stream, piece, &out);
            if (!fr_str_equal(fr_buf_str(&out), fr_str_of(row->messages)))
                fail_msg("row \"%s\" in pieces of %zu: expected %s, got %.*s", row->comment, piece,
                         row->messages, FR_STR_ARG(fr_buf_str(&out)));
            fr_buf_release(&out);
        }
    }
}

static void a_new_stream_begins_at_its_beginning(void **state)
{
    struct frames frames;
    frames_init(&frames, MAX);
    struct fr_str rest = FR_STR("\005ab"), frame;
    assert_int_equal(frames_next(&frames, &rest, &frame), FRAMES_MORE);
    frames_reset(&frames);
    rest = FR_STR("\001z");
    assert_int_equal(frames_next(&frames, &rest, &frame), FRAMES_FRAME);
    assert_true(fr_str_equal(frame, FR_STR("z")));
    frames_release(&frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole_whatever_the_pieces),
        cmocka_unit_test(a_new_stream_begins_at_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
