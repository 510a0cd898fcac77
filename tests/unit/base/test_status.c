#include "base/status.h"

#include <errno.h>

#include "check.h"

static void names_are_distinct_words(void **state)
{
    for (int i = 0; i < FR_STATUS_COUNT; i++) {
        const char *name = fr_status_name((enum fr_status)i);
        assert_non_null(name);
        assert_true(name[0] >= 'a' && name[0] <= 'z');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, fr_status_name((enum fr_status)j));
    }
    assert_string_equal(fr_status_name((enum fr_status)FR_STATUS_COUNT), "unknown status");
    assert_string_equal(fr_status_name((enum fr_status) - 1), "unknown status");
}

static void set_fills_everything(void **state)
{
    struct fr_error error = {.sqlstate = "40001", .field = "old"};
    assert_int_equal(fr_error_set(&error, FR_INVALID, "text", "%d bytes", 7), FR_INVALID);
    assert_int_equal(error.status, FR_INVALID);
    assert_string_equal(error.field, "text");
    assert_string_equal(error.message, "7 bytes");
    assert_string_equal(error.sqlstate, "");
    assert_int_equal(fr_error_set(&error, FR_FULL, NULL, "full"), FR_FULL);
    assert_string_equal(error.field, "");
}

static void null_error_is_fine(void **state)
{
    assert_int_equal(fr_error_set(NULL, FR_TIMEOUT, "x", "y"), FR_TIMEOUT);
    assert_int_equal(fr_error_set_errno(NULL, ENOENT, "y"), FR_IO);
}

static void long_texts_are_cut(void **state)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    struct fr_error error;
    assert_int_equal(fr_error_set(&error, FR_IO, text, "%s", text), FR_IO);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_int_equal(strlen(error.field), sizeof error.field - 1);
    assert_int_equal(fr_error_set_errno(&error, ENOENT, "%s", text), FR_IO);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void errno_is_told_in_words(void **state)
{
    struct fr_error error;
    assert_int_equal(fr_error_set_errno(&error, ENOENT, "can't open %s", "a"), FR_IO);
    assert_string_equal(error.message, "can't open a: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_distinct_words), cmocka_unit_test(set_fills_everything),
        cmocka_unit_test(null_error_is_fine),       cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(errno_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
