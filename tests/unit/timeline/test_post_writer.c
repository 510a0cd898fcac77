/* What goes together and what each post is told, without a database. */
#include "timeline/post_writer.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "fake_store.h"
#include "loop/loop.h"

/* Our own clock. */
static int64_t clock_offset_s;

int clock_gettime(clockid_t id, struct timespec *ret)
{
    long rc = syscall(SYS_clock_gettime, id, ret);
    ret->tv_sec += clock_offset_s;
    return (int)rc;
}

enum { POSTS = FR_POSTS_WAITING_MAX + 2, FIRST_ID = 1001 };

struct draft {
    struct fr_new_post post;
    int times;
    enum fr_status status;
    int64_t post_id;
    struct fr_error error;
};

static struct {
    struct fr_loop *loop;
    struct fr_post_writer *writer;
    int64_t last_id, no_id; /* no_id: this one cannot be had */
    struct draft drafts[POSTS];
} world;

static enum fr_status next_id(void *arg, int64_t *ret_id)
{
    if (++world.last_id == world.no_id)
        return FR_UNAVAILABLE;
    *ret_id = world.last_id;
    return FR_OK;
}

static void begin(size_t batch_max)
{
    memset(&world, 0, sizeof world);
    fake_reset();
    clock_offset_s = 0;
    world.last_id = FIRST_ID - 1;
    world.loop = fr_loop_new();
    world.writer = fr_post_writer_new(
        &(struct fr_post_writer_options){.loop = world.loop, .batch_max = batch_max, .next_id = next_id});
}

static void end(void)
{
    fr_post_writer_free(world.writer);
    fr_loop_free(world.loop);
}

static void on_done(struct fr_new_post *post, enum fr_status status, int64_t post_id,
                    const struct fr_error *error)
{
    struct draft *draft = FR_CONTAINER_OF(post, struct draft, post);
    draft->times++;
    draft->status = status;
    draft->post_id = post_id;
    assert_int_equal(status == FR_OK, error == NULL);
    if (error != NULL)
        draft->error = *error;
}

static const struct fr_once once = {{"key", 3}, "0123456789abcdef0123456789abcde"};
#define SAME_HASH FAKE_B((const char *)once.hash, FR_ONCE_HASH_SIZE)
#define OTHER_HASH FAKE_B("0123456789abcdef0123456789abcdX", FR_ONCE_HASH_SIZE)

static struct draft *write_post(size_t i, int64_t author, struct fr_str text, const struct fr_once *key)
{
    struct draft *draft = &world.drafts[i];
    draft->times = 0;
    draft->post = (struct fr_new_post){
        .author_id = author, .text = text, .once = key, .origin = {{"req-1", 5}, {NULL, 0}}, .done = on_done};
    fr_post_writer_write(world.writer, &draft->post);
    return draft;
}

static void tick(void)
{
    fr_loop_run_deferred(world.loop);
}

/* Two posts of authors in one lane while another is on its way, and then that one's answer: the two are
 * asked together. Returns the first of them. */
static struct draft *write_pair(const struct fr_once *key)
{
    static const struct fr_result created = {1, {{FAKE_N(1), FAKE_N(1), FAKE_NULL, FAKE_NULL}}};
    write_post(0, 2, FR_STR("before"), NULL);
    tick();
    write_post(1, 4, FR_STR("one"), key);
    write_post(2, 6, FR_STR("two"), key);
    tick();
    assert_int_equal(fake.asked, 1);
    fake_answer(&created);
    tick();
    assert_int_equal(fake.asked, 2);
    assert_int_equal(fake_next()->queries[0].sql, FR_SQL_POST_CREATE_MANY);
    return &world.drafts[1];
}

/* ---- one that comes alone ---- */

