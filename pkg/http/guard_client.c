/* Who a call's client is, and how it came: by the connection, or by what its proxies say. */
#include "http/http_loop.h"

static ssize_t header_before(const h2o_req_t *req, const h2o_token_t *name, ssize_t at)
{
    while (--at >= 0 && req->headers.entries[at].name != &name->buf)
        ;
    return at;
}

static struct fr_str value_at(const h2o_req_t *req, ssize_t at)
{
    return (struct fr_str){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
}

/* Several lines are one list (RFC 9110 section 5.2); the last was written by the nearest. */
static void walk_forwarded_for(struct fr_call *call, const struct fr_networks *proxies)
{
    const h2o_req_t *req = call->req;
    int hops_left = FR_FORWARDED_HOPS_MAX;
    ssize_t at = (ssize_t)req->headers.size;
    do {
        at = header_before(req, H2O_TOKEN_X_FORWARDED_FOR, at);
    } while (at >= 0 && fr_forwarded_for_walk(proxies, value_at(req, at), &hops_left, &call->client));
}

/* The nearest proxy's word, too. */
static struct fr_str forwarded_proto(const h2o_req_t *req)
{
    for (ssize_t at = (ssize_t)req->headers.size - 1; at >= 0; at--) {
        const h2o_iovec_t *name = req->headers.entries[at].name;
        if (!fr_str_equal_nocase((struct fr_str){name->base, name->len}, FR_STR("x-forwarded-proto")))
            continue;
        struct fr_str value = value_at(req, at), last = FR_STR_NONE, piece;
        while (fr_str_next(&value, ',', &piece))
            last = fr_str_trim(piece);
        return last;
    }
    return FR_STR_NONE;
}

struct fr_str fr_guard_scheme(const h2o_req_t *req)
{
    static const struct fr_str schemes[] = {FR_STR("https"), FR_STR("http")};
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    const struct fr_conn *conn = sock->on_close.data;
    struct fr_str said = conn->proxied ? forwarded_proto(req) : FR_STR_NONE;
    for (size_t i = 0; i < FR_COUNT_OF(schemes); i++) {
        if (fr_str_equal_nocase(said, schemes[i]))
            return schemes[i];
    }
    return sock->ssl != NULL ? FR_STR("https") : FR_STR_NONE;
}

void fr_guard_find_client(struct fr_call *call, const struct fr_conn *conn)
{
    call->client = conn->peer;
    if (conn->proxied)
        walk_forwarded_for(call, conn->home->server->proxies);
}

const struct fr_client_address *fr_call_client(const struct fr_call *call)
{
    return &call->client;
}
