/* The index of celebrities with a graph played by the test. */
#include "celebrities.h"

#include <stdlib.h>

#include "played_graph.h"

enum { AUTHOR = 7, OTHER_AUTHOR = 8, PEOPLE = 4, LOG_MAX = 4096, MANY_POSTS = 1000 };

struct fixture {
    struct fr_loop *loop;
    struct celebrities celebrities;
    uint64_t sequence; /* of the last message */
    struct id_table users;
    struct event_cache cache;
    struct local_user people[PEOPLE]; /* ids 1, 2, 3 … */
    struct sent {
        int64_t user_id, post_id;
    } sent[LOG_MAX];
    size_t sent_count;
    const struct local_user *soon[3]; /* who was said to have his turn after so many others */
    int announced;                    /* deliveries of whom that was true */
    int loaded, load_failed, missed;
    int64_t follows_user, follows_author;
    struct local_user *last_missed;
};

static void on_soon(void *arg, const struct local_user *user, unsigned others)
{
    struct fixture *f = arg;
    assert_in_range(others, 1, 2);
    f->soon[others] = user;
}

static void on_deliver(void *arg, struct local_user *user, struct live_event *event, uint64_t sequence)
{
    struct fixture *f = arg;
    assert_true(f->sent_count < LOG_MAX);
    f->announced += f->soon[0] == user;
    f->soon[0] = f->soon[1];
    f->soon[1] = NULL;
    f->sent[f->sent_count++] = (struct sent){user->id, fr_delivery_event_post(event)};
}

static void on_loaded(void *arg, struct local_user *user)
{
    ((struct fixture *)arg)->loaded++;
}

static void on_load_failed(void *arg, struct local_user *user)
{
    ((struct fixture *)arg)->load_failed++;
}

static void on_follows(void *arg, struct local_user *user, int64_t author_id)
{
    struct fixture *f = arg;
    f->follows_user = user->id;
    f->follows_author = author_id;
}

static void on_missed(void *arg, struct local_user *user)
{
    struct fixture *f = arg;
    f->missed++;
    f->last_missed = user;
}

static const struct celebrities_verbs verbs = {on_soon,        on_deliver, on_loaded,
                                               on_load_failed, on_follows, on_missed};

static int set_up(void **state)
{
    struct fixture *f = FR_NEW(struct fixture);
    graph_reset();
    f->loop = fr_loop_new();
    fr_delivery_celebrities_init(&f->celebrities, f->loop, NULL, &f->users, &verbs, f);
    for (int i = 0; i < PEOPLE; i++)
        f->people[i].id = i + 1;
    *state = f;
    return 0;
}

static void leave(struct fixture *f, int64_t id)
{
    fr_delivery_celebrities_leave(&f->celebrities, &f->people[id - 1]);
    fr_delivery_table_remove(&f->users, id);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= PEOPLE; i++)
        leave(f, i);
    while (graph_answer())
        ;
    fr_delivery_celebrities_release(&f->celebrities);
    fr_delivery_event_cache_release(&f->cache);
    fr_delivery_table_release(&f->users);
    fr_loop_free(f->loop);
    free(f);
    return 0;
}

static void run(struct fixture *f)
{
    fr_loop_run(f->loop, 0);
    while (graph_answer())
        fr_loop_run(f->loop, 0);
}

/* Begins to be read; not answered yet. */
static void come(struct fixture *f, int64_t id)
{
    fr_delivery_table_add(&f->users, id, &f->people[id - 1]);
    fr_delivery_celebrities_load(&f->celebrities, &f->people[id - 1]);
    fr_loop_run(f->loop, 0);
}

static void come_and_load(struct fixture *f, int64_t id)
{
    come(f, id);
    run(f);
    assert_int_equal(f->people[id - 1].index.state, INDEX_LOADED);
}

static void tell(struct fixture *f, enum fr_event_kind kind, int64_t author_id, int64_t subject)
{
    struct fr_event event = {.kind = kind, .author_id = author_id};
    if (fr_event_is_of_post(kind)) {
        event.post_id = subject;
        event.revision = 1;
        event.created_at_ms = 1767225600000;
        if (kind != FR_EVENT_DELETE)
            event.text = FR_STR("text");
    } else {
        event.follower_id = subject;
    }
    struct fr_buf buf;
    struct live_event *live = NULL;
    struct fr_error error = {0};
    fr_buf_init(&buf, FR_EVENT_BYTES_MAX);
    fr_wire_encode_event(&buf, &event);
    if (fr_delivery_event_decode(&f->cache, fr_buf_str(&buf), &live, &error) != FR_OK)
        fail_msg("%s", error.message);
    fr_buf_release(&buf);
    fr_delivery_celebrities_take(&f->celebrities, live, ++f->sequence);
    fr_delivery_event_release(live);
    fr_loop_run(f->loop, 0);
}