static void test_alone(void **state)
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
        begin(8);
        struct draft *draft = write_post(0, 7, FR_STR("hello"), NULL);
        FR_ASSERT_ROW(row, fake.asked == 0); /* what else comes in this tick may go with it */
        tick();
        const struct fr_query *query = &fake_next()->queries[0];
        FR_ASSERT_ROW(row, query->sql == FR_SQL_POST_CREATE);
        FR_ASSERT_ROW(row, query->param_count == 6);
        FR_ASSERT_ROW(row, query->params[0].i64 == 7);
        FR_ASSERT_ROW(row, query->params[1].i64 == FIRST_ID);
        FR_ASSERT_ROW(row, fr_str_equal(query->params[2].text, FR_STR("hello")));
        FR_ASSERT_ROW(row, query->params[3].i64 == fr_partition_of(7, FR_AUTHOR_PARTITIONS));
        FR_ASSERT_ROW(row, fr_str_equal(query->params[4].text, FR_STR("req-1")));
        FR_ASSERT_ROW(row, query->params[5].kind == FR_PARAM_NULL);
        FR_ASSERT_ROW(row, draft->times == 0);
        fake_answer(&(struct fr_result){1, {{FAKE_N(row->author_exists), FAKE_N(row->created)}}});
        FR_ASSERT_ROW(row, draft->times == 1);
        FR_ASSERT_ROW(row, draft->status == row->status);
        FR_ASSERT_ROW(row, draft->error.field[0] == '\0');
        FR_ASSERT_ROW(row, draft->post_id == (row->status == FR_OK ? FIRST_ID : 0));
        tick();
        FR_ASSERT_ROW(row, fake.asked == 1);
        end();
    }
}

static void test_alone_once(void **state)
{
    static const struct {
        bool author_exists, created;
        struct fake_cell hash, answer;
        enum fr_status status;
        const char *field;
        int64_t post_id;
        const char *comment;
    } rows[] = {
        {true, true, FAKE_NULL, FAKE_NULL, FR_OK, "", FIRST_ID, "the first of its key"},
        {true, false, SAME_HASH, FAKE_T("17"), FR_OK, "", 17, "repeated"},
        {true, false, OTHER_HASH, FAKE_T("17"), FR_CONFLICT, "Idempotency-Key", 0, "another body"},
        {true, false, SAME_HASH, FAKE_T("x"), FR_PROTOCOL, "", 0, "something else was kept"},
        {true, false, FAKE_NULL, FAKE_NULL, FR_CONFLICT, "", 0, "a later post is there already"},
        {false, false, SAME_HASH, FAKE_T("17"), FR_UNAUTHENTICATED, "", 0, "repeated by a deleted user"},
    };
    FR_FOR_ROWS(row, rows)
    {
        begin(8);
        struct draft *draft = write_post(0, 7, FR_STR("hello"), &once);
        tick();
        const struct fake_ask *ask = fake_next();
        FR_ASSERT_ROW(row, ask->count == 2 && ask->queries[0].sql == FR_SQL_GRAPH_LOCK_FOLLOWER);
        FR_ASSERT_ROW(row, ask->queries[0].params[0].i64 == 7);
        FR_ASSERT_ROW(row,
                      ask->queries[1].sql == FR_SQL_POST_CREATE_ONCE && ask->queries[1].param_count == 8);
        FR_ASSERT_ROW(row, fr_str_equal(ask->queries[1].params[6].text, FR_STR("key")));
        FR_ASSERT_ROW(row, ask->queries[1].params[7].text.len == FR_ONCE_HASH_SIZE);
        fake_answer(&(struct fr_result){
            1, {{FAKE_N(row->author_exists), FAKE_N(row->created), row->hash, row->answer}}});
        FR_ASSERT_ROW(row, draft->times == 1);
        FR_ASSERT_ROW(row, draft->status == row->status);
        FR_ASSERT_ROW(row, strcmp(draft->error.field, row->field) == 0);
        FR_ASSERT_ROW(row, draft->post_id == row->post_id);
        end();
    }
}

/* ---- what goes together ---- */

