/* The parser of WebSocket frames: however the bytes are cut, it tells the same; and what it tells keeps RFC
 * 6455. */
#include "fuzz.h"
#include "http/ws_frame.h"

enum { MESSAGE_MAX = 4096, TOLD_MAX = 1 << 20 };

void fr_fuzz_begin(void)
{
}

/* What a parser told, in words that do not depend on where the input was cut. */
struct told {
    struct fr_buf text;
    enum fr_ws_opcode message;
    uint64_t message_bytes;
    struct fr_utf8 utf8;
    size_t whole; /* of the text: what was told of whole messages and control frames */
    bool ended;
};

static void check_data(struct told *told, const struct fr_ws_piece *piece)
{
    if (piece->first) {
        told->message = piece->message;
        told->message_bytes = 0;
        told->utf8 = (struct fr_utf8){0};
    }
    FR_FUZZ_RULE(piece->message == told->message, "a message keeps its type");
    told->message_bytes += piece->payload.len;
    FR_FUZZ_RULE(told->message_bytes <= MESSAGE_MAX, "a message keeps its bound");
    if (piece->message == FR_WS_TEXT) {
        FR_FUZZ_RULE(fr_utf8_feed(&told->utf8, piece->payload.data, piece->payload.len), "text is UTF-8");
        FR_FUZZ_RULE(!piece->last || fr_utf8_complete(&told->utf8), "and whole at its end");
    }
    if (piece->first)
        fr_buf_printf(&told->text, "[%d ", (int)piece->message);
    for (size_t i = 0; i < piece->payload.len; i++)
        fr_buf_printf(&told->text, "%02x", (unsigned char)piece->payload.data[i]);
    if (piece->last) {
        fr_buf_append_text(&told->text, "]");
        told->whole = told->text.len;
    }
}

static void note(struct told *told, enum fr_ws_event event, const struct fr_ws_piece *piece)
{
    switch (event) {
    case FR_WS_EVENT_NONE:
        return;
    case FR_WS_EVENT_DATA:
        check_data(told, piece);
        return;
    case FR_WS_EVENT_PING:
    case FR_WS_EVENT_PONG:
        FR_FUZZ_RULE(piece->payload.len <= FR_WS_CONTROL_MAX, "control frames are short");
        fr_buf_printf(&told->text, "{%d ", (int)event);
        for (size_t i = 0; i < piece->payload.len; i++)
            fr_buf_printf(&told->text, "%02x", (unsigned char)piece->payload.data[i]);
        fr_buf_append_text(&told->text, "}");
        return;
    case FR_WS_EVENT_CLOSE:
        FR_FUZZ_RULE(piece->code == FR_WS_CODE_NO_STATUS || fr_ws_code_may_travel(piece->code),
                     "codes that may travel");
        told->utf8 = (struct fr_utf8){0};
        FR_FUZZ_RULE(fr_utf8_feed(&told->utf8, piece->payload.data, piece->payload.len) &&
                         fr_utf8_complete(&told->utf8),
                     "a reason is UTF-8");
        fr_buf_printf(&told->text, "close %d", piece->code);
        told->ended = true;
        return;
    case FR_WS_EVENT_ERROR:
        FR_FUZZ_RULE(piece->code == FR_WS_CODE_PROTOCOL || piece->code == FR_WS_CODE_BAD_TEXT ||
                         piece->code == FR_WS_CODE_TOO_BIG,
                     "an error has one of three codes");
        FR_FUZZ_RULE(piece->reason != NULL && strlen(piece->reason) <= FR_WS_CONTROL_MAX - 2, "and a reason");
        /* How much of the broken message came before depends on the cuts. */
        told->text.len = told->whole;
        fr_buf_printf(&told->text, "error %d", piece->code);
        told->ended = true;
        return;
    }
}

/* Each cut takes as many bytes as the next byte of `cuts` says; no cuts: all at once. */
static void parse(const uint8_t *data, size_t len, struct fr_fuzz_input cuts, struct told *told)
{
    struct fr_ws_parser parser;
    fr_ws_parser_init(&parser, MESSAGE_MAX);
    fr_buf_init(&told->text, TOLD_MAX);
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, data, len);
    size_t at = 0;
    while (at < len && !told->ended) {
        size_t piece_len = cuts.len > 0 ? 1u + fr_fuzz_take_byte(&cuts) : len - at;
        if (piece_len > len - at)
            piece_len = len - at;
        for (size_t end = at + piece_len; at < end && !told->ended;) {
            struct fr_ws_piece piece = {0};
            size_t used = 0;
            enum fr_ws_event event = fr_ws_parse(&parser, copy + at, end - at, &used, &piece);
            FR_FUZZ_RULE(used <= end - at, "no more is used than there is");
            FR_FUZZ_RULE(used > 0 || event == FR_WS_EVENT_ERROR, "it goes on");
            note(told, event, &piece);
            at += used;
        }
    }
    free(copy);
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_fuzz_input input = {data, len}, none = {0};
    struct fr_str cuts = fr_fuzz_take(&input, fr_fuzz_take_byte(&input) % 32);
    struct told whole = {0}, cut = {0};
    parse(input.data, input.len, none, &whole);
    parse(input.data, input.len, (struct fr_fuzz_input){(const uint8_t *)cuts.data, cuts.len}, &cut);
    FR_FUZZ_RULE(fr_str_equal(fr_buf_str(&whole.text), fr_buf_str(&cut.text)), "cutting changes nothing");
    fr_buf_release(&whole.text);
    fr_buf_release(&cut.text);
}