static void post(struct fixture *f, int64_t id)
{
    tell(f, FR_EVENT_POST, AUTHOR, id);
}

/* How often the user was sent the post. */
static int got(const struct fixture *f, int64_t user_id, int64_t post_id)
{
    int count = 0;
    for (size_t i = 0; i < f->sent_count; i++)
        count += f->sent[i].user_id == user_id && f->sent[i].post_id == post_id;
    return count;
}

/* ---- tests ---- */

static void test_followers_alone_get_it(void **state)
{
    struct fixture *f = *state;
    graph_follow(1, AUTHOR);
    graph_follow(2, AUTHOR);
    graph_follow(3, OTHER_AUTHOR);
    for (int64_t id = 1; id <= 4; id++)
        come_and_load(f, id);
    assert_int_equal(f->loaded, 4);
    post(f, 100);
    run(f);
    assert_int_equal(f->sent_count, 2);
    assert_int_equal(got(f, 1, 100), 1);
    assert_int_equal(got(f, 2, 100), 1);
    size_t asked = graph.asked;
    post(f, 101);
    run(f);
    assert_int_equal(f->sent_count, 4);
    assert_int_equal(graph.asked, asked); /* the author is known by now */
}

static void test_turns_are_announced(void **state)
{
    struct fixture *f = *state;
    for (int64_t id = 1; id <= PEOPLE; id++) {
        graph_follow(id, AUTHOR);
        come_and_load(f, id);
    }
    post(f, 100);
    run(f);
    assert_int_equal(f->sent_count, PEOPLE);
    assert_int_equal(f->announced, PEOPLE - 1);
}

static void test_nobody_here_asks_nothing(void **state)
{
    struct fixture *f = *state;
    for (int64_t id = 100; id < 110; id++)
        post(f, id);
    assert_int_equal(graph.asked, 0);
    graph_follow(1, AUTHOR);
    come_and_load(f, 1);
    post(f, 110);
    run(f);
    assert_int_equal(f->sent_count, 1);
}

static void test_joiners_share_a_statement(void **state)
{
    struct fixture *f = *state;
    for (int64_t id = 1; id <= 3; id++) {
        fr_delivery_table_add(&f->users, id, &f->people[id - 1]);
        fr_delivery_celebrities_load(&f->celebrities, &f->people[id - 1]);
    }
    run(f);
    assert_int_equal(graph.asked, 1);
    assert_int_equal(graph.asks[0].count, 3);
    assert_int_equal(f->loaded, 3);
}

static void test_who_left_gets_nothing(void **state)
{
    struct fixture *f = *state;
    for (int64_t id = 1; id <= 3; id++) {
        graph_follow(id, AUTHOR);
        graph_follow(id, OTHER_AUTHOR);
        come_and_load(f, id);
    }
    post(f, 100);
    tell(f, FR_EVENT_POST, OTHER_AUTHOR, 200);
    run(f);
    assert_int_equal(f->sent_count, 6);
    leave(f, 1);
    post(f, 101);
    tell(f, FR_EVENT_POST, OTHER_AUTHOR, 201);
    assert_int_equal(f->sent_count, 10);
    assert_int_equal(got(f, 1, 101) + got(f, 1, 201), 0);
    come_and_load(f, 1);
    post(f, 102);
    assert_int_equal(got(f, 1, 102), 1);
}

