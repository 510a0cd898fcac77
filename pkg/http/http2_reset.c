/* The library ends a stream only by sending its end, for which a client that does not read gives no leave;
 * and closing the connection would end the others that it carries. So this does what the library does itself
 * when it finds a stream at fault. It needs the layout of its structures: the check below is there to be
 * looked at when the library changes. */
#include "http/http2_reset.h"

#include <h2o/http2.h>
#include <h2o/http2_internal.h>
#include <h2o/version.h>

_Static_assert(H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13,
               "written for libh2o 2.2, library version 0.13");

void fr_http2_reset(h2o_req_t *req)
{
    h2o_http2_conn_t *conn = (h2o_http2_conn_t *)(void *)req->conn;
    h2o_http2_stream_t *stream = H2O_STRUCT_FROM_MEMBER(h2o_http2_stream_t, req, req);
    if (conn->state == H2O_HTTP2_CONN_STATE_IS_CLOSING)
        return; /* all of them go with it */
    h2o_http2_encode_rst_stream_frame(&conn->_write.buf, stream->stream_id, -H2O_HTTP2_ERROR_CANCEL);
    h2o_http2_conn_request_write(conn);
    h2o_http2_stream_reset(conn, stream);
}
