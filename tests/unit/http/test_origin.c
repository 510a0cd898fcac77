#include "check.h"
#include "origin.h"

static void test_own_origin(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *origin, *authority, *scheme;
        bool allowed;
    } rows[] = {
        {"none", "", "example.org", "", true},
        {"same host", "http://example.org", "example.org", "", true},
        {"same host and port", "http://127.0.0.1:8080", "127.0.0.1:8080", "", true},
        {"case", "http://Example.ORG", "example.org", "", true},
        {"default port in the authority", "https://example.org", "example.org:443", "", true},
        {"default port in the origin", "http://example.org:80", "example.org", "", true},
        {"an address in brackets", "http://[::1]:8080", "[::1]:8080", "", true},
        {"an address in brackets that ends like a port", "http://[::80]", "[::80]", "", true},
        {"behind a proxy that speaks TLS", "https://example.org", "example.org", "", true},
        {"another port", "http://example.org:81", "example.org", "", false},
        {"default port of the other scheme", "http://example.org:443", "example.org", "", false},
        {"another host", "http://example.com", "example.org", "", false},
        {"suffix", "http://example.org.evil.com", "example.org", "", false},
        {"prefix", "http://evil.example.org", "example.org", "", false},
        {"another scheme on our host", "ftp://example.org", "example.org", "", false},
        {"null", "null", "example.org", "", false},
        {"file", "file://", "example.org", "", false},
        {"scheme only", "http://", "", "", false},
        {"a path", "http://example.org/", "example.org", "", false},
        {"a user", "http://a@example.org", "example.org", "", false},
        {"two origins", "http://example.org http://example.org", "example.org", "", false},
        {"port 0", "http://example.org:0", "example.org:0", "", false},
        {"no authority", "http://example.org", "", "", false},
        {"the scheme that is known", "https://example.org", "example.org", "https", true},
        {"the other one", "http://example.org", "example.org", "https", false},
        {"the one in the clear", "http://example.org:8080", "example.org:8080", "http", true},
        {"the one that is not", "https://example.org:8080", "example.org:8080", "http", false},
        {"in capitals", "HTTPS://example.org", "example.org", "https", true},
        {"its default port said", "https://example.org:443", "example.org", "https", true},
        {"the other's default port", "http://example.org:443", "example.org:443", "https", false},
        {"another host by the right scheme", "https://example.com", "example.org", "https", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_origin_allowed(FR_STR_NONE, fr_str_of(row->origin), fr_str_of(row->scheme),
                                         fr_str_of(row->authority)) == row->allowed);
}

static void test_list(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *list, *origin;
        bool allowed;
    } rows[] = {
        {"the one listed", "https://a.example", "https://a.example", true},
        {"the second, after a blank", "https://a.example, https://b.example", "https://b.example", true},
        {"case does not count", "https://A.example", "HTTPS://a.EXAMPLE", true},
        {"a port", "https://a.example:8443", "https://a.example:8443", true},
        {"the default port may be said", "https://a.example:443", "https://a.example", true},
        {"an app in a web view", "capacitor://localhost", "capacitor://localhost", true},
        {"our own beside a list", "https://a.example", "https://own.example", true},
        {"our own by the other scheme", "https://a.example", "http://own.example", false},
        {"the same listed", "http://own.example", "http://own.example", true},
        {"no Origin beside a list", "https://a.example", "", true},
        {"any", "*", "https://whoever.example", true},
        {"any, from a sandboxed page", "*", "null", true},
        {"any, but for what would be two lines", "*", "https://x\r\nSet-Cookie: a=b", false},
        {"any, but for blanks", "*", "https://x https://y", false},
        {"another scheme", "https://a.example", "http://a.example", false},
        {"another port", "https://a.example", "https://a.example:8443", false},
        {"a host below", "https://a.example", "https://b.a.example", false},
        {"a host that begins so", "https://a.example", "https://a.example.evil", false},
        {"a sandboxed page", "https://a.example", "null", false},
        {"two at once", "https://a.example,https://b.example", "https://a.example,https://b.example", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_origin_allowed(fr_str_of(row->list), fr_str_of(row->origin), FR_STR("https"),
                                         FR_STR("own.example")) == row->allowed);
}

static void test_check_of_the_setting(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *list;
        bool valid;
    } rows[] = {
        {"the default", "", true},
        {"any", "*", true},
        {"one", "https://a.example", true},
        {"two with blanks", " https://a.example , http://b.example:3000 ", true},
        {"an address", "http://[::1]:3000", true},
        {"any within a list", "https://a.example,*", false},
        {"a host alone", "a.example", false},
        {"a path", "https://a.example/", false},
        {"a pattern", "https://*.a.example", false},
        {"null", "null", false},
        {"nothing between commas", "https://a.example,,https://b.example", false},
        {"a comma at the end", "https://a.example,", false},
        {"a port that is none", "https://a.example:99999", false},
        {"a port of no digits", "https://a.example:", false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_error error = {0};
        bool valid = fr_origins_check(fr_str_of(row->list), "--allowed-origins", &error) == FR_OK;
        FR_ASSERT_ROW(row, valid == row->valid);
        FR_ASSERT_ROW(row, valid || strstr(error.message, "--allowed-origins") != NULL);
        FR_ASSERT_ROW(row, valid || strcmp(error.field, "--allowed-origins") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_origin),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_check_of_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
