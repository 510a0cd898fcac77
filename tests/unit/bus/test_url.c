#include "check.h"
#include "url.h"

static void test_parse(void **state)
{
    static const struct {
        const char *comment, *list;
        enum fr_status status;
        int count;
    } rows[] = {
        {"plain", "nats://127.0.0.1:4222", FR_OK, 1},
        {"user and password", "nats://u:p@host:4222", FR_OK, 1},
        {"a password with odd characters", "nats://u:a%2Fb:c@host:4222", FR_OK, 1},
        {"no port", "nats://host", FR_OK, 1},
        {"TLS", "tls://host:4222/", FR_OK, 1},
        {"two, with blanks", "nats://a:1, nats://b:2", FR_OK, 2},
        {"IPv6", "nats://[::1]:4222", FR_OK, 1},
        {"IPv6 without port", "nats://[::1]", FR_OK, 1},
        {"empty", "", FR_INVALID, 0},
        {"no scheme", "127.0.0.1:4222", FR_INVALID, 0},
        {"another scheme", "http://host:4222", FR_INVALID, 0},
        {"no host", "nats://:4222", FR_INVALID, 0},
        {"only a user", "nats://u:p@", FR_INVALID, 0},
        {"port past 65535", "nats://host:65536", FR_INVALID, 0},
        {"port that is none", "nats://host:x", FR_INVALID, 0},
        {"port empty", "nats://host:", FR_INVALID, 0},
        {"open bracket", "nats://[::1:4222", FR_INVALID, 0},
        {"second one bad", "nats://a:1,b:2", FR_INVALID, 0},
        {"a hole in the list", "nats://a:1,,nats://b:2", FR_INVALID, 0},
        {"blank within", "nats://a b:1", FR_INVALID, 0},
        {"seventeen",
         "nats://a,nats://a,nats://a,nats://a,nats://a,nats://a,nats://a,nats://a,nats://a,nats://a,"
         "nats://a,nats://a,nats://a,nats://a,nats://a,nats://a,nats://a",
         FR_INVALID, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct bus_urls urls = {.count = 0};
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, fr_bus_urls_parse(row->list, &urls, &error) == row->status);
        FR_ASSERT_ROW(row, urls.count == row->count);
        if (row->status != FR_OK)
            FR_ASSERT_ROW(row, strcmp(error.field, "--nats-url") == 0);
        fr_bus_urls_release(&urls);
    }
}

static void test_no_secret_in_message(void **state)
{
    struct bus_urls urls;
    struct fr_error error = {0};
    assert_int_equal(fr_bus_urls_parse("nats://user:geheim@host:x", &urls, &error), FR_INVALID);
    assert_null(strstr(error.message, "geheim"));
    assert_non_null(strstr(error.message, "port"));
}

static void test_without_user(void **state)
{
    static const struct {
        const char *comment, *url, *shown;
    } rows[] = {
        {"nothing to hide", "nats://host:1", "host:1"},
        {"user and password", "nats://u:p@host:1", "host:1"},
        {"an @ in the password", "nats://u:p@q@host:1", "host:1"},
        {"slash behind", "nats://u:p@host:1/", "host:1"},
        {"no scheme", "u:p@host:1", "host:1"},
        {"empty", "", ""},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_str_equal(fr_bus_url_without_user(row->url), fr_str_of(row->shown)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_no_secret_in_message),
        cmocka_unit_test(test_without_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
