#include <stdlib.h>

#include "check.h"
#include "config_internal.h"

static char *printed(enum fr_program program)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (program == 0)
        fr_config_print_markdown(out);
    else
        fr_config_print_help(program, "freshet-x [SETTING...]", out);
    fclose(out);
    return text;
}

static void help_is_complete(void **state)
{
    static const enum fr_program programs[] = {FR_PROGRAM_GATEWAY, FR_PROGRAM_MATERIALIZER, FR_PROGRAM_CTL};
    for (size_t p = 0; p < FR_COUNT_OF(programs); p++) {
        char *text = printed(programs[p]);
        assert_ptr_equal(strstr(text, "usage: freshet-x [SETTING...]\n"), text);
        for (int i = 0; i < settings_count; i++) {
            const struct setting *setting = &settings_table[i];
            char variable[CONFIG_NAME_MAX], flag[64], fallback[200];
            setting_variable(setting, variable);
            snprintf(flag, sizeof flag, "  --%s=%s\n", setting->flag, setting->metavar);
            snprintf(fallback, sizeof fallback, "default %s; ", setting->fallback);
            bool mine = (setting->programs & programs[p]) != 0;
            if ((strstr(text, variable) != NULL) != mine)
                fail_msg("%s: expected %sin the help of program %d", variable, mine ? "" : "not ",
                         programs[p]);
            /* A secret has no flag, so none is shown. */
            if ((strstr(text, flag) != NULL) != (mine && !setting->secret))
                fail_msg("%s is wrong in the help of program %d", flag, programs[p]);
            if (mine && setting->fallback[0] != '\0' && strstr(text, fallback) == NULL)
                fail_msg("%s is missing in the help of program %d", fallback, programs[p]);
        }
        free(text);
    }
}

static void markdown_is_a_table_of_all(void **state)
{
    char *text = printed(0);
    struct fr_str rest = fr_str_of(text), line;
    int rows = 0;
    while (fr_str_next(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        int bars = 0;
        for (size_t i = 0; i < line.len; i++)
            bars += line.data[i] == '|';
        if (bars != 6)
            fail_msg("expected 5 columns in: %.*s", FR_STR_ARG(line));
        rows++;
    }
    assert_int_equal(rows, settings_count + 2);
    free(text);
}

static void variables_are_made_of_flags(void **state)
{
    char variable[CONFIG_NAME_MAX];
    setting_variable(&settings_table[setting_find(FR_STR("celebrity-threshold"))], variable);
    assert_string_equal(variable, "FRESHET_CELEBRITY_THRESHOLD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_complete),
        cmocka_unit_test(markdown_is_a_table_of_all),
        cmocka_unit_test(variables_are_made_of_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
