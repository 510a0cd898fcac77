#include "http/ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

enum { KEY_TEXT_LEN = 24, KEY_LEN = 16 };

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
