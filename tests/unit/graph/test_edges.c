#include "check.h"
#include "fake_store.h"
#include "graph/graph.h"

enum { FOLLOWER = 7, FOLLOWED = 1234 };

struct answer {
    int times;
    enum fr_status status;
    bool changed;
    struct fr_error error;
};

static void on_edge(void *arg, enum fr_status status, bool changed, const struct fr_error *error)
{
    struct answer *answer = arg;
    answer->times++;
    answer->status = status;
    answer->changed = changed;
    if (error != NULL)
        answer->error = *error;
}

static const struct fr_origin origin = {{NULL, 0}, {"00-trace", 8}};

static void test_follow(void **state)
{
    static const struct {
        bool follower, followed, full, changed;
        enum fr_status status;
        const char *field;
        const char *comment;
    } rows[] = {
        {true, true, false, true, FR_OK, "", "a new edge"},
        {true, true, false, false, FR_OK, "", "there already"},
        {false, true, false, false, FR_UNAUTHENTICATED, "", "the follower's account is gone"},
        {true, false, false, false, FR_NOT_FOUND, "user_id", "no such user"},
        {true, false, true, false, FR_NOT_FOUND, "user_id", "no such user counts before the limit"},
        {true, true, true, false, FR_FULL, "user_id", "too many; the field tells it from a full store"},
        {false, false, true, false, FR_UNAUTHENTICATED, "", "the follower's account counts first"},
    };
    FR_FOR_ROWS(row, rows)
    {
        fake_reset();
        struct answer answer = {0};
        fr_graph_follow(NULL, FOLLOWER, FOLLOWED, &origin, on_edge, &answer);
        const struct fake_ask *ask = fake_next();
        FR_ASSERT_ROW(row, ask->count == 2);
        FR_ASSERT_ROW(row, ask->key == FOLLOWER);
        FR_ASSERT_ROW(row, ask->queries[0].sql == FR_SQL_GRAPH_LOCK_FOLLOWER);
        FR_ASSERT_ROW(row, ask->queries[0].params[0].i64 == FOLLOWER);
        const struct fr_query *change = &ask->queries[1];
        FR_ASSERT_ROW(row, change->sql == FR_SQL_GRAPH_FOLLOW);
        FR_ASSERT_ROW(row, change->params[0].i64 == FOLLOWER);
        FR_ASSERT_ROW(row, change->params[1].i64 == FOLLOWED);
        FR_ASSERT_ROW(row, change->params[2].i64 == FR_FOLLOWS_MAX);
        FR_ASSERT_ROW(row, change->params[3].i64 == fr_partition_of(FOLLOWED, FR_AUTHOR_PARTITIONS));
        FR_ASSERT_ROW(row, change->params[4].kind == FR_PARAM_NULL);
        FR_ASSERT_ROW(row, fr_str_equal(change->params[5].text, FR_STR("00-trace")));
        fake_answer(&(struct fr_result){
            1, {{FAKE_N(row->follower), FAKE_N(row->followed), FAKE_N(row->full), FAKE_N(row->changed)}}});
        FR_ASSERT_ROW(row, answer.times == 1);
        FR_ASSERT_ROW(row, answer.status == row->status);
        FR_ASSERT_ROW(row, answer.changed == row->changed);
        FR_ASSERT_ROW(row, strcmp(answer.error.field, row->field) == 0);
    }
}

static void test_unfollow(void **state)
{
    static const struct {
        bool follower, followed, changed;
        enum fr_status status;
        const char *comment;
    } rows[] = {
        {true, true, true, FR_OK, "an edge less"},
        {true, true, false, FR_OK, "there was none"},
        {true, false, false, FR_NOT_FOUND, "no such user"},
        {true, false, true, FR_OK, "an edge to somebody who is gone"},
        {false, true, false, FR_UNAUTHENTICATED, "the follower's account is gone"},
    };
    FR_FOR_ROWS(row, rows)
    {
        fake_reset();
        struct answer answer = {0};
        fr_graph_unfollow(NULL, FOLLOWER, FOLLOWED, &origin, on_edge, &answer);
        const struct fake_ask *ask = fake_next();
        FR_ASSERT_ROW(row, ask->count == 2);
        FR_ASSERT_ROW(row, ask->queries[0].sql == FR_SQL_GRAPH_LOCK_FOLLOWER);
        FR_ASSERT_ROW(row, ask->queries[1].sql == FR_SQL_GRAPH_UNFOLLOW);
        FR_ASSERT_ROW(row, ask->queries[1].params[2].i64 == fr_partition_of(FOLLOWED, FR_AUTHOR_PARTITIONS));
        fake_answer(
            &(struct fr_result){1, {{FAKE_N(row->follower), FAKE_N(row->followed), FAKE_N(row->changed)}}});
        FR_ASSERT_ROW(row, answer.times == 1);
        FR_ASSERT_ROW(row, answer.status == row->status);
        FR_ASSERT_ROW(row, answer.changed == row->changed);
    }
}

static void test_self(void **state)
{
    fake_reset();
    struct answer answer = {0};
    fr_graph_follow(NULL, FOLLOWER, FOLLOWER, &origin, on_edge, &answer);
    assert_int_equal(answer.times, 0); /* never from within the call */
    for (size_t i = 0; i < fake_next()->count; i++)
        assert_int_not_equal(fake_next()->queries[i].sql, FR_SQL_GRAPH_FOLLOW);
    fake_answer(&(struct fr_result){1, {{FAKE_N(FOLLOWER)}}});
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_INVALID);
    assert_string_equal(answer.error.field, "user_id");
}

static void test_store_failures(void **state)
{
    fake_reset();
    struct answer answer = {0};
    fr_graph_follow(NULL, FOLLOWER, FOLLOWED, &origin, on_edge, &answer);
    fake_fail(FR_FULL, "queue");
    assert_int_equal(answer.status, FR_FULL);
    assert_string_equal(answer.error.field, ""); /* not the limit of follows */
    fr_graph_unfollow(NULL, FOLLOWER, FOLLOWED, &origin, on_edge, &answer);
    fake_fail(FR_UNAVAILABLE, "away");
    assert_int_equal(answer.status, FR_UNAVAILABLE);
    fr_graph_follow(NULL, FOLLOWER, FOLLOWER, &origin, on_edge, &answer);
    fake_fail(FR_TIMEOUT, "late");
    assert_int_equal(answer.status, FR_TIMEOUT);
    assert_int_equal(answer.times, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_unfollow),
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_store_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
