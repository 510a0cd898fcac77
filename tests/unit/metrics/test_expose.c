#include <stdlib.h>

#include "check.h"
#include "metrics_internal.h"

static void labels_and_escapes(void **state)
{
    static _Atomic int64_t values[3] = {1, -2, 3};
    static const char *const texts[] = {"plain", "with \"quotes\"", "back\\slash\nnewline"};
    static _Atomic bool touched;
    const struct {
        const char *comment;
        struct family family;
        const char *text, *description;
    } rows[] = {
        {"texts as labels",
         {"x_total", "He\\lp \"me\".\nNow.", FAMILY_COUNTER, "reason", 3, texts, values, NULL, &touched},
         "# HELP x_total He\\\\lp \"me\".\\nNow.\n# TYPE x_total counter\n"
         "x_total{reason=\"plain\"} 1\nx_total{reason=\"with \\\"quotes\\\"\"} -2\n"
         "x_total{reason=\"back\\\\slash\\nnewline\"} 3\n",
         "| `x_total` | counter by reason | He\\lp \"me\".\nNow. |\n"},
        {"numbers as labels",
         {"depth", "Waiting.", FAMILY_GAUGE, "partition", 2, NULL, values, NULL, &touched},
         "# HELP depth Waiting.\n# TYPE depth gauge\ndepth{partition=\"0\"} 1\ndepth{partition=\"1\"} -2\n",
         "| `depth` | gauge by partition | Waiting. |\n"},
        {"no label",
         {"depth", "Waiting.", FAMILY_GAUGE, NULL, 1, NULL, values, NULL, &touched},
         "# HELP depth Waiting.\n# TYPE depth gauge\ndepth 1\n",
         "| `depth` | gauge | Waiting. |\n"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out;
        fr_buf_init(&out, 10000);
        family_expose(&out, &row->family);
        FR_ASSERT_ROW(row, strcmp(out.data, row->text) == 0);
        fr_buf_reset(&out);
        family_describe(&out, &row->family);
        FR_ASSERT_ROW(row, strcmp(out.data, row->description) == 0);
        fr_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels_and_escapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
