/* libfreshet as a program that does what it is told by lines of JSON (README.md): how the scenarios drive it.
 * It knows the public header and nothing else of Freshet.
 *
 *     sdk-driver [--callback]
 *
 * --callback: feeds are read with freshet_feed_run() instead of freshet_feed_next(). */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <freshet/client.h>
#include <jansson.h>

struct client {
    struct client *next;
    char *name;
    freshet_client *freshet;
    int busy; /* calls and feeds of it that run */
};

struct feed {
    struct feed *next;
    char *name;
    struct client *client;
    freshet_feed *freshet;
    pthread_t thread;
    bool held, closing;
};

/* One request to make a call, in a thread of its own. */
struct call {
    struct call *next;
    json_t *request;
    struct client *client;
    freshet_canceller *canceller;
    const struct row *row;
};

/* Everything that threads share; `changed` is told of each end and of each held feed that goes on. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct client *clients;
    struct feed *feeds;
    struct call *calls;
    bool callback;
} driver = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- lines ---- */

/* Takes ownership of `line`. */
static void tell(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    flockfile(stdout);
    printf("%s\n", text != NULL ? text : "null");
    fflush(stdout);
    funlockfile(stdout);
    free(text);
    json_decref(line);
}

static json_t *id_json(int64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, id);
    return json_string(text);
}

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int64_t id_of(json_t *object, const char *name)
{
    const char *text = text_of(object, name);
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

static int number_of(json_t *object, const char *name)
{
    return (int)json_integer_value(json_object_get(object, name));
}

/* The words of README.md: whether the server said no, or who did. */
static const char *kind_of(const freshet_error *error)
{
    if (error->kind == FRESHET_UNAUTHENTICATED)
        return "unauthenticated";
    if (error->kind == FRESHET_CANCELLED)
        return "cancelled";
    if (error->kind == FRESHET_INVALID && error->status == 0)
        return "argument";
    return error->status >= 400 ? "problem" : "network";
}

static json_t *error_json(const freshet_error *error)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", kind_of(error), "word", freshet_kind_name(error->kind),
                  "detail", error->detail, "field", error->field, "request_id", error->request_id);
    if (error->status != 0)
        json_object_set_new(json, "status", json_integer(error->status));
    if (error->code != 0)
        json_object_set_new(json, "code", json_integer(error->code));
    if (error->retry_after_ms >= 0)
        json_object_set_new(json, "retry_after_ms", json_integer(error->retry_after_ms));
    return json;
}

/* `value`: owned; NULL stands for null. */
static void answer(json_t *request, freshet_kind kind, const freshet_error *error, json_t *value)
{
    json_t *line = json_object();
    json_object_set(line, "n", json_object_get(request, "n"));
    if (kind == FRESHET_OK)
        json_object_set_new(line, "value", value != NULL ? value : json_null());
    else
        json_object_set_new(line, "error", error_json(error));
    tell(line);
}

/* ---- what calls hand out ---- */

static json_t *token_json(freshet_token *token)
{
    return json_pack("{s:s, s:I}", "text", token->text, "expires_at_ms", (json_int_t)token->expires_at_ms);
}

static json_t *user_json(const freshet_user *user)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:s}", "id", id_json(user->id), "first_name",
                     user->first_name, "second_name", user->second_name, "birthdate", user->birthdate,
                     "biography", user->biography, "city", user->city);
}

static json_t *post_json(const freshet_post *post)
{
    return json_pack("{s:o, s:o, s:s, s:I, s:I}", "id", id_json(post->id), "author_user_id",
                     id_json(post->author_id), "text", post->text, "created_at_ms",
                     (json_int_t)post->created_at_ms, "edited_at_ms", (json_int_t)post->edited_at_ms);
}

static json_t *page_json(json_t *items, const char *next)
{
    return json_pack("{s:o, s:o}", "items", items, "next", next[0] != '\0' ? json_string(next) : json_null());
}

static json_t *users_json(freshet_users *users)
{
    json_t *items = json_array();
    for (size_t i = 0; i < users->count; i++)
        json_array_append_new(items, user_json(users->items[i]));
    return page_json(items, users->next);
}

static json_t *posts_json(freshet_posts *posts)
{
    json_t *items = json_array();
    for (size_t i = 0; i < posts->count; i++)
        json_array_append_new(items, post_json(posts->items[i]));
    return page_json(items, posts->next);
}

/* ---- calls ---- */

struct args {
    freshet_client *client;
    json_t *with;
    const freshet_call *call;
    freshet_error *error;
    json_t *value; /* set where there is one */
};

