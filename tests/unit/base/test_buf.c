#include "base/buf.h"

#include <stdlib.h>

#include "check.h"

static void grows_up_to_its_maximum(void **state)
{
    static const struct {
        const char *comment;
        size_t max;
        int appends;
        size_t len;
        bool full;
    } rows[] = {
        {"fits exactly", 10, 1, 10, false},         {"one too many", 9, 1, 0, true},
        {"second does not fit", 15, 2, 10, true},   {"no room at all", 0, 1, 0, true},
        {"much room", 1 << 20, 1000, 10000, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf buf;
        fr_buf_init(&buf, row->max);
        for (int i = 0; i < row->appends; i++)
            fr_buf_append(&buf, "0123456789", 10);
        FR_ASSERT_ROW(row, buf.len == row->len);
        FR_ASSERT_ROW(row, buf.full == row->full);
        FR_ASSERT_ROW(row, fr_buf_status(&buf) == (row->full ? FR_FULL : FR_OK));
        FR_ASSERT_ROW(row, buf.cap <= row->max + 1);
        FR_ASSERT_ROW(row, buf.data == NULL || buf.data[buf.len] == '\0');
        fr_buf_release(&buf);
    }
}

static void full_stays_until_reset(void **state)
{
    struct fr_buf buf;
    fr_buf_init(&buf, 4);
    fr_buf_append_text(&buf, "ab");
    fr_buf_append_text(&buf, "too long");
    fr_buf_append_text(&buf, "c"); /* would fit, but a hole would be before it */
    assert_int_equal(fr_buf_status(&buf), FR_FULL);
    assert_string_equal(buf.data, "ab");
    fr_buf_reset(&buf);
    assert_int_equal(fr_buf_status(&buf), FR_OK);
    fr_buf_append_text(&buf, "c");
    assert_string_equal(buf.data, "c");
    fr_buf_release(&buf);
    fr_buf_release(&buf);
}

static void pieces(void **state)
{
    struct fr_buf buf;
    fr_buf_init(&buf, 1000);
    fr_buf_append_char(&buf, '<');
    fr_buf_append_str(&buf, FR_STR("s"));
    fr_buf_append_str(&buf, FR_STR_NONE);
    fr_buf_append_i64(&buf, INT64_MIN);
    fr_buf_printf(&buf, "%s|%d", "", 42);
    fr_buf_printf(&buf, "%s", "");
    assert_string_equal(buf.data, "<s-9223372036854775808|42");
    fr_buf_consume(&buf, 2);
    assert_string_equal(buf.data, "-9223372036854775808|42");
    fr_buf_consume(&buf, buf.len);
    assert_string_equal(buf.data, "");
    fr_buf_consume(&buf, 0);
    fr_buf_release(&buf);
    fr_buf_consume(&buf, 0);
}

static void printf_past_the_maximum_changes_nothing(void **state)
{
    struct fr_buf buf;
    fr_buf_init(&buf, 3);
    fr_buf_printf(&buf, "%s", "ab");
    fr_buf_printf(&buf, "%s", "cd");
    assert_true(buf.full);
    assert_string_equal(buf.data, "ab");
    fr_buf_release(&buf);
}

static void reserve_and_detach(void **state)
{
    struct fr_buf buf;
    fr_buf_init(&buf, 100);
    char *room = fr_buf_reserve(&buf, 100);
    assert_non_null(room);
    memset(room, 'x', 100);
    buf.len += 100;
    buf.data[buf.len] = '\0';
    assert_null(fr_buf_reserve(&buf, 1));
    assert_true(buf.full);
    size_t len;
    char *bytes = fr_buf_detach(&buf, &len);
    assert_int_equal(len, 100);
    assert_int_equal(strlen(bytes), 100);
    free(bytes);
    assert_int_equal(fr_buf_status(&buf), FR_OK);
    assert_null(fr_buf_detach(&buf, NULL));
    assert_null(fr_buf_reserve(&buf, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum),
        cmocka_unit_test(full_stays_until_reset),
        cmocka_unit_test(pieces),
        cmocka_unit_test(printf_past_the_maximum_changes_nothing),
        cmocka_unit_test(reserve_and_detach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
