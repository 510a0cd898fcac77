#include "timeline/pages.h"

#include <stdio.h>

#include "check.h"
#include "fake_store.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "timeline/bodies.h"

enum { READER = 42, WRITER = 7 };

/* ---- a gateway's loop with one reader ---- */

static struct scene {
    struct fr_loop *loop;
    struct fr_bodies *bodies;
    struct fr_pages *pages;
    struct fr_page_feed feed;
    int64_t kept, hits, misses; /* metrics at the beginning */
    int64_t backend;            /* the server process that answers fences */
} scene;

static void begin(void)
{
    fake_reset();
    scene = (struct scene){.loop = fr_loop_new(), .bodies = fr_bodies_new(1 << 20), .backend = 4711};
    scene.pages =
        fr_pages_new(&(struct fr_pages_options){.loop = scene.loop, .bodies = scene.bodies, .pages_max = 10});
    scene.kept = fr_metric_get(FR_METRIC_PAGES_KEPT);
    scene.hits = fr_metric_get(FR_METRIC_PAGE_HITS);
    scene.misses = fr_metric_get(FR_METRIC_PAGE_MISSES);
}

static void end(void)
{
    assert_int_equal(fake.answered, fake.asked);
    fr_pages_feed_stop(scene.pages, &scene.feed);
    fr_pages_free(scene.pages);
    fr_bodies_free(scene.bodies);
    fr_loop_free(scene.loop);
}

/* The statement that is asked next, or is on its way. */
static const struct fr_query *next_statement(enum fr_sql sql)
{
    while (fake.asked == fake.answered)
        fr_loop_run(scene.loop, 1000);
    assert_int_equal(fake_next()->queries[0].sql, sql);
    return fake_next()->queries;
}

static const struct fr_result nothing;

/* A fence that tells these changes; `checked` says of the posts that were looked at that they belong there.
 * Whether live posts are overdue it asks once a second. */
static void answer_fence(const struct fr_result *changes, const struct fr_result *checked)
{
    next_statement(FR_SQL_PAGE_FENCE);
    struct fake_ask ask = *fake_next();
    struct fr_result told = {.rows = 1 + changes->rows}, looked = *checked, overdue = {1, {{FAKE_N(false)}}};
    struct fr_result *results[FAKE_QUERIES_MAX] = {&told};
    bool checks = false;
    told.cells[0][3] = FAKE_T("100:100:");
    told.cells[0][4] = FAKE_N(scene.backend);
    memcpy(told.cells[1], changes->cells[0], (size_t)changes->rows * sizeof told.cells[0]);
    for (size_t i = 1; i < ask.count; i++) {
        checks = checks || ask.queries[i].sql == FR_SQL_PAGE_CHECK;
        results[i] = ask.queries[i].sql == FR_SQL_PAGE_CHECK ? &looked : &overdue;
    }
    assert_int_equal(checks, checked != &nothing);
    if (++fake.answered == fake.asked)
        fake_reset(); /* there is room for a few only */
    ask.done(ask.arg, FR_OK, results, NULL);
}

static const struct fr_result two_posts = {
    2,
    {{FAKE_N(12), FAKE_N(WRITER), FAKE_T("twelve"), FAKE_N(1), FAKE_N(1000), FAKE_NULL},
     {FAKE_N(11), FAKE_N(WRITER), FAKE_T("eleven"), FAKE_N(1), FAKE_N(1000), FAKE_NULL}},
};

/* The reader is connected, and his page was read before he asked for it. */
static void begin_warm(void)
{
    begin();
    fr_pages_feed_start(scene.pages, &scene.feed, READER, true);
    answer_fence(&nothing, &nothing);
    const struct fr_query *query = next_statement(FR_SQL_PAGE_HOME);
    assert_int_equal(query->params[0].i64, READER);
    fake_answer(&two_posts);
    assert_int_equal(fr_metric_get(FR_METRIC_PAGES_KEPT), scene.kept + 1);
    fake_reset();
}

