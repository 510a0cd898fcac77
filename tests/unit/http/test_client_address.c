#include "check.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "http/client_address.h"

static void test_parse(void **state)
{
    static const struct {
        const char *comment, *text, *expected; /* NULL: no address */
    } table[] = {
        {"IPv4", "192.0.2.1", "192.0.2.1"},
        {"IPv4 and port", "192.0.2.1:4711", "192.0.2.1"},
        {"IPv6", "2001:db8::1", "2001:db8::1"},
        {"IPv6 in brackets", "[2001:db8::1]", "2001:db8::1"},
        {"IPv6 and port", "[2001:db8::1]:443", "2001:db8::1"},
        {"IPv6 with a zone", "fe80::1%eth0", "fe80::1"},
        {"a mapped one is the IPv4 one", "::ffff:192.0.2.1", "192.0.2.1"},
        {"empty", "", NULL},
        {"unknown", "unknown", NULL},
        {"obfuscated", "_hidden", NULL},
        {"a number too large", "192.0.2.256", NULL},
        {"three numbers", "192.0.2", NULL},
        {"a port too large", "192.0.2.1:65536", NULL},
        {"a port that is none", "192.0.2.1:http", NULL},
        {"a colon alone", ":", NULL},
        {"brackets around IPv4", "[192.0.2.1]", NULL},
        {"no closing bracket", "[2001:db8::1", NULL},
        {"something behind the bracket", "[2001:db8::1]x", NULL},
        {"a name", "example.org", NULL},
        {"longer than any address", "2001:0db8:0000:0000:0000:0000:0000:00001:0000:0000:0000:0000", NULL},
    };
    FR_FOR_ROWS(row, table)
    {
        struct fr_client_address address;
        char text[FR_CLIENT_ADDRESS_TEXT_SIZE];
        enum fr_status status = fr_client_address_parse(fr_str_of(row->text), &address);
        FR_ASSERT_ROW(row, (status == FR_OK) == (row->expected != NULL));
        if (row->expected != NULL)
            FR_ASSERT_ROW(row, strcmp(fr_client_address_format(&address, text), row->expected) == 0);
    }
}

static void test_parse_takes_any_bytes(void **state)
{
    struct fr_random random = fr_random_of_seed(1);
    for (int i = 0; i < 100000; i++) {
        char bytes[64];
        size_t len = fr_random_below(&random, sizeof bytes);
        for (size_t at = 0; at < len; at++)
            bytes[at] = "0123456789abcdef.:[]%,\0 "[fr_random_below(&random, 24)];
        struct fr_client_address address;
        (void)!fr_client_address_parse((struct fr_str){bytes, len}, &address);
    }
}

static void test_of_sockaddr(void **state)
{
    char text[FR_CLIENT_ADDRESS_TEXT_SIZE];
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr local = {.sa_family = AF_UNIX};
    inet_pton(AF_INET, "192.0.2.7", &ipv4.sin_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &ipv6.sin6_addr);
    struct fr_client_address one = fr_client_address_of((const struct sockaddr *)(const void *)&ipv4);
    struct fr_client_address other = fr_client_address_of((const struct sockaddr *)(const void *)&ipv6);
    assert_string_equal(fr_client_address_format(&one, text), "192.0.2.7");
    assert_memory_equal(&one, &other, sizeof one);
    struct fr_client_address none = fr_client_address_of(&local);
    assert_string_equal(fr_client_address_format(&none, text), "::");
}

