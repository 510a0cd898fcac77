#include "http/ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

enum { KEY_TEXT_LEN = 24 };

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool fr_ws_key_valid(struct fr_str key)
{
    if (key.len != KEY_TEXT_LEN || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        if (!is_base64(key.data[i]))
            return false;
    }
    /* The last digit carries two bits of the sixteenth byte; the other four are zero. */
    return strchr("AQgw", key.data[21]) != NULL;
}

void fr_ws_accept_value(struct fr_str key, char out[static FR_WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 section 1.3 */
    unsigned char text[KEY_TEXT_LEN + sizeof guid - 1], digest[SHA_DIGEST_LENGTH];
    memcpy(text, key.data, KEY_TEXT_LEN);
    memcpy(text + KEY_TEXT_LEN, guid, sizeof guid - 1);
    SHA1(text, sizeof text, digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}

/* ---- the head ---- */

/* The next line, without its end; false at the empty line, and where none ends any more. */
static bool next_line(struct fr_str *rest, struct fr_str *ret)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    if (end == NULL)
        return false;
    struct fr_str line = {rest->data, (size_t)(end - rest->data)};
    rest->len -= line.len + 1;
    rest->data = end + 1;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    *ret = line;
    return line.len > 0;
}

static bool split(struct fr_str line, struct fr_str *ret_name, struct fr_str *ret_value)
{
    const char *colon = memchr(line.data, ':', line.len);
    if (colon == NULL || line.data[0] == ' ' || line.data[0] == '\t')
        return false;
    *ret_name = (struct fr_str){line.data, (size_t)(colon - line.data)};
    *ret_value = fr_str_trim((struct fr_str){colon + 1, line.len - ret_name->len - 1});
    return true;
}

static bool lists(struct fr_str value, struct fr_str token)
{
    struct fr_str item;
    while (fr_str_next(&value, ',', &item)) {
        if (fr_str_equal_nocase(fr_str_trim(item), token))
            return true;
    }
    return false;
}

/* What the lines say. */
struct said {
    bool connection, upgrade;
    int hosts, keys, versions, origins; /* lines */
    struct fr_str key, version, origin;
};

static void note(struct said *said, struct fr_str name, struct fr_str value)
{
    if (fr_str_equal_nocase(name, FR_STR("connection"))) {
        said->connection = said->connection || lists(value, FR_STR("upgrade"));
    } else if (fr_str_equal_nocase(name, FR_STR("upgrade"))) {
        said->upgrade = said->upgrade || lists(value, FR_STR("websocket"));
    } else if (fr_str_equal_nocase(name, FR_STR("host"))) {
        said->hosts++;
    } else if (fr_str_equal_nocase(name, FR_STR("sec-websocket-key"))) {
        said->keys++;
        said->key = value;
    } else if (fr_str_equal_nocase(name, FR_STR("sec-websocket-version"))) {
        said->versions++;
        said->version = value;
    } else if (fr_str_equal_nocase(name, FR_STR("origin"))) {
        said->origins++;
        said->origin = value;
    }
}

enum fr_ws_refusal fr_ws_handshake_read(struct fr_str head, struct fr_ws_handshake *ret)
{
    struct said said = {0};
    struct fr_str line, name, value;
    if (!next_line(&head, &line)) /* the request's */
        return FR_WS_MALFORMED;
    while (next_line(&head, &line)) {
        if (!split(line, &name, &value))
            return FR_WS_MALFORMED;
        note(&said, name, value);
    }
    if (said.hosts != 1)
        return FR_WS_MALFORMED;
    if (!said.connection || !said.upgrade)
        return FR_WS_NO_UPGRADE;
    if (said.versions != 1 || !fr_str_equal(said.version, FR_STR("13")))
        return FR_WS_BAD_VERSION;
    if (said.keys != 1 || !fr_ws_key_valid(said.key))
        return FR_WS_BAD_KEY;
    if (said.origins > 1)
        return FR_WS_BAD_ORIGIN;
    *ret = (struct fr_ws_handshake){.key = said.key, .origin = said.origin};
    return FR_WS_WELCOME;
}

int fr_ws_handshake_choose(struct fr_str head, const struct fr_str known[], int count)
{
    struct fr_str line, name, value, offer;
    if (!next_line(&head, &line))
        return -1;
    while (next_line(&head, &line)) {
        if (!split(line, &name, &value) || !fr_str_equal_nocase(name, FR_STR("sec-websocket-protocol")))
            continue;
        while (fr_str_next(&value, ',', &offer)) {
            for (int i = 0; i < count; i++) {
                if (fr_str_equal(fr_str_trim(offer), known[i]))
                    return i;
            }
        }
    }
    return -1;
}