static freshet_kind do_login(struct args *a)
{
    freshet_token *token = NULL;
    freshet_kind kind = freshet_login(a->client, id_of(a->with, "id"), text_of(a->with, "password"), a->call,
                                      &token, a->error);
    if (kind == FRESHET_OK)
        a->value = token_json(token);
    freshet_free(token);
    return kind;
}

static freshet_kind do_logout(struct args *a)
{
    return freshet_logout(a->client, a->call, a->error);
}

static freshet_kind do_token_refresh(struct args *a)
{
    freshet_token *token = NULL;
    freshet_kind kind = freshet_token_refresh(a->client, a->call, &token, a->error);
    if (kind == FRESHET_OK)
        a->value = token_json(token);
    freshet_free(token);
    return kind;
}

static freshet_kind do_ticket_create(struct args *a)
{
    freshet_token *ticket = NULL;
    freshet_kind kind = freshet_ticket_create(a->client, a->call, &ticket, a->error);
    if (kind == FRESHET_OK)
        a->value = token_json(ticket);
    freshet_free(ticket);
    return kind;
}

static freshet_kind do_register(struct args *a)
{
    int64_t id = 0;
    freshet_kind kind = freshet_user_register(
        a->client,
        FRESHET_REGISTRATION(.first_name = text_of(a->with, "first_name"),
                             .second_name = text_of(a->with, "second_name"),
                             .birthdate = text_of(a->with, "birthdate"),
                             .biography = text_of(a->with, "biography"), .city = text_of(a->with, "city"),
                             .password = text_of(a->with, "password")),
        a->call, &id, a->error);
    if (kind == FRESHET_OK)
        a->value = id_json(id);
    return kind;
}

static freshet_kind do_account_delete(struct args *a)
{
    return freshet_account_delete(a->client, text_of(a->with, "password"), a->call, a->error);
}

static freshet_kind do_user_get(struct args *a)
{
    freshet_user *user = NULL;
    freshet_kind kind = freshet_user_get(a->client, id_of(a->with, "id"), a->call, &user, a->error);
    if (kind == FRESHET_OK)
        a->value = user_json(user);
    freshet_free(user);
    return kind;
}

static freshet_kind do_user_profile(struct args *a)
{
    freshet_profile *profile = NULL;
    freshet_kind kind = freshet_user_profile(a->client, id_of(a->with, "id"), a->call, &profile, a->error);
    if (kind == FRESHET_OK) {
        a->value = user_json(profile->user);
        json_object_set_new(a->value, "follower_count", json_integer(profile->follower_count));
        json_object_set_new(a->value, "following_count", json_integer(profile->following_count));
        json_object_set_new(a->value, "celebrity", json_boolean(profile->celebrity));
        json_object_set_new(a->value, "followed", json_boolean(profile->followed));
    }
    freshet_free(profile);
    return kind;
}

static freshet_kind take_users(struct args *a, freshet_kind kind, freshet_users *users)
{
    if (kind == FRESHET_OK)
        a->value = users_json(users);
    freshet_free(users);
    return kind;
}

static freshet_kind take_posts(struct args *a, freshet_kind kind, freshet_posts *posts)
{
    if (kind == FRESHET_OK)
        a->value = posts_json(posts);
    freshet_free(posts);
    return kind;
}

#define PAGE_OF(with)                                                                  \
    FRESHET_PAGE(.limit = number_of(with, "limit"), .cursor = text_of(with, "cursor"), \
                 .offset = number_of(with, "offset"))

static freshet_kind do_user_list(struct args *a)
{
    int64_t ids[100];
    size_t count = 0;
    json_t *list = json_object_get(a->with, "ids");
    for (; count < json_array_size(list) && count < sizeof ids / sizeof ids[0]; count++)
        ids[count] = strtoll(json_string_value(json_array_get(list, count)), NULL, 10);
    freshet_users *users = NULL;
    freshet_kind kind = freshet_user_list(a->client, ids, count, a->call, &users, a->error);
    return take_users(a, kind, users);
}

static freshet_kind do_user_search(struct args *a)
{
    freshet_users *users = NULL;
    freshet_kind kind =
        freshet_user_search(a->client, text_of(a->with, "first_name"), text_of(a->with, "last_name"),
                            PAGE_OF(a->with), a->call, &users, a->error);
    return take_users(a, kind, users);
}

static freshet_kind do_user_followers(struct args *a)
{
    freshet_users *users = NULL;
    freshet_kind kind =
        freshet_user_followers(a->client, id_of(a->with, "id"), PAGE_OF(a->with), a->call, &users, a->error);
    return take_users(a, kind, users);
}

