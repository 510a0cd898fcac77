#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/guard_head.h"

static char text[400000];

/* A head with so many fields of that length, after `start`. */
static size_t make(const char *start, size_t fields, size_t each, const char *end)
{
    size_t len = (size_t)sprintf(text, "%s", start);
    for (size_t i = 0; i < fields; i++) {
        memset(text + len, 'x', each);
        text[len + 1] = ':';
        memcpy(text + len + each - 2, "\r\n", 2);
        len += each;
    }
    return len + (size_t)sprintf(text + len, "%s", end);
}

static void test_heads(void **state)
{
    static const struct {
        const char *comment, *start;
        size_t fields, each;
        const char *end;
        enum fr_head_result expected;
    } table[] = {
        {"nothing", "", 0, 0, "", FR_HEAD_MORE},
        {"a request", "GET / HTTP/1.1\r\n", 3, 20, "\r\n", FR_HEAD_DONE},
        {"and a body", "GET / HTTP/1.1\r\n", 3, 20, "\r\nbody\n\n\n", FR_HEAD_DONE},
        {"no fields", "GET / HTTP/1.0\r\n", 0, 0, "\r\n", FR_HEAD_DONE},
        {"line feeds alone", "GET / HTTP/1.1\nHost: x\n", 0, 0, "\n", FR_HEAD_DONE},
        {"an empty line before it", "\r\nGET / HTTP/1.1\r\n", 1, 20, "\r\n", FR_HEAD_DONE},
        {"only the empty line before it", "\r\n\r\n", 0, 0, "", FR_HEAD_MORE},
        {"not ended", "GET / HTTP/1.1\r\n", 3, 20, "", FR_HEAD_MORE},
        {"half of the end", "GET / HTTP/1.1\r\n", 3, 20, "\r", FR_HEAD_MORE},
        {"100 fields", "GET / HTTP/1.1\r\n", 100, 20, "\r\n", FR_HEAD_DONE},
        {"101 fields", "GET / HTTP/1.1\r\n", 101, 20, "\r\n", FR_HEAD_TOO_MANY_FIELDS},
        {"101 fields, not ended", "GET / HTTP/1.1\r\n", 101, 20, "", FR_HEAD_TOO_MANY_FIELDS},
        {"31 KB: the handler says what of it is too much", "GET / HTTP/1.1\r\n", 31, 1000, "\r\n",
         FR_HEAD_DONE},
        {"40 KB", "GET / HTTP/1.1\r\n", 40, 1000, "\r\n", FR_HEAD_TOO_LARGE},
        {"the first line goes on and on", "GET /", 0, 0, "", FR_HEAD_MORE},
    };
    FR_FOR_ROWS(row, table)
    {
        size_t len = make(row->start, row->fields, row->each, row->end);
        struct fr_head_scan whole = {0}, bytewise = {0};
        FR_ASSERT_ROW(row, fr_head_scan(&whole, text, len) == row->expected);
        enum fr_head_result got = FR_HEAD_MORE;
        for (size_t i = 0; i <= len && got == FR_HEAD_MORE; i++)
            got = fr_head_scan(&bytewise, text, i);
        FR_ASSERT_ROW(row, got == row->expected);
    }
}

static void test_ambiguous(void **state)
{
    static const struct {
        const char *comment, *fields;
        bool http10, expected;
    } table[] = {
        {"none", "", false, false},
        {"a length", "Host: x\r\nContent-Length: 5\r\n", false, false},
        {"a coding", "Host: x\r\nTransfer-Encoding: chunked\r\n", false, false},
        {"a length and a coding", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", false, true},
        {"a coding and a length", "TRANSFER-ENCODING: chunked\r\nX: y\r\ncontent-length: 5\r\n", false, true},
        {"two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", false, true},
        {"the same length twice", "Content-Length: 5\nContent-Length: 5\n", false, true},
        {"two codings", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", false, true},
        {"a coding in HTTP/1.0", "Transfer-Encoding: chunked\r\n", true, true},
        {"a length in HTTP/1.0", "Content-Length: 5\r\n", true, false},
        {"two hosts", "Host: x\r\nhost: x\r\n", false, true},
        {"a blank before the colon", "Content-Length : 5\r\n", false, true},
        {"a tab before the colon", "Transfer-Encoding\t: chunked\r\n", false, true},
        {"a folded line", "X: y\r\n Content-Length: 5\r\n", false, true},
        {"a line without a colon", "Content-Length\r\n", false, true},
        {"a name of nothing", ": 5\r\n", false, true},
        {"names that only begin so", "Content-Lengths: 5\r\nX-Host: x\r\nHost: x\r\n", false, false},
        {"behind the head", "Content-Length: 18\r\n\r\nContent-Length: 5\r\n", false, false},
    };
    FR_FOR_ROWS(row, table)
    {
        for (size_t i = 0; i < 2; i++) { /* also behind an empty line */
            sprintf(text, "%sGET / HTTP/1.1\r\n%s\r\n", i > 0 ? "\r\n" : "", row->fields);
            FR_ASSERT_ROW(row, fr_head_is_ambiguous(fr_str_of(text), row->http10) == row->expected);
        }
    }
    assert_false(fr_head_is_ambiguous(FR_STR_NONE, false));
}

static void test_target(void **state)
{
    struct fr_head_scan scan = {0};
    memset(text, 'x', sizeof text);
    assert_int_equal(fr_head_scan(&scan, text, HTTP_HEAD_MAX - 1), FR_HEAD_MORE);
    assert_int_equal(fr_head_scan(&scan, text, HTTP_HEAD_MAX), FR_HEAD_TARGET_TOO_LONG);
}

static void test_done_stays_done(void **state)
{
    struct fr_head_scan scan = {0};
    size_t len = make("POST / HTTP/1.1\r\n", 1, 20, "\r\n");
    assert_int_equal(fr_head_scan(&scan, text, len), FR_HEAD_DONE);
    memset(text + len, '\n', 100000); /* a body */
    assert_int_equal(fr_head_scan(&scan, text, len + 100000), FR_HEAD_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_ambiguous),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_done_stays_done),
    };
    return cmocka_run_group_tests_name("guard_head", tests, NULL, NULL);
}
