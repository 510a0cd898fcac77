#include <jansson.h>
#include <stdlib.h>

#include "check.h"
#include "streams.h"

enum { WINDOW_MS = 300000 };

static size_t index_of(const char *wanted)
{
    for (size_t i = 0; i < fr_bus_stream_count(); i++) {
        char name[STREAM_NAME_SIZE];
        fr_bus_stream_name(i, name);
        if (strcmp(name, wanted) == 0)
            return i;
    }
    fail_msg("no stream %s", wanted);
    return 0;
}

static void test_configs(void **state)
{
    static const struct {
        const char *comment, *name, *subject, *storage;
        int64_t max_age_s;
        int feed_partition;
    } rows[] = {
        {"first of the feed", "FEED_00", "feed.0.*", "memory", 300, 0},
        {"last of the feed", "FEED_63", "feed.63.*", "memory", 300, 63},
        {"celebrities", "CELEB", "celeb.*", "memory", 300, -1},
        {"the firehose is kept for a day", "POSTS", "post.*.*", "file", 86400, -1},
    };
    assert_int_equal(fr_bus_stream_count(), FR_FEED_PARTITIONS + 2);
    FR_FOR_ROWS(row, rows)
    {
        size_t index = index_of(row->name);
        char *text = fr_bus_stream_config(index, 3, WINDOW_MS);
        json_t *config = json_loads(text, 0, NULL);
        free(text);
        assert_non_null(config);
        FR_ASSERT_ROW(row, fr_bus_stream_feed_partition(index) == row->feed_partition);
        FR_ASSERT_ROW(row, strcmp(json_string_value(json_object_get(config, "name")), row->name) == 0);
        const json_t *subjects = json_object_get(config, "subjects");
        FR_ASSERT_ROW(row, json_array_size(subjects) == 1);
        FR_ASSERT_ROW(row, strcmp(json_string_value(json_array_get(subjects, 0)), row->subject) == 0);
        FR_ASSERT_ROW(row, strcmp(json_string_value(json_object_get(config, "storage")), row->storage) == 0);
        FR_ASSERT_ROW(row, strcmp(json_string_value(json_object_get(config, "discard")), "old") == 0);
        FR_ASSERT_ROW(row, strcmp(json_string_value(json_object_get(config, "retention")), "limits") == 0);
        FR_ASSERT_ROW(row,
                      json_integer_value(json_object_get(config, "max_age")) == row->max_age_s * 1000000000);
        FR_ASSERT_ROW(row, json_integer_value(json_object_get(config, "num_replicas")) == 3);
        FR_ASSERT_ROW(row, json_integer_value(json_object_get(config, "max_consumers")) > 1000);
        FR_ASSERT_ROW(row, json_integer_value(json_object_get(config, "max_bytes")) > 0);
        FR_ASSERT_ROW(row, json_integer_value(json_object_get(config, "max_msg_size")) == FR_EVENT_BYTES_MAX);
        json_decref(config);
    }
}

/* The server refuses a stream whose window for duplicates is longer than its messages live. */
static void test_duplicate_window(void **state)
{
    char *text = fr_bus_stream_config(0, 1, 2000);
    json_t *config = json_loads(text, 0, NULL);
    free(text);
    assert_int_equal(json_integer_value(json_object_get(config, "duplicate_window")), INT64_C(2000000000));
    json_decref(config);
}

