#include "people.h"

#include "check.h"
#include "files.h"

static void people_are_found_by_id(void **state)
{
    enum { COUNT = 5000 };
    struct fr_buf text;
    struct people people;
    char path[32];
    fr_buf_init(&text, 1 << 20);
    for (int i = 0; i < COUNT; i++)
        fr_buf_printf(&text, "%d\ttoken%d\n", i * 7 + 1, i);
    assert_int_equal(people_read(make_file(path, text.data), &people, NULL), FR_OK);
    unlink(path);
    assert_int_equal(people.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        char token[16];
        snprintf(token, sizeof token, "token%u", i);
        assert_int_equal(people.list[i].id, i * 7 + 1);
        assert_string_equal(people.list[i].token, token);
        assert_int_equal(people_find(&people, (int64_t)i * 7 + 1), i);
        assert_int_equal(people_find(&people, (int64_t)i * 7 + 2), PEOPLE_NOBODY);
    }
    people_release(&people);
    fr_buf_release(&text);
}

static void files_that_are_refused(void **state)
{
    static const struct {
        const char *comment, *content, *told;
    } rows[] = {
        {"nobody", "", "nobody"},
        {"one column", "1\tx\n2\n", "line 2"},
        {"an empty token", "1\t\n", "line 1"},
        {"no id", "0\tx\n", "line 1"},
        {"twice", "1\tx\n2\ty\n1\tz\n", "1 is there twice"},
    };
    FR_FOR_ROWS(row, rows)
    {
        char path[32];
        struct people people;
        struct fr_error error = {0};
        FR_ASSERT_ROW(row, people_read(make_file(path, row->content), &people, &error) == FR_INVALID);
        FR_ASSERT_ROW(row, strstr(error.message, row->told) != NULL);
        unlink(path);
    }
    struct people people;
    assert_int_equal(people_read("/nonexistent/file", &people, NULL), FR_IO);
}

static void follows_are_kept_for_readers_and_authors(void **state)
{
    char path[32];
    struct people readers, authors;
    struct follows follows;
    assert_int_equal(people_read(make_file(path, "10\ta\n11\tb\n12\tc\n"), &readers, NULL), FR_OK);
    unlink(path);
    assert_int_equal(people_read(make_file(path, "20\td\n21\te\n"), &authors, NULL), FR_OK);
    unlink(path);
    /* A repeat, a follower and a followed of neither list, and a reader who is followed. */
    make_file(path, "12\t21\n10\t21\n10\t20\n10\t21\n13\t20\n10\t22\n10\t11\n");
    assert_int_equal(follows_read(path, &readers, &authors, &follows, NULL), FR_OK);
    unlink(path);
    assert_int_equal(follows_count(&follows, 0), 2);
    assert_int_equal(follows_at(&follows, 0, 0), 0);
    assert_int_equal(follows_at(&follows, 0, 1), 1);
    assert_int_equal(follows_count(&follows, 1), 0);
    assert_int_equal(follows_count(&follows, 2), 1);
    assert_int_equal(follows_at(&follows, 2, 0), 1);
    follows_release(&follows);

    assert_int_equal(follows_read(NULL, &readers, &authors, &follows, NULL), FR_OK);
    assert_int_equal(follows_count(&follows, 1), 2);
    assert_int_equal(follows_at(&follows, 1, 1), 1);
    follows_release(&follows);
    people_release(&readers);
    people_release(&authors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_found_by_id),
        cmocka_unit_test(files_that_are_refused),
        cmocka_unit_test(follows_are_kept_for_readers_and_authors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
