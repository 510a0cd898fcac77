#include "check.h"
#include "http_internal.h"

/* Codes and types are what clients rely on: each stands for one thing. */
static void test_codes_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < FR_PROBLEM_COUNT; i++) {
        const struct fr_problem_kind *a = fr_problem_kind((enum fr_problem)i);
        assert_true(a->code > 0);
        assert_true(a->http_status >= 400 && a->http_status <= 599);
        assert_true(strncmp(a->type, "urn:freshet:problem:", 20) == 0 && a->type[20] != '\0');
        assert_true(a->title[0] != '\0' && a->detail[0] != '\0');
        for (int j = 0; j < i; j++) {
            const struct fr_problem_kind *b = fr_problem_kind((enum fr_problem)j);
            assert_int_not_equal(a->code, b->code);
            assert_string_not_equal(a->type, b->type);
        }
    }
}

static void test_of_status(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        enum fr_status status;
        int http_status;
    } rows[] = {
        {"invalid", FR_INVALID, 400},     {"unauthenticated", FR_UNAUTHENTICATED, 401},
        {"forbidden", FR_FORBIDDEN, 403}, {"not found", FR_NOT_FOUND, 404},
        {"conflict", FR_CONFLICT, 409},   {"full", FR_FULL, 503},
        {"timeout", FR_TIMEOUT, 503},     {"unavailable", FR_UNAVAILABLE, 503},
        {"cancelled", FR_CANCELLED, 503}, {"io", FR_IO, 500},
        {"protocol", FR_PROTOCOL, 500},   {"internal", FR_INTERNAL, 500},
    };
    assert_int_equal(FR_COUNT_OF(rows), FR_STATUS_COUNT - 1);
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_problem_kind(fr_problem_of_status(row->status))->http_status == row->http_status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_unique),
        cmocka_unit_test(test_of_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
