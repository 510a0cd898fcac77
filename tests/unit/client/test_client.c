/* What a client does without a gateway: options, arguments, nobody there, somebody who says nothing,
 * cancelling, forks. What it does with one: tests/integration/test_libfreshet.py. */
#include "client_internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* ---- servers that are none ---- */

/* A socket on loopback; `listens` or not. Writes its URL. */
static int bound_socket(bool listens, char url[static 64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    if (listens)
        assert_int_equal(listen(fd, 16), 0);
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

struct scene {
    int fd;
    char url[64];
    freshet_client *client;
};

static void open_scene(struct scene *scene, bool listens, int64_t timeout_ms)
{
    scene->fd = bound_socket(listens, scene->url);
    freshet_error error;
    freshet_kind kind =
        freshet_client_new(FRESHET_OPTIONS(.url = scene->url, .token = "a-token", .timeout_ms = timeout_ms,
                                           .backoff_min_ms = 1, .backoff_max_ms = 10),
                           &scene->client, &error);
    if (kind != FRESHET_OK)
        fail_msg("no client: %s", error.detail);
}

static void close_scene(struct scene *scene)
{
    freshet_client_free(scene->client);
    close(scene->fd);
}

/* ---- options and arguments ---- */

static bool token_of_nobody(void *data, const char *refused, char *token, size_t size, int64_t *expires_at_ms)
{
    return false;
}

static void options_are_checked(void **state)
{
#define URL .url = "http://127.0.0.1:1"
    static const struct {
        const char *comment;
        freshet_options options;
        const char *field;
    } rows[] = {
        {"no size", {.url = "http://a"}, "options"},
        {"no url", {.size = sizeof(freshet_options)}, "url"},
        {"another scheme", {.size = sizeof(freshet_options), .url = "ftp://a"}, "url"},
        {"no host", {.size = sizeof(freshet_options), .url = "http://"}, "url"},
        {"a name in the url", {.size = sizeof(freshet_options), .url = "http://me@a"}, "url"},
        {"id alone", {.size = sizeof(freshet_options), URL, .user_id = 1}, "user_id"},
        {"password alone", {.size = sizeof(freshet_options), URL, .password = "x"}, "user_id"},
        {"no id", {.size = sizeof(freshet_options), URL, .user_id = -1, .password = "x"}, "user_id"},
        {"two ways",
         {.size = sizeof(freshet_options), URL, .user_id = 1, .password = "x", .token = "t"},
         "token"},
        {"two other ways",
         {.size = sizeof(freshet_options), URL, .token = "t", .token_fn = token_of_nobody},
         "token"},
        {"a token with a line in it", {.size = sizeof(freshet_options), URL, .token = "a\r\nb"}, "token"},
        {"an empty token", {.size = sizeof(freshet_options), URL, .token = ""}, "token"},
        {"a negative time", {.size = sizeof(freshet_options), URL, .silence_ms = -1}, "silence_ms"},
        {"back-off upside down",
         {.size = sizeof(freshet_options), URL, .backoff_min_ms = 9, .backoff_max_ms = 8},
         "backoff_max_ms"},
    };
    FR_FOR_ROWS(row, rows)
    {
        freshet_client *client = NULL;
        freshet_error error;
        FR_ASSERT_ROW(row, freshet_client_new(&row->options, &client, &error) == FRESHET_INVALID);
        FR_ASSERT_ROW(row, strcmp(error.field, row->field) == 0 && client == NULL);
    }
}

static void structs_may_be_older_or_newer(void **state)
{
    struct {
        freshet_page page;
        int64_t later;
    } newer = {.page = {.size = sizeof newer, .limit = 5}};
    freshet_page read;
    assert_int_equal(client_read_struct(&read, sizeof read, &newer, "page", NULL), FRESHET_OK);
    assert_int_equal(read.limit, 5);
    newer.later = 1; /* it means something that this library can't do */
    assert_int_equal(client_read_struct(&read, sizeof read, &newer, "page", NULL), FRESHET_INVALID);

    freshet_page older = {.size = offsetof(freshet_page, offset), .limit = 6, .offset = 99};
    assert_int_equal(client_read_struct(&read, sizeof read, &older, "page", NULL), FRESHET_OK);
    assert_int_equal(read.limit, 6);
    assert_int_equal(read.offset, 0);
    assert_int_equal(client_read_struct(&read, sizeof read, NULL, "page", NULL), FRESHET_OK);
    assert_int_equal(read.limit, 0);
}

static void arguments_are_checked_before_anything_is_sent(void **state)
{
    struct scene scene;
    open_scene(&scene, false, 60000);
    freshet_client *client = scene.client;
    freshet_error error;
    freshet_users *users;
    freshet_posts *posts;
    freshet_feed *feed;
    int64_t ids[101] = {0};
#define REFUSES(call, at_fault)                     \
    do {                                            \
        assert_int_equal(call, FRESHET_INVALID);    \
        assert_string_equal(error.field, at_fault); \
    } while (0)
    REFUSES(freshet_follow(NULL, 1, NULL, &error), "client");
    REFUSES(freshet_follow(client, 0, NULL, &error), "user_id");
    REFUSES(freshet_post_delete(client, -1, NULL, &error), "id");
    REFUSES(freshet_post_create(client, NULL, NULL, NULL, &error), "text");
    REFUSES(freshet_post_create(client, "x", FRESHET_CALL(.idempotency_key = "a b"), NULL, &error),
            "idempotency_key");
    REFUSES(freshet_post_create(client, "x", FRESHET_CALL(.request_id = ""), NULL, &error), "request_id");
    REFUSES(freshet_login(client, 1, NULL, NULL, NULL, &error), "password");
    REFUSES(freshet_user_list(client, ids, 0, NULL, &users, &error), "ids");
    REFUSES(freshet_user_list(client, ids, 101, NULL, &users, &error), "ids");
    REFUSES(freshet_user_list(client, ids, 1, NULL, &users, &error), "ids");
    REFUSES(freshet_user_search(client, "a", NULL, NULL, NULL, &users, &error), "last_name");
    REFUSES(freshet_feed_page(client, FRESHET_PAGE(.limit = -1), NULL, &posts, &error), "limit");
    REFUSES(freshet_feed_page(client, FRESHET_PAGE(.offset = -1), NULL, &posts, &error), "offset");
    REFUSES(freshet_user_posts(client, 1, FRESHET_PAGE(.offset = 1), NULL, &posts, &error), "offset");
    REFUSES(freshet_feed_open(client, FRESHET_FEED_OPTIONS(.snapshot = 101), &feed, &error), "snapshot");
    REFUSES(freshet_feed_open(client, FRESHET_FEED_OPTIONS(.cursor = "a b"), &feed, &error), "cursor");
    close_scene(&scene);
}

/* ---- nobody there, or nobody who answers ---- */

static void a_call_to_nobody_is_tried_until_its_time_is_over(void **state)
{
    struct scene scene;
    open_scene(&scene, false, 200);
    freshet_error error;
    freshet_user *user = NULL;
    int64_t begun_ms = fr_clock_monotonic_ms();
    assert_int_equal(freshet_user_get(scene.client, 1, NULL, &user, &error), FRESHET_UNAVAILABLE);
    assert_true(fr_clock_monotonic_ms() - begun_ms >= 100);
    assert_int_equal(error.status, 0);
    assert_int_equal(strlen(error.request_id), CLIENT_NAME_SIZE - 1);
    assert_null(user);
    close_scene(&scene);
}

static void a_call_that_is_not_answered_times_out(void **state)
{
    struct scene scene;
    open_scene(&scene, true, 60000);
    freshet_error error;
    assert_int_equal(
        freshet_follow(scene.client, 1, FRESHET_CALL(.timeout_ms = 100, .request_id = "mine"), &error),
        FRESHET_TIMEOUT);
    assert_string_equal(error.request_id, "mine");
    close_scene(&scene);
}

static void expect_connecting(freshet_feed *feed)
{
    const freshet_event *event = NULL;
    assert_int_equal(freshet_feed_next(feed, 0, &event, NULL), FRESHET_OK);
    assert_int_equal(event->type, FRESHET_EVENT_STATE);
    assert_int_equal(event->state, FRESHET_STATE_CONNECTING);
    assert_null(event->error);
}

static void who_is_nobody_is_told_so_at_once(void **state)
{
    char url[64];
    int fd = bound_socket(false, url);
    freshet_client *client = NULL;
    freshet_feed *feed = NULL;
    freshet_error error;
    const freshet_event *event;
    assert_int_equal(freshet_client_new(FRESHET_OPTIONS(.url = url), &client, &error), FRESHET_OK);
    assert_int_equal(freshet_follow(client, 1, NULL, &error), FRESHET_UNAUTHENTICATED);
    assert_int_equal(freshet_logout(client, NULL, &error), FRESHET_OK);
    assert_int_equal(freshet_feed_open(client, NULL, &feed, &error), FRESHET_OK);
    expect_connecting(feed);
    assert_int_equal(freshet_feed_next(feed, FRESHET_FOREVER, &event, &error), FRESHET_OK);
    assert_int_equal(event->type, FRESHET_EVENT_STATE);
    assert_int_equal(event->state, FRESHET_STATE_CLOSED);
    assert_int_equal(event->error->kind, FRESHET_UNAUTHENTICATED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(freshet_feed_next(feed, FRESHET_FOREVER, &event, &error), FRESHET_UNAUTHENTICATED);
    freshet_feed_close(feed);
    freshet_client_free(client);

    assert_int_equal(
        freshet_client_new(FRESHET_OPTIONS(.url = url, .token_fn = token_of_nobody), &client, &error),
        FRESHET_OK);
    assert_int_equal(freshet_follow(client, 1, NULL, &error), FRESHET_UNAUTHENTICATED);
    freshet_client_free(client);
    close(fd);
}

static void a_feed_of_nobody_is_offline_and_goes_on_trying(void **state)
{
    struct scene scene;
    open_scene(&scene, false, 60000);
    freshet_feed *feed = NULL;
    freshet_error error;
    const freshet_event *event;
    assert_int_equal(freshet_feed_open(scene.client, FRESHET_FEED_OPTIONS(.cursor = "AQAB"), &feed, &error),
                     FRESHET_OK);
    assert_string_equal(freshet_feed_cursor(feed), "AQAB");
    expect_connecting(feed);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(freshet_feed_next(feed, FRESHET_FOREVER, &event, &error), FRESHET_OK);
        assert_int_equal(event->type, FRESHET_EVENT_STATE);
        assert_int_equal(event->state, FRESHET_STATE_OFFLINE);
        assert_int_equal(event->error->kind, FRESHET_UNAVAILABLE);
        assert_string_equal(event->cursor, "AQAB");
    }
    assert_int_equal(freshet_feed_state(feed), FRESHET_STATE_OFFLINE);
    freshet_feed_close(feed);
    close_scene(&scene);
}

static void a_read_waits_as_long_as_it_may(void **state)
{
    struct scene scene;
    open_scene(&scene, true, 60000);
    freshet_feed *feed = NULL;
    freshet_error error;
    const freshet_event *event = NULL;
    assert_int_equal(freshet_feed_open(scene.client, NULL, &feed, &error), FRESHET_OK);
    expect_connecting(feed);
    assert_int_equal(freshet_feed_next(feed, 0, &event, &error), FRESHET_TIMEOUT);
    assert_int_equal(freshet_feed_next(feed, 50, &event, &error), FRESHET_TIMEOUT);
    assert_null(event);
    assert_int_equal(freshet_feed_state(feed), FRESHET_STATE_CONNECTING);
    freshet_feed_close(feed);
    close_scene(&scene);
}

static void a_client_has_so_many_feeds(void **state)
{
    struct scene scene;
    open_scene(&scene, true, 60000);
    freshet_feed *feeds[CLIENT_FEEDS_MAX], *more = NULL;
    freshet_error error;
    for (int i = 0; i < CLIENT_FEEDS_MAX; i++)
        assert_int_equal(freshet_feed_open(scene.client, NULL, &feeds[i], &error), FRESHET_OK);
    assert_int_equal(freshet_feed_open(scene.client, NULL, &more, &error), FRESHET_INVALID);
    freshet_feed_close(feeds[0]);
    assert_int_equal(freshet_feed_open(scene.client, NULL, &feeds[0], &error), FRESHET_OK);
    for (int i = 0; i < CLIENT_FEEDS_MAX; i++)
        freshet_feed_close(feeds[i]);
    close_scene(&scene);
}

/* ---- cancelling ---- */

struct blocked {
    pthread_t thread;
    freshet_client *client;
    freshet_canceller *canceller;
    freshet_feed *feed; /* or a call */
    freshet_kind kind;
};

static bool go_on(void *data, const freshet_event *event)
{
    return true;
}

static void *block(void *arg)
{
    struct blocked *blocked = arg;
    blocked->kind =
        blocked->feed != NULL
            ? freshet_feed_run(blocked->feed, go_on, NULL, NULL)
            : freshet_follow(blocked->client, 1, FRESHET_CALL(.canceller = blocked->canceller), NULL);
    return NULL;
}

static void begin_block(struct blocked *blocked)
{
    assert_int_equal(pthread_create(&blocked->thread, NULL, block, blocked), 0);
}

static freshet_kind end_of(struct blocked *blocked)
{
    pthread_join(blocked->thread, NULL);
    return blocked->kind;
}

static void a_canceller_ends_its_own_calls_and_no_others(void **state)
{
    struct scene scene;
    open_scene(&scene, true, FRESHET_FOREVER);
    struct blocked mine = {.client = scene.client, .canceller = freshet_canceller_new(scene.client)};
    struct blocked other = {.client = scene.client};
    begin_block(&mine);
    begin_block(&other);
    freshet_cancel(mine.canceller);
    assert_int_equal(end_of(&mine), FRESHET_CANCELLED);
    begin_block(&mine); /* for good */
    assert_int_equal(end_of(&mine), FRESHET_CANCELLED);
    freshet_client_cancel(scene.client);
    assert_int_equal(end_of(&other), FRESHET_CANCELLED);
    freshet_canceller_free(mine.canceller);
    close_scene(&scene);
}

static void a_feed_is_cancelled_while_it_is_read(void **state)
{
    struct scene scene;
    open_scene(&scene, true, 60000);
    struct blocked reader = {0};
    freshet_error error;
    const freshet_event *event;
    assert_int_equal(freshet_feed_open(scene.client, NULL, &reader.feed, &error), FRESHET_OK);
    begin_block(&reader);
    freshet_feed_cancel(reader.feed);
    assert_int_equal(end_of(&reader), FRESHET_CANCELLED);
    assert_int_equal(freshet_feed_next(reader.feed, 0, &event, &error), FRESHET_CANCELLED);
    freshet_feed_close(reader.feed);

    assert_int_equal(freshet_feed_open(scene.client, NULL, &reader.feed, &error), FRESHET_OK);
    begin_block(&reader);
    freshet_client_cancel(scene.client);
    assert_int_equal(end_of(&reader), FRESHET_CANCELLED);
    freshet_feed_close(reader.feed);
    close_scene(&scene);
}

/* ---- forks ---- */

static void a_child_of_fork_may_let_go_and_nothing_else(void **state)
{
    struct scene scene;
    open_scene(&scene, true, 60000);
    freshet_error error;
    assert_int_equal(freshet_follow(scene.client, 1, FRESHET_CALL(.timeout_ms = 50), &error),
                     FRESHET_TIMEOUT);
    pid_t child = fork();
    if (child == 0) {
        bool refused = freshet_follow(scene.client, 1, NULL, &error) == FRESHET_INVALID;
        freshet_client_free(scene.client);
        _exit(refused ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(freshet_follow(scene.client, 1, FRESHET_CALL(.timeout_ms = 50), &error),
                     FRESHET_TIMEOUT);
    close_scene(&scene);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void clients_leave_no_descriptor_behind(void **state)
{
    int before = open_descriptors();
    for (int i = 0; i < 10; i++) {
        struct scene scene;
        freshet_feed *feed = NULL;
        open_scene(&scene, true, 20);
        assert_int_equal(freshet_feed_open(scene.client, NULL, &feed, NULL), FRESHET_OK);
        assert_int_equal(freshet_follow(scene.client, 1, NULL, NULL), FRESHET_TIMEOUT);
        freshet_feed_close(feed);
        close_scene(&scene);
    }
    assert_int_equal(open_descriptors(), before);
}

static void what_is_not_there_can_be_freed(void **state)
{
    freshet_client_free(NULL);
    freshet_feed_close(NULL);
    freshet_canceller_free(NULL);
    freshet_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(structs_may_be_older_or_newer),
        cmocka_unit_test(arguments_are_checked_before_anything_is_sent),
        cmocka_unit_test(a_call_to_nobody_is_tried_until_its_time_is_over),
        cmocka_unit_test(a_call_that_is_not_answered_times_out),
        cmocka_unit_test(who_is_nobody_is_told_so_at_once),
        cmocka_unit_test(a_feed_of_nobody_is_offline_and_goes_on_trying),
        cmocka_unit_test(a_read_waits_as_long_as_it_may),
        cmocka_unit_test(a_client_has_so_many_feeds),
        cmocka_unit_test(a_canceller_ends_its_own_calls_and_no_others),
        cmocka_unit_test(a_feed_is_cancelled_while_it_is_read),
        cmocka_unit_test(a_child_of_fork_may_let_go_and_nothing_else),
        cmocka_unit_test(clients_leave_no_descriptor_behind),
        cmocka_unit_test(what_is_not_there_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