/* ---- what he is answered ---- */

static struct answer {
    int times;
    enum fr_status status;
    char text[512];    /* of each post, with a space behind it */
    char written[512]; /* of the first */
} answer;

static void on_page(void *arg, enum fr_status status, const struct fr_post *posts, size_t count,
                    const struct fr_error *error)
{
    answer = (struct answer){.times = answer.times + 1, .status = status};
    for (size_t i = 0, len = 0; i < count; i++)
        len +=
            (size_t)snprintf(answer.text + len, sizeof answer.text - len, "%.*s ", FR_STR_ARG(posts[i].text));
    if (count > 0)
        snprintf(answer.written, sizeof answer.written, "%.*s", FR_STR_ARG(posts[0].written));
}

static void ask(enum fr_encoding encoding)
{
    const struct fr_page_request request = {.user_id = READER, .before_id = INT64_MAX, .limit = 20};
    answer = (struct answer){0};
    fr_pages_read(scene.pages, &request, encoding, on_page, NULL);
    assert_int_equal(answer.times, 0);
}

static void assert_answered(const char *text)
{
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_OK);
    assert_string_equal(answer.text, text);
}

static void assert_from_memory(void)
{
    assert_int_equal(fr_metric_get(FR_METRIC_PAGE_HITS), scene.hits + 1);
    assert_int_equal(fr_metric_get(FR_METRIC_PAGE_MISSES), scene.misses);
}

/* ---- tests ---- */

/* No statement but the fence is asked when he does; and the page comes written. */
static void test_warmed_before_it_is_asked_for(void **state)
{
    begin_warm();
    ask(FR_ENCODING_JSON);
    answer_fence(&nothing, &nothing);
    assert_answered("twelve eleven ");
    assert_string_equal(answer.written, "{\"id\":\"12\",\"text\":\"twelve\",\"author_user_id\":\"7\","
                                        "\"created_at\":\"1970-01-01T00:00:01.000Z\"}");
    assert_from_memory();
    ask(FR_ENCODING_PROTOBUF);
    answer_fence(&nothing, &nothing);
    assert_string_equal(answer.written, "\x0a\x0f\x08\x0c\x12\x06twelve\x18\x07\x20\xe8\x07");
    end();
}

/* He followed somebody just before he came: that is told before his page is read, so that it is not given up
 * for it when he asks. */
static void test_changes_from_before_are_told_before(void **state)
{
    enum { NEWCOMER = READER + 1 };
    static const struct fr_result followed = {
        1, {{FAKE_N(2), FAKE_N(WRITER), FAKE_N(NEWCOMER), FAKE_NULL, FAKE_NULL}}};
    struct fr_page_feed feed = {0};
    begin_warm();
    for (int64_t now_ms = fr_clock_monotonic_ms(); fr_clock_monotonic_ms() == now_ms;)
        continue;
    fr_pages_feed_start(scene.pages, &feed, NEWCOMER, true);
    answer_fence(&followed, &nothing);
    assert_int_equal(next_statement(FR_SQL_PAGE_HOME)->params[0].i64, NEWCOMER);
    fake_answer(&two_posts);
    fake_reset();
    assert_int_equal(fr_metric_get(FR_METRIC_PAGES_KEPT), scene.kept + 2);
    fr_pages_feed_stop(scene.pages, &feed);
    end();
}

/* What comes live is looked at once by the fence, however many ways it came: an author who becomes a
 * celebrity is told of on two subjects. */
static void test_live_post(void **state)
{
    static const struct fr_result checked = {1, {{FAKE_N(1), FAKE_N(1), FAKE_NULL, FAKE_N(2000), FAKE_NULL}}};
    begin_warm();
    fr_bodies_put(
        scene.bodies,
        &(struct fr_post){
            .id = 13, .author_id = WRITER, .text = FR_STR("new"), .revision = 1, .created_at_ms = 2000});
    fr_pages_feed_post(scene.pages, &scene.feed, 13);
    fr_pages_feed_post(scene.pages, &scene.feed, 13);
    ask(FR_ENCODING_JSON);
    const struct fr_query *query = next_statement(FR_SQL_PAGE_FENCE);
    assert_int_equal(query[1].sql, FR_SQL_PAGE_CHECK);
    answer_fence(&nothing, &checked);
    assert_answered("new twelve eleven ");
    assert_from_memory();
    end();
}

