/* What ws_conn.c (states, reading, time) and ws_write.c (the queue and its writing) have of each other. */
#ifndef FR_HTTP_WS_INTERNAL_H
#define FR_HTTP_WS_INTERNAL_H

#include "http/ws_conn.h"

enum fr_ws_happening {
    FR_WS_ATTACHED,  /* the socket is ours */
    FR_WS_WE_CLOSE,  /* our close frame is queued, the peer's has not come */
    FR_WS_PEER_DONE, /* the peer's close frame came, or it broke the protocol (RFC 6455 section 7.1.7), or it
                        sends no more: our close frame is the last that matters */
    FR_WS_WRITTEN,   /* our close frame is */
    FR_WS_OVER,      /* the socket failed, a deadline passed, or there is nothing left to wait for */
};

/* ---- ws_conn.c ---- */
/* The one that moves the state. */
void fr_ws_happen(struct fr_ws *ws, enum fr_ws_happening what);
/* While open: the timer, for whatever is due first. */
void fr_ws_start_watch(struct fr_ws *ws, int64_t now_ms);
/* Ends a connection that has nothing left to write but had. */
void fr_ws_end_if_written(struct fr_ws *ws);
/* What could be written is: reads on, if that is what reading waited for, or ends. */
void fr_ws_go_on(struct fr_ws *ws);

/* ---- ws_write.c ---- */
/* Queues a control frame; there is always room for one. */
void fr_ws_push_control(struct fr_ws *ws, enum fr_ws_opcode opcode, const void *payload, size_t len);
/* Writes what is queued at the end of the tick. */
void fr_ws_flush_later(struct fr_ws *ws);
/* The socket is closed: nothing of the queue is being written any more. */
void fr_ws_forget_queue(struct fr_ws *ws);

#endif
