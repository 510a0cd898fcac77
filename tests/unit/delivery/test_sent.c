#include "check.h"
#include "sent.h"

static void test_empty(void **state)
{
    assert_false(fr_delivery_sent_has(NULL, 0));
    assert_false(fr_delivery_sent_has(NULL, 1));
    assert_int_equal(fr_delivery_sent_revision(NULL, 1), INT32_MIN);
    fr_delivery_sent_revise(NULL, 1, 2);
    fr_delivery_sent_free(NULL);
}

/* After any number of additions exactly the last FR_SENT_RING are known. */
static void test_keeps_the_last(void **state)
{
    struct sent_ring *ring = NULL;
    for (int64_t id = 1; id <= 5 * FR_SENT_RING + 3; id++) {
        fr_delivery_sent_add(&ring, id, (int32_t)(id % 7));
        int64_t oldest = id > FR_SENT_RING ? id - FR_SENT_RING + 1 : 1;
        for (int64_t known = oldest; known <= id; known++)
            assert_int_equal(fr_delivery_sent_revision(ring, known), known % 7);
        assert_false(fr_delivery_sent_has(ring, oldest - 1));
        assert_false(fr_delivery_sent_has(ring, id + 1));
    }
    fr_delivery_sent_free(ring);
}

/* Old posts come late: what is younger than all of them does not stand for them. */
static void test_in_any_order(void **state)
{
    static const int64_t ids[] = {50, 20, 70, 10, 60};
    struct sent_ring *ring = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(ids); i++) {
        assert_false(fr_delivery_sent_has(ring, ids[i]));
        fr_delivery_sent_add(&ring, ids[i], 1);
        for (size_t known = 0; known <= i; known++)
            assert_true(fr_delivery_sent_has(ring, ids[known]));
    }
    assert_false(fr_delivery_sent_has(ring, 30));
    assert_false(fr_delivery_sent_has(ring, 71));
    fr_delivery_sent_free(ring);
}

static void test_revisions(void **state)
{
    struct sent_ring *ring = NULL;
    for (int64_t id = 1; id <= FR_SENT_RING; id++)
        fr_delivery_sent_add(&ring, id, 1);
    fr_delivery_sent_revise(ring, 5, 3);
    fr_delivery_sent_revise(ring, FR_SENT_RING + 1, 3);
    assert_int_equal(fr_delivery_sent_revision(ring, 5), 3);
    assert_int_equal(fr_delivery_sent_revision(ring, 6), 1);
    assert_int_equal(fr_delivery_sent_revision(ring, FR_SENT_RING + 1), INT32_MIN);
    fr_delivery_sent_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_empty), cmocka_unit_test(test_keeps_the_last),
                                       cmocka_unit_test(test_in_any_order), cmocka_unit_test(test_revisions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