static const struct fr_result post_changed = {
    1, {{FAKE_N(1), FAKE_N(WRITER), FAKE_N(12), FAKE_NULL, FAKE_NULL}}};

/* The page is not shown before the post was looked at, and then as it reads now: no piece that was written of
 * the former text is used. */
static void test_edit(void **state)
{
    static const struct fr_result edited = {
        1, {{FAKE_N(1), FAKE_N(2), FAKE_T("edited"), FAKE_N(1000), FAKE_N(3000)}}};
    begin_warm();
    ask(FR_ENCODING_JSON);
    answer_fence(&nothing, &nothing);
    ask(FR_ENCODING_JSON);
    answer_fence(&post_changed, &nothing);
    assert_int_equal(answer.times, 0);
    answer_fence(&nothing, &edited);
    assert_answered("edited eleven ");
    assert_string_equal(answer.written,
                        "{\"id\":\"12\",\"text\":\"edited\",\"author_user_id\":\"7\",\"created_at\":"
                        "\"1970-01-01T00:00:01.000Z\",\"edited_at\":\"1970-01-01T00:00:03.000Z\"}");
    end();
}

static void test_delete(void **state)
{
    static const struct fr_result gone = {0};
    begin_warm();
    ask(FR_ENCODING_JSON);
    answer_fence(&post_changed, &nothing);
    answer_fence(&nothing, &gone);
    assert_answered("eleven ");
    assert_from_memory();
    end();
}

/* After a follow or unfollow the page is read, by a statement that begins behind the request. */
static void test_follow(void **state)
{
    static const struct fr_result followed = {
        1, {{FAKE_N(2), FAKE_N(WRITER), FAKE_N(READER), FAKE_NULL, FAKE_NULL}}};
    begin_warm();
    ask(FR_ENCODING_JSON);
    answer_fence(&followed, &nothing);
    assert_int_equal(answer.times, 0);
    next_statement(FR_SQL_PAGE_HOME);
    fake_answer(&two_posts);
    assert_answered("twelve eleven ");
    assert_string_equal(answer.written, ""); /* nobody has written it yet */
    assert_int_equal(fr_metric_get(FR_METRIC_PAGE_HITS), scene.hits);
    assert_int_equal(fr_metric_get(FR_METRIC_PAGE_MISSES), scene.misses + 1);
    end();
}

/* A server that crashed may give ids of transactions out once more, so that a change would be taken for one
 * that is known. Its connections are new ones. */
static void test_another_connection(void **state)
{
    begin_warm();
    scene.backend++;
    ask(FR_ENCODING_JSON);
    answer_fence(&nothing, &nothing);
    assert_int_equal(answer.times, 0);
    next_statement(FR_SQL_PAGE_HOME);
    fake_answer(&two_posts);
    assert_answered("twelve eleven ");
    assert_int_equal(fr_metric_get(FR_METRIC_PAGE_MISSES), scene.misses + 1);
    end();
}

/* Requests of one tick share a fence. */
static void test_one_fence_for_all(void **state)
{
    begin_warm();
    for (int i = 0; i < 5; i++)
        ask(FR_ENCODING_JSON);
    answer_fence(&nothing, &nothing);
    assert_int_equal(answer.times, 5);
    assert_int_equal(fr_metric_get(FR_METRIC_PAGE_HITS), scene.hits + 5);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warmed_before_it_is_asked_for),
        cmocka_unit_test(test_changes_from_before_are_told_before),
        cmocka_unit_test(test_live_post),
        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_another_connection),
        cmocka_unit_test(test_one_fence_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
