#include "http/http_loop.h"

#include <h2o/http2_internal.h>

/* Past its own bound libh2o stops reading, leaves the client where it is, and begins to read again with a
 * callback that is not the guard's. */
_Static_assert((int)GUARD_BACKLOG_MAX < (int)H2O_HTTP2_DEFAULT_OUTBUF_SOFT_MAX_SIZE,
               "a connection is cut before libh2o stops reading from it");

enum { H2_CANCEL = 8, H2_ENHANCE_YOUR_CALM = 11 };

static h2o_http2_conn_t *conn_of(const h2o_socket_t *sock)
{
    return sock->data;
}

bool fr_h2_speaks(const h2o_socket_t *sock)
{
    const h2o_conn_t *conn = sock->data; /* of HTTP/1 or HTTP/2 */
    return conn->callbacks->push_path != NULL;
}

unsigned fr_h2_unfinished(const h2o_socket_t *sock)
{
    const h2o_http2_conn_num_streams_t *pull = &conn_of(sock)->num_streams.pull;
    return pull->open - pull->half_closed;
}

size_t fr_h2_header_block(const h2o_socket_t *sock)
{
    const h2o_buffer_t *unparsed = conn_of(sock)->_headers_unparsed;
    return unparsed != NULL ? unparsed->size : 0;
}

uint32_t fr_h2_max_stream_id(const h2o_socket_t *sock)
{
    return conn_of(sock)->pull_stream_ids.max_open;
}

size_t fr_h2_body_size(const void *sock, uint32_t stream_id)
{
    const h2o_http2_stream_t *stream = h2o_http2_conn_get_stream(conn_of(sock), stream_id);
    return stream != NULL && stream->_req_body != NULL ? stream->_req_body->size : 0;
}

size_t fr_h2_partial(const h2o_socket_t *sock)
{
    return sock->input->size;
}

void fr_h2_give_back_window(h2o_socket_t *sock, size_t bytes)
{
    h2o_http2_conn_t *conn = conn_of(sock);
    if (conn->state >= H2O_HTTP2_CONN_STATE_IS_CLOSING)
        return;
    h2o_http2_encode_window_update_frame(&conn->_write.buf, 0, (int32_t)bytes);
    h2o_http2_conn_request_write(conn);
}

size_t fr_h2_backlog(const h2o_socket_t *sock)
{
    const h2o_http2_conn_t *conn = conn_of(sock);
    return conn->_write.buf->size +
           (conn->_write.buf_in_flight != NULL ? conn->_write.buf_in_flight->size : 0);
}

void fr_h2_go_away(h2o_socket_t *sock)
{
    h2o_http2_conn_t *conn = conn_of(sock);
    if (conn->state >= H2O_HTTP2_CONN_STATE_IS_CLOSING)
        return;
    h2o_http2_encode_goaway_frame(&conn->_write.buf, conn->pull_stream_ids.max_open, -H2_ENHANCE_YOUR_CALM,
                                  h2o_iovec_init(H2O_STRLIT("too much of something")));
    h2o_http2_conn_request_write(conn);
    /* As h2o does after an error of the protocol: what is to be written is, then the socket closes. */
    conn->state = H2O_HTTP2_CONN_STATE_IS_CLOSING;
}

static bool is_unfinished(const h2o_http2_stream_t *stream)
{
    return stream->state == H2O_HTTP2_STREAM_STATE_RECV_HEADERS ||
           stream->state == H2O_HTTP2_STREAM_STATE_RECV_BODY;
}

static int64_t age_of(const h2o_http2_conn_t *conn, const h2o_http2_stream_t *stream)
{
    const struct timeval *now = h2o_get_timestamp(conn->super.ctx, NULL, NULL),
                         *began = &stream->req.timestamps.request_begin_at;
    return (int64_t)(now->tv_sec - began->tv_sec) * 1000 + (now->tv_usec - began->tv_usec) / 1000;
}

static void reset(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream)
{
    uint32_t stream_id = stream->stream_id;
    h2o_http2_stream_reset(conn, stream);
    h2o_http2__encode_rst_stream_frame(&conn->_write.buf, stream_id, H2_CANCEL);
    h2o_http2_conn_request_write(conn);
}

unsigned fr_h2_reset_slow(h2o_socket_t *sock, int64_t age_ms, int64_t *ret_age_ms)
{
    h2o_http2_conn_t *conn = conn_of(sock);
    unsigned count = 0;
    *ret_age_ms = -1;
    /* A reset deletes from the table and never changes its places. */
    for (khiter_t at = 0; at < kh_end(conn->streams) && conn->state < H2O_HTTP2_CONN_STATE_IS_CLOSING; at++) {
        h2o_http2_stream_t *stream = kh_exist(conn->streams, at) ? kh_val(conn->streams, at) : NULL;
        if (stream == NULL || !is_unfinished(stream))
            continue;
        int64_t age = age_of(conn, stream);
        if (age >= age_ms) {
            reset(conn, stream);
            count++;
        } else if (age > *ret_age_ms) {
            *ret_age_ms = age;
        }
    }
    return count;
}

static void refuse_body(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream)
{
    fr_guard_refuses(conn->sock->on_close.data, stream->stream_id);
    /* The way that h2o goes itself when it answers a request that it does not process. */
    h2o_http2_stream_set_state(conn, stream, H2O_HTTP2_STREAM_STATE_REQ_PENDING);
    h2o_http2_stream_set_state(conn, stream, H2O_HTTP2_STREAM_STATE_SEND_HEADERS);
    h2o_send_error_generic(&stream->req, 413, "Content Too Large", "too large", 0);
}

unsigned fr_h2_refuse_bodies(h2o_socket_t *sock)
{
    h2o_http2_conn_t *conn = conn_of(sock);
    unsigned count = 0;
    for (khiter_t at = 0; at < kh_end(conn->streams) && conn->state < H2O_HTTP2_CONN_STATE_IS_CLOSING; at++) {
        h2o_http2_stream_t *stream = kh_exist(conn->streams, at) ? kh_val(conn->streams, at) : NULL;
        if (stream == NULL || stream->state != H2O_HTTP2_STREAM_STATE_RECV_BODY ||
            stream->_req_body->size <= FR_REQUEST_BODY_MAX)
            continue;
        refuse_body(conn, stream);
        count++;
    }
    return count;
}

void fr_h2_walk_newest(h2o_context_t *ctx, bool (*visit)(h2o_socket_t *sock))
{
    for (h2o_linklist_t *at = ctx->http2._conns.prev; at != &ctx->http2._conns; at = at->prev) {
        h2o_http2_conn_t *conn = H2O_STRUCT_FROM_MEMBER(h2o_http2_conn_t, _conns, at);
        /* Without a socket: in the middle of an upgrade from HTTP/1. */
        if (conn->sock != NULL && !visit(conn->sock))
            return;
    }
}