static void test_follow_and_unfollow_in_order_with_posts(void **state)
{
    struct fixture *f = *state;
    graph_follow(2, AUTHOR);
    come_and_load(f, 1);
    come_and_load(f, 2);
    post(f, 100);
    run(f);
    graph_follow(1, AUTHOR);
    tell(f, FR_EVENT_FOLLOW, AUTHOR, 1);
    post(f, 101);
    post(f, 102);
    /* Held for everybody: one author's posts stay in order. */
    assert_int_equal(got(f, 2, 101), 0);
    run(f);
    for (int64_t id = 101; id <= 102; id++)
        for (int64_t user = 1; user <= 2; user++)
            assert_int_equal(got(f, user, id), 1);
    assert_int_equal(f->follows_user, 1);
    graph_unfollow(1, AUTHOR);
    tell(f, FR_EVENT_UNFOLLOW, AUTHOR, 1);
    post(f, 103);
    run(f);
    assert_int_equal(got(f, 1, 103), 0);
    assert_int_equal(got(f, 2, 103), 1);
    assert_int_equal(got(f, 1, 100), 0);
    assert_int_equal(graph_open(GRAPH_FOLLOWERS), 0);
}

static void test_changes_that_follow_one_another_are_read_in_one(void **state)
{
    struct fixture *f = *state;
    for (int64_t id = 1; id <= 3; id++)
        come_and_load(f, id);
    post(f, 100);
    run(f);
    size_t asked = graph.asked;
    for (int64_t id = 1; id <= 3; id++) {
        graph_follow(id, AUTHOR);
        tell(f, FR_EVENT_FOLLOW, AUTHOR, id);
    }
    post(f, 101);
    run(f);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(got(f, id, 101), 1);
    /* The first at once, those that came meanwhile together. */
    assert_int_equal(graph.asked, asked + 2);
}

static void test_strangers_follow_is_not_read(void **state)
{
    struct fixture *f = *state;
    come_and_load(f, 1);
    post(f, 100);
    run(f);
    size_t asked = graph.asked;
    tell(f, FR_EVENT_FOLLOW, AUTHOR, 99);
    assert_int_equal(graph.asked, asked);
}

/* He became a celebrity after these had come. */
static void test_flip_reads_everybody(void **state)
{
    static const struct {
        const char *comment;
        enum fr_event_kind kind;
        int64_t user; /* whose edge is there by then */
    } rows[] = {
        {"to celebrity", FR_EVENT_CELEBRITY, 1},
        {"and back", FR_EVENT_ORDINARY, 2},
    };
    struct fixture *f = *state;
    come_and_load(f, 1);
    come_and_load(f, 2);
    post(f, 100);
    run(f);
    FR_FOR_ROWS(row, rows)
    {
        int64_t user = row->user, id = 100 + user;
        graph_follow(user, AUTHOR);
        tell(f, row->kind, AUTHOR, 0);
        post(f, id);
        run(f);
        FR_ASSERT_ROW(row, got(f, user, id) == 1);
    }
    assert_int_equal(f->sent_count, 3); /* the first was there for the second's post too */
}

/* What is told while his part is being read must not fall between. */
static void test_change_while_loading(void **state)
{
    static const struct {
        const char *comment;
        enum fr_event_kind kind;
        int64_t subject;
    } rows[] = {
        {"follow", FR_EVENT_FOLLOW, 1},
        {"flip", FR_EVENT_CELEBRITY, 0},
    };
    struct fixture *f = *state;
    FR_FOR_ROWS(row, rows)
    {
        come(f, 1);
        /* The answer that is on its way has not seen the edge: it is given here, the edge comes then. */
        const struct graph_ask *ask = &graph.asks[graph.answered++];
        tell(f, row->kind, AUTHOR, row->subject);
        graph_follow(1, AUTHOR);
        ask->pairs(ask->arg, FR_OK, NULL, 0, NULL);
        FR_ASSERT_ROW(row, f->people[0].index.state != INDEX_LOADED);
        run(f);
        FR_ASSERT_ROW(row, f->people[0].index.state == INDEX_LOADED);
        f->sent_count = 0;
        post(f, 100);
        run(f);
        FR_ASSERT_ROW(row, got(f, 1, 100) == 1);
        leave(f, 1);
        graph_unfollow(1, AUTHOR);
    }
}

/* An answer about one who left and came again meanwhile is older than what he was given then. */
static void test_old_answer_does_not_undo_a_new_one(void **state)
{
    struct fixture *f = *state;
    come_and_load(f, 1);
    post(f, 100);
    run(f);
    tell(f, FR_EVENT_FOLLOW, AUTHOR, 1);
    const struct graph_ask *old = &graph.asks[graph.answered++];
    leave(f, 1);
    graph_follow(1, AUTHOR);
    come_and_load(f, 1);
    old->pairs(old->arg, FR_OK, NULL, 0, NULL);
    post(f, 101);
    run(f);
    assert_int_equal(got(f, 1, 101), 1);
}

