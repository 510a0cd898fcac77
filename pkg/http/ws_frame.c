#include "http/ws_frame.h"

#include <assert.h>

enum {
    BIT_FIN = 0x80,
    BITS_RESERVED = 0x70,
    BITS_OPCODE = 0x0f,
    BIT_MASK = 0x80,
    BITS_LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
};

static enum fr_ws_event fail(struct fr_ws_parser *parser, struct fr_ws_piece *ret, int code,
                             const char *reason)
{
    parser->failed = true;
    *ret = (struct fr_ws_piece){.code = code, .reason = reason};
    return FR_WS_EVENT_ERROR;
}

static void begin_frame(struct fr_ws_parser *parser)
{
    parser->header_len = 0;
    parser->header_need = 2;
    parser->in_payload = false;
    parser->mask_at = 0;
    parser->control_len = 0;
}

void fr_ws_parser_init(struct fr_ws_parser *parser, uint64_t message_max)
{
    *parser = (struct fr_ws_parser){.message_max = message_max};
    begin_frame(parser);
}

bool fr_ws_parser_is_at_rest(const struct fr_ws_parser *parser)
{
    return parser->header_len == 0 && !parser->in_payload && parser->message == 0 && !parser->failed;
}

static bool is_control(uint8_t opcode)
{
    return opcode >= FR_WS_CLOSE;
}

/* The first two bytes: refuses what can be refused and finds how long the header is. */
static const char *check_start(struct fr_ws_parser *parser)
{
    uint8_t first = parser->header[0], second = parser->header[1];
    if ((first & BITS_RESERVED) != 0)
        return "reserved bits are set";
    if ((second & BIT_MASK) == 0)
        return "frame is not masked";
    uint8_t opcode = first & BITS_OPCODE;
    uint8_t length = second & BITS_LENGTH;
    parser->opcode = opcode;
    parser->fin = (first & BIT_FIN) != 0;
    if (opcode > FR_WS_PONG || (opcode > FR_WS_BINARY && opcode < FR_WS_CLOSE))
        return "unknown opcode";
    if (is_control(opcode)) {
        if (!parser->fin)
            return "control frame is fragmented";
        if (length > FR_WS_CONTROL_MAX)
            return "control frame is too long";
    } else if (opcode == FR_WS_CONTINUATION && parser->message == 0) {
        return "continuation of nothing";
    } else if (opcode != FR_WS_CONTINUATION && parser->message != 0) {
        return "new message within another";
    }
    parser->header_need = 2 + 4 + (length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0);
    return NULL;
}

/* The whole header is there: length and mask. */
static const char *take_header(struct fr_ws_parser *parser)
{
    uint8_t length = parser->header[1] & BITS_LENGTH;
    size_t extended = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
    uint64_t value = 0;
    for (size_t i = 0; i < extended; i++)
        value = value << 8 | parser->header[2 + i];
    if (extended == 0)
        value = length;
    if ((extended == 2 && value < LENGTH_16) || (extended == 8 && value <= UINT16_MAX))
        return "length is not in its shortest form";
    if (value > INT64_MAX)
        return "length has its highest bit set";
    memcpy(parser->mask, parser->header + 2 + extended, sizeof parser->mask);
    parser->left = value;
    parser->in_payload = true;
    return NULL;
}

bool fr_ws_code_may_travel(int code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static enum fr_ws_event end_close(struct fr_ws_parser *parser, struct fr_ws_piece *ret)
{
    size_t len = parser->control_len;
    if (len == 0) {
        *ret = (struct fr_ws_piece){.code = FR_WS_CODE_NO_STATUS};
        return FR_WS_EVENT_CLOSE;
    }
    if (len == 1)
        return fail(parser, ret, FR_WS_CODE_PROTOCOL, "close frame of one byte");
    int code = parser->control[0] << 8 | parser->control[1];
    if (!fr_ws_code_may_travel(code))
        return fail(parser, ret, FR_WS_CODE_PROTOCOL, "close code may not be sent");
    struct fr_utf8 utf8 = {0};
    if (!fr_utf8_feed(&utf8, parser->control + 2, len - 2) || !fr_utf8_complete(&utf8))
        return fail(parser, ret, FR_WS_CODE_BAD_TEXT, "close reason is not UTF-8");
    *ret = (struct fr_ws_piece){.code = code, .payload = {(const char *)parser->control + 2, len - 2}};
    return FR_WS_EVENT_CLOSE;
}

static enum fr_ws_event end_control(struct fr_ws_parser *parser, struct fr_ws_piece *ret)
{
    enum fr_ws_event event;
    if (parser->opcode == FR_WS_CLOSE) {
        event = end_close(parser, ret);
        parser->failed = true; /* nothing may follow */
        return event;
    }
    *ret = (struct fr_ws_piece){.payload = {(const char *)parser->control, parser->control_len}};
    event = parser->opcode == FR_WS_PING ? FR_WS_EVENT_PING : FR_WS_EVENT_PONG;
    begin_frame(parser);
    parser->control_len = 0;
    return event;
}

static void unmask(struct fr_ws_parser *parser, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] ^= parser->mask[(parser->mask_at + i) & 3];
    parser->mask_at = (uint8_t)((parser->mask_at + len) & 3);
}

