/* The opening handshake of a WebSocket (RFC 6455 section 4.2), without the HTTP library. */
#ifndef FR_HTTP_WS_HANDSHAKE_H
#define FR_HTTP_WS_HANDSHAKE_H

#include "base/base.h"

#define FR_WS_ACCEPT_SIZE 29

/* True if `key` is the base64 form of 16 bytes. */
bool fr_ws_key_valid(struct fr_str key);
/* Writes the value of Sec-WebSocket-Accept and NUL. */
void fr_ws_accept_value(struct fr_str key, char out[static FR_WS_ACCEPT_SIZE]);

#endif