static void test_account_is_dropped(void **state)
{
    struct fixture *f = *state;
    graph_follow(1, AUTHOR);
    come_and_load(f, 1);
    post(f, 100);
    run(f);
    graph_unfollow(1, AUTHOR);
    tell(f, FR_EVENT_ACCOUNT, AUTHOR, 0);
    assert_int_equal(f->people[0].index.count, 0);
    post(f, 101); /* a repeat of what came before */
    run(f);
    assert_int_equal(got(f, 1, 101), 0);
}

static void test_database_away_holds_messages(void **state)
{
    struct fixture *f = *state;
    graph_follow(1, AUTHOR);
    come_and_load(f, 1);
    graph.status = FR_UNAVAILABLE;
    post(f, 100); /* the author is not known yet */
    run(f);
    tell(f, FR_EVENT_DELETE, AUTHOR, 99);
    post(f, 101);
    run(f);
    assert_int_equal(f->sent_count, 0);
    graph.status = FR_OK;
    while (f->sent_count < 3) {
        fr_loop_run(f->loop, 1000);
        run(f);
    }
    assert_int_equal(f->sent[0].post_id, 100);
    assert_int_equal(f->sent[2].post_id, 101);
    assert_int_equal(f->missed, 0);
}

static void test_held_past_the_bound_is_missed(void **state)
{
    struct fixture *f = *state;
    graph_follow(1, AUTHOR);
    come_and_load(f, 1);
    come_and_load(f, 2);
    graph.status = FR_UNAVAILABLE;
    for (int64_t id = 1; id <= MANY_POSTS; id++)
        post(f, id);
    run(f);
    assert_int_equal(f->missed, 0);
    graph.status = FR_OK;
    while (f->missed == 0) {
        fr_loop_run(f->loop, 1000);
        run(f);
    }
    assert_true(f->sent_count < MANY_POSTS);
    assert_int_equal(f->missed, 1);
    assert_ptr_equal(f->last_missed, &f->people[0]);
    f->sent_count = 0;
    post(f, MANY_POSTS + 1);
    assert_int_equal(f->sent_count, 1);
}

static void test_failed_load_is_told_and_repeated(void **state)
{
    struct fixture *f = *state;
    graph.status = FR_TIMEOUT;
    come(f, 1);
    run(f);
    assert_int_equal(f->load_failed, 1);
    graph.status = FR_OK;
    while (f->loaded == 0) {
        fr_loop_run(f->loop, 1000);
        run(f);
    }
}

/* Whoever follows somebody has missed something; whoever has begun to in what is lost, too. */
static void test_lost(void **state)
{
    struct fixture *f = *state;
    graph_follow(1, AUTHOR);
    for (int64_t id = 1; id <= 3; id++)
        come_and_load(f, id);
    post(f, 100);
    run(f);
    graph_follow(2, AUTHOR); /* told in what is lost */
    f->loaded = 0;
    fr_delivery_celebrities_lost(&f->celebrities);
    assert_int_equal(f->missed, 1);
    assert_ptr_equal(f->last_missed, &f->people[0]);
    run(f);
    assert_int_equal(f->missed, 2);
    assert_ptr_equal(f->last_missed, &f->people[1]);
    assert_int_equal(f->loaded, 3);
    f->sent_count = 0;
    post(f, 101);
    run(f);
    assert_int_equal(f->sent_count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_followers_alone_get_it),
        TEST(test_turns_are_announced),
        TEST(test_nobody_here_asks_nothing),
        TEST(test_joiners_share_a_statement),
        TEST(test_who_left_gets_nothing),
        TEST(test_follow_and_unfollow_in_order_with_posts),
        TEST(test_changes_that_follow_one_another_are_read_in_one),
        TEST(test_strangers_follow_is_not_read),
        TEST(test_flip_reads_everybody),
        TEST(test_change_while_loading),
        TEST(test_old_answer_does_not_undo_a_new_one),
        TEST(test_account_is_dropped),
        TEST(test_database_away_holds_messages),
        TEST(test_held_past_the_bound_is_missed),
        TEST(test_failed_load_is_told_and_repeated),
        TEST(test_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
