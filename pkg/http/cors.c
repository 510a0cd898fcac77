#include "config/config.h"
#include "http/http_loop.h"
#include "http/origin.h"

/* CORS as of the Fetch standard, section 3.2 "CORS protocol". There are no cookies, so credentials are never
 * allowed: tokens are put into requests by the page itself. */

static const char exposed[] = "Link, X-Request-ID, Location, Retry-After, RateLimit, RateLimit-Policy";
static const char taken[] = "Authorization, X-Auth, Content-Type, Accept, Idempotency-Key, Last-Event-ID, "
                            "X-Request-ID, traceparent";
static const char preflight_age_s[] = "3600";

static void add(h2o_req_t *req, const char *name, const char *value, size_t len)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, value, len);
}

bool fr_http_allows_origin(const h2o_req_t *req, const struct fr_settings *settings, struct fr_str origin)
{
    struct fr_str authority = {req->input.authority.base, req->input.authority.len};
    return fr_origin_allowed(fr_str_of(settings->allowed_origins), origin, fr_guard_scheme(req), authority);
}

void fr_http_cors_add(h2o_req_t *req, const struct fr_settings *settings)
{
    struct fr_str allowed = fr_str_of(settings->allowed_origins), origin = fr_http_header(req, "origin");
    if (origin.len == 0 && allowed.len == 0)
        return;
    add(req, "vary", H2O_STRLIT("Origin"));
    if (origin.len == 0 || !fr_http_allows_origin(req, settings, origin))
        return;
    /* The header's bytes are the request's own and live as long as it does. */
    add(req, "access-control-allow-origin", origin.data, origin.len);
    add(req, "access-control-expose-headers", exposed, sizeof exposed - 1);
}

void fr_http_cors_preflight(struct fr_call *call, struct fr_str methods)
{
    struct fr_str origin = fr_call_header(call, "origin");
    if (origin.len == 0 || !fr_http_allows_origin(call->req, call->home->state.settings, origin))
        return;
    fr_call_add_header(call, "access-control-allow-methods", methods);
    fr_call_add_header(call, "access-control-allow-headers", fr_str_of(taken));
    fr_call_add_header(call, "access-control-max-age", fr_str_of(preflight_age_s));
}