static void test_those_that_come_meanwhile_go_together(void **state)
{
    begin(8);
    write_pair(NULL);
    const struct fake_ask *ask = fake_next();
    const struct fr_param *params = ask->queries[0].params;
    assert_int_equal(ask->count, 1);
    assert_int_equal(ask->key % FAKE_LANES, 0);
    assert_int_equal(ask->queries[0].param_count, 8);
    assert_int_equal(params[0].i64s.count, 2);
    assert_true(params[0].i64s.items[0] == 4 && params[0].i64s.items[1] == 6);
    /* Made when they are sent, in order. */
    assert_true(params[1].i64s.items[0] == FIRST_ID + 1 && params[1].i64s.items[1] == FIRST_ID + 2);
    assert_true(fr_str_equal(params[2].texts.items[1], FR_STR("two")));
    assert_int_equal(params[3].i16s.items[1], fr_partition_of(6, FR_AUTHOR_PARTITIONS));
    assert_true(fr_str_equal(params[4].texts.items[0], FR_STR("req-1")));
    assert_int_equal(params[5].texts.items[0].len, 0);
    assert_int_equal(params[6].texts.items[0].len, 0);
    assert_int_equal(params[7].texts.items[0].len, 0);
    /* One that comes now waits for them. */
    write_post(3, 8, FR_STR("three"), NULL);
    tick();
    assert_int_equal(fake.asked, 2);
    fake_answer(
        &(struct fr_result){2, {{FAKE_N(1), FAKE_N(1), FAKE_N(0)}, {FAKE_N(1), FAKE_N(1), FAKE_N(0)}}});
    assert_int_equal(world.drafts[1].post_id, FIRST_ID + 1);
    assert_int_equal(world.drafts[2].post_id, FIRST_ID + 2);
    tick();
    assert_int_equal(fake.asked, 3);
    assert_int_equal(fake_next()->queries[0].sql, FR_SQL_POST_CREATE);
    fake_fail(FR_CANCELLED, "enough");
    end();
}

static void test_lanes_do_not_wait_for_each_other(void **state)
{
    begin(8);
    for (size_t i = 0; i < 4; i++)
        write_post(i, 10 + (int64_t)i, FR_STR("x"), NULL);
    tick();
    assert_int_equal(fake.asked, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct fr_param *authors = &fake.asks[i].queries[0].params[0];
        assert_int_equal(authors->i64s.count, 2);
        assert_int_equal(fake.asks[i].key % FAKE_LANES, i);
    }
    while (fake.answered < fake.asked)
        fake_fail(FR_CANCELLED, "enough");
    end();
}

static void test_bounds(void **state)
{
    static char long_text[FR_POST_TEXT_MAX];
    memset(long_text, 'x', sizeof long_text);
    const struct fr_str texts[] = {FR_STR("short"), {long_text, sizeof long_text}};
    const struct {
        size_t batch_max, written;
        int text;
        size_t together; /* of those that wait */
        const char *comment;
    } rows[] = {
        {8, 7, 0, 7, "all that wait"},
        {8, 8, 0, 8, "as many as are allowed"},
        {8, 9, 0, 8, "one more: not with these"},
        {256, 100, 1, FR_POST_BATCH_BYTES_MAX / (FR_POST_TEXT_MAX + 69), "many bytes"},
    };
    FR_FOR_ROWS(row, rows)
    {
        begin(row->batch_max);
        for (size_t i = 0; i < row->written; i++)
            write_post(i, 2, texts[row->text], NULL);
        tick();
        FR_ASSERT_ROW(row, fake.asked == 1);
        FR_ASSERT_ROW(row, fake_next()->queries[0].params[0].i64s.count == row->together);
        fake_fail(FR_CANCELLED, "enough");
        end();
    }
}

static void test_no_batches(void **state)
{
    begin(1);
    for (size_t i = 0; i < 3; i++)
        write_post(i, 2, FR_STR("x"), NULL);
    tick();
    assert_int_equal(fake.asked, 3);
    write_post(3, 2, FR_STR("x"), NULL);
    tick();
    assert_int_equal(fake.asked, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fake_next()->queries[0].sql, FR_SQL_POST_CREATE);
        fake_answer(&(struct fr_result){1, {{FAKE_N(1), FAKE_N(1)}}});
        assert_int_equal(world.drafts[i].post_id, FIRST_ID + (int64_t)i);
    }
    end();
}

/* ---- what each of a batch is told ---- */