static void test_answers(void **state)
{
    static const struct {
        const char *comment, *reply;
        enum fr_status status;
        int64_t epoch;
        int code, error;
        const char *description;
    } rows[] = {
        {"created",
         "{\"type\":\"x\",\"config\":{\"name\":\"A\"},\"created\":\"1970-01-01T00:00:01Z\",\"did_create\":"
         "true}",
         FR_OK, 1000000000, 0, 0, ""},
        {"refused", "{\"error\":{\"code\":400,\"err_code\":10058,\"description\":\"in use\"}}", FR_OK, 0, 400,
         10058, "in use"},
        {"refused without a reason", "{\"error\":{}}", FR_OK, 0, 500, 0, "no reason given"},
        {"just being made",
         "{\"type\":\"x\",\"config\":{\"name\":\"A\"},\"created\":\"0001-01-01T00:00:00Z\"}", FR_OK, 0, 0, 0,
         ""},
        {"no time", "{\"type\":\"x\"}", FR_PROTOCOL, 0, 0, 0, ""},
        {"a time of another type", "{\"created\":5}", FR_PROTOCOL, 0, 0, 0, ""},
        {"an array", "[]", FR_PROTOCOL, 0, 0, 0, ""},
        {"cut", "{\"created\":\"1970-01", FR_PROTOCOL, 0, 0, 0, ""},
        {"empty", "", FR_PROTOCOL, 0, 0, 0, ""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct stream_answer answer = {0};
        FR_ASSERT_ROW(row, fr_bus_stream_parse_answer(fr_str_of(row->reply), &answer) == row->status);
        FR_ASSERT_ROW(row,
                      answer.epoch == row->epoch && answer.code == row->code && answer.error == row->error);
        FR_ASSERT_ROW(row, strcmp(answer.description, row->description) == 0);
    }
}

static void test_states(void **state)
{
    static const struct {
        const char *comment, *reply;
        enum fr_status status;
        struct stream_state expected;
    } rows[] = {
        {"as it is",
         "{\"config\":{},\"created\":\"1970-01-01T00:00:01Z\",\"state\":{\"first_seq\":3,\"last_seq\":9}}",
         FR_OK,
         {1000000000, 3, 9}},
        {"new",
         "{\"created\":\"1970-01-01T00:00:01Z\",\"state\":{\"first_seq\":0,\"last_seq\":0}}",
         FR_OK,
         {1000000000, 0, 0}},
        {"refused", "{\"error\":{\"code\":404}}", FR_UNAVAILABLE, {0}},
        {"just being made",
         "{\"created\":\"0001-01-01T00:00:00Z\",\"state\":{\"first_seq\":0,\"last_seq\":0}}",
         FR_PROTOCOL,
         {0}},
        {"without bounds", "{\"created\":\"1970-01-01T00:00:01Z\",\"state\":{}}", FR_PROTOCOL, {0}},
        {"without a time", "{\"state\":{\"first_seq\":3,\"last_seq\":9}}", FR_PROTOCOL, {0}},
        {"cut", "{\"created\":\"1970-01", FR_PROTOCOL, {0}},
        {"empty", "", FR_PROTOCOL, {0}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct stream_state told = {0};
        FR_ASSERT_ROW(row, fr_bus_stream_parse_state(fr_str_of(row->reply), &told) == row->status);
        FR_ASSERT_ROW(row, told.epoch == row->expected.epoch && told.first == row->expected.first &&
                               told.last == row->expected.last);
    }
}

static void test_lists(void **state)
{
    static const struct {
        const char *comment, *reply;
        enum fr_status status;
        size_t next;
        int64_t first, celeb; /* epochs */
    } rows[] = {
        {"two of ours and a foreign one",
         "{\"total\":3,\"offset\":0,\"limit\":256,\"streams\":[{\"config\":{\"name\":\"FEED_00\"},"
         "\"created\":"
         "\"1970-01-01T00:00:01Z\"},{\"config\":{\"name\":\"KV_x\"},\"created\":\"1970-01-01T00:00:03Z\"},"
         "{\"config\":{\"name\":\"CELEB\"},\"created\":\"1970-01-01T00:00:02Z\"}]}",
         FR_OK, 0, 1000000000, 2000000000},
        {"first page of two",
         "{\"total\":2,\"offset\":0,\"limit\":1,\"streams\":[{\"config\":{\"name\":\"FEED_00\"},\"created\":"
         "\"1970-01-01T00:00:01Z\"}]}",
         FR_OK, 1, 1000000000, 0},
        {"none", "{\"total\":0,\"offset\":0,\"limit\":256,\"streams\":null}", FR_OK, 0, 0, 0},
        {"an empty page is the last", "{\"total\":5,\"offset\":0,\"limit\":256,\"streams\":[]}", FR_OK, 0, 0,
         0},
        {"an entry that is none", "{\"total\":1,\"offset\":0,\"streams\":[5]}", FR_OK, 0, 0, 0},
        {"refused", "{\"error\":{\"code\":503,\"description\":\"not enabled\"}}", FR_UNAVAILABLE, 0, 0, 0},
        {"no JSON", "oops", FR_PROTOCOL, 0, 0, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        int64_t *epochs = fr_alloc_array(fr_bus_stream_count(), sizeof *epochs);
        size_t next = 0;
        struct fr_error error;
        FR_ASSERT_ROW(row,
                      fr_bus_stream_parse_list(fr_str_of(row->reply), epochs, &next, &error) == row->status);
        FR_ASSERT_ROW(row, next == row->next);
        FR_ASSERT_ROW(row, epochs[0] == row->first && epochs[index_of("CELEB")] == row->celeb);
        free(epochs);
    }
}

static void test_messages(void **state)
{
    static const struct {
        const char *comment, *reply;
        enum fr_status status;
        uint64_t expected;
    } rows[] = {
        {"there is one",
         "{\"type\":\"x\",\"message\":{\"subject\":\"feed.1.7\",\"seq\":52,\"data\":\"aGk=\"}}", FR_OK, 52},
        {"there is none",
         "{\"error\":{\"code\":404,\"err_code\":10037,\"description\":\"no message found\"}}", FR_OK, 0},
        {"no stream either",
         "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}", FR_UNAVAILABLE,
         99},
        {"no number", "{\"message\":{\"subject\":\"feed.1.7\"}}", FR_PROTOCOL, 99},
        {"an impossible number", "{\"message\":{\"seq\":0}}", FR_PROTOCOL, 99},
        {"no JSON", "nonsense", FR_PROTOCOL, 99},
        {"nothing", "", FR_PROTOCOL, 99},
    };
    FR_FOR_ROWS(row, rows)
    {
        uint64_t told = 99;
        FR_ASSERT_ROW(row, fr_bus_stream_parse_message(fr_str_of(row->reply), &told) == row->status);
        FR_ASSERT_ROW(row, told == row->expected);
    }
}

static void test_consumers(void **state)
{
    static const struct {
        const char *comment, *reply;
        enum fr_status status;
        struct consumer_state expected;
    } rows[] = {
        {"as it is",
         "{\"name\":\"x\",\"delivered\":{\"consumer_seq\":0,\"stream_seq\":52},\"num_pending\":3}",
         FR_OK,
         {52, 3}},
        {"refused",
         "{\"error\":{\"code\":400,\"err_code\":10026,\"description\":\"too many\"}}",
         FR_UNAVAILABLE,
         {0}},
        {"no place", "{\"delivered\":{},\"num_pending\":3}", FR_PROTOCOL, {0}},
        {"nothing said of what is pending", "{\"delivered\":{\"stream_seq\":52}}", FR_PROTOCOL, {0}},
        {"an impossible number", "{\"delivered\":{\"stream_seq\":-1},\"num_pending\":3}", FR_PROTOCOL, {0}},
        {"no JSON", "nonsense", FR_PROTOCOL, {0}},
        {"nothing", "", FR_PROTOCOL, {0}},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct consumer_state told = {0};
        FR_ASSERT_ROW(row, fr_bus_consumer_parse_state(fr_str_of(row->reply), &told) == row->status);
        FR_ASSERT_ROW(row, told.sequence == row->expected.sequence && told.pending == row->expected.pending);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configs),   cmocka_unit_test(test_duplicate_window),
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_states),
        cmocka_unit_test(test_lists),     cmocka_unit_test(test_messages),
        cmocka_unit_test(test_consumers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
