/* Pages are asked for again each time, by their entity tag; what has a hash of its
 * content in its name never is. */
#include "http/web.h"

#include "config/config.h"
#include "http/accept_header.h"
#include "http/http_internal.h"
#include "http/web_files.h"

/* ---- the answer ---- */

enum { AUTHORITY_MAX = 255, POLICY_MAX = 1024 };

static const struct {
    const char *name;
    struct fr_str value;
} guards[] = {
    {"x-content-type-options", FR_STR("nosniff")},
    {"referrer-policy", FR_STR("no-referrer")},
    {"cross-origin-opener-policy", FR_STR("same-origin")},
    {"permissions-policy", FR_STR("camera=(), geolocation=(), microphone=(), payment=(), usb=()")},
};

/* What the client calls us by, if that can stand in a policy without meaning more. */
static bool is_plain_authority(struct fr_str authority)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    for (size_t i = 0; i < authority.len; i++) {
        if (memchr(good, authority.data[i], sizeof good - 1) == NULL)
            return false;
    }
    return authority.len > 0 && authority.len <= AUTHORITY_MAX;
}

/* Content Security Policy Level 3. Its 'self' covers WebSockets of the same host, but not in all browsers: so
 * they are named. */
static void add_policy(struct fr_call *call)
{
    struct fr_str authority = fr_call_authority(call), scheme = fr_call_scheme(call);
    struct fr_buf policy;
    fr_buf_init(&policy, POLICY_MAX);
    fr_buf_append_text(&policy,
                       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                       "connect-src 'self'");
    if (is_plain_authority(authority)) {
        if (!fr_str_equal(scheme, FR_STR("https")))
            fr_buf_printf(&policy, " ws://%.*s", FR_STR_ARG(authority));
        if (!fr_str_equal(scheme, FR_STR("http")))
            fr_buf_printf(&policy, " wss://%.*s", FR_STR_ARG(authority));
    }
    fr_buf_append_text(&policy,
                       "; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    fr_call_add_header(call, "content-security-policy", fr_buf_str(&policy));
    fr_buf_release(&policy);
}

static void answer_file(struct fr_call *call)
{
    const struct fr_web_file *file = fr_web_files_find(fr_call_loop(call)->web_files, fr_call_path(call));
    bool zipped = file->gzip.data != NULL && fr_accept_gzip(fr_call_header(call, "accept-encoding"));
    const struct fr_web_content *content = zipped ? &file->gzip : &file->plain;
    add_policy(call);
    for (size_t i = 0; i < FR_COUNT_OF(guards); i++)
        fr_call_add_header(call, guards[i].name, guards[i].value);
    fr_call_add_header(call, "etag", fr_str_of(content->etag));
    if (file->gzip.data != NULL)
        fr_call_add_header(call, "vary", FR_STR("Accept-Encoding"));
    fr_call_let_keep(call, file->hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (fr_web_etag_matches(fr_call_header(call, "if-none-match"), content->etag)) {
        fr_call_answer_empty(call, 304);
        return;
    }
    if (zipped)
        fr_call_add_header(call, "content-encoding", FR_STR("gzip"));
    fr_call_answer_shared(call, 200, file->type, (struct fr_str){content->data, content->len});
}

/* ---- which paths ---- */

static const struct fr_str page_path = FR_STR("/"), operations_path = FR_STR("/ops");

static bool asks_for(const struct fr_call *call, struct fr_str path)
{
    return fr_str_equal(fr_call_path(call), path);
}

static bool operations_are_off(const struct fr_call *call)
{
    return fr_call_loop(call)->settings->admin_token[0] == '\0';
}

enum fr_route_result fr_web_find_route(const struct fr_call *call, struct fr_route_match *ret)
{
    static const struct fr_route route = {"GET", "", FR_ROUTE_NO_USER, answer_file};
    if (fr_web_files_find(fr_call_loop(call)->web_files, fr_call_path(call)) == NULL ||
        (asks_for(call, operations_path) && operations_are_off(call)))
        return FR_ROUTE_UNKNOWN_PATH;
    return fr_router_check(&route, fr_call_method(call), ret);
}

void fr_web_refuse(struct fr_call *call)
{
    bool page = asks_for(call, page_path), operations = asks_for(call, operations_path);
    if ((page || operations) && fr_call_loop(call)->web_files == NULL)
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_PATH, NULL,
                        "No page is served here: build web/ and start the gateway with --web-dir=web/dist.");
    else if (operations && operations_are_off(call))
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_PATH, NULL,
                        "The operations page is off: start the gateway with FRESHET_ADMIN_TOKEN.");
    else
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_PATH, NULL, NULL);
}
