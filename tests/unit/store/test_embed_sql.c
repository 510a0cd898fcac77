/* The build's own tool: what it makes of good files, and that it stops at bad ones with the file and the
 * reason. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/freshet-embed-XXXXXX";

static void write_file(const char *name, const char *content)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    assert_int_equal(0, fclose(out));
}

static void remove_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
}

static void read_file(const char *name, char *out, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    out[fread(out, 1, size - 1, in)] = '\0';
    assert_int_equal(0, fclose(in));
}

/* Exit code, and what the tool said. */
static int run(const char *arguments, char *said, size_t size)
{
    char command[1024];
    snprintf(command, sizeof command, "cd %s && '%s' %s 2>&1", folder, EMBED_SQL, arguments);
    FILE *tool = popen(command, "r"); /* NOLINT: names of ours */
    assert_non_null(tool);
    said[fread(said, 1, size - 1, tool)] = '\0';
    int status = pclose(tool);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_statements(void **state)
{
    static const struct {
        const char *comment, *name, *content, *told; /* told NULL: it is fine */
    } rows[] = {
        {"as it should be", "a.sql", "-- params: bigint id\n-- result: text t\nSELECT f($1)\n", NULL},
        {"free comments between", "a.sql",
         "-- about\n-- params: none\n--\n-- result: none\n-- more\nSELECT\n", NULL},
        {"types without names", "a.sql", "-- params: bigint, text[]\n-- result: smallint\nSELECT $1, $2\n",
         NULL},
        {"a list over two lines", "a.sql", "-- params: bigint,\n--   text\n-- result: none\nSELECT $1, $2\n",
         NULL},
        {"a $n in a text or comment is none", "a.sql",
         "-- params: none\n-- result: none\nSELECT '$1' -- $2\n, \"$3\"", NULL},
        {"a COPY", "a.sql", "-- params: bigint a\n-- result: none\nCOPY t (a) FROM STDIN (FORMAT binary)\n",
         NULL},
        {"no params line", "a.sql", "-- result: none\nSELECT 1\n",
         "a.sql: the comment at its top has no line `-- params:`"},
        {"no result line", "a.sql", "-- params: none\nSELECT 1\n", "no line `-- result:`"},
        {"the line comes too late", "a.sql", "-- params: none\nSELECT 1\n-- result: none\n",
         "no line `-- result:`"},
        {"twice", "a.sql", "-- params: none\n-- params: none\n-- result: none\nSELECT 1\n",
         "two lines `-- params:`"},
        {"an unknown type", "a.sql", "-- params: int8 id\n-- result: none\nSELECT $1\n",
         "unknown type \"int8\""},
        {"a bad name", "a.sql", "-- params: bigint User-Id\n-- result: none\nSELECT $1\n",
         "bad name \"User-Id\""},
        {"an empty list", "a.sql", "-- params:\n-- result: none\nSELECT 1\n",
         "wants a list of types, or none"},
        {"a list that breaks off", "a.sql", "-- params: bigint,\nSELECT $1\n",
         "wants a list of types, or none"},
        {"a hole in the list", "a.sql", "-- params: bigint,, text\n-- result: none\nSELECT $1\n",
         "unknown type \"\""},
        {"fewer declared than used", "a.sql", "-- params: bigint\n-- result: none\nSELECT $2\n",
         "declares 1 params, and uses up to $2"},
        {"more declared than used", "a.sql", "-- params: bigint, text\n-- result: none\nSELECT $1\n",
         "declares 2 params"},
        {"no statement", "a.sql", "-- params: none\n-- result: none\n\n", "has no statement"},
        {"nothing", "a.sql", "", "is empty"},
        {"a COPY without columns", "a.sql", "-- params: none\n-- result: none\ncopy t from stdin\n",
         "a COPY has the columns"},
        {"a bad file name", "A-b.sql", "-- params: none\n-- result: none\nSELECT 1\n",
         "A-b.sql: the name is not"},
    };
    FR_FOR_ROWS(row, rows)
    {
        char said[1024], arguments[128];
        write_file(row->name, row->content);
        snprintf(arguments, sizeof arguments, "statements out.h out.c %s", row->name);
        int code = run(arguments, said, sizeof said);
        if ((code == 0) != (row->told == NULL) || (row->told != NULL && strstr(said, row->told) == NULL))
            fail_msg("row \"%s\": exit code %d, said: %s", row->comment, code, said);
        remove_file(row->name);
    }
}

static void test_output(void **state)
{
    char said[256], text[4096];
    write_file("b.sql",
               "-- params: bigint id\n-- result: bigint[] ids\nSELECT \"a\\b\" -- \xc3\xa4?\nWHERE $1");
    write_file("a_1.sql", "-- params: none\n-- result: none\nSELECT\n");
    assert_int_equal(0, run("statements out.h out.c b.sql a_1.sql", said, sizeof said));
    read_file("out.h", text, sizeof text);
    assert_non_null(strstr(text, "    FR_SQL_A_1,\n    FR_SQL_B,\n    FR_SQL_COUNT\n"));
    read_file("out.c", text, sizeof text);
    assert_non_null(strstr(text, "{\"id\", \"bigint\", 20}"));
    assert_non_null(strstr(text, "{\"ids\", \"bigint[]\", 1016}"));
    assert_non_null(strstr(text, "\"SELECT \\\"a\\\\b\\\" -- \\303\\244\\?\\n\"\n        \"WHERE $1\""));
    remove_file("a_1.sql");
    remove_file("b.sql");
}

static void test_migrations(void **state)
{
    static const struct {
        const char *comment, *second, *told;
    } rows[] = {
        {"one after the other", "0002_b.sql", NULL},
        {"a gap", "0003_b.sql", "0003_b.sql: is number 3 where 2 is next"},
        {"a repeat", "0001_b.sql", "where 2 is next"},
        {"no number", "000b_b.sql", "not of the form 0001_what_it_does.sql"},
        {"no name", "0002_.sql", "the name is not"},
    };
    write_file("0001_a.sql", "CREATE TABLE a ();\n");
    FR_FOR_ROWS(row, rows)
    {
        char said[1024], arguments[128];
        write_file(row->second, "CREATE TABLE b ();\n");
        snprintf(arguments, sizeof arguments, "migrations out.c %s 0001_a.sql", row->second);
        int code = run(arguments, said, sizeof said);
        if ((code == 0) != (row->told == NULL) || (row->told != NULL && strstr(said, row->told) == NULL))
            fail_msg("row \"%s\": exit code %d, said: %s", row->comment, code, said);
        remove_file(row->second);
    }
    remove_file("0001_a.sql");
}

static int make_folder(void **state)
{
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    remove_file("out.h");
    remove_file("out.c");
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_statements), cmocka_unit_test(test_output),
                                       cmocka_unit_test(test_migrations)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
