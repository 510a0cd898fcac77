#include "check.h"
#include "listener.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *text;
        enum fr_status status;
        int family, port;
    } rows[] = {
        {"IPv4", "127.0.0.1:8080", FR_OK, AF_INET, 8080},
        {"IPv6", "[::1]:8443", FR_OK, AF_INET6, 8443},
        {"highest port", "127.0.0.1:65535", FR_OK, AF_INET, 65535},
        {"port too high", "127.0.0.1:65536", FR_INVALID, 0, 0},
        {"no port", "127.0.0.1", FR_INVALID, 0, 0},
        {"empty port", "127.0.0.1:", FR_INVALID, 0, 0},
        {"named port", "127.0.0.1:http", FR_INVALID, 0, 0},
        {"negative port", "127.0.0.1:-1", FR_INVALID, 0, 0},
        {"IPv6 without brackets", "::1:8080", FR_INVALID, 0, 0},
        {"no such address", "256.0.0.1.:80", FR_INVALID, 0, 0},
        {"empty", "", FR_INVALID, 0, 0},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_listen_address address;
        struct fr_error error = {0};
        bool off;
        enum fr_status status = fr_listen_parse(row->text, "--listen", &address, &off, &error);
        FR_ASSERT_ROW(row, status == row->status);
        FR_ASSERT_ROW(row, !off);
        if (status != FR_OK) {
            FR_ASSERT_ROW(row, strcmp(error.field, "--listen") == 0);
            continue;
        }
        FR_ASSERT_ROW(row, address.addr.ss_family == row->family);
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)&address.addr; /* the port lies alike in both */
        FR_ASSERT_ROW(row, ntohs(in->sin_port) == row->port);
    }
}

static void test_off(void **state)
{
    (void)state;
    struct fr_error error = {0};
    int fds[2] = {7, 7};
    assert_int_equal(fr_listen_open("off", "--listen", 2, fds, &error), FR_OK);
    assert_int_equal(fds[0], -1);
    assert_int_equal(fds[1], -1);
}

static int port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t len = sizeof in;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    return ntohs(in.sin_port);
}

/* Loops share a port; a second process does not, though it would like to as well. */
static void test_shared_and_busy(void **state)
{
    (void)state;
    struct fr_error error = {0};
    int fds[3], others[1] = {-1};
    assert_int_equal(fr_listen_open("127.0.0.1:0", "--listen", 3, fds, &error), FR_OK);
    int port = port_of(fds[0]);
    assert_int_equal(port_of(fds[1]), port);
    assert_int_equal(port_of(fds[2]), port);
    char text[32], digits[16];
    snprintf(text, sizeof text, "127.0.0.1:%d", port);
    snprintf(digits, sizeof digits, "%d", port);
    assert_int_equal(fr_listen_open(text, "--tls-listen", 1, others, &error), FR_IO);
    assert_int_equal(others[0], -1);
    assert_string_equal(error.field, "--tls-listen");
    assert_non_null(strstr(error.message, "--tls-listen"));
    assert_non_null(strstr(error.message, digits));
    assert_int_equal(fr_listen_probe(text, "--listen", &error), FR_IO);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    assert_int_equal(fr_listen_probe(text, "--listen", &error), FR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_shared_and_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