static enum fr_ws_event take_control(struct fr_ws_parser *parser, uint8_t *data, size_t len, size_t *used,
                                     struct fr_ws_piece *ret)
{
    size_t n = len < parser->left ? len : (size_t)parser->left;
    unmask(parser, data, n);
    memcpy(parser->control + parser->control_len, data, n);
    parser->control_len = (uint8_t)(parser->control_len + n);
    parser->left -= n;
    *used += n;
    return parser->left > 0 ? FR_WS_EVENT_NONE : end_control(parser, ret);
}

static enum fr_ws_event take_data(struct fr_ws_parser *parser, uint8_t *data, size_t len, size_t *used,
                                  struct fr_ws_piece *ret)
{
    size_t n = len < parser->left ? len : (size_t)parser->left;
    bool frame_ends = n == parser->left;
    if (n == 0 && !frame_ends)
        return FR_WS_EVENT_NONE;
    unmask(parser, data, n);
    parser->left -= n;
    *used += n;
    bool last = frame_ends && parser->fin;
    enum fr_ws_opcode message = parser->message;
    if (message == FR_WS_TEXT &&
        (!fr_utf8_feed(&parser->utf8, data, n) || (last && !fr_utf8_complete(&parser->utf8))))
        return fail(parser, ret, FR_WS_CODE_BAD_TEXT, "text is not UTF-8");
    *ret = (struct fr_ws_piece){
        .message = message,
        .first = !parser->message_started,
        .last = last,
        .payload = {(const char *)data, n},
    };
    parser->message_started = true;
    if (frame_ends)
        begin_frame(parser);
    if (last)
        parser->message = 0;
    return FR_WS_EVENT_DATA;
}

static enum fr_ws_event begin_payload(struct fr_ws_parser *parser, struct fr_ws_piece *ret)
{
    const char *wrong = take_header(parser);
    if (wrong != NULL)
        return fail(parser, ret, FR_WS_CODE_PROTOCOL, wrong);
    if (is_control(parser->opcode))
        return FR_WS_EVENT_NONE;
    if (parser->opcode != FR_WS_CONTINUATION) {
        parser->message = parser->opcode;
        parser->message_bytes = 0;
        parser->message_started = false;
        parser->utf8 = (struct fr_utf8){0};
    }
    if (parser->left > parser->message_max - parser->message_bytes)
        return fail(parser, ret, FR_WS_CODE_TOO_BIG, "message is too long");
    parser->message_bytes += parser->left;
    return FR_WS_EVENT_NONE;
}

enum fr_ws_event fr_ws_parse(struct fr_ws_parser *parser, uint8_t *data, size_t len, size_t *ret_used,
                             struct fr_ws_piece *ret)
{
    size_t used = 0;
    enum fr_ws_event event = FR_WS_EVENT_NONE;
    if (parser->failed) {
        *ret_used = len;
        return event;
    }
    while (event == FR_WS_EVENT_NONE && !parser->in_payload && used < len) {
        parser->header[parser->header_len++] = data[used++];
        if (parser->header_len == 2) {
            const char *wrong = check_start(parser);
            if (wrong != NULL)
                event = fail(parser, ret, FR_WS_CODE_PROTOCOL, wrong);
        }
        if (event == FR_WS_EVENT_NONE && parser->header_len == parser->header_need)
            event = begin_payload(parser, ret);
    }
    /* An empty payload ends with its header: no byte needs to follow. */
    if (event == FR_WS_EVENT_NONE && parser->in_payload) {
        event = is_control(parser->opcode) ? take_control(parser, data + used, len - used, &used, ret)
                                           : take_data(parser, data + used, len - used, &used, ret);
    }
    assert(used <= len);
    *ret_used = used;
    return event;
}

size_t fr_ws_write_header(uint8_t out[static FR_WS_HEADER_MAX], enum fr_ws_opcode opcode,
                          uint64_t payload_len)
{
    out[0] = (uint8_t)(BIT_FIN | (int)opcode);
    size_t extended = 0;
    if (payload_len < LENGTH_16) {
        out[1] = (uint8_t)payload_len;
    } else if (payload_len <= UINT16_MAX) {
        out[1] = LENGTH_16;
        extended = 2;
    } else {
        out[1] = LENGTH_64;
        extended = 8;
    }
    for (size_t i = 0; i < extended; i++)
        out[2 + i] = (uint8_t)(payload_len >> (8 * (extended - 1 - i)));
    return 2 + extended;
}

size_t fr_ws_write_close(uint8_t out[static FR_WS_CONTROL_MAX], int code, const char *reason)
{
    size_t len = reason != NULL ? strlen(reason) : 0;
    if (len > FR_WS_CONTROL_MAX - 2)
        len = FR_WS_CONTROL_MAX - 2;
    out[0] = (uint8_t)(code >> 8);
    out[1] = (uint8_t)code;
    if (len > 0)
        memcpy(out + 2, reason, len);
    return 2 + len;
}
