/* Who a call's client is, and how it came: the peer of the connection, or who its proxies say. */
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

static void take_forwarded_proto(struct fr_call *call)
{
    struct fr_str value = fr_http_header(call->req, "x-forwarded-proto"), last = FR_STR_NONE, piece;
    while (fr_str_next(&value, ',', &piece))
        last = fr_str_trim(piece);
    if (last.len > 0)
        call->client_secure = fr_str_equal_nocase(last, FR_STR("https"));
}

void fr_guard_find_client(struct fr_call *call, const struct fr_conn *conn)
{
    call->client = conn->peer;
    call->client_secure = conn->sock->ssl != NULL;
    if (conn->proxied) {
        walk_forwarded_for(call, conn->home->server->proxies);
        take_forwarded_proto(call);
    }
}

const struct fr_client_address *fr_call_client(const struct fr_call *call)
{
    return &call->client;
}

bool fr_call_is_secure(const struct fr_call *call)
{
    return call->client_secure;
}
