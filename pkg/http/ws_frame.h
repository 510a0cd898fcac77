/* WebSocket framing (RFC 6455), the server's side: an incremental parser and a serializer. Pure: no sockets.
 *
 * The parser is strict. It refuses, with the close code to send: frames without a mask, reserved bits,
 * unknown opcodes, lengths not in their shortest form or with the highest bit set, control frames that are
 * fragmented or longer than 125 bytes, continuations of nothing and new messages within one (1002); text and
 * close reasons that are not UTF-8 (1007); close codes that may not travel (1002); messages longer than the
 * bound (1009).
 *
 * It keeps nothing but the state of the frame at hand and at most 125 bytes of a control frame.
 */
#ifndef FR_HTTP_WS_FRAME_H
#define FR_HTTP_WS_FRAME_H

#include "base/base.h"

enum fr_ws_opcode {
    FR_WS_CONTINUATION = 0,
    FR_WS_TEXT = 1,
    FR_WS_BINARY = 2,
    FR_WS_CLOSE = 8,
    FR_WS_PING = 9,
    FR_WS_PONG = 10,
};

/* Close codes that Freshet sends (RFC 6455 section 7.4.1; 4000 and up are CONTRACT's own). */
enum fr_ws_code {
    FR_WS_CODE_NORMAL = 1000,
    FR_WS_CODE_GOING_AWAY = 1001,
    FR_WS_CODE_PROTOCOL = 1002,
    FR_WS_CODE_NO_STATUS = 1005, /* never sent: the peer's close frame had no code */
    FR_WS_CODE_BAD_TEXT = 1007,
    FR_WS_CODE_POLICY = 1008,
    FR_WS_CODE_TOO_BIG = 1009,
    FR_WS_CODE_TRY_LATER = 1013,
    FR_WS_CODE_TOKEN_ENDED = 4001,
    FR_WS_CODE_TOO_SLOW = 4002,
    FR_WS_CODE_TOO_MANY = 4003,
    FR_WS_CODE_GAP = 4004,
};

#define FR_WS_CONTROL_MAX 125
#define FR_WS_HEADER_MAX 10 /* of a frame from the server: no mask */

enum fr_ws_event {
    FR_WS_EVENT_NONE, /* all bytes are used, nothing to tell yet */
    FR_WS_EVENT_DATA, /* a piece of a message */
    FR_WS_EVENT_PING, /* answer with a pong of the same payload */
    FR_WS_EVENT_PONG,
    FR_WS_EVENT_CLOSE, /* the peer's last frame */
    FR_WS_EVENT_ERROR, /* the connection must be closed with `code`; the parser takes nothing more */
};

struct fr_ws_piece {
    enum fr_ws_opcode message; /* DATA: FR_WS_TEXT or FR_WS_BINARY */
    bool first, last;          /* DATA: of its message */
    struct fr_str payload;     /* DATA, PING, PONG: unmasked; CLOSE: the reason. Valid until the next call */
    int code;           /* CLOSE: the peer's, FR_WS_CODE_NO_STATUS if it gave none; ERROR: to be sent */
    const char *reason; /* ERROR: in words */
};

/* Opaque but for its size: embedded in a connection. */
struct fr_ws_parser {
    uint64_t left;          /* payload bytes of this frame still to come */
    uint64_t message_bytes; /* of the message so far */
    uint64_t message_max;
    struct fr_utf8 utf8;
    uint8_t header[14];
    uint8_t header_len, header_need;
    uint8_t mask[4];
    uint8_t mask_at;
    uint8_t opcode;  /* of the frame at hand */
    uint8_t message; /* opcode of the message at hand, 0 outside one */
    bool fin, in_payload, failed, message_started;
    uint8_t control_len;
    uint8_t control[FR_WS_CONTROL_MAX];
};

void fr_ws_parser_init(struct fr_ws_parser *parser, uint64_t message_max);
/* Between two messages: it is as fr_ws_parser_init() made it. */
bool fr_ws_parser_is_at_rest(const struct fr_ws_parser *parser);
/* Takes bytes from data[0..len) up to the end of one event and says how many. `data` is unmasked in place. */
enum fr_ws_event fr_ws_parse(struct fr_ws_parser *parser, uint8_t *data, size_t len, size_t *ret_used,
                             struct fr_ws_piece *ret);

/* The header of an unfragmented, unmasked frame; returns its length. */
size_t fr_ws_write_header(uint8_t out[static FR_WS_HEADER_MAX], enum fr_ws_opcode opcode,
                          uint64_t payload_len);
/* Payload of a close frame: the code and as much of `reason` (ASCII) as fits; returns its length. */
size_t fr_ws_write_close(uint8_t out[static FR_WS_CONTROL_MAX], int code, const char *reason);
/* May the code stand in a close frame? RFC 6455 section 7.4 and the IANA registry. */
bool fr_ws_code_may_travel(int code);

#endif
