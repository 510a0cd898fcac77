#include "config/config.h"

#include "check.h"

static void nearest(void **state)
{
    static const char *const names[] = {"migrate", "token", "import-follows", "import-posts", "status",
                                        "dead",    "help"};
    static const struct {
        const char *comment, *word, *name;
    } rows[] = {
        {"itself", "status", "status"},
        {"letter left out", "migrte", "migrate"},
        {"letter too many", "sttatus", "status"},
        {"letters swapped", "tokne", "token"},
        {"wrong letter", "deat", "dead"},
        {"two of many", "import-folows-", "import-follows"},
        {"something else", "frobnicate", NULL},
        {"nothing", "", NULL},
        {"a third is too far", "deed-", NULL},
        {"very long", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL},
    };
    FR_FOR_ROWS(row, rows)
    {
        const char *name = fr_config_nearest(fr_str_of(row->word), names, FR_COUNT_OF(names));
        FR_ASSERT_ROW(row, (name == NULL) == (row->name == NULL) &&
                               (name == NULL || strcmp(name, row->name) == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
