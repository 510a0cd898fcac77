#include "check.h"
#include "ws_handshake.h"

static void test_key(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *key;
        bool valid;
    } rows[] = {
        {"the key of RFC 6455", "dGhlIHNhbXBsZSBub25jZQ==", true},
        {"sixteen zeros", "AAAAAAAAAAAAAAAAAAAAAA==", true},
        {"empty", "", false},
        {"fifteen bytes", "AAAAAAAAAAAAAAAAAAAA", false},
        {"seventeen bytes", "AAAAAAAAAAAAAAAAAAAAAAA=", false},
        {"loose bits at the end", "AAAAAAAAAAAAAAAAAAAAAB==", false},
        {"not base64", "AAAA AAAAAAAAAAAAAAAAA==", false},
        {"URL alphabet", "AAAA-AAAAAAAAAAAAAAAAA==", false},
        {"too long", "dGhlIHNhbXBsZSBub25jZQ== ", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_ws_key_valid(fr_str_of(row->key)) == row->valid);
}

static void test_accept_value(void **state)
{
    (void)state;
    char out[FR_WS_ACCEPT_SIZE];
    fr_ws_accept_value(FR_STR("dGhlIHNhbXBsZSBub25jZQ=="), out);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455 section 1.3 */
}

static void test_origin(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *origin, *authority;
        bool same;
    } rows[] = {
        {"none", "", "example.org", true},
        {"same host", "http://example.org", "example.org", true},
        {"same host and port", "http://127.0.0.1:8080", "127.0.0.1:8080", true},
        {"case", "http://Example.ORG", "example.org", true},
        {"default port in the authority", "https://example.org", "example.org:443", true},
        {"default port in the origin", "http://example.org:80", "example.org", true},
        {"another port", "http://example.org:81", "example.org", false},
        {"default port of the other scheme", "http://example.org:443", "example.org", false},
        {"another host", "http://example.com", "example.org", false},
        {"suffix", "http://example.org.evil.com", "example.org", false},
        {"prefix", "http://evil.example.org", "example.org", false},
        {"null", "null", "example.org", false},
        {"file", "file://", "example.org", false},
        {"scheme only", "http://", "", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_ws_origin_same(fr_str_of(row->origin), fr_str_of(row->authority)) == row->same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_accept_value),
        cmocka_unit_test(test_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