static void test_site(void **state)
{
    static const struct {
        const char *comment, *a, *b;
        bool same;
    } table[] = {
        {"neighbours in IPv4 are two", "192.0.2.1", "192.0.2.2", false},
        {"one /64 is one", "2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true},
        {"the next /64 is another", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
    };
    FR_FOR_ROWS(row, table)
    {
        struct fr_client_address a, b;
        assert_int_equal(fr_client_address_parse(fr_str_of(row->a), &a), FR_OK);
        assert_int_equal(fr_client_address_parse(fr_str_of(row->b), &b), FR_OK);
        a = fr_client_address_site(&a);
        b = fr_client_address_site(&b);
        FR_ASSERT_ROW(row, (memcmp(&a, &b, sizeof a) == 0) == row->same);
    }
}

static void test_networks(void **state)
{
    static const struct {
        const char *comment, *networks, *address;
        bool within;
    } table[] = {
        {"none has nobody", "", "192.0.2.1", false},
        {"an address is itself", "192.0.2.1", "192.0.2.1", true},
        {"and nobody else", "192.0.2.1", "192.0.2.2", false},
        {"first of a network", "10.0.0.0/8", "10.0.0.0", true},
        {"last of a network", "10.0.0.0/8", "10.255.255.255", true},
        {"before it", "10.0.0.0/8", "9.255.255.255", false},
        {"behind it", "10.0.0.0/8", "11.0.0.0", false},
        {"a prefix within a byte, last", "172.16.0.0/12", "172.31.255.255", true},
        {"a prefix within a byte, behind", "172.16.0.0/12", "172.32.0.0", false},
        {"everybody in IPv4", "0.0.0.0/0", "203.0.113.9", true},
        {"which is not IPv6", "0.0.0.0/0", "2001:db8::1", false},
        {"everybody", "::/0", "2001:db8::1", true},
        {"IPv6", "2001:db8::/32", "2001:db8:ffff::1", true},
        {"another IPv6", "2001:db8::/32", "2001:db9::1", false},
        {"the second of several, with spaces", " 10.0.0.0/8 , 2001:db8::/32,", "2001:db8::1", true},
    };
    FR_FOR_ROWS(row, table)
    {
        struct fr_networks *networks = NULL;
        struct fr_client_address address;
        assert_int_equal(fr_networks_parse(row->networks, "--flag", &networks, NULL), FR_OK);
        assert_int_equal(fr_client_address_parse(fr_str_of(row->address), &address), FR_OK);
        FR_ASSERT_ROW(row, fr_networks_have(networks, &address) == row->within);
        fr_networks_free(networks);
    }
}

static void test_networks_refused(void **state)
{
    static const struct {
        const char *comment, *text;
    } table[] = {
        {"a name", "localhost"},
        {"a prefix too long", "10.0.0.0/33"},
        {"a prefix too long for IPv6", "2001:db8::/129"},
        {"a negative prefix", "10.0.0.0/-1"},
        {"no prefix behind the slash", "10.0.0.0/"},
        {"bits behind the prefix", "10.0.0.1/8"},
        {"the second of two", "10.0.0.0/8,rubbish"},
        {"a port", "10.0.0.1:80"},
    };
    FR_FOR_ROWS(row, table)
    {
        struct fr_networks *networks = NULL;
        struct fr_error error = {0};
        FR_ASSERT_ROW(row,
                      fr_networks_parse(row->text, "--trusted-proxies", &networks, &error) == FR_INVALID);
        FR_ASSERT_ROW(row, strcmp(error.field, "--trusted-proxies") == 0);
        FR_ASSERT_ROW(row, strstr(error.message, "--trusted-proxies") != NULL);
        FR_ASSERT_ROW(row, networks == NULL);
    }
}

static void test_forwarded_for(void **state)
{
    static const struct {
        const char *comment, *lines[3], *client;
    } table[] = {
        {"no header: the proxy itself", {NULL}, "10.0.0.1"},
        {"one hop", {"203.0.113.9"}, "203.0.113.9"},
        {"what the client claims is not looked at", {"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
        {"two proxies of ours", {"203.0.113.9, 10.1.1.1"}, "203.0.113.9"},
        {"our own machines only", {"10.2.2.2, 10.1.1.1"}, "10.2.2.2"},
        {"several lines are one list", {"198.51.100.1", "203.0.113.9, 10.1.1.1", "10.2.2.2"}, "203.0.113.9"},
        {"rubbish ends at the last that is known", {"203.0.113.9, rubbish, 10.1.1.1"}, "10.1.1.1"},
        {"rubbish alone", {"%s%n\"';--"}, "10.0.0.1"},
        {"unknown, as RFC 7239 has it", {"unknown"}, "10.0.0.1"},
        {"empty elements", {",, 203.0.113.9 ,,"}, "203.0.113.9"},
        {"ports and brackets", {"[2001:db8::9]:4711, 10.1.1.1:80"}, "2001:db8::9"},
        {"an empty header", {""}, "10.0.0.1"},
    };
    struct fr_networks *trusted = NULL;
    assert_int_equal(fr_networks_parse("10.0.0.0/8", "--flag", &trusted, NULL), FR_OK);
    FR_FOR_ROWS(row, table)
    {
        struct fr_client_address address;
        char text[FR_CLIENT_ADDRESS_TEXT_SIZE];
        int hops = FR_FORWARDED_HOPS_MAX;
        assert_int_equal(fr_client_address_parse(FR_STR("10.0.0.1"), &address), FR_OK);
        size_t count = 0;
        while (count < FR_COUNT_OF(row->lines) && row->lines[count] != NULL)
            count++;
        while (count > 0 && fr_forwarded_for_walk(trusted, fr_str_of(row->lines[count - 1]), &hops, &address))
            count--;
        FR_ASSERT_ROW(row, strcmp(fr_client_address_format(&address, text), row->client) == 0);
    }
    fr_networks_free(trusted);
}

static void test_forwarded_for_is_bounded(void **state)
{
    struct fr_networks *trusted = NULL;
    assert_int_equal(fr_networks_parse("10.0.0.0/8", "--flag", &trusted, NULL), FR_OK);
    char value[FR_FORWARDED_HOPS_MAX * 2 * 16] = "";
    for (int i = 0; i < FR_FORWARDED_HOPS_MAX * 2; i++)
        snprintf(value + strlen(value), sizeof value - strlen(value), "%s10.0.0.%d", i > 0 ? "," : "", i);
    struct fr_client_address address;
    char text[FR_CLIENT_ADDRESS_TEXT_SIZE];
    int hops = FR_FORWARDED_HOPS_MAX;
    assert_int_equal(fr_client_address_parse(FR_STR("10.9.9.9"), &address), FR_OK);
    assert_false(fr_forwarded_for_walk(trusted, fr_str_of(value), &hops, &address));
    assert_string_equal(fr_client_address_format(&address, text), "10.0.0.32");
    fr_networks_free(trusted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),         cmocka_unit_test(test_parse_takes_any_bytes),
        cmocka_unit_test(test_of_sockaddr),   cmocka_unit_test(test_site),
        cmocka_unit_test(test_networks),      cmocka_unit_test(test_networks_refused),
        cmocka_unit_test(test_forwarded_for), cmocka_unit_test(test_forwarded_for_is_bounded),
    };
    return cmocka_run_group_tests_name("client_address", tests, NULL, NULL);
}
