#include "seen.h"

#include "check.h"

static void a_thing_is_id_type_and_edit_together(void **state)
{
    static struct seen seen;
    static const struct {
        const char *comment;
        struct seen_key key;
        bool fresh;
    } rows[] = {
        {"first", {.id = 1, .type = 2}, true},
        {"again", {.id = 1, .type = 2}, false},
        {"another id", {.id = 2, .type = 2}, true},
        {"another type", {.id = 1, .type = 3}, true},
        {"an edit of it", {.id = 1, .type = 3, .edited_at_ms = 5}, true},
        {"the next edit", {.id = 1, .type = 3, .edited_at_ms = 6}, true},
        {"the first edit again", {.id = 1, .type = 3, .edited_at_ms = 5}, false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, seen_add(&seen, row->key) == row->fresh);
}

static void the_oldest_is_forgotten_first(void **state)
{
    static struct seen seen;
    for (int64_t id = 1; id <= SEEN_MAX; id++)
        assert_true(seen_add(&seen, (struct seen_key){.id = id}));
    assert_false(seen_add(&seen, (struct seen_key){.id = 1}));
    assert_true(seen_add(&seen, (struct seen_key){.id = SEEN_MAX + 1}));
    assert_true(seen_add(&seen, (struct seen_key){.id = 1}));
    assert_false(seen_add(&seen, (struct seen_key){.id = 3}));
    assert_false(seen_add(&seen, (struct seen_key){.id = SEEN_MAX + 1}));
}

static void cleared_it_knows_nothing(void **state)
{
    static struct seen seen;
    assert_true(seen_add(&seen, (struct seen_key){.id = 1}));
    seen_clear(&seen);
    assert_true(seen_add(&seen, (struct seen_key){.id = 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thing_is_id_type_and_edit_together),
        cmocka_unit_test(the_oldest_is_forgotten_first),
        cmocka_unit_test(cleared_it_knows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
