#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "config_internal.h"

static char path[] = "/tmp/freshet-test-file-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int drop_file(void **state)
{
    return unlink(path);
}

static void write_file(struct fr_str text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

static void values(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str text;
        const char *value; /* of threads */
        int line;
    } rows[] = {
        {"one line", FR_STR("threads = 3\n"), "3", 1},
        {"no newline at the end", FR_STR("threads=3"), "3", 1},
        {"blanks", FR_STR("  \t threads\t= \t3 \t\n"), "3", 1},
        {"comments and blank lines", FR_STR("# threads = 1\n\n   # x\nthreads = 3\n"), "3", 4},
        {"line ends of elsewhere", FR_STR("# a\r\nthreads = 3\r\n"), "3", 2},
        {"byte order mark", FR_STR("\xef\xbb\xbfthreads = 3\n"), "3", 1},
        {"a # within a value stays", FR_STR("threads = 3 # x\n"), "3 # x", 1},
        {"= within a value stays", FR_STR("threads = a=b\n"), "a=b", 1},
        {"empty value", FR_STR("threads =\n"), "", 1},
    };
    int index = setting_find(FR_STR("threads"));
    FR_FOR_ROWS(row, rows)
    {
        write_file(row->text);
        struct file_values file;
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, file_read(path, &file, &error) == FR_OK);
        FR_ASSERT_ROW(row, fr_str_equal(file.values[index].text, fr_str_of(row->value)));
        FR_ASSERT_ROW(row, file.values[index].line == row->line);
        file_release(&file);
    }
}

static void errors_name_the_line_and_no_secret(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str text;
        const char *message; /* after the path */
    } rows[] = {
        {"no equals sign", FR_STR("# x\ndatabase-url postgres://u:hunter2@h/d\n"),
         ":2: expected `flag-name = value`"},
        {"unknown name", FR_STR("frobnicate = hunter2\n"), ":1: no setting has this name"},
        {"nearly a name", FR_STR("\ntreads = 2\n"), ":2: no setting has this name; did you mean threads?"},
        {"with the dashes of a flag", FR_STR("--frobnicate-nothing = 2\n"), ":1: no setting has this name"},
        {"URL as a name", FR_STR("postgres://u:hunter2@h/d?a=b\n"), ":1: no setting has this name"},
        {"twice", FR_STR("threads = 1\n\nthreads = 2\n"), ":3: threads was set in line 1 already"},
        {"names a file itself", FR_STR("config = other\n"), ":1: a config file can't name another"},
    };
    FR_FOR_ROWS(row, rows)
    {
        write_file(row->text);
        struct file_values file;
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, file_read(path, &file, &error) == FR_INVALID);
        FR_ASSERT_ROW(row, strncmp(error.message, path, strlen(path)) == 0);
        if (strcmp(error.message + strlen(path), row->message) != 0)
            fail_msg("row \"%s\": expected %s, got %s", row->comment, row->message,
                     error.message + strlen(path));
        FR_ASSERT_ROW(row, strstr(error.message, "hunter2") == NULL);
        file_release(&file);
    }
}

static void unreadable_files(void **state)
{
    struct file_values file;
    struct fr_error error = {0};
    assert_int_equal(file_read("/nonexistent/freshet.conf", &file, &error), FR_IO);
    assert_string_equal(error.message,
                        "can't open the config file /nonexistent/freshet.conf: No such file or directory");
    file_release(&file);
    assert_int_equal(file_read("/", &file, &error), FR_IO);
    assert_string_equal(error.message, "can't read the config file /: Is a directory");
    file_release(&file);
    size_t size = CONFIG_FILE_MAX + 1;
    char *large = fr_alloc(size);
    memset(large, '\n', size);
    write_file((struct fr_str){large, size});
    free(large);
    assert_int_equal(file_read(path, &file, &error), FR_INVALID);
    file_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(errors_name_the_line_and_no_secret),
        cmocka_unit_test(unreadable_files),
    };
    return cmocka_run_group_tests(tests, make_file, drop_file);
}
