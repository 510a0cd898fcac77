/* What the build made of the SQL files. */
#include "check.h"

#include "store/migrate.h"
#include "store/statement.h"

static void test_statements(void **state)
{
    for (int i = 0; i < FR_SQL_COUNT; i++) {
        const struct fr_sql_statement *statement = &fr_sql_statements[i];
        assert_non_null(statement->name);
        assert_true(i == 0 || strcmp(fr_sql_statements[i - 1].name, statement->name) < 0);
        assert_true(strlen(statement->text) > 0);
        assert_true(statement->param_count <= FR_PARAMS_MAX);
        for (size_t p = 0; p < statement->param_count; p++)
            assert_true(statement->params[p].oid > 0 && strlen(statement->params[p].name) > 0);
        for (size_t c = 0; c < statement->column_count; c++)
            assert_true(statement->columns[c].oid > 0 && strlen(statement->columns[c].name) > 0);
    }
}

static void test_examples(void **state)
{
    const struct fr_sql_statement *health = &fr_sql_statements[FR_SQL_HEALTH];
    assert_string_equal("health", health->name);
    assert_string_equal("SELECT 1;\n", health->text); /* the comment at its top is not sent */
    assert_int_equal(0, health->param_count);
    assert_int_equal(1, health->column_count);
    assert_string_equal("one", health->columns[0].name);
    assert_int_equal(23, health->columns[0].oid);
    const struct fr_sql_statement *record = &fr_sql_statements[FR_SQL_MIGRATE_RECORD];
    assert_int_equal(2, record->param_count);
    assert_string_equal("name", record->params[1].name);
    assert_int_equal(25, record->params[1].oid);
    assert_int_equal(0, record->column_count);
}

static void test_migrations(void **state)
{
    assert_true(fr_migrations_embedded.count >= 2);
    for (size_t i = 0; i < fr_migrations_embedded.count; i++)
        assert_int_equal((int)i + 1, fr_migrations_embedded.items[i].number);
    assert_string_equal("tables", fr_migrations_embedded.items[0].name);
    assert_non_null(strstr(fr_migrations_embedded.items[0].text, "CREATE TABLE users ("));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_statements), cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_migrations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
