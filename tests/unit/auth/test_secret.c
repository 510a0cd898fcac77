#include "auth/auth.h"

#include "check.h"

static void only_the_same_bytes_are_the_same(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str given;
        bool same;
    } rows[] = {
        {"the same", FR_STR("0123456789abcdef"), true},
        {"nothing", FR_STR_NONE, false},
        {"the beginning", FR_STR("0123456789abcde"), false},
        {"one more", FR_STR("0123456789abcdef0"), false},
        {"NUL behind it", FR_STR("0123456789abcdef\0"), false},
        {"another first byte", FR_STR("1123456789abcdef"), false},
        {"another last byte", FR_STR("0123456789abcdeF"), false},
    };
    struct fr_error error = {0};
    assert_int_equal(fr_auth_init(&error), FR_OK);
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_auth_same_secret(row->given, FR_STR("0123456789abcdef")) == row->same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_same_bytes_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
