#include <stdio.h>

#include "check.h"
#include "fake_store.h"
#include "graph/graph.h"

struct answer {
    int times;
    enum fr_status status;
    bool has_error;
    char hash[64];
    size_t count;
    struct fr_user users[4];
    struct fr_profile profile;
};

static void on_done(void *arg, enum fr_status status, const struct fr_error *error)
{
    struct answer *answer = arg;
    answer->times++;
    answer->status = status;
    answer->has_error = error != NULL;
}

static void on_credentials(void *arg, enum fr_status status, const char *password_hash,
                           const struct fr_error *error)
{
    struct answer *answer = arg;
    on_done(arg, status, error);
    snprintf(answer->hash, sizeof(answer->hash), "%s", password_hash != NULL ? password_hash : "(null)");
}

static void on_users(void *arg, enum fr_status status, const struct fr_user *users, size_t count,
                     const struct fr_error *error)
{
    struct answer *answer = arg;
    on_done(arg, status, error);
    answer->count = count;
    assert_true(count <= FR_COUNT_OF(answer->users));
    if (count > 0)
        memcpy(answer->users, users, count * sizeof(*users));
}

static void on_profile(void *arg, enum fr_status status, const struct fr_profile *profile,
                       const struct fr_error *error)
{
    struct answer *answer = arg;
    on_done(arg, status, error);
    answer->count = profile != NULL;
    if (profile != NULL)
        answer->profile = *profile;
}

static void test_register(void **state)
{
    struct fr_user user = {
        .id = 5, .first_name = FR_STR("Ann"), .second_name = FR_STR("Lee"), .birthdate = 3};
    for (int dated = 0; dated <= 1; dated++) {
        fake_reset();
        struct answer answer = {0};
        user.has_birthdate = dated;
        fr_graph_register(NULL, &user, "$hash", on_done, &answer);
        const struct fr_query *query = &fake_next()->queries[0];
        assert_int_equal(query->sql, FR_SQL_USER_REGISTER);
        assert_int_equal(query->param_count, 7);
        assert_int_equal(query->params[3].kind, dated ? FR_PARAM_DATE : FR_PARAM_NULL);
        assert_int_equal(query->params[4].kind, FR_PARAM_TEXT); /* absent texts are empty, not null */
        assert_true(fr_str_equal(query->params[6].text, FR_STR("$hash")));
        fake_answer(&(struct fr_result){0});
        assert_int_equal(answer.times, 1);
        assert_int_equal(answer.status, FR_OK);
    }
    fake_reset();
    struct answer answer = {0};
    fr_graph_register(NULL, &user, "$hash", on_done, &answer);
    fake_fail(FR_CONFLICT, "taken");
    assert_int_equal(answer.status, FR_CONFLICT);
    assert_true(answer.has_error);
}

static void test_credentials(void **state)
{
    static const struct {
        int rows;
        const char *stored;
        enum fr_status status;
        const char *hash;
        const char *comment;
    } rows[] = {
        {1, "$argon2id$x", FR_OK, "$argon2id$x", "somebody with a password"},
        {1, "", FR_OK, "", "somebody without: an empty text, not NULL"},
        {1, NULL, FR_OK, "", "an empty value may come without bytes"},
        {0, NULL, FR_NOT_FOUND, "(null)", "nobody"},
    };
    FR_FOR_ROWS(row, rows)
    {
        fake_reset();
        struct answer answer = {0};
        fr_graph_credentials(NULL, 5, on_credentials, &answer);
        FR_ASSERT_ROW(row, fake_next()->queries[0].sql == FR_SQL_USER_CREDENTIALS);
        fake_answer(&(struct fr_result){row->rows, {{FAKE_T(row->stored)}}});
        FR_ASSERT_ROW(row, answer.times == 1);
        FR_ASSERT_ROW(row, answer.status == row->status);
        FR_ASSERT_ROW(row, answer.has_error == (row->status != FR_OK));
        FR_ASSERT_ROW(row, strcmp(answer.hash, row->hash) == 0);
    }
}

static const struct fr_result two_users = {
    2,
    {{FAKE_N(5), FAKE_T("Ann"), FAKE_T("Lee"), FAKE_N(-365), FAKE_T("bio"), FAKE_T("Riga")},
     {FAKE_N(6), FAKE_T("Bo"), FAKE_T("Lee"), FAKE_NULL, FAKE_T(""), FAKE_T("")}},
};

static void test_get(void **state)
{
    fake_reset();
    struct answer answer = {0};
    fr_graph_get(NULL, 5, on_users, &answer);
    assert_int_equal(fake_next()->queries[0].sql, FR_SQL_USER_GET);
    fake_answer(&two_users);
    assert_int_equal(answer.status, FR_OK);
    assert_int_equal(answer.users[0].id, 5);
    assert_true(answer.users[0].has_birthdate);
    assert_int_equal(answer.users[0].birthdate, -365);
    assert_true(fr_str_equal(answer.users[0].biography, FR_STR("bio")));
    assert_true(fr_str_equal(answer.users[0].city, FR_STR("Riga")));

    answer = (struct answer){0};
    fr_graph_get(NULL, 5, on_users, &answer);
    fake_answer(&(struct fr_result){0});
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_NOT_FOUND);
    assert_int_equal(answer.count, 0);
}

