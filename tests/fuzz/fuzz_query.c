/* Request targets: the router, the query's pairs and their decoding. */
#include "fuzz.h"
#include "http/query.h"
#include "http/router.h"

static void ignore(struct fr_call *call)
{
}

static const struct fr_route routes[] = {
    {"GET", "/user/get/{id}", 0, ignore},    {"GET", "/user/{id}/posts", 0, ignore},
    {"GET", "/user/search", 0, ignore},      {"DELETE", "/user/me", 0, ignore},
    {"PUT", "/post/delete/{id}", 0, ignore}, {"GET", "/post/feed", 0, ignore},
};

void fr_fuzz_begin(void)
{
}

static void check_route(struct fr_str method, struct fr_str path)
{
    struct fr_route_match match;
    switch (fr_router_find(routes, FR_COUNT_OF(routes), method, path, &match)) {
    case FR_ROUTE_UNKNOWN_PATH:
        return;
    case FR_ROUTE_WRONG_METHOD:
        FR_FUZZ_RULE(strlen(match.allow) < FR_ROUTER_ALLOW_SIZE, "the list is closed");
        FR_FUZZ_RULE(strstr(match.allow, "OPTIONS") != NULL, "and whole");
        return;
    case FR_ROUTE_FOUND:
        FR_FUZZ_RULE(match.route != NULL, "a route was found");
        if (match.param.len == 0)
            return;
        FR_FUZZ_RULE(memchr(match.param.data, '/', match.param.len) == NULL, "a parameter is one segment");
        FR_FUZZ_RULE(match.param.data >= path.data &&
                         match.param.data + match.param.len <= path.data + path.len,
                     "it lies in the path");
        return;
    }
}

static void check_query(struct fr_str query, const char *name)
{
    struct fr_str raw = {0};
    if (!fr_query_find(query, name, &raw))
        return;
    char *out = malloc(raw.len + 1);
    if (out == NULL)
        abort();
    size_t len = 0;
    if (fr_query_decode(raw, out, &len)) {
        FR_FUZZ_RULE(len <= raw.len, "decoding makes nothing longer");
        FR_FUZZ_RULE(fr_utf8_valid_text(out, len), "and gives text");
        int64_t number, id;
        if (fr_str_to_i64((struct fr_str){out, len}, -100, 100, &number) == FR_OK)
            FR_FUZZ_RULE(number >= -100 && number <= 100, "numbers keep their range");
        if (fr_id_parse((struct fr_str){out, len}, &id) == FR_OK)
            FR_FUZZ_RULE(id > 0, "ids are positive");
    }
    free(out);
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "get", ""};
    struct fr_fuzz_input input = {data, len};
    struct fr_str method = fr_str_of(methods[fr_fuzz_take_byte(&input) % FR_COUNT_OF(methods)]);
    struct fr_str target = {(const char *)input.data, input.len}, path = target, query = FR_STR_NONE;
    const char *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    if (mark != NULL) {
        path.len = (size_t)(mark - target.data);
        query = (struct fr_str){mark + 1, target.len - path.len - 1};
    }
    check_route(method, path);
    static const char *const names[] = {"limit", "offset", "cursor", "token", "first_name", "a b"};
    for (size_t i = 0; i < FR_COUNT_OF(names); i++)
        check_query(query, names[i]);
}
