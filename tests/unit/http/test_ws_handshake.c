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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_accept_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
