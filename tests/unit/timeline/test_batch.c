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
        {"a table that is not there", FR_INTERNAL, "42P01", true},
        {"a trigger's own state", FR_INTERNAL, "P0001", true},
        {"an event that breaks what was agreed", FR_PROTOCOL, "", true},
        {"a defect of ours", FR_INTERNAL, "", true},
        {"connection broken", FR_UNAVAILABLE, "", false},
        {"connection exception", FR_UNAVAILABLE, "08006", false},
        {"server shuts down", FR_UNAVAILABLE, "57P01", false},
        {"query cancelled", FR_TIMEOUT, "57014", false},
        {"disk full", FR_UNAVAILABLE, "53100", false},
        {"out of memory", FR_UNAVAILABLE, "53200", false},
        {"serialization failure", FR_UNAVAILABLE, "40001", false},
        {"deadlock", FR_UNAVAILABLE, "40P01", false},
        {"lock timeout", FR_INTERNAL, "55P03", false},
        {"object in use is not lock timeout", FR_INTERNAL, "55006", true},
        {"read-only after a failover", FR_INTERNAL, "25006", false},
        {"an I/O error of the server", FR_INTERNAL, "58030", false},
        {"no answer in time", FR_TIMEOUT, "", false},
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
