#include "log/log.h"

#include "check.h"

static void secrets_are_blanked(void **state)
{
    static const struct {
        const char *comment, *in, *out;
    } rows[] = {
        {"no query", "/post/feed", "/post/feed"},
        {"other parameters", "/post/feed?limit=10&cursor=abc", "/post/feed?limit=10&cursor=abc"},
        {"token", "/post/feed/posted?token=eyJ.a.b", "/post/feed/posted?token=***"},
        {"ticket", "/x?ticket=t", "/x?ticket=***"},
        {"first", "/x?token=a&limit=1", "/x?token=***&limit=1"},
        {"last", "/x?limit=1&token=a", "/x?limit=1&token=***"},
        {"both and twice", "/x?token=a&ticket=b&token=c", "/x?token=***&ticket=***&token=***"},
        {"empty value", "/x?token=", "/x?token=***"},
        {"no value", "/x?token", "/x?token"},
        {"value with equals signs", "/x?token=a=b==", "/x?token=***"},
        {"value with a question mark", "/x?token=a?b&c=d", "/x?token=***&c=d"},
        {"second question mark", "/x?a?token=b", "/x?a?token=***"},
        {"question mark escaped", "/x%3Ftoken=b", "/x%3Ftoken=***"},
        {"semicolon and fragment", "/x?a;token=b#ticket=c", "/x?a;token=***"},
        {"fragment", "/x?a=b#ticket=c", "/x?a=b#ticket=***"},
        {"a URL as a value", "/x?next=%2Fy%3Fa%3Db%26Token%3Dsecret%26c&d=e",
         "/x?next=%2Fy%3Fa%3Db%26Token%3D***&d=e"},
        {"escaped twice", "/x?next=%252Fy%253Ft%256Fken%253Dsecret", "/x?next=%252Fy%253Ft%256Fken%253D***"},
        {"a whole URL, as a Referer is", "https://h:1/x?TICKET=a&b=c", "https://h:1/x?TICKET=***&b=c"},
        {"escapes in the value", "/x?token=a%26b%3Bc;d&e", "/x?token=***&e"},
        {"cut in an escape", "/x?token%3", "/x?token%3"},
        {"cut before the equals sign", "/x?%74%6F%6B%65%6E", "/x?%74%6F%6B%65%6E"},
        {"capitals", "/x?Token=a", "/x?Token=***"},
        {"escaped name", "/x?%74oken=a&t%49cket=b", "/x?%74oken=***&t%49cket=***"},
        {"broken escape", "/x?%7=a&%zz=b&token%=c", "/x?%7=a&%zz=b&token%=c"},
        {"longer name", "/x?tokens=a&mytoken=b", "/x?tokens=a&mytoken=b"},
        {"in the path it is none", "/token=a", "/token=a"},
        {"empty query", "/x?", "/x?"},
        {"empty parameters", "/x?&&token=a&", "/x?&&token=***&"},
        {"empty", "", ""},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out;
        fr_buf_init(&out, 1000);
        fr_log_redact(&out, fr_str_of(row->in));
        FR_ASSERT_ROW(row, fr_str_equal(fr_buf_str(&out), fr_str_of(row->out)));
        fr_buf_release(&out);
    }
}

/* Whatever stands around it, and however it is spelled, the secret is not in what comes out. */
static void rubbish_never_shows_a_secret(void **state)
{
    static const char pieces[][8] = {"?", "&",   ";",     "#", "%",  "%3f", "%26", "%253F",
                                     "=", "%3D", "token", "a", "%7", "+",   "/",   "%00"};
    static const char *const names[] = {"token=", "TICKET=", "%74oken=", "tic%6Bet%3D", "%2574oken%253d"};
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        struct fr_buf in, out;
        fr_buf_init(&in, 1000);
        fr_buf_init(&out, 1000);
        for (int i = 0; i < 12; i++) {
            seed = seed * 1103515245 + 12345;
            if (i == 6)
                fr_buf_printf(&in, "%s%sSECRET", round % 2 ? "?" : "&",
                              names[seed / 65536 % FR_COUNT_OF(names)]);
            fr_buf_append_text(&in, pieces[seed / 65536 % FR_COUNT_OF(pieces)]);
        }
        fr_log_redact(&out, fr_buf_str(&in));
        if (strstr(out.data, "SECRET") != NULL)
            fail_msg("%s became %s", in.data, out.data);
        fr_buf_release(&in);
        fr_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_blanked),
        cmocka_unit_test(rubbish_never_shows_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
