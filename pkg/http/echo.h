/* GET /debug/echo of the admin listener: a WebSocket that sends each message back as one frame of the same
 * type. The connection is the one that live feeds have, so a conformance suite pointed at it tests theirs. */
#ifndef FR_HTTP_ECHO_H
#define FR_HTTP_ECHO_H

#include "http/nested_loop.h"

enum { FR_ECHO_MESSAGE_MAX = 16 * 1024 * 1024 };

/* 101: the request is answered; else the status with which the caller refuses it, and *ret_why says why. */
int fr_echo_answer(struct fr_nested_loop *home, h2o_req_t *req, const char **ret_why);

#endif
