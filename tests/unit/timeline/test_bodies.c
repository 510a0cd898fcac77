#include <stdio.h>

#include "check.h"
#include "timeline/bodies.h"

static struct fr_post post(int64_t id, int32_t revision, const char *text)
{
    return (struct fr_post){.id = id,
                            .author_id = 7,
                            .text = fr_str_of(text),
                            .revision = revision,
                            .created_at_ms = 1000,
                            .edited_at_ms = revision > 1 ? 2000 : 0};
}

static void put(struct fr_bodies *bodies, int64_t id, int32_t revision, const char *text)
{
    struct fr_post one = post(id, revision, text);
    fr_bodies_put(bodies, &one);
}

/* "": it is not there. */
static void assert_text(struct fr_bodies *bodies, int64_t id, int32_t revision, const char *text)
{
    struct fr_body *body = fr_bodies_find(bodies, id, revision);
    struct fr_str found = body != NULL ? fr_body_post(body)->text : FR_STR_NONE;
    if (!fr_str_equal(found, fr_str_of(text)))
        fail_msg("post %lld in revision %d: expected \"%s\", got \"%.*s\"", (long long)id, revision, text,
                 FR_STR_ARG(found));
    fr_body_release(body);
}

static void test_newest_revision_stays(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    assert_text(bodies, 1, 1, "");
    put(bodies, 1, 1, "first");
    put(bodies, 2, 1, "another");
    assert_text(bodies, 1, 1, "first");
    assert_text(bodies, 1, 0, "first");
    assert_text(bodies, 1, 2, "");
    put(bodies, 1, 3, "third");
    put(bodies, 1, 2, "second, late");
    assert_text(bodies, 1, 1, "");
    assert_text(bodies, 1, 2, "");
    assert_text(bodies, 1, 3, "third");
    assert_text(bodies, 1, 0, "third");
    assert_text(bodies, 2, 1, "another");
    fr_bodies_free(bodies);
}

static void test_all_of_a_post_is_kept(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    char text[] = "the caller's";
    put(bodies, 1, 2, text);
    memset(text, 'x', sizeof text - 1);
    struct fr_body *body = fr_bodies_find(bodies, 1, 2);
    const struct fr_post *kept = fr_body_post(body);
    assert_true(fr_str_equal(kept->text, FR_STR("the caller's")));
    assert_int_equal(kept->id, 1);
    assert_int_equal(kept->author_id, 7);
    assert_int_equal(kept->created_at_ms, 1000);
    assert_int_equal(kept->edited_at_ms, 2000);
    fr_body_release(body);
    fr_bodies_free(bodies);
}

static void test_deleted_post_stays_away(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    put(bodies, 1, 1, "soon gone");
    fr_bodies_bury(bodies, 1);
    assert_text(bodies, 1, 1, "");
    assert_text(bodies, 1, 0, "");
    put(bodies, 1, 2, "late");
    assert_text(bodies, 1, 2, "");
    fr_bodies_bury(bodies, 2);
    put(bodies, 2, 1, "told after its deletion");
    assert_text(bodies, 2, 1, "");
    fr_bodies_free(bodies);
}

/* What is held outlives its place in the cache, and the cache. */
static void test_held_body_stays(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(1 << 20);
    put(bodies, 1, 1, "held");
    struct fr_body *body = fr_bodies_find(bodies, 1, 1);
    put(bodies, 1, 2, "newer");
    fr_bodies_free(bodies);
    assert_true(fr_str_equal(fr_body_post(body)->text, FR_STR("held")));
    fr_body_release(body);
}

/* One shard of 64 KiB: the least recently used goes first. */
static void test_bound(void **state)
{
    enum { TEXT = 4000, POSTS = 40 };
    struct fr_bodies *bodies = fr_bodies_new(64 * 1024);
    char text[TEXT + 1];
    memset(text, 'x', TEXT);
    text[TEXT] = '\0';
    put(bodies, 1, 1, "used again and again");
    for (int64_t id = 2; id <= POSTS; id++) {
        put(bodies, id, 1, text);
        assert_text(bodies, id, 1, text);
        assert_text(bodies, 1, 1, "used again and again");
    }
    int kept = 0;
    for (int64_t id = 2; id <= POSTS; id++) {
        struct fr_body *body = fr_bodies_find(bodies, id, 1);
        assert_true(body != NULL || kept == 0); /* the oldest are gone */
        kept += body != NULL;
        fr_body_release(body);
    }
    assert_in_range(kept, 14, 16);
    fr_bodies_free(bodies);
}

static void test_none_is_kept(void **state)
{
    struct fr_bodies *bodies = fr_bodies_new(0);
    put(bodies, 1, 1, "x");
    fr_bodies_bury(bodies, 2);
    assert_text(bodies, 1, 1, "");
    fr_bodies_free(bodies);
    bodies = fr_bodies_new(100); /* too small for any */
    put(bodies, 1, 1, "a text");
    assert_text(bodies, 1, 1, "");
    fr_bodies_free(bodies);
    fr_bodies_free(NULL);
}

static void test_many(void **state)
{
    enum { POSTS = 5000 };
    struct fr_bodies *bodies = fr_bodies_new(16 << 20);
    char text[32];
    for (int64_t id = 1; id <= POSTS; id++) {
        snprintf(text, sizeof text, "text %lld", (long long)id);
        put(bodies, id << 22, 1, text);
    }
    for (int64_t id = 1; id <= POSTS; id++) {
        snprintf(text, sizeof text, "text %lld", (long long)id);
        assert_text(bodies, id << 22, 1, text);
    }
    fr_bodies_free(bodies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_revision_stays),
        cmocka_unit_test(test_all_of_a_post_is_kept),
        cmocka_unit_test(test_deleted_post_stays_away),
        cmocka_unit_test(test_held_body_stays),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_none_is_kept),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
