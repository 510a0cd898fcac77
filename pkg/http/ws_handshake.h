/* The opening handshake of a WebSocket (RFC 6455 section 4.2), without the HTTP library.
 *
 * It is read from the request's head as the client wrote it, because libh2o keeps only the last of repeated
 * Upgrade and Host lines. Pure. */
#ifndef FR_HTTP_WS_HANDSHAKE_H
#define FR_HTTP_WS_HANDSHAKE_H

#include "base/base.h"

#define FR_WS_ACCEPT_SIZE 29

enum fr_ws_refusal {
    FR_WS_WELCOME,
    FR_WS_MALFORMED,   /* a folded line, or no Host or several: 400 */
    FR_WS_NO_UPGRADE,  /* no request for a WebSocket: 426 */
    FR_WS_BAD_VERSION, /* not version 13: 426 */
    FR_WS_BAD_KEY,     /* Sec-WebSocket-Key is not there, there twice, or not 16 bytes in base64: 400 */
    FR_WS_BAD_ORIGIN,  /* several: 403; whether a single one may is origin.h's */
};

struct fr_ws_handshake {
    struct fr_str key;    /* borrowed from the head, as is the next */
    struct fr_str origin; /* empty: none */
};

/* `head`: the request from its first byte; what stands behind the empty line is not looked at. The method is
 * the caller's to check. */
enum fr_ws_refusal fr_ws_handshake_read(struct fr_str head, struct fr_ws_handshake *ret);
/* The first of the client's subprotocols, over all Sec-WebSocket-Protocol lines, that is among `known`; -1:
 * none. */
int fr_ws_handshake_choose(struct fr_str head, const struct fr_str known[], int count);

/* True if `key` is the base64 form of 16 bytes. */
bool fr_ws_key_valid(struct fr_str key);
/* Writes the value of Sec-WebSocket-Accept and NUL. */
void fr_ws_accept_value(struct fr_str key, char out[static FR_WS_ACCEPT_SIZE]);

#endif
