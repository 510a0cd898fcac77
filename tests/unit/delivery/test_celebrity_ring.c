#include "celebrity_ring.h"

#include <stdlib.h>

#include "check.h"

struct fixture {
    struct celebrity_ring ring;
    struct event_cache cache;
};

static int set_up(void **state)
{
    *state = FR_NEW(struct fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fr_delivery_celebrity_ring_release(&f->ring);
    fr_delivery_event_cache_release(&f->cache);
    free(f);
    return 0;
}

static struct live_event *make_event(struct fixture *f, int64_t post_id, size_t text_len)
{
    static char text[FR_POST_TEXT_MAX];
    memset(text, 'x', sizeof text);
    const struct fr_event event = {.kind = FR_EVENT_POST,
                                   .post_id = post_id,
                                   .author_id = 7,
                                   .text = {text, text_len},
                                   .revision = 1,
                                   .created_at_ms = 1};
    struct fr_buf buf;
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    struct live_event *live = NULL;
    struct fr_error error;
    assert_int_equal(fr_delivery_event_decode(&f->cache, fr_buf_str(&buf), &live, &error), FR_OK);
    fr_buf_release(&buf);
    return live;
}

/* A message whose post's id is its place. */
static void add(struct fixture *f, int64_t epoch, uint64_t sequence, size_t text_len)
{
    struct live_event *event = make_event(f, (int64_t)sequence, text_len);
    fr_delivery_celebrity_ring_add(&f->ring, epoch, sequence, event);
    fr_delivery_event_release(event);
}

static void assert_holds(const struct celebrity_ring *ring, int64_t epoch, uint64_t floor, uint64_t last)
{
    assert_int_equal(ring->epoch, epoch);
    assert_int_equal(ring->floor, floor);
    assert_int_equal(ring->last, last);
    for (uint64_t s = floor + 1; s <= last; s++)
        assert_int_equal(fr_delivery_event_post(fr_delivery_celebrity_ring_at(ring, s)), s);
}

static bool reaches(const struct celebrity_ring *ring, int64_t epoch, uint64_t sequence)
{
    return fr_delivery_celebrity_ring_reaches(ring, &(struct fr_feed_place){epoch, sequence});
}

static void test_reaches(void **state)
{
    struct fixture *f = *state;
    assert_false(reaches(&f->ring, 0, 0)); /* nothing is known */
    for (uint64_t s = 11; s <= 20; s++)
        add(f, 5, s, 10);
    assert_holds(&f->ring, 5, 10, 20);
    static const struct {
        const char *comment;
        int64_t epoch;
        uint64_t sequence;
        bool reached;
    } rows[] = {
        {"all of it is behind", 5, 10, true}, {"in the middle", 5, 15, true},
        {"at its end", 5, 20, true},          {"of a gateway that is ahead", 5, 25, true},
        {"one before", 5, 9, false},          {"another stream", 4, 15, false},
        {"no place", 0, 15, false},
    };
    FR_FOR_ROWS(row, rows)
    {
        FR_ASSERT_ROW(row, reaches(&f->ring, row->epoch, row->sequence) == row->reached);
    }
}

static void test_holes(void **state)
{
    struct fixture *f = *state;
    for (uint64_t s = 1; s <= 200; s++)
        add(f, 5, s, 10);
    assert_holds(&f->ring, 5, 0, 200);
    add(f, 5, 202, 10);
    assert_holds(&f->ring, 5, 201, 202);
    add(f, 6, 203, 10); /* the number fits, the stream does not */
    assert_holds(&f->ring, 6, 202, 203);
    fr_delivery_celebrity_ring_clear(&f->ring);
    assert_false(reaches(&f->ring, 6, 203));
    fr_delivery_celebrity_ring_stand(&f->ring, &(struct fr_feed_place){6, 210});
    assert_holds(&f->ring, 6, 210, 210);
    add(f, 6, 211, 10);
    fr_delivery_celebrity_ring_stand(&f->ring, &(struct fr_feed_place){6, 211}); /* where it is */
    assert_holds(&f->ring, 6, 210, 211);
}

static void test_not_understood_has_a_place(void **state)
{
    struct fixture *f = *state;
    add(f, 5, 1, 10);
    fr_delivery_celebrity_ring_add(&f->ring, 5, 2, NULL);
    add(f, 5, 3, 10);
    assert_true(reaches(&f->ring, 5, 0));
    assert_null(fr_delivery_celebrity_ring_at(&f->ring, 2));
}

static void test_bounds(void **state)
{
    struct fixture *f = *state;
    uint64_t last = FR_CELEBRITY_RING_MAX + 100;
    for (uint64_t s = 1; s <= last; s++)
        add(f, 5, s, 10);
    assert_holds(&f->ring, 5, 100, last);
    uint64_t s = last;
    while (f->ring.bytes < FR_CELEBRITY_RING_BYTES - (size_t)64 * 1024)
        add(f, 5, ++s, FR_POST_TEXT_MAX);
    uint64_t floor = f->ring.floor;
    for (int i = 0; i < 100; i++)
        add(f, 5, ++s, FR_POST_TEXT_MAX);
    assert_true(f->ring.bytes <= FR_CELEBRITY_RING_BYTES);
    assert_true(f->ring.floor > floor);
    assert_holds(&f->ring, 5, f->ring.floor, s);
}

static void test_copy(void **state)
{
    struct fixture *f = *state;
    struct celebrity_ring copy = {0};
    fr_delivery_celebrity_ring_copy(&f->ring, &copy);
    assert_int_equal(copy.epoch, 0);
    for (uint64_t s = 11; s <= 300; s++)
        add(f, 5, s, 10);
    fr_delivery_celebrity_ring_copy(&f->ring, &copy);
    fr_delivery_celebrity_ring_clear(&f->ring);
    assert_holds(&copy, 5, 10, 300);
    fr_delivery_celebrity_ring_release(&copy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_reaches), TEST(test_holes), TEST(test_not_understood_has_a_place),
        TEST(test_bounds),  TEST(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
