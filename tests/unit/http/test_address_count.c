#include "check.h"

#include "http/address_count.h"

static struct fr_client_address numbered(uint64_t number)
{
    struct fr_client_address address = {{0x20, 1, 0x0d, 0xb8}};
    memcpy(address.bytes + 8, &number, sizeof number);
    return address;
}

static void test_limit(void **state)
{
    struct fr_address_count *counts = fr_address_count_new();
    struct fr_client_address one = numbered(1), two = numbered(2);
    assert_true(fr_address_count_enter(counts, &one, 2));
    assert_true(fr_address_count_enter(counts, &one, 2));
    assert_false(fr_address_count_enter(counts, &one, 2));
    assert_true(fr_address_count_enter(counts, &two, 2));
    fr_address_count_leave(counts, &one);
    assert_true(fr_address_count_enter(counts, &one, 2));
    assert_false(fr_address_count_enter(counts, &one, 2)); /* who was refused was not counted */
    fr_address_count_free(counts);
}

static void test_crowd(void **state)
{
    enum { CROWD = 100000, FREE_PLACES = 8 };
    struct fr_address_count *counts = fr_address_count_new();
    for (uint64_t i = 0; i < CROWD; i++) {
        struct fr_client_address address = numbered(i);
        assert_true(fr_address_count_enter(counts, &address, INT64_MAX));
    }
    /* Strangers share places with them, but never so many that a small limit refuses one. */
    int refused = 0;
    for (uint64_t i = CROWD; i < CROWD + 1000; i++) {
        struct fr_client_address address = numbered(i);
        bool in = fr_address_count_enter(counts, &address, FREE_PLACES);
        refused += !in;
        if (in)
            fr_address_count_leave(counts, &address);
    }
    assert_int_equal(refused, 0);
    for (uint64_t i = 0; i < CROWD; i++) {
        struct fr_client_address address = numbered(i);
        fr_address_count_leave(counts, &address);
    }
    struct fr_client_address any = numbered(7);
    assert_true(fr_address_count_enter(counts, &any, 1));
    fr_address_count_free(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests_name("address_count", tests, NULL, NULL);
}
