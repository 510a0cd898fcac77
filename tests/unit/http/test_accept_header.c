#include "accept_header.h"
#include "check.h"

static void test_json_only(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *accept;
        bool json_only;
    } rows[] = {
        {"absent", "", false},
        {"anything", "*/*", false},
        {"any application", "application/*", false},
        {"json", "application/json", true},
        {"json with parameters", "application/json; charset=utf-8;q=0.9", true},
        {"case", "Application/JSON", true},
        {"problem", "application/problem+json", false},
        {"both", "application/json, application/problem+json", false},
        {"json and anything", "application/json, */*;q=0.1", false},
        {"anything refused", "application/json, */*;q=0", true},
        {"problem refused", "application/json, application/problem+json;q=0.0", true},
        {"json refused", "application/json;q=0", false},
        {"json and text", "text/html, application/json", true},
        {"text only", "text/html", false},
        {"protobuf", "application/x-protobuf", false},
        {"garbage", ",;,;q=,", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_accept_json_only(fr_str_of(row->accept)) == row->json_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_json_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
