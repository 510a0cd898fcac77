#include "check.h"
#include "names.h"

static void test_gateway_names(void **state)
{
    static const struct {
        const char *comment, *name;
        bool valid;
    } rows[] = {
        {"letters and digits", "gw0A9z", true},
        {"one character", "x", true},
        {"the longest", "abcdefghijklmnopqrstuvwxyz012345", true},
        {"one too long", "abcdefghijklmnopqrstuvwxyz0123456", false},
        {"empty", "", false},
        {"a dot would be a second token of the subject", "a.b", false},
        {"a wildcard", "*", false},
        {"the separator of our own", "a_b", false},
        {"blank", "a b", false},
        {"not ASCII", "g\xc3\xa4", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_bus_gateway_name_valid(row->name) == row->valid);
}

static void test_consumer_names(void **state)
{
    static const struct {
        const char *comment, *gateway, *name;
        enum fr_status status;
        uint64_t number;
    } rows[] = {
        {"zero", "gw1", "gw1_0000000000000000", FR_OK, 0},
        {"all bits", "gw1", "gw1_ffffffffffffffff", FR_OK, UINT64_MAX},
        {"mixed", "g", "g_0123456789abcdef", FR_OK, UINT64_C(0x0123456789abcdef)},
        {"another gateway of the same length", "gw1", "gw2_0000000000000001", FR_PROTOCOL, 0},
        {"another gateway that begins alike", "gw1", "gw11_000000000000001", FR_PROTOCOL, 0},
        {"digit missing", "gw1", "gw1_000000000000001", FR_PROTOCOL, 0},
        {"digit too many", "gw1", "gw1_00000000000000001", FR_PROTOCOL, 0},
        {"capital digits are not ours", "gw1", "gw1_000000000000000A", FR_PROTOCOL, 0},
        {"no separator", "gw1", "gw1-0000000000000001", FR_PROTOCOL, 0},
        {"empty", "gw1", "", FR_PROTOCOL, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        uint64_t number = 0;
        FR_ASSERT_ROW(row, fr_bus_parse_consumer(row->gateway, fr_str_of(row->name), &number) == row->status);
        FR_ASSERT_ROW(row, number == row->number);
        if (row->status != FR_OK)
            continue;
        char name[NAMES_CONSUMER_SIZE];
        fr_bus_format_consumer(row->gateway, row->number, name);
        assert_string_equal(name, row->name);
    }
}

static void test_instances(void **state)
{
    char name[NAMES_INSTANCE_SIZE], consumer[NAMES_CONSUMER_SIZE];
    fr_bus_format_instance("gw1", 0xa1b2c3, name);
    assert_string_equal(name, "gw1x00a1b2c3");
    /* The longest fits. */
    fr_bus_format_instance("abcdefghijklmnopqrstuvwxyz012345", UINT32_MAX, name);
    assert_string_equal(name, "abcdefghijklmnopqrstuvwxyz012345xffffffff");
    fr_bus_format_consumer(name, UINT64_MAX, consumer);
    assert_string_equal(consumer, "abcdefghijklmnopqrstuvwxyz012345xffffffff_ffffffffffffffff");
}

static void test_acks(void **state)
{
    static const struct {
        const char *comment, *subject;
        enum fr_status status;
        const char *stream, *consumer;
        uint64_t delivered, stream_seq, consumer_seq;
        int64_t timestamp_ns;
        uint64_t pending;
    } rows[] = {
        {"nine tokens", "$JS.ACK.FEED_07.gw_1.1.42.7.1795255888436632837.3", FR_OK, "FEED_07", "gw_1", 1, 42,
         7, INT64_C(1795255888436632837), 3},
        {"eleven: domain and account", "$JS.ACK.hub.aX1.FEED_07.gw_1.2.42.7.99.0", FR_OK, "FEED_07", "gw_1",
         2, 42, 7, 99, 0},
        {"twelve: a token behind", "$JS.ACK._.aX1.FEED_07.gw_1.1.42.7.99.5.rnd", FR_OK, "FEED_07", "gw_1", 1,
         42, 7, 99, 5},
        {"ten is neither", "$JS.ACK.x.FEED_07.gw_1.1.42.7.99.5", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"thirteen", "$JS.ACK._.a.FEED_07.gw_1.1.42.7.99.5.r.s", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"eight", "$JS.ACK.FEED_07.gw_1.1.42.7.99", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"another subject", "$JS.API.FEED_07.gw_1.1.42.7.99.0", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"an inbox", "_INBOX.abc", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"a sequence that is no number", "$JS.ACK.FEED_07.gw_1.1.4x.7.99.0", FR_PROTOCOL, NULL, NULL, 0, 0, 0,
         0, 0},
        {"negative", "$JS.ACK.FEED_07.gw_1.1.-4.7.99.0", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"past 64 bits", "$JS.ACK.FEED_07.gw_1.1.99999999999999999999.7.99.0", FR_PROTOCOL, NULL, NULL, 0, 0,
         0, 0, 0},
        {"empty token", "$JS.ACK..gw_1.1.4.7.99.0", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
        {"empty", "", FR_PROTOCOL, NULL, NULL, 0, 0, 0, 0, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_bus_ack ack;
        FR_ASSERT_ROW(row, fr_bus_parse_ack(fr_str_of(row->subject), &ack) == row->status);
        if (row->status != FR_OK)
            continue;
        FR_ASSERT_ROW(row, fr_str_equal(ack.stream, fr_str_of(row->stream)));
        FR_ASSERT_ROW(row, fr_str_equal(ack.consumer, fr_str_of(row->consumer)));
        FR_ASSERT_ROW(row, ack.delivered == row->delivered && ack.stream_seq == row->stream_seq);
        FR_ASSERT_ROW(row, ack.consumer_seq == row->consumer_seq && ack.pending == row->pending);
        FR_ASSERT_ROW(row, ack.timestamp_ns == row->timestamp_ns);
    }
}

static void test_feed_subjects(void **state)
{
    static const struct {
        const char *comment, *subject;
        enum fr_status status;
        int partition;
        int64_t user_id;
    } rows[] = {
        {"first partition", "feed.0.5", FR_OK, 0, 5},
        {"last partition, largest id", "feed.63.9223372036854775807", FR_OK, 63, INT64_MAX},
        {"partition past the end", "feed.64.5", FR_PROTOCOL, 0, 0},
        {"the public form", "feed.5", FR_PROTOCOL, 0, 0},
        {"a user that is no id", "feed.1.x", FR_PROTOCOL, 0, 0},
        {"another subject", "celeb.1.5", FR_PROTOCOL, 0, 0},
        {"a token too many", "feed.1.5.6", FR_PROTOCOL, 0, 0},
        {"empty", "", FR_PROTOCOL, 0, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        int partition = 0;
        int64_t user_id = 0;
        FR_ASSERT_ROW(row, fr_bus_parse_feed(fr_str_of(row->subject), &partition, &user_id) == row->status);
        FR_ASSERT_ROW(row, partition == row->partition && user_id == row->user_id);
    }
    char subject[NAMES_SUBJECT_SIZE];
    for (int64_t user = 1; user < 2000; user += 7) {
        int partition;
        int64_t user_id;
        fr_bus_format_feed(user, subject);
        assert_int_equal(fr_bus_parse_feed(fr_str_of(subject), &partition, &user_id), FR_OK);
        assert_int_equal(user_id, user);
        assert_int_equal(partition, fr_partition_of(user, FR_FEED_PARTITIONS));
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *comment, *text;
        enum fr_status status;
        int64_t ns;
    } rows[] = {
        {"nine decimals", "2026-11-21T10:11:26.930213593Z", FR_OK, INT64_C(1795255886930213593)},
        {"trailing zeros are left out by the server", "2026-11-21T10:11:26.93Z", FR_OK,
         INT64_C(1795255886930000000)},
        {"no decimals", "2026-11-21T10:11:26Z", FR_OK, INT64_C(1795255886000000000)},
        {"east of Greenwich", "2026-11-21T12:11:26+02:00", FR_OK, INT64_C(1795255886000000000)},
        {"west", "2026-11-21T09:41:26-00:30", FR_OK, INT64_C(1795255886000000000)},
        {"the beginning", "1970-01-01T00:00:00Z", FR_OK, 0},
        {"the server's zero time", "0001-01-01T00:00:00Z", FR_PROTOCOL, 0},
        {"no zone", "2026-11-21T10:11:26", FR_PROTOCOL, 0},
        {"point without decimals", "2026-11-21T10:11:26.Z", FR_PROTOCOL, 0},
        {"ten decimals", "2026-11-21T10:11:26.1234567890Z", FR_PROTOCOL, 0},
        {"month 13", "2026-13-21T10:11:26Z", FR_PROTOCOL, 0},
        {"something behind", "2026-11-21T10:11:26Zx", FR_PROTOCOL, 0},
        {"cut", "2026-11-21T10:1", FR_PROTOCOL, 0},
        {"empty", "", FR_PROTOCOL, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        int64_t ns = 0;
        FR_ASSERT_ROW(row, fr_bus_parse_time(row->text, &ns) == row->status);
        FR_ASSERT_ROW(row, ns == row->ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_names), cmocka_unit_test(test_consumer_names),
        cmocka_unit_test(test_instances),     cmocka_unit_test(test_acks),
        cmocka_unit_test(test_feed_subjects), cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
