#include "problem.h"

#include "check.h"

#include <curl/curl.h>

#include "freshet/v1/api.pb-c.h"

static void statuses_have_kinds(void **state)
{
    static const struct {
        const char *comment;
        long status;
        freshet_kind kind;
    } rows[] = {
        {"bad request", 400, FRESHET_INVALID},
        {"not signed in", 401, FRESHET_UNAUTHENTICATED},
        {"not theirs", 403, FRESHET_FORBIDDEN},
        {"unknown", 404, FRESHET_NOT_FOUND},
        {"used key", 409, FRESHET_CONFLICT},
        {"too long", 413, FRESHET_INVALID},
        {"limited", 429, FRESHET_LIMITED},
        {"defect", 500, FRESHET_SERVER},
        {"a proxy's", 502, FRESHET_UNAVAILABLE},
        {"overloaded", 503, FRESHET_UNAVAILABLE},
        {"a proxy's time", 504, FRESHET_UNAVAILABLE},
        {"of later times", 599, FRESHET_SERVER},
        {"a redirect", 302, FRESHET_PROTOCOL},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, problem_kind_of_status(row->status) == row->kind);
}

static char *text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void a_problem_tells_all(void **state)
{
    Freshet__V1__Problem message;
    freshet__v1__problem__init(&message);
    message.title = text("Invalid field");
    message.detail = text("text must not be empty");
    message.field = text("text");
    message.request_id = text("abc");
    message.status = 400;
    message.code = 1001;
    uint8_t bytes[256];
    size_t len = freshet__v1__problem__pack(&message, bytes);
    freshet_error error;
    problem_of_answer(&error, 400, true, (struct fr_str){(const char *)bytes, len});
    assert_int_equal(error.kind, FRESHET_INVALID);
    assert_int_equal(error.status, 400);
    assert_int_equal(error.code, 1001);
    assert_int_equal(error.retry_after_ms, -1);
    assert_string_equal(error.title, "Invalid field");
    assert_string_equal(error.detail, "text must not be empty");
    assert_string_equal(error.field, "text");
    assert_string_equal(error.request_id, "abc");
}

static void what_is_no_problem_still_has_a_status(void **state)
{
    freshet_error error;
    problem_of_answer(&error, 502, false, FR_STR("<html>Bad Gateway</html>"));
    assert_int_equal(error.kind, FRESHET_UNAVAILABLE);
    assert_int_equal(error.status, 502);
    assert_int_equal(error.code, 0);
    assert_string_equal(error.request_id, "");
    problem_of_answer(&error, 404, true, FR_STR("\xff\xff\xff"));
    assert_int_equal(error.kind, FRESHET_NOT_FOUND);
    assert_int_equal(error.status, 404);
}

static void the_transport_has_kinds_too(void **state)
{
    static const struct {
        const char *comment;
        int code;
        freshet_kind kind;
    } rows[] = {
        {"nobody listens", CURLE_COULDNT_CONNECT, FRESHET_UNAVAILABLE},
        {"no such host", CURLE_COULDNT_RESOLVE_HOST, FRESHET_UNAVAILABLE},
        {"broken off", CURLE_RECV_ERROR, FRESHET_UNAVAILABLE},
        {"the stream was reset", CURLE_HTTP2_STREAM, FRESHET_UNAVAILABLE},
        {"a stranger's certificate", CURLE_PEER_FAILED_VERIFICATION, FRESHET_UNTRUSTED},
        {"no file of certificates", CURLE_SSL_CACERT_BADFILE, FRESHET_UNTRUSTED},
        {"no URL", CURLE_URL_MALFORMAT, FRESHET_INVALID},
    };
    FR_FOR_ROWS(row, rows)
    {
        freshet_error error;
        problem_of_transport(&error, row->code, "");
        FR_ASSERT_ROW(row, error.kind == row->kind && error.status == 0 && error.detail[0] != '\0');
    }
}

static void retry_after_is_whole_seconds(void **state)
{
    static const struct {
        const char *comment, *header;
        int64_t wait_ms;
    } rows[] = {
        {"none", NULL, -1},
        {"two", "2", 2000},
        {"zero", "0", 0},
        {"with blanks", " 7 ", 7000},
        {"a date", "Wed, 21 Oct 2015 07:28:00 GMT", -1},
        {"negative", "-1", -1},
        {"a year", "31536000", -1},
        {"empty", "", -1},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, problem_retry_after(row->header) == row->wait_ms);
}

static void texts_are_cut_between_characters(void **state)
{
    char four[4];
    problem_copy(four, sizeof four, "abcd");
    assert_string_equal(four, "abc");
    problem_copy(four, sizeof four, "абв");
    assert_string_equal(four, "а");
    problem_copy(four, sizeof four, "ab");
    assert_string_equal(four, "ab");
}

static void nobody_need_want_an_error(void **state)
{
    assert_int_equal(problem_set(NULL, FRESHET_TIMEOUT, NULL, "late"), FRESHET_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_kinds),
        cmocka_unit_test(a_problem_tells_all),
        cmocka_unit_test(what_is_no_problem_still_has_a_status),
        cmocka_unit_test(the_transport_has_kinds_too),
        cmocka_unit_test(retry_after_is_whole_seconds),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(nobody_need_want_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
