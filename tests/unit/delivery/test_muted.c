#include "muted.h"

#include "check.h"

static void test_set(void **state)
{
    struct muted *muted = NULL;
    assert_false(fr_delivery_muted_has(muted, 1));
    fr_delivery_muted_remove(&muted, 1); /* harmless */
    fr_delivery_muted_add(&muted, 1);
    fr_delivery_muted_add(&muted, 1); /* once is enough */
    assert_true(fr_delivery_muted_has(muted, 1));
    fr_delivery_muted_remove(&muted, 1);
    assert_null(muted);
}

static void test_the_oldest_goes(void **state)
{
    struct muted *muted = NULL;
    for (int64_t id = 1; id <= MUTED_MAX + 2; id++)
        fr_delivery_muted_add(&muted, id);
    assert_false(fr_delivery_muted_has(muted, 1));
    assert_false(fr_delivery_muted_has(muted, 2));
    for (int64_t id = 3; id <= MUTED_MAX + 2; id++)
        assert_true(fr_delivery_muted_has(muted, id));
    fr_delivery_muted_remove(&muted, 10);
    assert_false(fr_delivery_muted_has(muted, 10));
    assert_true(fr_delivery_muted_has(muted, 11));
    fr_delivery_muted_free(muted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
