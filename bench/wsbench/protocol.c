#include "protocol.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- HTTP ---- */

static struct fr_str part(struct fr_str bytes, size_t from, size_t to)
{
    return (struct fr_str){bytes.data + from, to - from};
}

/* Where `wanted` begins; SIZE_MAX if nowhere. */
static size_t find(struct fr_str bytes, struct fr_str wanted)
{
    const char *found = bytes.len > 0 ? memmem(bytes.data, bytes.len, wanted.data, wanted.len) : NULL;
    return found != NULL ? (size_t)(found - bytes.data) : SIZE_MAX;
}

static bool take_header(struct fr_str line, struct http_head *head)
{
    struct fr_str value = line, name;
    if (find(line, FR_STR(":")) == SIZE_MAX || !fr_str_next(&value, ':', &name))
        return false;
    value = fr_str_trim(value);
    if (fr_str_equal_nocase(name, FR_STR("content-length")))
        return fr_str_to_i64(value, 0, INT64_MAX, &head->content_length) == FR_OK;
    if (fr_str_equal_nocase(name, FR_STR("transfer-encoding")))
        head->chunked = fr_str_equal_nocase(value, FR_STR("chunked"));
    else if (fr_str_equal_nocase(name, FR_STR("connection")))
        head->close = fr_str_equal_nocase(value, FR_STR("close"));
    return true;
}

enum piece http_head_parse(struct fr_str bytes, struct http_head *ret)
{
    size_t end = find(bytes, FR_STR("\r\n\r\n"));
    if (end == SIZE_MAX)
        return bytes.len > HTTP_HEAD_MAX ? PIECE_BAD : PIECE_MORE;
    struct http_head head = {.content_length = -1, .size = end + 4};
    struct fr_str rest = part(bytes, 0, end), line;
    int64_t status;
    if (!fr_str_next(&rest, '\n', &line) || !fr_str_starts_with(line, FR_STR("HTTP/1.1 ")) || line.len < 12 ||
        fr_str_to_i64(part(line, 9, 12), 100, 599, &status) != FR_OK)
        return PIECE_BAD;
    head.status = (int)status;
    while (fr_str_next(&rest, '\n', &line)) {
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (!take_header(line, &head))
            return PIECE_BAD;
    }
    *ret = head;
    return PIECE_DONE;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of the line that says how long a chunk is. */
static bool take_size_byte(struct chunks *chunks, char c)
{
    int digit = digit_of(c);
    if (c == '\n') {
        if (chunks->digits == 0)
            return false;
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_LAST;
        chunks->digits = 0;
    } else if (chunks->state == CHUNK_SIZE && digit >= 0) {
        if (++chunks->digits > 15)
            return false;
        chunks->left = chunks->left * 16 + (uint64_t)digit;
    } else if (chunks->digits == 0) {
        return false;
    } else {
        chunks->state = CHUNK_EXTENSION;
    }
    return true;
}

bool chunks_decode(struct chunks *chunks, struct fr_str bytes, struct fr_buf *body)
{
    for (size_t at = 0; at < bytes.len;) {
        switch (chunks->state) {
        case CHUNK_SIZE:
        case CHUNK_EXTENSION:
            if (!take_size_byte(chunks, bytes.data[at++]))
                return false;
            break;
        case CHUNK_DATA: {
            size_t len = bytes.len - at < chunks->left ? bytes.len - at : (size_t)chunks->left;
            fr_buf_append(body, bytes.data + at, len);
            at += len;
            chunks->left -= len;
            if (chunks->left == 0)
                chunks->state = CHUNK_DATA_END;
            break;
        }
        case CHUNK_DATA_END: {
            char c = bytes.data[at++];
            if (c == '\n')
                chunks->state = CHUNK_SIZE;
            else if (c != '\r')
                return false;
            break;
        }
        case CHUNK_LAST:
            return true;
        }
    }
    return fr_buf_status(body) == FR_OK;
}

bool chunks_ended(const struct chunks *chunks)
{
    return chunks->state == CHUNK_LAST;
}

/* ---- WebSocket ---- */

enum piece ws_frame_parse(struct fr_str bytes, struct ws_frame *ret)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    if (bytes.len < 2)
        return PIECE_MORE;
    if ((at[0] & 0xF0) != 0x80 || (at[1] & 0x80) != 0) /* whole, no extension; no mask */
        return PIECE_BAD;
    size_t head = 2;
    uint64_t len = at[1] & 0x7F;
    if (len >= 126) {
        size_t more = len == 126 ? 2 : 8;
        if (bytes.len < 2 + more)
            return PIECE_MORE;
        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | at[2 + i];
        head += more;
    }
    if (len > MESSAGE_MAX)
        return PIECE_BAD;
    if (bytes.len < head + len)
        return PIECE_MORE;
    *ret = (struct ws_frame){at[0] & 0x0F, part(bytes, head, head + (size_t)len), head + (size_t)len};
    return PIECE_DONE;
}

