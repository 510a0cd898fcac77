#include "base/utf8.h"

#include "base/str.h"
#include "check.h"

static const struct {
    const char *comment;
    struct fr_str text;
    bool valid;
} rows[] = {
    {"empty", FR_STR(""), true},
    {"ASCII of more than eight bytes", FR_STR("The quick brown fox"), true},
    {"two bytes, smallest U+0080", FR_STR("\xc2\x80"), true},
    {"two bytes, largest U+07FF", FR_STR("\xdf\xbf"), true},
    {"three bytes, smallest U+0800", FR_STR("\xe0\xa0\x80"), true},
    {"last before the surrogates U+D7FF", FR_STR("\xed\x9f\xbf"), true},
    {"first after the surrogates U+E000", FR_STR("\xee\x80\x80"), true},
    {"U+FFFF", FR_STR("\xef\xbf\xbf"), true},
    {"four bytes, smallest U+10000", FR_STR("\xf0\x90\x80\x80"), true},
    {"largest of all U+10FFFF", FR_STR("\xf4\x8f\xbf\xbf"), true},
    {"ASCII around", FR_STR("ab\xc3\xa4xyzxyzxyz\xf0\x9f\x98\x80z"), true},
    {"overlong slash, two bytes", FR_STR("\xc0\xaf"), false},
    {"overlong U+007F", FR_STR("\xc1\xbf"), false},
    {"overlong slash, three bytes", FR_STR("\xe0\x80\xaf"), false},
    {"overlong U+07FF", FR_STR("\xe0\x9f\xbf"), false},
    {"overlong U+FFFF", FR_STR("\xf0\x8f\xbf\xbf"), false},
    {"overlong NUL", FR_STR("\xc0\x80"), false},
    {"first surrogate U+D800", FR_STR("\xed\xa0\x80"), false},
    {"last surrogate U+DFFF", FR_STR("\xed\xbf\xbf"), false},
    {"surrogate pair", FR_STR("\xed\xa0\x80\xed\xb0\x80"), false},
    {"U+110000", FR_STR("\xf4\x90\x80\x80"), false},
    {"lead byte F5", FR_STR("\xf5\x80\x80\x80"), false},
    {"five bytes", FR_STR("\xf8\x88\x80\x80\x80"), false},
    {"FE", FR_STR("\xfe"), false},
    {"continuation alone", FR_STR("\x80"), false},
    {"continuation after ASCII", FR_STR("abcdefgh\xbf"), false},
    {"lead byte without its continuation",
     FR_STR("\xc3"
            "a"),
     false},
    {"third byte is missing",
     FR_STR("\xe2\x82"
            "a"),
     false},
    {"ends within two", FR_STR("abc\xc3"), false},
    {"ends within three", FR_STR("\xe2\x82"), false},
    {"ends within four", FR_STR("\xf0\x9f\x98"), false},
};

static void whole_texts(void **state)
{
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_utf8_valid_text(row->text.data, row->text.len) == row->valid);
}

/* Wherever a text is split, the verdict is the same. */
static void split_texts(void **state)
{
    FR_FOR_ROWS(row, rows)
    {
        for (size_t cut = 0; cut <= row->text.len; cut++) {
            struct fr_utf8 utf8 = {0};
            bool valid = fr_utf8_feed(&utf8, row->text.data, cut) &&
                         fr_utf8_feed(&utf8, row->text.data + cut, row->text.len - cut) &&
                         fr_utf8_complete(&utf8);
            FR_ASSERT_ROW(row, valid == row->valid);
        }
    }
}

static void nul_is_no_text_but_may_be_fed(void **state)
{
    struct fr_utf8 utf8 = {0};
    assert_true(fr_utf8_feed(&utf8, "a\0b", 3));
    assert_false(fr_utf8_valid_text("a\0b", 3));
    assert_false(fr_utf8_valid_text("", 1));
    assert_true(fr_utf8_valid_text(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts),
        cmocka_unit_test(split_texts),
        cmocka_unit_test(nul_is_no_text_but_may_be_fed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
