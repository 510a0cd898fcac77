#include "page_ring.h"

#include <stdlib.h>

#include "check.h"

static void add(struct page_ring *ring, int64_t id, enum page_entry_state state)
{
    const struct page_entry entry = {.post_id = id, .author_id = 1, .revision = 1, .state = state};
    fr_timeline_ring_add(ring, &entry);
}

static void assert_ids(const struct page_ring *ring, const int64_t *ids, size_t count)
{
    assert_int_equal(ring->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ring->entries[i].post_id, ids[i]);
}
#define ASSERT_IDS(ring, ...) \
    assert_ids(ring, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void test_newest_first(void **state)
{
    struct page_ring ring = {0};
    const int64_t ids[] = {5, 9, 1, 7, 9, 5};
    for (size_t i = 0; i < FR_COUNT_OF(ids); i++)
        add(&ring, ids[i], PAGE_ENTRY_SURE);
    ASSERT_IDS(&ring, 9, 7, 5, 1);
    assert_int_equal(fr_timeline_ring_find(&ring, 7)->post_id, 7);
    assert_null(fr_timeline_ring_find(&ring, 6));
    fr_timeline_ring_remove(&ring, 7);
    fr_timeline_ring_remove(&ring, 6);
    ASSERT_IDS(&ring, 9, 5, 1);
    assert_int_equal(ring.floor, 0);
    fr_timeline_ring_release(&ring);
    assert_int_equal(ring.count, 0);
}

/* What it claims to hold is all from the floor on. */
static void test_oldest_makes_way(void **state)
{
    struct page_ring ring = {0};
    for (int64_t id = 10; id < 10 * (PAGE_RING_MAX + 1); id += 10)
        add(&ring, id, PAGE_ENTRY_SURE);
    assert_int_equal(ring.count, PAGE_RING_MAX);
    assert_int_equal(ring.floor, 0);
    add(&ring, 5, PAGE_ENTRY_SURE); /* older than all: it has no place */
    assert_int_equal(ring.floor, 6);
    assert_null(fr_timeline_ring_find(&ring, 5));
    add(&ring, 1005, PAGE_ENTRY_SURE);
    assert_int_equal(ring.count, PAGE_RING_MAX);
    assert_int_equal(ring.floor, 11);
    assert_null(fr_timeline_ring_find(&ring, 10));
    fr_timeline_ring_remove(&ring, 20);
    add(&ring, 10, PAGE_ENTRY_SURE); /* below the floor, though there is room */
    assert_null(fr_timeline_ring_find(&ring, 10));
    add(&ring, 15, PAGE_ENTRY_SURE);
    assert_non_null(fr_timeline_ring_find(&ring, 15));
    fr_timeline_ring_release(&ring);
}

static void test_fill_keeps_what_came_live(void **state)
{
    struct page_ring ring = {0};
    add(&ring, 35, PAGE_ENTRY_NEW); /* read too */
    add(&ring, 50, PAGE_ENTRY_NEW);
    add(&ring, 5, PAGE_ENTRY_NEW); /* below what was read */
    add(&ring, 45, PAGE_ENTRY_DOUBTED);
    const struct page_entry read[] = {{.post_id = 40}, {.post_id = 35}, {.post_id = 30}};
    fr_timeline_ring_fill(&ring, read, FR_COUNT_OF(read), 30);
    ASSERT_IDS(&ring, 50, 40, 35, 30);
    assert_int_equal(fr_timeline_ring_find(&ring, 35)->state, PAGE_ENTRY_SURE);
    assert_int_equal(fr_timeline_ring_find(&ring, 50)->state, PAGE_ENTRY_NEW);
    assert_int_equal(ring.floor, 30);
    fr_timeline_ring_release(&ring);
}

/* So many came while it was read that some made way: between them and what was read may be a hole, which is
 * below the floor. */
static void test_fill_after_a_flood(void **state)
{
    struct page_ring ring = {0};
    for (int64_t id = 100; id < 100 + PAGE_RING_MAX + 10; id++)
        add(&ring, id, PAGE_ENTRY_NEW);
    const struct page_entry read[] = {{.post_id = 40}, {.post_id = 30}};
    fr_timeline_ring_fill(&ring, read, FR_COUNT_OF(read), 0);
    assert_int_equal(ring.count, PAGE_RING_MAX);
    assert_int_equal(ring.floor, 110);
    assert_int_equal(ring.entries[PAGE_RING_MAX - 1].post_id, 110);
    fr_timeline_ring_release(&ring);
}

static void test_doubt(void **state)
{
    struct page_ring ring = {0};
    add(&ring, 1, PAGE_ENTRY_SURE);
    add(&ring, 2, PAGE_ENTRY_NEW);
    fr_timeline_ring_doubt_all(&ring);
    assert_int_equal(fr_timeline_ring_find(&ring, 1)->state, PAGE_ENTRY_DOUBTED);
    assert_int_equal(fr_timeline_ring_find(&ring, 2)->state, PAGE_ENTRY_NEW);
    fr_timeline_ring_release(&ring);
}

/* Against the same rule in its simplest form, over many random ids. */
static void test_any_order(void **state)
{
    srand(7);
    for (int round = 0; round < 200; round++) {
        struct page_ring ring = {0};
        bool there[128] = {false};
        for (int step = 0; step < 150; step++) {
            int64_t id = 1 + rand() % 127;
            there[id] = true;
            add(&ring, id, PAGE_ENTRY_SURE);
        }
        size_t at = 0;
        for (int64_t id = 127; id >= ring.floor && id > 0; id--) {
            if (there[id])
                assert_int_equal(ring.entries[at++].post_id, id);
        }
        assert_int_equal(at, ring.count);
        fr_timeline_ring_release(&ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_oldest_makes_way),
        cmocka_unit_test(test_fill_keeps_what_came_live),
        cmocka_unit_test(test_fill_after_a_flood),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