static void test_outcomes_of_a_batch(void **state)
{
    static const struct {
        bool author_exists, created, late;
        struct fake_cell hash, answer;
        const struct fr_once *once;
        enum fr_status status;
        const char *field;
        int64_t post_id;
        const char *comment;
    } rows[] = {
        {true, true, false, FAKE_NULL, FAKE_NULL, NULL, FR_OK, "", FIRST_ID + 1, "written"},
        {true, true, false, FAKE_NULL, FAKE_NULL, &once, FR_OK, "", FIRST_ID + 1, "written once"},
        {true, false, true, FAKE_NULL, FAKE_NULL, NULL, FR_CONFLICT, "", 0, "late"},
        {false, false, false, FAKE_NULL, FAKE_NULL, NULL, FR_UNAUTHENTICATED, "", 0, "the author is gone"},
        {false, false, false, SAME_HASH, FAKE_T("17"), &once, FR_UNAUTHENTICATED, "", 0, "and had the key"},
        {true, false, true, SAME_HASH, FAKE_T("17"), &once, FR_OK, "", 17,
         "repeated; that it is late is nothing"},
        {true, false, false, OTHER_HASH, FAKE_T("17"), &once, FR_CONFLICT, "Idempotency-Key", 0,
         "another body"},
        {true, false, false, SAME_HASH, FAKE_T(""), &once, FR_PROTOCOL, "", 0, "something else was kept"},
    };
    FR_FOR_ROWS(row, rows)
    {
        begin(8);
        struct draft *first = write_pair(row->once);
        fake_answer(&(struct fr_result){
            2,
            {{FAKE_N(row->author_exists), FAKE_N(row->created), FAKE_N(row->late), row->hash, row->answer},
             {FAKE_N(1), FAKE_N(1), FAKE_N(0), FAKE_NULL, FAKE_NULL}}});
        FR_ASSERT_ROW(row, first->times == 1);
        FR_ASSERT_ROW(row, first->status == row->status);
        FR_ASSERT_ROW(row, strcmp(first->error.field, row->field) == 0);
        FR_ASSERT_ROW(row, first->post_id == row->post_id);
        /* The other one has its own outcome. */
        FR_ASSERT_ROW(row, first[1].times == 1 && first[1].post_id == FIRST_ID + 2);
        FR_ASSERT_ROW(row, fake.asked == 2);
        end();
    }
}

static void test_a_key_taken_meanwhile_is_looked_at_alone(void **state)
{
    begin(8);
    struct draft *first = write_pair(&once);
    fake_answer(&(struct fr_result){2,
                                    {{FAKE_N(1), FAKE_N(0), FAKE_N(0), FAKE_NULL, FAKE_NULL},
                                     {FAKE_N(1), FAKE_N(1), FAKE_N(0), FAKE_NULL, FAKE_NULL}}});
    assert_int_equal(first->times, 0);
    assert_int_equal(first[1].times, 1);
    assert_int_equal(fake_next()->queries[1].sql, FR_SQL_POST_CREATE_ONCE);
    assert_int_equal(fake_next()->queries[1].params[1].i64, FIRST_ID + 3);
    /* The lane's next ones wait for it. */
    write_post(3, 8, FR_STR("x"), NULL);
    tick();
    assert_int_equal(fake.asked, 3);
    fake_answer(&(struct fr_result){1, {{FAKE_N(1), FAKE_N(0), SAME_HASH, FAKE_T("17")}}});
    assert_int_equal(first->post_id, 17);
    tick();
    assert_int_equal(fake.asked, 4);
    fake_fail(FR_CANCELLED, "enough");
    end();
}

static void test_failures_of_a_batch(void **state)
{
    static const struct {
        enum fr_status status;
        const char *sqlstate;
        bool alone;
        const char *comment;
    } rows[] = {
        {FR_INTERNAL, "22021", true, "a text that the server does not take"},
        {FR_CONFLICT, "23505", true, "a row that is there"},
        {FR_INTERNAL, "", false, "never sent"},
        {FR_FULL, "", false, "never sent: no room"},
        {FR_PROTOCOL, "", false, "stored, and not understood"},
        {FR_TIMEOUT, "57014", false, "the server was too slow"},
        {FR_TIMEOUT, "", false, "nobody knows"},
        {FR_UNAVAILABLE, "57P01", false, "nobody knows"},
        {FR_UNAVAILABLE, "40P01", false, "tried often enough"},
        {FR_CANCELLED, "", false, "the end"},
    };
    FR_FOR_ROWS(row, rows)
    {
        begin(8);
        struct draft *first = write_pair(NULL);
        fake_refuse(row->status, row->sqlstate, "no");
        if (!row->alone) {
            for (size_t i = 0; i < 2; i++)
                FR_ASSERT_ROW(row, first[i].times == 1 && first[i].status == row->status);
            FR_ASSERT_ROW(row, strcmp(first->error.message, "no") == 0);
            FR_ASSERT_ROW(row, fake.asked == 2);
        } else {
            FR_ASSERT_ROW(row, first->times == 0 && first[1].times == 0 && fake.asked == 4);
            FR_ASSERT_ROW(row, fake_next()->queries[0].sql == FR_SQL_POST_CREATE);
            fake_refuse(row->status, row->sqlstate, "this one");
            fake_answer(&(struct fr_result){1, {{FAKE_N(1), FAKE_N(1)}}});
            FR_ASSERT_ROW(row, first->times == 1 && first->status == row->status);
            FR_ASSERT_ROW(row, first[1].times == 1 && first[1].post_id == FIRST_ID + 4);
        }
        end();
    }
}