static freshet_kind do_user_following(struct args *a)
{
    freshet_users *users = NULL;
    freshet_kind kind =
        freshet_user_following(a->client, id_of(a->with, "id"), PAGE_OF(a->with), a->call, &users, a->error);
    return take_users(a, kind, users);
}

static freshet_kind do_user_posts(struct args *a)
{
    freshet_posts *posts = NULL;
    freshet_kind kind =
        freshet_user_posts(a->client, id_of(a->with, "id"), PAGE_OF(a->with), a->call, &posts, a->error);
    return take_posts(a, kind, posts);
}

static freshet_kind do_follow(struct args *a)
{
    return freshet_follow(a->client, id_of(a->with, "id"), a->call, a->error);
}

static freshet_kind do_unfollow(struct args *a)
{
    return freshet_unfollow(a->client, id_of(a->with, "id"), a->call, a->error);
}

static freshet_kind do_post_create(struct args *a)
{
    int64_t id = 0;
    freshet_kind kind = freshet_post_create(a->client, text_of(a->with, "text"), a->call, &id, a->error);
    if (kind == FRESHET_OK)
        a->value = id_json(id);
    return kind;
}

static freshet_kind do_post_update(struct args *a)
{
    return freshet_post_update(a->client, id_of(a->with, "id"), text_of(a->with, "text"), a->call, a->error);
}

static freshet_kind do_post_delete(struct args *a)
{
    return freshet_post_delete(a->client, id_of(a->with, "id"), a->call, a->error);
}

static freshet_kind do_post_get(struct args *a)
{
    freshet_post *post = NULL;
    freshet_kind kind = freshet_post_get(a->client, id_of(a->with, "id"), a->call, &post, a->error);
    if (kind == FRESHET_OK)
        a->value = post_json(post);
    freshet_free(post);
    return kind;
}

static freshet_kind do_feed_page(struct args *a)
{
    freshet_posts *posts = NULL;
    freshet_kind kind = freshet_feed_page(a->client, PAGE_OF(a->with), a->call, &posts, a->error);
    return take_posts(a, kind, posts);
}

static const struct row {
    const char *name;
    freshet_kind (*make)(struct args *a);
} rows[] = {
    {"login", do_login},
    {"logout", do_logout},
    {"token_refresh", do_token_refresh},
    {"ticket_create", do_ticket_create},
    {"register", do_register},
    {"account_delete", do_account_delete},
    {"user_get", do_user_get},
    {"user_profile", do_user_profile},
    {"user_list", do_user_list},
    {"user_search", do_user_search},
    {"user_followers", do_user_followers},
    {"user_following", do_user_following},
    {"user_posts", do_user_posts},
    {"follow", do_follow},
    {"unfollow", do_unfollow},
    {"post_create", do_post_create},
    {"post_update", do_post_update},
    {"post_delete", do_post_delete},
    {"post_get", do_post_get},
    {"feed_page", do_feed_page},
};

static void *run_call(void *data)
{
    struct call *call = data;
    freshet_error error = {0};
    struct args args = {
        .client = call->client->freshet,
        .with = json_object_get(call->request, "with"),
        .error = &error,
    };
    args.call =
        FRESHET_CALL(.canceller = call->canceller, .idempotency_key = text_of(args.with, "idempotency_key"),
                     .request_id = text_of(args.with, "request_id"));
    freshet_kind kind = call->row->make(&args);
    answer(call->request, kind, &error, args.value);

    pthread_mutex_lock(&driver.lock);
    struct call **place = &driver.calls;
    while (*place != call)
        place = &(*place)->next;
    *place = call->next;
    freshet_canceller_free(call->canceller);
    json_decref(call->request);
    call->client->busy--;
    pthread_cond_broadcast(&driver.changed);
    pthread_mutex_unlock(&driver.lock);
    free(call);
    return NULL;
}

/* ---- feeds ---- */

static json_t *hex_json(const unsigned char *bytes, size_t size)
{
    json_t *json;
    char *text = malloc(2 * size + 1);
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    json = json_stringn(text, 2 * size);
    free(text);
    return json;
}