size_t ws_frame_head(enum ws_opcode opcode, bool mask, size_t payload, uint8_t out[static WS_FRAME_HEAD_MAX])
{
    uint8_t bit = mask ? 0x80 : 0;
    size_t size = 2, more = payload < 126 ? 0 : payload <= UINT16_MAX ? 2 : 8;
    out[0] = 0x80 | (uint8_t)opcode;
    out[1] = bit | (more == 0 ? (uint8_t)payload : more == 2 ? 126 : 127);
    for (size_t i = 0; i < more; i++)
        out[size++] = (uint8_t)(payload >> 8 * (more - 1 - i));
    if (mask) {
        memset(out + size, 0, 4);
        size += 4;
    }
    return size;
}

/* ---- streams ---- */

enum piece event_parse(struct fr_str bytes, struct delimited *ret)
{
    size_t end = find(bytes, FR_STR("\n\n"));
    if (end == SIZE_MAX)
        return bytes.len > MESSAGE_MAX ? PIECE_BAD : PIECE_MORE;
    struct fr_str rest = part(bytes, 0, end), line;
    struct delimited event = {.size = end + 2};
    while (fr_str_next(&rest, '\n', &line)) {
        struct fr_str value = line, field;
        if (!fr_str_starts_with(line, FR_STR("data:")) || !fr_str_next(&value, ':', &field))
            continue;
        if (event.payload.len > 0)
            return PIECE_BAD;
        event.payload = fr_str_trim(value);
    }
    *ret = event;
    return PIECE_DONE;
}

static enum piece varint_parse(struct fr_str bytes, uint64_t *ret, size_t *ret_size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 10; i++) {
        if (i == bytes.len)
            return PIECE_MORE;
        uint8_t byte = (uint8_t)bytes.data[i];
        value |= (uint64_t)(byte & 0x7F) << 7 * i;
        if ((byte & 0x80) == 0) {
            *ret = value;
            *ret_size = i + 1;
            return PIECE_DONE;
        }
    }
    return PIECE_BAD;
}

enum piece delimited_parse(struct fr_str bytes, struct delimited *ret)
{
    uint64_t len;
    size_t head;
    enum piece piece = varint_parse(bytes, &len, &head);
    if (piece != PIECE_DONE)
        return piece;
    if (len > MESSAGE_MAX)
        return PIECE_BAD;
    if (bytes.len - head < len)
        return PIECE_MORE;
    *ret = (struct delimited){part(bytes, head, head + (size_t)len), head + (size_t)len};
    return PIECE_DONE;
}

/* ---- envelopes ---- */

/* The text behind `member`, which ends with the opening quote, up to the closing one. */
static struct fr_str json_text(struct fr_str payload, struct fr_str member)
{
    size_t at = find(payload, member);
    if (at == SIZE_MAX)
        return FR_STR_NONE;
    struct fr_str rest = part(payload, at + member.len, payload.len), text;
    return fr_str_next(&rest, '"', &text) ? text : FR_STR_NONE;
}

