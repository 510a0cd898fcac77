#include "check.h"
#include "fake_store.h"
#include "timeline/timeline.h"

enum { AUTHOR = 7, POST = 1000 };

struct answer {
    int times;
    enum fr_status status;
    struct fr_error error;
    bool has_error;
    int64_t post_id;
};

static void on_done(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct answer *answer = arg;
    answer->times++;
    answer->status = status;
    answer->has_error = error != NULL;
    if (error != NULL)
        answer->error = *error;
}

static void on_created(void *arg, enum fr_status status, int64_t post_id, const struct fr_error *error)
{
    on_done(arg, status, error);
    ((struct answer *)arg)->post_id = post_id;
}

static const struct fr_origin origin = {{"req-1", 5}, {NULL, 0}};

static void test_create(void **state)
{
    static const struct {
        bool author_exists, created;
        enum fr_status status;
        const char *comment;
    } rows[] = {
        {true, true, FR_OK, "written"},
        {true, false, FR_CONFLICT, "a later post is there already"},
        {false, false, FR_UNAUTHENTICATED, "no such author, or a deleted one"},
    };
    FR_FOR_ROWS(row, rows)
    {
        fake_reset();
        struct answer answer = {0};
        fr_timeline_create_post(NULL, AUTHOR, POST, FR_STR("hello"), NULL, &origin, on_created, &answer);
        FR_ASSERT_ROW(row, answer.times == 0);
        const struct fr_query *query = &fake_next()->queries[0];
        FR_ASSERT_ROW(row, query->sql == FR_SQL_POST_CREATE);
        FR_ASSERT_ROW(row, query->param_count == 6);
        FR_ASSERT_ROW(row, query->params[0].i64 == AUTHOR);
        FR_ASSERT_ROW(row, query->params[1].i64 == POST);
        FR_ASSERT_ROW(row, fr_str_equal(query->params[2].text, FR_STR("hello")));
        FR_ASSERT_ROW(row, query->params[3].i64 == fr_partition_of(AUTHOR, FR_AUTHOR_PARTITIONS));
        FR_ASSERT_ROW(row, fr_str_equal(query->params[4].text, FR_STR("req-1")));
        FR_ASSERT_ROW(row, query->params[5].kind == FR_PARAM_NULL);
        fake_answer(&(struct fr_result){1, {{FAKE_N(row->author_exists), FAKE_N(row->created)}}});
        FR_ASSERT_ROW(row, answer.times == 1);
        FR_ASSERT_ROW(row, answer.status == row->status);
        FR_ASSERT_ROW(row, answer.has_error == (row->status != FR_OK));
        FR_ASSERT_ROW(row, answer.post_id == (row->status == FR_OK ? POST : 0));
        FR_ASSERT_ROW(row, fake.asked == 1);
    }
}

static void test_create_once(void **state)
{
    static const struct fr_once once = {{"key", 3}, "0123456789abcdef0123456789abcde"};
    static const struct {
        bool author_exists, created;
        const char *kept_hash, *kept_answer; /* NULL: nothing was kept */
        enum fr_status status;
        const char *field;
        int64_t post_id;
        const char *comment;
    } rows[] = {
        {true, true, NULL, NULL, FR_OK, "", POST, "the first of its key"},
        {true, false, (const char *)once.hash, "17", FR_OK, "", 17, "repeated"},
        {true, false, "0123456789abcdef0123456789abcdX", "17", FR_CONFLICT, "Idempotency-Key", 0,
         "another body"},
        {true, false, (const char *)once.hash, "x", FR_PROTOCOL, "", 0, "something else was kept"},
        {true, false, NULL, NULL, FR_CONFLICT, "", 0, "a later post is there already"},
        {false, false, (const char *)once.hash, "17", FR_UNAUTHENTICATED, "", 0,
         "repeated by a deleted user"},
    };
    FR_FOR_ROWS(row, rows)
    {
        fake_reset();
        struct answer answer = {0};
        fr_timeline_create_post(NULL, AUTHOR, POST, FR_STR("hello"), &once, &origin, on_created, &answer);
        const struct fake_ask *ask = fake_next();
        FR_ASSERT_ROW(row, ask->count == 2 && ask->queries[0].sql == FR_SQL_GRAPH_LOCK_FOLLOWER);
        FR_ASSERT_ROW(row, ask->queries[0].params[0].i64 == AUTHOR);
        FR_ASSERT_ROW(row,
                      ask->queries[1].sql == FR_SQL_POST_CREATE_ONCE && ask->queries[1].param_count == 8);
        FR_ASSERT_ROW(row, fr_str_equal(ask->queries[1].params[6].text, FR_STR("key")));
        FR_ASSERT_ROW(row, ask->queries[1].params[7].text.len == FR_ONCE_HASH_SIZE);
        struct fake_cell hash =
            row->kept_hash != NULL ? FAKE_B(row->kept_hash, FR_ONCE_HASH_SIZE) : FAKE_NULL;
        struct fake_cell kept = row->kept_answer != NULL ? FAKE_T(row->kept_answer) : FAKE_NULL;
        fake_answer(&(struct fr_result){1, {{FAKE_N(row->author_exists), FAKE_N(row->created), hash, kept}}});
        FR_ASSERT_ROW(row, answer.times == 1);
        FR_ASSERT_ROW(row, answer.status == row->status);
        FR_ASSERT_ROW(row, strcmp(answer.error.field, row->field) == 0);
        FR_ASSERT_ROW(row, answer.post_id == row->post_id);
    }
}

