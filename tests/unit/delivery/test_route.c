#include "check.h"
#include "route.h"

static void test_round_trip(void **state)
{
    static const struct {
        const char *comment;
        struct route route;
        uint64_t number;
    } rows[] = {
        {"all zero", {0, 0, 0}, 0},
        {"generation only", {0, 0, 7}, 7},
        {"slot only", {0, 1, 0}, UINT64_C(1) << 32},
        {"hub only", {1, 0, 0}, UINT64_C(1) << 56},
        {"all bits", {255, 0xffffff, UINT32_MAX}, UINT64_MAX},
        {"mixed", {2, 0x010203, 0x0a0b0c0d}, UINT64_C(0x020102030a0b0c0d)},
    };
    FR_FOR_ROWS(row, rows)
    {
        FR_ASSERT_ROW(row, fr_delivery_route_pack(row->route) == row->number);
        struct route route = fr_delivery_route_unpack(row->number);
        FR_ASSERT_ROW(row, route.hub == row->route.hub && route.slot == row->route.slot);
        FR_ASSERT_ROW(row, route.generation == row->route.generation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
