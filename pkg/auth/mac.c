#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "auth_internal.h"

_Static_assert(FR_MAC_SIZE == crypto_shorthash_siphashx24_BYTES, "of 128 bits");
_Static_assert(sizeof(((struct fr_key *)0)->mac_key) == crypto_shorthash_siphashx24_KEYBYTES, "its key");

/* Not the secret itself: what signs tokens signs nothing else. */
void fr_key_derive_mac(struct fr_key *key)
{
    static const unsigned char context[] = "freshet check sums 1";
    crypto_generichash(key->mac_key, sizeof key->mac_key, key->secret, (size_t)key->secret_len, context,
                       sizeof context - 1);
}

static void mac(const struct fr_key *key, enum fr_mac_purpose purpose, struct fr_str bytes,
                unsigned char out[static FR_MAC_SIZE])
{
    unsigned char message[1 + FR_MAC_BYTES_MAX];
    assert(bytes.len <= FR_MAC_BYTES_MAX);
    message[0] = (unsigned char)purpose;
    if (bytes.len > 0)
        memcpy(message + 1, bytes.data, bytes.len);
    crypto_shorthash_siphashx24(out, message, 1 + bytes.len, key->mac_key);
}

void fr_keyring_mac(const struct fr_keyring *ring, enum fr_mac_purpose purpose, struct fr_str bytes,
                    unsigned char out[static FR_MAC_SIZE])
{
    mac(&ring->keys[0], purpose, bytes, out);
}

bool fr_keyring_mac_valid(const struct fr_keyring *ring, enum fr_mac_purpose purpose, struct fr_str bytes,
                          const unsigned char given[static FR_MAC_SIZE])
{
    bool valid = false;
    for (size_t i = 0; i < ring->count; i++) {
        unsigned char made[FR_MAC_SIZE];
        mac(&ring->keys[i], purpose, bytes, made);
        valid |= sodium_memcmp(made, given, FR_MAC_SIZE) == 0;
    }
    return valid;
}