static void test_profile(void **state)
{
    static const struct fr_result found = {
        1,
        {{FAKE_N(5), FAKE_T("Ann"), FAKE_T("Lee"), FAKE_NULL, FAKE_T("bio"), FAKE_T("Riga"), FAKE_N(501),
          FAKE_N(3), FAKE_N(1), FAKE_N(0)}}};
    fake_reset();
    struct answer answer = {0};
    fr_graph_profile(NULL, 5, 9, on_profile, &answer);
    const struct fr_query *query = &fake_next()->queries[0];
    assert_int_equal(query->sql, FR_SQL_USER_PROFILE);
    assert_int_equal(query->params[0].i64, 5);
    assert_int_equal(query->params[1].i64, 9);
    fake_answer(&found);
    assert_int_equal(answer.status, FR_OK);
    assert_int_equal(answer.profile.user.id, 5);
    assert_true(fr_str_equal(answer.profile.user.city, FR_STR("Riga")));
    assert_false(answer.profile.user.has_birthdate);
    assert_int_equal(answer.profile.follower_count, 501);
    assert_int_equal(answer.profile.following_count, 3);
    assert_true(answer.profile.celebrity);
    assert_false(answer.profile.followed);

    answer = (struct answer){0};
    fr_graph_profile(NULL, 5, 0, on_profile, &answer);
    fake_answer(&(struct fr_result){0});
    assert_int_equal(answer.times, 1);
    assert_int_equal(answer.status, FR_NOT_FOUND);
    assert_true(answer.has_error);
    assert_int_equal(answer.count, 0);

    fr_graph_profile(NULL, 5, 0, on_profile, &answer);
    fake_fail(FR_UNAVAILABLE, "away");
    assert_int_equal(answer.status, FR_UNAVAILABLE);
}

static void test_search(void **state)
{
    fake_reset();
    struct answer answer = {0};
    fr_graph_search(NULL, FR_STR("a%"), FR_STR("l_"), 77, 101, on_users, &answer);
    const struct fr_query *query = &fake_next()->queries[0];
    assert_int_equal(query->sql, FR_SQL_USER_SEARCH);
    assert_true(fr_str_equal(query->params[0].text, FR_STR("a%"))); /* no pattern: nothing is escaped */
    assert_true(fr_str_equal(query->params[1].text, FR_STR("l_")));
    assert_int_equal(query->params[2].i64, 77);
    assert_int_equal(query->params[3].i64, 101);
    fake_answer(&two_users);
    assert_int_equal(answer.count, 2);
    assert_false(answer.users[1].has_birthdate);

    answer = (struct answer){0};
    fr_graph_search(NULL, FR_STR("a"), FR_STR("b"), 0, 100, on_users, &answer);
    fake_answer(&(struct fr_result){0});
    assert_int_equal(answer.status, FR_OK); /* finding nobody is an answer */
    assert_int_equal(answer.count, 0);

    fr_graph_search(NULL, FR_STR("a"), FR_STR("b"), 0, 100, on_users, &answer);
    fake_fail(FR_TIMEOUT, "late");
    assert_int_equal(answer.status, FR_TIMEOUT);
}

static void test_delete_account(void **state)
{
    const struct fr_origin origin = {.request_id = FR_STR("req-1")};
    fake_reset();
    struct answer answer = {0};
    fr_graph_delete_account(NULL, 5, &origin, on_done, &answer);
    const struct fr_query *query = &fake_next()->queries[0];
    assert_int_equal(query->sql, FR_SQL_ACCOUNT_DELETE);
    assert_int_equal(query->params[0].i64, 5);
    assert_int_equal(query->params[1].i64, fr_partition_of(5, FR_AUTHOR_PARTITIONS));
    assert_true(fr_str_equal(query->params[2].text, FR_STR("req-1")));
    assert_int_equal(query->params[3].kind, FR_PARAM_NULL); /* an absent text is no empty one */
    fake_answer(&(struct fr_result){1, {{FAKE_N(1)}}});
    assert_int_equal(answer.status, FR_OK);

    fr_graph_delete_account(NULL, 5, &origin, on_done, &answer);
    fake_answer(&(struct fr_result){1, {{FAKE_N(0)}}});
    assert_int_equal(answer.status, FR_UNAUTHENTICATED); /* gone already */
    assert_true(answer.has_error);

    fr_graph_delete_account(NULL, 5, &origin, on_done, &answer);
    fake_fail(FR_UNAVAILABLE, "away");
    assert_int_equal(answer.status, FR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register), cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_get),      cmocka_unit_test(test_profile),
        cmocka_unit_test(test_search),   cmocka_unit_test(test_delete_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