static json_t *event_json(const freshet_event *event)
{
    static const char *const types[] = {
        [FRESHET_EVENT_READY] = "ready", [FRESHET_EVENT_POST] = "post",
        [FRESHET_EVENT_EDIT] = "edit",   [FRESHET_EVENT_DELETE] = "delete",
        [FRESHET_EVENT_RESET] = "reset", [FRESHET_EVENT_SNAPSHOT_END] = "snapshot_end",
        [FRESHET_EVENT_STATE] = "state",
    };
    bool has_post = event->type == FRESHET_EVENT_POST || event->type == FRESHET_EVENT_EDIT;
    json_t *json = has_post ? post_json(&event->post) : json_object();
    json_object_set_new(json, "type", json_string(types[event->type]));
    json_object_set_new(json, "snapshot", json_boolean(event->snapshot));
    json_object_set_new(json, "wire", hex_json(event->wire, event->wire_size));
    if (event->cursor != NULL && event->cursor[0] != '\0')
        json_object_set_new(json, "cursor", json_string(event->cursor));
    if (event->type == FRESHET_EVENT_DELETE) {
        json_object_set_new(json, "id", id_json(event->post.id));
        json_object_set_new(json, "author_user_id", id_json(event->post.author_id));
    } else if (event->type == FRESHET_EVENT_READY) {
        json_object_set_new(json, "user_id", id_json(event->user_id));
        json_object_set_new(json, "resumed", json_boolean(event->resumed));
    }
    return json;
}

/* Tells it, and waits while the feed is held. False when it is to be closed. */
static bool on_event(void *data, const freshet_event *event)
{
    struct feed *feed = data;
    if (event->type == FRESHET_EVENT_STATE) {
        json_t *line = json_pack("{s:s, s:s}", "feed", feed->name, "state", freshet_state_name(event->state));
        if (event->error != NULL)
            json_object_set_new(line, "error", error_json(event->error));
        tell(line);
    } else {
        tell(json_pack("{s:s, s:o}", "feed", feed->name, "event", event_json(event)));
    }
    pthread_mutex_lock(&driver.lock);
    while (feed->held && !feed->closing)
        pthread_cond_wait(&driver.changed, &driver.lock);
    bool goes_on = !feed->closing;
    pthread_mutex_unlock(&driver.lock);
    return goes_on;
}

static void *run_feed(void *data)
{
    struct feed *feed = data;
    const freshet_event *event = NULL;
    freshet_error error = {0};
    freshet_kind kind = FRESHET_OK;
    if (driver.callback) {
        kind = freshet_feed_run(feed->freshet, on_event, feed, &error);
    } else {
        do
            kind = freshet_feed_next(feed->freshet, FRESHET_FOREVER, &event, &error);
        while (kind == FRESHET_OK && on_event(feed, event));
    }
    bool asked = kind == FRESHET_OK || kind == FRESHET_CANCELLED;
    tell(json_pack("{s:s, s:o}", "feed", feed->name, "closed", asked ? json_null() : error_json(&error)));
    return NULL;
}

/* ---- requests ---- */

static struct client *find_client(const char *name)
{
    struct client *client = driver.clients;
    while (client != NULL && strcmp(client->name, name) != 0)
        client = client->next;
    return client;
}

static struct feed *find_feed(const char *name)
{
    struct feed *feed = driver.feeds;
    while (feed != NULL && strcmp(feed->name, name) != 0)
        feed = feed->next;
    return feed;
}

static void make_client(json_t *request)
{
    freshet_error error = {0};
    freshet_client *made = NULL;
    freshet_kind kind = freshet_client_new(
        FRESHET_OPTIONS(.url = text_of(request, "url"), .token = text_of(request, "token"),
                        .token_expires_at_ms =
                            json_integer_value(json_object_get(request, "token_expires_at_ms")),
                        .user_id = id_of(request, "id"), .password = text_of(request, "password"),
                        .timeout_ms = number_of(request, "timeout_ms"),
                        .connect_timeout_ms = number_of(request, "connect_timeout_ms"),
                        .silence_ms = number_of(request, "silence_ms"), .backoff_min_ms = 300,
                        .backoff_max_ms = 3000, .ca_file = text_of(request, "ca_file")),
        &made, &error);
    if (kind == FRESHET_OK) {
        struct client *client = calloc(1, sizeof *client);
        *client = (struct client){driver.clients, strdup(text_of(request, "client")), made, 0};
        driver.clients = client;
    }
    answer(request, kind, &error, NULL);
}

static void make_call(json_t *request, struct client *client)
{
    const struct row *row = rows;
    while (strcmp(row->name, text_of(request, "call")) != 0)
        row++;
    struct call *call = calloc(1, sizeof *call);
    *call = (struct call){driver.calls, json_incref(request), client, freshet_canceller_new(client->freshet),
                          row};
    driver.calls = call;
    client->busy++;
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_call, call) != 0)
        abort();
    pthread_detach(thread);
}