/* Who may change a post: update and delete ask in the same way. */
static void test_change(void **state)
{
    static const struct {
        bool mine;
        int64_t author; /* what the second look finds; 0: no such post */
        enum fr_status status;
        const char *comment;
    } rows[] = {
        {true, 0, FR_OK, "one's own"},
        {false, 0, FR_NOT_FOUND, "unknown or deleted"},
        {false, AUTHOR + 1, FR_FORBIDDEN, "somebody else's"},
        {false, AUTHOR, FR_NOT_FOUND, "one's own, but written after the change was tried"},
    };
    for (int deleting = 0; deleting <= 1; deleting++) {
        FR_FOR_ROWS(row, rows)
        {
            fake_reset();
            struct answer answer = {0};
            if (deleting)
                fr_timeline_delete_post(NULL, AUTHOR, POST, &origin, on_done, &answer);
            else
                fr_timeline_update_post(NULL, AUTHOR, POST, FR_STR("new"), &origin, on_done, &answer);
            FR_ASSERT_ROW(row, fake_next()->queries[0].sql ==
                                   (deleting ? FR_SQL_POST_DELETE : FR_SQL_POST_UPDATE));
            FR_ASSERT_ROW(row, fake_next()->queries[0].params[deleting ? 2 : 3].i64 ==
                                   fr_partition_of(AUTHOR, FR_AUTHOR_PARTITIONS));
            fake_answer(&(struct fr_result){1, {{FAKE_N(row->mine), FAKE_N(row->mine)}}});
            FR_ASSERT_ROW(row, answer.times == (row->mine ? 1 : 0));
            if (!row->mine) {
                FR_ASSERT_ROW(row, fake_next()->queries[0].sql == FR_SQL_POST_AUTHOR);
                FR_ASSERT_ROW(row, fake_next()->queries[0].params[0].i64 == POST);
                fake_answer(&(struct fr_result){row->author != 0 ? 1 : 0, {{FAKE_N(row->author)}}});
            }
            FR_ASSERT_ROW(row, answer.times == 1);
            FR_ASSERT_ROW(row, answer.status == row->status);
            FR_ASSERT_ROW(row, fake.asked == fake.answered);
        }
    }
}

static void test_store_failures(void **state)
{
    struct answer answer = {0};
    fake_reset();
    fr_timeline_create_post(NULL, AUTHOR, POST, FR_STR("a"), NULL, &origin, on_created, &answer);
    fake_fail(FR_UNAVAILABLE, "away");
    assert_int_equal(answer.status, FR_UNAVAILABLE);
    assert_string_equal(answer.error.message, "away");

    answer = (struct answer){0};
    fr_timeline_update_post(NULL, AUTHOR, POST, FR_STR("a"), &origin, on_done, &answer);
    fake_fail(FR_TIMEOUT, "late");
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_TIMEOUT);

    /* The second look fails. */
    answer = (struct answer){0};
    fr_timeline_delete_post(NULL, AUTHOR, POST, &origin, on_done, &answer);
    fake_answer(&(struct fr_result){1, {{FAKE_N(0)}}});
    fake_fail(FR_FULL, "full");
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_once),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_store_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
