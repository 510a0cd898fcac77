#include "accept_header.h"
#include "check.h"

static void test_accept(void **state)
{
    static const struct {
        const char *comment, *accept;
        enum fr_accept wanted;
    } rows[] = {
        {"absent", "", FR_ACCEPT_JSON},
        {"anything", "*/*", FR_ACCEPT_JSON},
        {"any application", "application/*", FR_ACCEPT_JSON},
        {"json", "application/json", FR_ACCEPT_JSON_ONLY},
        {"json with parameters", "application/json; charset=utf-8;q=0.9", FR_ACCEPT_JSON_ONLY},
        {"case", "Application/JSON", FR_ACCEPT_JSON_ONLY},
        {"problem", "application/problem+json", FR_ACCEPT_JSON},
        {"both", "application/json, application/problem+json", FR_ACCEPT_JSON},
        {"json and anything", "application/json, */*;q=0.1", FR_ACCEPT_JSON},
        {"anything refused", "application/json, */*;q=0", FR_ACCEPT_JSON_ONLY},
        {"problem refused", "application/json, application/problem+json;q=0.0", FR_ACCEPT_JSON_ONLY},
        {"problem refused by name", "*/*, application/problem+json;q=0", FR_ACCEPT_JSON_ONLY},
        {"json refused", "application/json;q=0", FR_ACCEPT_JSON},
        {"json and text", "text/html, application/json", FR_ACCEPT_JSON_ONLY},
        {"none of ours", "text/html", FR_ACCEPT_JSON},
        {"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
         FR_ACCEPT_JSON},
        {"an event stream", "text/event-stream", FR_ACCEPT_JSON},
        {"protobuf", "application/x-protobuf", FR_ACCEPT_PROTOBUF},
        {"in capitals", "APPLICATION/X-PROTOBUF", FR_ACCEPT_PROTOBUF},
        {"protobuf with parameters", "application/x-protobuf; messageType=\"x.Y\" ; q=0.5",
         FR_ACCEPT_PROTOBUF},
        {"protobuf refused", "application/x-protobuf;q=0", FR_ACCEPT_JSON},
        {"protobuf refused, anything else", "application/x-protobuf;q=0, */*", FR_ACCEPT_JSON},
        {"protobuf before anything", "application/x-protobuf, */*", FR_ACCEPT_PROTOBUF},
        {"anything before protobuf", "*/*, application/x-protobuf", FR_ACCEPT_PROTOBUF},
        {"protobuf less than anything", "*/*, application/x-protobuf;q=0.9", FR_ACCEPT_JSON},
        {"protobuf more than anything", "*/*;q=0.8, application/x-protobuf;q=0.9", FR_ACCEPT_PROTOBUF},
        {"json more", "application/x-protobuf;q=0.5, application/json", FR_ACCEPT_JSON_ONLY},
        {"json more, by a thousandth", "application/x-protobuf;q=0.998,application/json;q=0.999",
         FR_ACCEPT_JSON_ONLY},
        {"protobuf more", "application/json;q=0.5, application/x-protobuf", FR_ACCEPT_PROTOBUF},
        {"the same, protobuf first", "application/x-protobuf, application/json", FR_ACCEPT_PROTOBUF},
        {"the same, json first", "application/json, application/x-protobuf", FR_ACCEPT_JSON_ONLY},
        {"json refused, anything else", "application/json;q=0, */*", FR_ACCEPT_PROTOBUF},
        {"protobuf and problems", "application/x-protobuf, application/problem+json", FR_ACCEPT_PROTOBUF},
        {"a quality that is none", "application/x-protobuf;q=x, application/json;q=0.9", FR_ACCEPT_PROTOBUF},
        {"a quality above one", "application/x-protobuf;q=0.9, application/json;q=1.5", FR_ACCEPT_JSON_ONLY},
        {"a longer name", "application/x-protobufs", FR_ACCEPT_JSON},
        {"garbage", ",;,;q=,", FR_ACCEPT_JSON},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_accept_parse(fr_str_of(row->accept)) == row->wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
