#include "id_table.h"

#include <stdlib.h>

#include "check.h"

enum { IDS = 2000, STEPS = 60000 };

/* Against an array that cannot be wrong, with so many removals that places move all the time. */
static void test_like_an_array(void **state)
{
    struct id_table table = {0};
    static int things[IDS];
    bool there[IDS] = {0};
    size_t count = 0;
    srand(1);
    for (int step = 0; step < STEPS; step++) {
        int i = rand() % IDS;
        int64_t id = (int64_t)i * 4194304 + 17; /* as snowflakes of successive milliseconds */
        if (there[i])
            fr_delivery_table_remove(&table, id);
        else
            fr_delivery_table_add(&table, id, &things[i]);
        there[i] = !there[i];
        count = there[i] ? count + 1 : count - 1;
        assert_int_equal(table.count, count);
        int other = rand() % IDS;
        assert_ptr_equal(fr_delivery_table_find(&table, (int64_t)other * 4194304 + 17),
                         there[other] ? &things[other] : NULL);
    }
    int64_t *ids = fr_delivery_table_ids(&table);
    for (size_t i = 1; i < count; i++)
        assert_true(ids[i - 1] < ids[i]);
    free(ids);
    fr_delivery_table_release(&table);
}

static void test_empty(void **state)
{
    struct id_table table = {0};
    assert_null(fr_delivery_table_find(&table, 1));
    fr_delivery_table_remove(&table, 1);
    assert_null(fr_delivery_table_ids(&table));
    fr_delivery_table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_an_array),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
