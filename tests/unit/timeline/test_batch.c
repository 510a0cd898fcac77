#include "check.h"
#include "timeline_internal.h"

static void test_what_is_permanent(void **state)
{
    static const struct {
        const char *comment;
        enum fr_status status;
        const char *sqlstate;
        bool permanent;
    } rows[] = {
        {"a constraint", FR_INTERNAL, "23514", true},
        {"a duplicate", FR_CONFLICT, "23505", true},
        {"a bad value", FR_INTERNAL, "22023", true},
        {"a number out of range", FR_INTERNAL, "22003", true},
        {"a trigger's own state", FR_INTERNAL, "P0001", true},
        {"past a limit of the server's program", FR_INTERNAL, "54000", true},
        {"the server's own defect", FR_INTERNAL, "XX000", true},
        {"an event that breaks what was agreed", FR_PROTOCOL, "", true},
        {"a defect of ours", FR_INTERNAL, "", true},
        {"connection broken", FR_UNAVAILABLE, "", false},
        {"no answer in time", FR_TIMEOUT, "", false},
        {"connection exception", FR_UNAVAILABLE, "08000", false},
        {"connection failure", FR_UNAVAILABLE, "08006", false},
        {"server refused the connection", FR_UNAVAILABLE, "08004", false},
        {"a plan out of date", FR_INTERNAL, "0A000", false},
        {"read-only after a failover", FR_UNAVAILABLE, "25006", false},
        {"idle in a transaction for too long", FR_INTERNAL, "25P03", false},
        {"a pooler took the prepared statement", FR_INTERNAL, "26000", false},
        {"password changed", FR_INTERNAL, "28P01", false},
        {"the database is dropped", FR_INTERNAL, "3D000", false},
        {"the schema is being restored", FR_INTERNAL, "3F000", false},
        {"serialization failure", FR_UNAVAILABLE, "40001", false},
        {"deadlock", FR_UNAVAILABLE, "40P01", false},
        {"commit whose outcome is unknown", FR_INTERNAL, "40003", false},
        {"a table that is not there", FR_INTERNAL, "42P01", false},
        {"a column of another version", FR_INTERNAL, "42703", false},
        {"a right that was taken away", FR_INTERNAL, "42501", false},
        {"disk full", FR_UNAVAILABLE, "53100", false},
        {"out of memory", FR_UNAVAILABLE, "53200", false},
        {"too many connections", FR_UNAVAILABLE, "53300", false},
        {"a partition is being detached", FR_INTERNAL, "55000", false},
        {"object in use", FR_INTERNAL, "55006", false},
        {"lock timeout", FR_TIMEOUT, "55P03", false},
        {"statement timeout", FR_TIMEOUT, "57014", false},
        {"server shuts down", FR_UNAVAILABLE, "57P01", false},
        {"server crashed", FR_UNAVAILABLE, "57P02", false},
        {"server starts", FR_UNAVAILABLE, "57P03", false},
        {"database dropped under the session", FR_UNAVAILABLE, "57P04", false},
        {"session idle for too long", FR_UNAVAILABLE, "57P05", false},
        {"an I/O error of the server", FR_INTERNAL, "58030", false},
        {"a file of the server is gone", FR_INTERNAL, "58P01", false},
        {"the server's configuration", FR_INTERNAL, "F0000", false},
        {"damaged data", FR_INTERNAL, "XX001", false},
        {"a damaged index", FR_INTERNAL, "XX002", false},
    };

    FR_FOR_ROWS(row, rows)
    {
        struct fr_error error = {.status = row->status};
        memcpy(error.sqlstate, row->sqlstate, strlen(row->sqlstate));
        FR_ASSERT_ROW(row, fr_batch_is_permanent(&error) == row->permanent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_permanent)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
