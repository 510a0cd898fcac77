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

static void test_choose(void **state)
{
    (void)state;
    static const char *const types[] = {"text/event-stream", "application/x-protobuf"};
    static const struct {
        const char *comment, *accept;
        int chosen;
    } rows[] = {
        {"absent", "", 0},
        {"blank", " \t ", 0},
        {"anything", "*/*", 0},
        {"the second", "application/x-protobuf", 1},
        {"capitals", "Application/X-Protobuf", 1},
        {"both: the first of ours", "application/x-protobuf, text/event-stream", 0},
        {"the better one", "text/event-stream;q=0.5, application/x-protobuf;q=0.501", 1},
        {"the type itself before a wildcard", "*/*, text/event-stream;q=0.1", 1},
        {"whatever the order", "text/event-stream;q=0.1, */*", 1},
        {"a kind before anything", "text/*;q=0, */*;q=0.1", 1},
        {"a kind", "application/*;q=0.001", 1},
        {"half a kind", "app*, text/event", -1},
        {"refused", "text/event-stream;q=0.000", -1},
        {"all refused", "*/*;q=0", -1},
        {"all but one refused", "*/*;q=0, application/x-protobuf;q=0.3", 1},
        {"something else", "text/html, application/json", -1},
        {"parameters before q", "text/event-stream; charset=utf-8 ; q=0.2, application/x-protobuf;Q=0.1", 0},
        {"no number is no leave", "text/event-stream;q=x, application/x-protobuf;q=0.1", 1},
        {"too large", "text/event-stream;q=1.001, application/x-protobuf;q=0.1", 1},
        {"too long", "text/event-stream;q=0.9999, application/x-protobuf;q=0.1", 1},
        {"a dot and nothing", "text/event-stream;q=1., application/x-protobuf;q=0.1", 0},
        {"empty q", "text/event-stream;q=, application/x-protobuf;q=0.1", 1},
        {"garbage", ",;,;q=,", -1},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_accept_choose(fr_str_of(row->accept), types, 2) == row->chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_json_only), cmocka_unit_test(test_choose)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
