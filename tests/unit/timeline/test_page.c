#include "check.h"
#include "fake_store.h"
#include "timeline/timeline.h"

struct answer {
    int times;
    enum fr_status status;
    size_t count;
    struct fr_post posts[4];
};

static void on_posts(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                     const struct fr_error *error)
{
    struct answer *answer = arg;
    answer->times++;
    answer->status = status;
    answer->count = count;
    assert_true(count <= FR_COUNT_OF(answer->posts));
    if (count > 0)
        memcpy(answer->posts, posts, count * sizeof(*posts));
    assert_int_equal(status == FR_OK, error == NULL);
}

static const struct fr_result two_posts = {
    2,
    {{FAKE_N(12), FAKE_N(3), FAKE_T("twelve"), FAKE_N(2), FAKE_N(1700000000001), FAKE_N(1700000000999)},
     {FAKE_N(11), FAKE_N(4), FAKE_T(""), FAKE_N(1), FAKE_N(1700000000000), FAKE_NULL}},
};

static void test_page(void **state)
{
    fake_reset();
    struct answer answer = {0};
    struct fr_page_request request = {.user_id = 42, .before_id = 99, .offset = 3, .limit = 2};
    fr_timeline_page(NULL, &request, on_posts, &answer);
    const struct fr_query *query = &fake_next()->queries[0];
    assert_int_equal(query->sql, FR_SQL_PAGE_HOME);
    assert_int_equal(query->params[0].i64, 42);
    assert_int_equal(query->params[1].i64, 99);
    assert_int_equal(query->params[2].i64, 3);
    assert_int_equal(query->params[3].i64, 2);
    fake_answer(&two_posts);
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_OK);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.posts[0].id, 12);
    assert_int_equal(answer.posts[0].author_id, 3);
    assert_true(fr_str_equal(answer.posts[0].text, FR_STR("twelve")));
    assert_int_equal(answer.posts[0].revision, 2);
    assert_int_equal(answer.posts[0].created_at_ms, 1700000000001);
    assert_int_equal(answer.posts[0].edited_at_ms, 1700000000999);
    assert_int_equal(answer.posts[1].id, 11);
    assert_int_equal(answer.posts[1].text.len, 0);
    assert_int_equal(answer.posts[1].edited_at_ms, 0);
}

static void test_empty_page(void **state)
{
    fake_reset();
    struct answer answer = {0};
    struct fr_page_request request = {.user_id = 42, .before_id = INT64_MAX, .limit = 10};
    fr_timeline_page(NULL, &request, on_posts, &answer);
    fake_answer(&(struct fr_result){0});
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_OK);
    assert_int_equal(answer.count, 0);
}

static void test_get(void **state)
{
    fake_reset();
    struct answer answer = {0};
    fr_timeline_get_post(NULL, 12, on_posts, &answer);
    assert_int_equal(fake_next()->queries[0].sql, FR_SQL_POST_GET);
    assert_int_equal(fake_next()->queries[0].params[0].i64, 12);
    fake_answer(&two_posts);
    assert_int_equal(answer.status, FR_OK);
    assert_int_equal(answer.posts[0].id, 12);

    answer = (struct answer){0};
    fr_timeline_get_post(NULL, 13, on_posts, &answer);
    fake_answer(&(struct fr_result){0});
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_NOT_FOUND);

    answer = (struct answer){0};
    fr_timeline_get_post(NULL, 13, on_posts, &answer);
    fake_fail(FR_TIMEOUT, "late");
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_empty_page),
        cmocka_unit_test(test_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
