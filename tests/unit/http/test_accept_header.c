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
        {"no number is no leave", "application/x-protobuf;q=x, application/json;q=0.1", FR_ACCEPT_JSON_ONLY},
        {"too large", "application/x-protobuf;q=0.1, application/json;q=1.5", FR_ACCEPT_PROTOBUF},
        {"a longer name", "application/x-protobufs", FR_ACCEPT_JSON},
        {"garbage", ",;,;q=,", FR_ACCEPT_JSON},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_accept_parse(fr_str_of(row->accept)) == row->wanted);
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

static void test_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *accept;
        bool wanted;
    } rows[] = {
        {"absent", "", false},
        {"a browser", "gzip, deflate, br, zstd", true},
        {"case", "GZip", true},
        {"its old name", "x-gzip", true},
        {"anything", "*", true},
        {"others", "br, deflate", false},
        {"a longer name", "gzipped", false},
        {"refused", "gzip;q=0", false},
        {"refused in full", "deflate, gzip ; q=0.000, br", false},
        {"refused by name", "*, gzip;q=0", false},
        {"refused before anything", "gzip;q=0, *", false},
        {"all refused", "*;q=0", false},
        {"none refused", "identity;q=0, *", true},
        {"less than none", "identity, gzip;q=0.5", false},
        {"as good as none", "identity;q=0.5, gzip;q=0.5", true},
        {"little, and nothing said of none", "gzip;q=0.001", true},
        {"no number is no leave", "gzip;q=x", false},
        {"garbage", ",;,;q=,", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_accept_gzip(fr_str_of(row->accept)) == row->wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