/* A call that is gone has answered. */
static void cancel_call(json_t *request)
{
    for (struct call *call = driver.calls; call != NULL; call = call->next) {
        if (json_equal(json_object_get(call->request, "n"), json_object_get(request, "of")))
            freshet_cancel(call->canceller);
    }
    answer(request, FRESHET_OK, NULL, NULL);
}

static void make_feed(json_t *request, struct client *client)
{
    freshet_error error = {0};
    freshet_feed *made = NULL;
    json_t *snapshot = json_object_get(request, "snapshot");
    freshet_kind kind =
        freshet_feed_open(client->freshet,
                          FRESHET_FEED_OPTIONS(.cursor = text_of(request, "cursor"),
                                               /* Here 0 is none; there it is the default. */
                                               .snapshot = snapshot == NULL ? 0
                                                           : json_integer_value(snapshot) == 0
                                                               ? -1
                                                               : (int)json_integer_value(snapshot),
                                               .queue_max = (size_t)number_of(request, "queue")),
                          &made, &error);
    answer(request, kind, &error, NULL);
    if (kind != FRESHET_OK)
        return;
    struct feed *feed = calloc(1, sizeof *feed);
    *feed = (struct feed){
        .next = driver.feeds, .name = strdup(text_of(request, "feed")), .client = client, .freshet = made};
    driver.feeds = feed;
    client->busy++;
    if (pthread_create(&feed->thread, NULL, run_feed, feed) != 0)
        abort();
}

/* Without the lock: the feed's thread takes it. */
static void close_feed(struct feed *feed)
{
    pthread_mutex_lock(&driver.lock);
    struct feed **place = &driver.feeds;
    while (*place != feed)
        place = &(*place)->next;
    *place = feed->next;
    feed->closing = true;
    pthread_cond_broadcast(&driver.changed);
    pthread_mutex_unlock(&driver.lock);
    freshet_feed_cancel(feed->freshet);
    pthread_join(feed->thread, NULL);
    freshet_feed_close(feed->freshet);
    pthread_mutex_lock(&driver.lock);
    feed->client->busy--;
    pthread_mutex_unlock(&driver.lock);
    free(feed->name);
    free(feed);
}

/* Without the lock. What runs is cancelled, its ends are told. */
static void end_client(struct client *client)
{
    freshet_client_cancel(client->freshet);
    for (struct feed *feed = driver.feeds, *next; feed != NULL; feed = next) {
        next = feed->next;
        if (feed->client == client)
            close_feed(feed);
    }
    pthread_mutex_lock(&driver.lock);
    while (client->busy > 0)
        pthread_cond_wait(&driver.changed, &driver.lock);
    struct client **place = &driver.clients;
    while (*place != client)
        place = &(*place)->next;
    *place = client->next;
    pthread_mutex_unlock(&driver.lock);
    freshet_client_free(client->freshet);
    free(client->name);
    free(client);
}

static void hold_feed(json_t *request, struct feed *feed, bool held)
{
    feed->held = held;
    pthread_cond_broadcast(&driver.changed);
    answer(request, FRESHET_OK, NULL, NULL);
}

static void take(json_t *request)
{
    const char *what = text_of(request, "do");
    const char *client_name = text_of(request, "client"), *feed_name = text_of(request, "feed");
    struct client *client = client_name != NULL ? find_client(client_name) : NULL;
    struct feed *feed = feed_name != NULL ? find_feed(feed_name) : NULL;
    if (strcmp(what, "close") == 0) {
        close_feed(feed);
        answer(request, FRESHET_OK, NULL, NULL);
        return;
    }
    if (strcmp(what, "end") == 0) {
        end_client(client);
        answer(request, FRESHET_OK, NULL, NULL);
        return;
    }
    pthread_mutex_lock(&driver.lock);
    if (strcmp(what, "client") == 0)
        make_client(request);
    else if (strcmp(what, "call") == 0)
        make_call(request, client);
    else if (strcmp(what, "cancel") == 0)
        cancel_call(request);
    else if (strcmp(what, "feed") == 0)
        make_feed(request, client);
    else
        hold_feed(request, feed, strcmp(what, "hold") == 0);
    pthread_mutex_unlock(&driver.lock);
}

int main(int argc, char **argv)
{
    driver.callback = argc > 1 && strcmp(argv[1], "--callback") == 0;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *request = json_loads(line, 0, &error);
        if (request == NULL) {
            fprintf(stderr, "sdk-driver: %s in %s", error.text, line);
            return 2;
        }
        take(request);
        json_decref(request);
    }
    free(line);
    while (driver.clients != NULL)
        end_client(driver.clients);
    return 0;
}
