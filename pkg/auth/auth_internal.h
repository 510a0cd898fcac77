/* What the files of this module share. */
#ifndef FR_AUTH_INTERNAL_H
#define FR_AUTH_INTERNAL_H

#include "auth/auth.h"

enum { KID_MAX = 64, SECRET_MAX = 512 };

struct fr_key {
    char kid[KID_MAX + 1];
    unsigned char secret[SECRET_MAX];
    int secret_len;
    char *header; /* how the tokens that we make with it begin, up to and with the first dot */
    size_t header_len;
    unsigned char mac_key[16]; /* mac.c */
};

struct fr_keyring {
    struct fr_key keys[FR_AUTH_KEYS_MAX]; /* the first one signs */
    size_t count;
};

/* Fills key->header. */
FR_WARN_UNUSED enum fr_status fr_key_learn_header(struct fr_key *key, struct fr_error *error);
/* Fills key->mac_key. */
void fr_key_derive_mac(struct fr_key *key);

#endif