/* Cannot be; nobody may wait for ever all the same. */
static void test_a_row_that_is_missing(void **state)
{
    begin(8);
    struct draft *first = write_pair(NULL);
    fake_answer(&(struct fr_result){1, {{FAKE_N(1), FAKE_N(1), FAKE_N(0)}}});
    assert_int_equal(first->status, FR_OK);
    assert_int_equal(first[1].times, 1);
    assert_int_equal(first[1].status, FR_PROTOCOL);
    end();
}

/* ---- what is not sent ---- */

static void test_not_sent(void **state)
{
    begin(8);
    write_post(0, 2, FR_STR("x"), NULL);
    tick();
    /* No id for one of two: the other goes. */
    world.no_id = FIRST_ID + 1;
    write_post(1, 2, FR_STR("x"), NULL);
    write_post(2, 2, FR_STR("x"), NULL);
    fake_answer(&(struct fr_result){1, {{FAKE_N(1), FAKE_N(1)}}});
    tick();
    assert_int_equal(world.drafts[1].status, FR_UNAVAILABLE);
    assert_string_equal(world.drafts[1].error.field, "id");
    assert_int_equal(fake_next()->queries[0].params[1].i64, FIRST_ID + 2);
    /* What waits for longer than a statement may take is given up, and not stored later. */
    write_post(3, 2, FR_STR("x"), NULL);
    clock_offset_s = 11;
    write_post(4, 2, FR_STR("x"), NULL);
    fake_answer(&(struct fr_result){1, {{FAKE_N(1), FAKE_N(1)}}});
    tick();
    assert_int_equal(world.drafts[3].status, FR_TIMEOUT);
    assert_int_equal(world.drafts[4].times, 0);
    assert_int_equal(fake.asked, 3);
    fake_fail(FR_CANCELLED, "enough");
    end();
}

static void test_full(void **state)
{
    begin(256);
    write_post(0, 2, FR_STR("x"), NULL);
    tick();
    for (size_t i = 1; i <= FR_POSTS_WAITING_MAX; i++)
        write_post(i, 2, FR_STR("x"), NULL);
    struct draft *last = write_post(FR_POSTS_WAITING_MAX + 1, 3, FR_STR("x"), NULL);
    assert_int_equal(last->times, 0); /* never from within the call */
    tick();
    assert_int_equal(last->times, 1);
    assert_int_equal(last->status, FR_FULL);
    assert_int_equal(world.drafts[FR_POSTS_WAITING_MAX].times, 0);
    fake_fail(FR_CANCELLED, "enough");
    /* Those that still wait when the writer goes are told. */
    fr_post_writer_free(world.writer);
    world.writer = NULL;
    for (size_t i = 0; i <= FR_POSTS_WAITING_MAX; i++) {
        assert_int_equal(world.drafts[i].times, 1);
        assert_int_equal(world.drafts[i].status, FR_CANCELLED);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_alone_once),
        cmocka_unit_test(test_those_that_come_meanwhile_go_together),
        cmocka_unit_test(test_lanes_do_not_wait_for_each_other),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_batches),
        cmocka_unit_test(test_outcomes_of_a_batch),
        cmocka_unit_test(test_a_key_taken_meanwhile_is_looked_at_alone),
        cmocka_unit_test(test_failures_of_a_batch),
        cmocka_unit_test(test_a_row_that_is_missing),
        cmocka_unit_test(test_not_sent),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
