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

#define HEAD(lines) "GET /post/feed/posted HTTP/1.1\r\n" lines "\r\n"
#define HOST "Host: example.org\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void test_head(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *head;
        enum fr_ws_refusal result;
    } rows[] = {
        {"as it should be", HEAD(HOST UPGRADE VERSION KEY), FR_WS_WELCOME},
        {"in another order", HEAD(KEY VERSION UPGRADE HOST), FR_WS_WELCOME},
        {"lines that end without CR",
         "GET / HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\n" VERSION KEY "\n",
         FR_WS_WELCOME},
        {"names and tokens in another case",
         HEAD("host: x\r\nUPGRADE: WebSocket\r\nconnection: uPGRADE\r\n" VERSION KEY), FR_WS_WELCOME},
        {"lists", HEAD(HOST "Upgrade: a, websocket\r\nConnection: keep-alive ,\tUpgrade\r\n" VERSION KEY),
         FR_WS_WELCOME},
        {"repeated lines, this one first",
         HEAD(HOST UPGRADE "Upgrade: a\r\nConnection: close\r\n" VERSION KEY), FR_WS_WELCOME},
        {"repeated lines, this one last",
         HEAD(HOST "Upgrade: a\r\nConnection: close\r\n" UPGRADE VERSION KEY), FR_WS_WELCOME},
        {"what stands behind the head is not looked at", HEAD(HOST UPGRADE VERSION KEY) "Host: again\r\n",
         FR_WS_WELCOME},
        {"no Upgrade", HEAD(HOST "Connection: Upgrade\r\n" VERSION KEY), FR_WS_NO_UPGRADE},
        {"no Connection", HEAD(HOST "Upgrade: websocket\r\n" VERSION KEY), FR_WS_NO_UPGRADE},
        {"only behind the head", HEAD(HOST VERSION KEY) UPGRADE, FR_WS_NO_UPGRADE},
        {"a part of a token", HEAD(HOST "Upgrade: websocket2\r\nConnection: Upgrade\r\n" VERSION KEY),
         FR_WS_NO_UPGRADE},
        {"no version", HEAD(HOST UPGRADE KEY), FR_WS_BAD_VERSION},
        {"version 8", HEAD(HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n"), FR_WS_BAD_VERSION},
        {"two versions", HEAD(HOST UPGRADE KEY VERSION VERSION), FR_WS_BAD_VERSION},
        {"no key", HEAD(HOST UPGRADE VERSION), FR_WS_BAD_KEY},
        {"two keys", HEAD(HOST UPGRADE VERSION KEY KEY), FR_WS_BAD_KEY},
        {"two origins", HEAD(HOST UPGRADE VERSION KEY "Origin: http://a\r\nOrigin: http://a\r\n"),
         FR_WS_BAD_ORIGIN},
        {"no Host", HEAD(UPGRADE VERSION KEY), FR_WS_MALFORMED},
        {"two Hosts", HEAD(HOST HOST UPGRADE VERSION KEY), FR_WS_MALFORMED},
        {"a folded line", HEAD(HOST UPGRADE VERSION KEY " more\r\n"), FR_WS_MALFORMED},
        {"a line without a colon", HEAD(HOST UPGRADE VERSION KEY "more\r\n"), FR_WS_MALFORMED},
        {"a request line alone", "GET / HTTP/1.1\r\n\r\n", FR_WS_MALFORMED},
        {"nothing", "", FR_WS_MALFORMED},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_ws_handshake handshake = {0};
        FR_ASSERT_ROW(row, fr_ws_handshake_read(fr_str_of(row->head), &handshake) == row->result);
        FR_ASSERT_ROW(row, (handshake.key.len == 24) == (row->result == FR_WS_WELCOME));
    }
}

static void test_origin_is_taken_from_the_head(void **state)
{
    (void)state;
    struct fr_ws_handshake handshake = {0};
    assert_int_equal(
        fr_ws_handshake_read(FR_STR(HEAD(HOST UPGRADE VERSION KEY "Origin:  http://a \r\n")), &handshake),
        FR_WS_WELCOME);
    assert_true(fr_str_equal(handshake.origin, FR_STR("http://a")));
}

#define OFFER(names) "Sec-WebSocket-Protocol: " names "\r\n"

static void test_choice_of_the_subprotocol(void **state)
{
    (void)state;
    static const struct fr_str known[] = {FR_STR("one"), FR_STR("two")};
    static const struct {
        const char *comment, *head;
        int chosen;
    } rows[] = {
        {"none offered", HEAD(HOST), -1},
        {"one", HEAD(OFFER("one")), 0},
        {"the client's order counts", HEAD(OFFER("two,one")), 1},
        {"unknown ones are skipped", HEAD(OFFER("three, two")), 1},
        {"over several lines", HEAD(OFFER("three") HOST OFFER("one, two")), 0},
        {"only unknown ones", HEAD(OFFER("three, One")), -1},
        {"behind the head", HEAD(HOST) OFFER("one"), -1},
        {"an empty offer", HEAD(OFFER("")), -1},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row,
                  fr_ws_handshake_choose(fr_str_of(row->head), known, FR_COUNT_OF(known)) == row->chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_accept_value),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_origin_is_taken_from_the_head),
        cmocka_unit_test(test_choice_of_the_subprotocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