bool message_parse_json(struct fr_str payload, struct message *ret)
{
    static const struct {
        struct fr_str name;
        enum message_type type;
    } types[] = {
        {FR_STR("ready"), MESSAGE_READY}, {FR_STR("post"), MESSAGE_POST},
        {FR_STR("edit"), MESSAGE_EDIT},   {FR_STR("delete"), MESSAGE_DELETE},
        {FR_STR("reset"), MESSAGE_RESET}, {FR_STR("snapshot_end"), MESSAGE_SNAPSHOT_END},
        {FR_STR("bye"), MESSAGE_BYE},
    };
    struct fr_str name = json_text(payload, FR_STR("\"type\":\""));
    if (payload.len < 2 || payload.data[0] != '{' || name.len == 0)
        return false;
    struct message message = {.type = MESSAGE_OTHER,
                              .cursor = json_text(payload, FR_STR("\"cursor\":\"")),
                              .snapshot = find(payload, FR_STR("\"snapshot\":true")) != SIZE_MAX,
                              .resumed = find(payload, FR_STR("\"resumed\":true")) != SIZE_MAX};
    for (size_t i = 0; i < FR_COUNT_OF(types); i++) {
        if (fr_str_equal(name, types[i].name))
            message.type = types[i].type;
    }
    *ret = message;
    return true;
}

/* One field; the value of a varint, or bytes. */
struct field {
    uint64_t number, value;
    struct fr_str bytes;
    size_t size;
};

static bool field_parse(struct fr_str rest, struct field *ret)
{
    enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
    uint64_t tag, value = 0;
    size_t size, more = 0;
    if (varint_parse(rest, &tag, &size) != PIECE_DONE)
        return false;
    struct field field = {.number = tag >> 3};
    switch (tag & 7) {
    case VARINT:
    case BYTES:
        if (varint_parse(part(rest, size, rest.len), &value, &more) != PIECE_DONE)
            return false;
        size += more;
        field.value = value;
        more = (tag & 7) == BYTES ? value : 0;
        break;
    case FIXED64:
        more = 8;
        break;
    case FIXED32:
        more = 4;
        break;
    default:
        return false;
    }
    if (rest.len - size < more)
        return false;
    field.bytes = part(rest, size, size + more);
    field.size = size + more;
    *ret = field;
    return true;
}

bool message_parse_protobuf(struct fr_str payload, struct message *ret)
{
    enum { TYPE = 1, CURSOR = 2, SNAPSHOT = 8, RESUMED = 9 };
    struct message message = {.type = MESSAGE_OTHER};
    struct fr_str rest = payload;
    while (rest.len > 0) {
        struct field field;
        if (!field_parse(rest, &field))
            return false;
        if (field.number == TYPE && field.value <= MESSAGE_BYE)
            message.type = (enum message_type)field.value;
        else if (field.number == CURSOR)
            message.cursor = field.bytes;
        else if (field.number == SNAPSHOT)
            message.snapshot = field.value != 0;
        else if (field.number == RESUMED)
            message.resumed = field.value != 0;
        rest = part(rest, field.size, rest.len);
    }
    *ret = message;
    return payload.len > 0;
}

/* ---- marks ---- */

void mark_write(struct fr_buf *out, uint32_t run, uint32_t index, size_t size)
{
    fr_buf_printf(out, "wsbench %08x %08u ", run, index);
    for (size_t i = MARK_SIZE; i < size; i++)
        fr_buf_append_char(out, "a post as long as posts are "[(i - MARK_SIZE) % 28]);
}

bool mark_find(struct fr_str message, uint32_t run, uint32_t *ret_index)
{
    char mark[32];
    int len = snprintf(mark, sizeof mark, "wsbench %08x ", run);
    size_t at = find(message, (struct fr_str){mark, (size_t)len});
    if (at == SIZE_MAX || message.len - at < MARK_SIZE)
        return false;
    int64_t index;
    if (fr_str_to_i64(part(message, at + (size_t)len, at + (size_t)len + 8), 0, 99999999, &index) != FR_OK)
        return false;
    *ret_index = (uint32_t)index;
    return true;
}
