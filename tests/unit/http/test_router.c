#include "check.h"
#include "router.h"

static const struct fr_route routes[] = {
    {"GET", "/user/get/{id}", 0, NULL},
    {"GET", "/user/search", 0, NULL},
    {"POST", "/post/create", 0, NULL},
    {"PUT", "/friend/set/{user_id}", 0, NULL},
    {"GET", "/post/feed", 0, NULL},
    {"GET", "/post/feed/posted", 0, NULL},
    {"POST", "/dialog/{user_id}/send", 0, NULL},
    {"GET", "/dialog/unread", 0, NULL},
    {"GET", "/room/{room}", 0, NULL},
    {"DELETE", "/room/{room}", 0, NULL},
    {"GET", "/room/special", 0, NULL},
};

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *method, *path;
        enum fr_route_result result;
        const char *pattern, *param, *allow;
    } rows[] = {
        {"parameter", "GET", "/user/get/17", FR_ROUTE_FOUND, "/user/get/{id}", "17", NULL},
        {"fixed", "GET", "/user/search", FR_ROUTE_FOUND, "/user/search", "", NULL},
        {"HEAD is GET", "HEAD", "/user/get/17", FR_ROUTE_FOUND, "/user/get/{id}", "17", NULL},
        {"parameter in the middle", "POST", "/dialog/5/send", FR_ROUTE_FOUND, "/dialog/{user_id}/send", "5",
         NULL},
        {"prefix of another", "GET", "/post/feed", FR_ROUTE_FOUND, "/post/feed", "", NULL},
        {"longer than another", "GET", "/post/feed/posted", FR_ROUTE_FOUND, "/post/feed/posted", "", NULL},
        {"fixed wins over a parameter", "GET", "/room/special", FR_ROUTE_FOUND, "/room/special", "", NULL},
        {"encoded parameter stays as it came", "GET", "/user/get/%31", FR_ROUTE_FOUND, "/user/get/{id}",
         "%31", NULL},
        {"empty parameter", "GET", "/user/get/", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"no parameter", "GET", "/user/get", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"parameter with a slash", "GET", "/user/get/1/2", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"trailing slash", "GET", "/user/search/", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"empty middle", "POST", "/dialog//send", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"root", "GET", "/", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"empty path", "GET", "", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"case matters", "GET", "/User/search", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"OPTIONS of an unknown path", "OPTIONS", "/nowhere", FR_ROUTE_UNKNOWN_PATH, NULL, NULL, NULL},
        {"wrong method", "POST", "/user/get/17", FR_ROUTE_WRONG_METHOD, NULL, NULL, "GET, HEAD, OPTIONS"},
        {"OPTIONS", "OPTIONS", "/post/create", FR_ROUTE_WRONG_METHOD, NULL, NULL, "POST, OPTIONS"},
        {"several methods", "PUT", "/room/r", FR_ROUTE_WRONG_METHOD, NULL, NULL,
         "GET, HEAD, DELETE, OPTIONS"},
        {"HEAD of a POST", "HEAD", "/post/create", FR_ROUTE_WRONG_METHOD, NULL, NULL, "POST, OPTIONS"},
        {"methods have one case", "get", "/user/search", FR_ROUTE_WRONG_METHOD, NULL, NULL,
         "GET, HEAD, OPTIONS"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_route_match match;
        enum fr_route_result result =
            fr_router_find(routes, FR_COUNT_OF(routes), fr_str_of(row->method), fr_str_of(row->path), &match);
        FR_ASSERT_ROW(row, result == row->result);
        if (result == FR_ROUTE_FOUND) {
            FR_ASSERT_ROW(row, strcmp(match.route->pattern, row->pattern) == 0);
            FR_ASSERT_ROW(row, fr_str_equal(match.param, fr_str_of(row->param)));
        } else if (result == FR_ROUTE_WRONG_METHOD) {
            FR_ASSERT_ROW(row, strcmp(match.allow, row->allow) == 0);
        }
    }
}

static void test_check(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *method;
        enum fr_route_result result;
    } rows[] = {
        {"its method", "GET", FR_ROUTE_FOUND},          {"HEAD is GET", "HEAD", FR_ROUTE_FOUND},
        {"another", "POST", FR_ROUTE_WRONG_METHOD},     {"OPTIONS", "OPTIONS", FR_ROUTE_WRONG_METHOD},
        {"case matters", "get", FR_ROUTE_WRONG_METHOD},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_route_match match;
        enum fr_route_result result = fr_router_check(&routes[1], fr_str_of(row->method), &match);
        FR_ASSERT_ROW(row, result == row->result);
        FR_ASSERT_ROW(row, match.route == (result == FR_ROUTE_FOUND ? &routes[1] : NULL));
        FR_ASSERT_ROW(row, result == FR_ROUTE_FOUND || strcmp(match.allow, "GET, HEAD, OPTIONS") == 0);
    }
}

static void test_param_name(void **state)
{
    (void)state;
    assert_true(fr_str_equal(fr_router_param_name(&routes[0]), FR_STR("id")));
    assert_true(fr_str_equal(fr_router_param_name(&routes[6]), FR_STR("user_id")));
    assert_int_equal(fr_router_param_name(&routes[1]).len, 0);
}

/* The real table: each pattern is well formed, and no two entries are the same. */
static void test_table(void **state)
{
    (void)state;
    assert_true(fr_route_count > 0);
    for (size_t i = 0; i < fr_route_count; i++) {
        const struct fr_route *route = &fr_routes[i];
        assert_int_equal(route->pattern[0], '/');
        assert_non_null(route->handle);
        const char *open = strchr(route->pattern, '{');
        if (open != NULL) {
            assert_non_null(strchr(open, '}'));
            assert_null(strchr(open + 1, '{'));
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(route->method, fr_routes[j].method) == 0)
                assert_string_not_equal(route->pattern, fr_routes[j].pattern);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_param_name),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
