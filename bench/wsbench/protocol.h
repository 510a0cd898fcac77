/* What servers send, taken apart: answers of HTTP/1.1, frames of WebSocket (RFC 6455), events (the WHATWG's
 * server-sent events), length-delimited messages, envelopes. Pure: no sockets. The client side of a bench:
 * it knows what Freshet sends and refuses the rest. */
#ifndef WSBENCH_PROTOCOL_H
#define WSBENCH_PROTOCOL_H

#include "base/base.h"

enum piece {
    PIECE_DONE, /* whole; `size` says how many bytes it took */
    PIECE_MORE, /* not whole yet */
    PIECE_BAD,  /* never will be */
};

enum {
    HTTP_HEAD_MAX = 16 * 1024,
    MESSAGE_MAX = 1024 * 1024,
};

struct http_head {
    int status;
    int64_t content_length; /* -1: none was given */
    bool chunked, close;
    size_t size;
};
enum piece http_head_parse(struct fr_str bytes, struct http_head *ret);

/* The body of a chunked answer. */
struct chunks {
    enum {
        CHUNK_SIZE,
        CHUNK_EXTENSION,
        CHUNK_DATA,
        CHUNK_DATA_END,
        CHUNK_LAST,
    } state;
    uint64_t left;
    unsigned digits;
};
/* Appends what the bytes hold of the body. False: they are none; after the last chunk whatever comes is
 * ignored and chunks_ended(). */
FR_WARN_UNUSED bool chunks_decode(struct chunks *chunks, struct fr_str bytes, struct fr_buf *body);
bool chunks_ended(const struct chunks *chunks);

enum ws_opcode { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum { WS_FRAME_HEAD_MAX = 14 };
struct ws_frame {
    int opcode;
    struct fr_str payload;
    size_t size;
};
/* From a server: whole messages, without a mask. */
enum piece ws_frame_parse(struct fr_str bytes, struct ws_frame *ret);
/* From a client: the mask is zero, which the server can't tell from another. Returns the head's size. */
size_t ws_frame_head(enum ws_opcode opcode, bool mask, size_t payload, uint8_t out[static WS_FRAME_HEAD_MAX]);

struct delimited {
    struct fr_str payload;
    size_t size;
};
/* One event of server-sent events, up to the empty line: the value of its (one) data field; empty for a
 * comment. */
enum piece event_parse(struct fr_str bytes, struct delimited *ret);
/* A varint and so many bytes. */
enum piece delimited_parse(struct fr_str bytes, struct delimited *ret);

/* As in envelope.proto. */
enum message_type {
    MESSAGE_OTHER,
    MESSAGE_READY,
    MESSAGE_POST,
    MESSAGE_EDIT,
    MESSAGE_DELETE,
    MESSAGE_RESET,
    MESSAGE_SNAPSHOT_END,
    MESSAGE_BYE,
};
struct message {
    enum message_type type;
    struct fr_str cursor; /* borrowed; empty: none */
    bool snapshot, resumed;
};
/* Of the subprotocols; false: it is none. Texts can't deceive the first: their quotes are escaped. */
FR_WARN_UNUSED bool message_parse_json(struct fr_str payload, struct message *ret);
FR_WARN_UNUSED bool message_parse_protobuf(struct fr_str payload, struct message *ret);

/* ---- posts of a bench bear a mark, in letters that no encoding changes ---- */
enum { MARK_SIZE = 26 }; /* "wsbench 0badcafe 00000017 " */
/* Text of `size` bytes (MARK_SIZE and more) that begins with the mark of post `index` of the run. */
void mark_write(struct fr_buf *out, uint32_t run, uint32_t index, size_t size);
/* The mark of that run within a message. */
FR_WARN_UNUSED bool mark_find(struct fr_str message, uint32_t run, uint32_t *ret_index);

#endif
