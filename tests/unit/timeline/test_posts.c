#include "check.h"
#include "fake_store.h"
#include "timeline/timeline.h"

enum { AUTHOR = 7, POST = 1000 };

struct answer {
    int times;
    enum fr_status status;
    struct fr_error error;
    bool has_error;
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

static const struct fr_origin origin = {{"req-1", 5}, {NULL, 0}};

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
    fr_timeline_update_post(NULL, AUTHOR, POST, FR_STR("a"), &origin, on_done, &answer);
    fake_fail(FR_TIMEOUT, "late");
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_TIMEOUT);
    assert_string_equal(answer.error.message, "late");

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
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_store_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
