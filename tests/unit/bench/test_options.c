#include "options.h"

#include "check.h"

enum { WORDS = 6 };

static void lines(void **state)
{
    static const struct {
        const char *comment, *words[WORDS];
        enum options_result result;
    } rows[] = {
        {"the least", {"idle", "--tokens=t"}, OPTIONS_READY},
        {"a value apart", {"idle", "--tokens", "t", "--sockets", "5"}, OPTIONS_READY},
        {"no mode", {NULL}, OPTIONS_WRONG},
        {"an unknown mode", {"fly"}, OPTIONS_WRONG},
        {"an unknown option", {"idle", "--tokens=t", "--fly"}, OPTIONS_WRONG},
        {"an option of another mode", {"idle", "--tokens=t", "--rate=5"}, OPTIONS_WRONG},
        {"no tokens", {"live"}, OPTIONS_WRONG},
        {"an echo wants none", {"echo"}, OPTIONS_READY},
        {"too few", {"echo", "--sockets=0"}, OPTIONS_WRONG},
        {"no number", {"echo", "--sockets=5x"}, OPTIONS_WRONG},
        {"a value is missing", {"echo", "--sockets"}, OPTIONS_WRONG},
        {"a flag with a value", {"live", "--tokens=t", "--one-by-one=yes"}, OPTIONS_WRONG},
        {"a carrier", {"live", "--tokens=t", "--carrier=sse"}, OPTIONS_READY},
        {"no carrier", {"live", "--tokens=t", "--carrier=pigeon"}, OPTIONS_WRONG},
        {"echo is a mode, not a carrier", {"live", "--tokens=t", "--carrier=echo"}, OPTIONS_WRONG},
        {"plain connections have no cursors", {"resume", "--tokens=t"}, OPTIONS_WRONG},
        {"a run", {"live", "--tokens=t", "--run=BadCafe"}, OPTIONS_READY},
        {"no run", {"live", "--tokens=t", "--run=100000000"}, OPTIONS_WRONG},
        {"no end", {"live", "--tokens=t", "--seconds=0"}, OPTIONS_WRONG},
        {"a name instead of an address", {"echo", "--url=http://localhost:80"}, OPTIONS_WRONG},
        {"TLS", {"echo", "--url=https://127.0.0.1:80"}, OPTIONS_WRONG},
        {"pages between posts", {"live", "--tokens=t", "--pages=10"}, OPTIONS_READY},
        {"pages at a rate", {"live", "--tokens=t", "--pages=10", "--rate=5"}, OPTIONS_WRONG},
        {"pages without posts", {"live", "--tokens=t", "--pages=10", "--expect=5"}, OPTIONS_WRONG},
        {"readers of no pages", {"live", "--tokens=t", "--page-readers=t"}, OPTIONS_WRONG},
        {"a slash behind it", {"echo", "--url=http://127.0.0.1:80/"}, OPTIONS_READY},
    };
    FR_FOR_ROWS(row, rows)
    {
        char words[WORDS + 1][64] = {"wsbench"}, *argv[WORDS + 2] = {words[0]};
        int argc = 1;
        struct options options;
        for (; argc <= WORDS && row->words[argc - 1] != NULL; argc++) {
            snprintf(words[argc], sizeof words[argc], "%s", row->words[argc - 1]);
            argv[argc] = words[argc];
        }
        FR_ASSERT_ROW(row, options_parse(argc, argv, &options) == row->result);
    }
}

static void values(void **state)
{
    char words[][32] = {"wsbench", "live",     "--tokens=t",   "--sockets",
                        "12",      "--run=ff", "--one-by-one", "--carrier=json"};
    char *argv[FR_COUNT_OF(words) + 1] = {0};
    struct options options;
    for (size_t i = 0; i < FR_COUNT_OF(words); i++)
        argv[i] = words[i];
    assert_int_equal(options_parse(FR_COUNT_OF(words), argv, &options), OPTIONS_READY);
    assert_int_equal(options.mode, MODE_LIVE);
    assert_int_equal(options.carrier, CARRIER_JSON);
    assert_string_equal(options.tokens, "t");
    assert_int_equal(options.sockets, 12);
    assert_int_equal(options.run, 0xFF);
    assert_true(options.one_by_one);
    assert_false(options.quiet);
    assert_int_equal(options.connections, 64); /* the default */
    assert_null(options.follows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
