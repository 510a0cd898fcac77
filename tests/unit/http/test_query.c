#include "check.h"
#include "query.h"

static void test_find_and_decode(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *query, *name;
        bool found, decodes;
        const char *value;
    } rows[] = {
        {"plain", "limit=5", "limit", true, true, "5"},
        {"second", "offset=1&limit=5", "limit", true, true, "5"},
        {"first of two", "a=1&a=2", "a", true, true, "1"},
        {"absent", "limit=5", "offset", false, false, ""},
        {"empty query", "", "a", false, false, ""},
        {"empty value", "a=", "a", true, true, ""},
        {"no equals sign", "a", "a", true, true, ""},
        {"equals sign in the value", "a=b=c", "a", true, true, "b=c"},
        {"prefix of the name", "limits=5", "limit", false, false, ""},
        {"longer name", "lim=5", "limit", false, false, ""},
        {"empty pairs", "&&a=1&&", "a", true, true, "1"},
        {"nameless", "=1&a=2", "a", true, true, "2"},
        {"encoded name", "%61=1", "a", true, true, "1"},
        {"badly encoded name", "%6=1&a=2", "a", true, true, "2"},
        {"plus is a space", "q=a+b", "q", true, true, "a b"},
        {"encoded plus", "q=a%2Bb", "q", true, true, "a+b"},
        {"lower and upper hex", "q=%2f%2F", "q", true, true, "//"},
        {"UTF-8", "q=%D0%98%D0%B2", "q", true, true, "\xd0\x98\xd0\xb2"},
        {"raw UTF-8", "q=\xd0\x98", "q", true, true, "\xd0\x98"},
        {"escape cut off", "q=%", "q", true, false, ""},
        {"escape cut in half", "q=a%4", "q", true, false, ""},
        {"escape not hex", "q=%zz", "q", true, false, ""},
        {"escape across the pair's end", "q=%4&1=2", "q", true, false, ""},
        {"NUL", "q=a%00b", "q", true, false, ""},
        {"not UTF-8", "q=%ff", "q", true, false, ""},
        {"overlong", "q=%c0%af", "q", true, false, ""},
        {"surrogate", "q=%ed%a0%80", "q", true, false, ""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_str raw;
        bool found = fr_query_find(fr_str_of(row->query), row->name, &raw);
        FR_ASSERT_ROW(row, found == row->found);
        if (!found)
            continue;
        char out[64];
        size_t len;
        bool decodes = fr_query_decode(raw, out, &len);
        FR_ASSERT_ROW(row, decodes == row->decodes);
        if (decodes)
            FR_ASSERT_ROW(row, fr_str_equal((struct fr_str){out, len}, fr_str_of(row->value)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_find_and_decode)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
