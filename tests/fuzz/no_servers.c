/* Stands in for PostgreSQL, NATS and the password hashes, so that the gateway's HTTP side can be fed with
 * rubbish by itself: a database that is away or that knows nothing, and a bus that never answers. */
#include "no_servers.h"

#include "auth/auth.h"
#include "bus/bus.h"
#include "fuzz.h"
#include "loop/loop.h"
#include "store/store.h"

/* ---- the store ---- */

struct fr_store {
    struct fr_loop *loop;
};

struct fr_result {
    int rows;
};

struct answer {
    struct fr_task task;
    fr_store_done_fn done;
    void *arg;
    enum no_servers_database database;
    int rows;
};

static enum no_servers_database database;

void no_servers_set_database(enum no_servers_database now)
{
    database = now;
}

static void on_answer(struct fr_task *task)
{
    struct answer *answer = FR_CONTAINER_OF(task, struct answer, task);
    struct fr_error error = {0};
    struct fr_result none[FR_STORE_STATEMENTS_MAX] = {{.rows = answer->rows}};
    struct fr_result *results[FR_STORE_STATEMENTS_MAX];
    for (size_t i = 0; i < FR_STORE_STATEMENTS_MAX; i++)
        results[i] = &none[i];
    if (answer->database == NO_SERVERS_AWAY)
        answer->done(answer->arg, fr_error_set(&error, FR_UNAVAILABLE, NULL, "no database here"), NULL,
                     &error);
    else
        answer->done(answer->arg, FR_OK, results, NULL);
    free(answer);
}

struct fr_store *fr_store_new(struct fr_loop *loop, const struct fr_store_options *options)
{
    struct fr_store *store = FR_NEW(struct fr_store);
    store->loop = loop;
    return store;
}

void fr_store_free(struct fr_store *store)
{
    free(store);
}

void fr_store_ask(struct fr_store *store, uint64_t key, const struct fr_query *queries, size_t count,
                  fr_store_done_fn done, void *arg)
{
    struct answer *answer = FR_NEW(struct answer);
    answer->done = done;
    answer->arg = arg;
    answer->database = database;
    if (queries[0].sql == FR_SQL_POST_CREATE_MANY) /* a row for each post, whatever is in it */
        answer->rows = (int)queries[0].params[0].i64s.count;
    fr_task_defer(store->loop, &answer->task, on_answer);
}

enum fr_status fr_store_submit(struct fr_store *store, uint64_t key, const struct fr_query *queries,
                               size_t count, fr_store_done_fn done, void *arg, struct fr_error *error)
{
    fr_store_ask(store, key, queries, count, done, arg);
    return FR_OK;
}

size_t fr_store_lanes(const struct fr_store *store)
{
    return 1;
}

size_t fr_store_lane(const struct fr_store *store, uint64_t key)
{
    return 0;
}

struct fr_loop *fr_store_loop(const struct fr_store *store)
{
    return store->loop;
}

bool fr_store_ready(const struct fr_store *store)
{
    return true;
}

int fr_result_rows(const struct fr_result *result)
{
    return result->rows;
}

int64_t fr_result_affected(const struct fr_result *result)
{
    return 0;
}

/* Statements that always have a row are read without asking for their number. */
bool fr_result_is_null(const struct fr_result *result, int row, int column)
{
    return true;
}

int64_t fr_result_i64(const struct fr_result *result, int row, int column)
{
    return 0;
}

bool fr_result_bool(const struct fr_result *result, int row, int column)
{
    return false;
}

struct fr_str fr_result_text(const struct fr_result *result, int row, int column)
{
    return FR_STR("");
}

struct fr_str fr_result_bytes(const struct fr_result *result, int row, int column)
{
    return FR_STR_NONE;
}

int64_t fr_result_time_ms(const struct fr_result *result, int row, int column)
{
    return 0;
}

int32_t fr_result_date(const struct fr_result *result, int row, int column)
{
    return 0;
}

size_t fr_result_array_count(const struct fr_result *result, int row, int column)
{
    return 0;
}

int64_t fr_result_array_i64(const struct fr_result *result, int row, int column, size_t index)
{
    return 0;
}

struct fr_str fr_result_array_text(const struct fr_result *result, int row, int column, size_t index)
{
    return FR_STR_NONE;
}

void fr_result_free(struct fr_result *result)
{
}

/* ---- the bus ---- */

void fr_bus_nudge(struct fr_bus *bus, uint32_t partitions)
{
}

bool fr_bus_connected(const struct fr_bus *bus)
{
    return true;
}

bool fr_bus_window_passed(const struct fr_bus *bus)
{
    return false;
}

struct fr_feed {
    char nothing;
};

enum fr_status fr_feed_open(struct fr_bus *bus, const char *gateway,
                            const struct fr_feed_callbacks *callbacks, struct fr_feed **ret,
                            struct fr_error *error)
{
    static struct fr_feed feed;
    *ret = &feed;
    return FR_OK;
}

void fr_feed_close(struct fr_feed *feed)
{
}

void fr_feed_create(struct fr_feed *feed, uint64_t consumer, int64_t user_id,
                    const struct fr_feed_place *seen)
{
}

uint64_t fr_feed_look(struct fr_feed *feed, int partition)
{
    return 1;
}

void fr_feed_seek(struct fr_feed *feed, uint64_t consumer, int64_t user_id, uint64_t after, uint64_t head)
{
}

void fr_feed_delete(struct fr_feed *feed, uint64_t consumer, int partition)
{
}

struct fr_celebrities {
    char nothing;
};

enum fr_status fr_celebrities_open(struct fr_bus *bus, const char *gateway,
                                   const struct fr_celebrities_callbacks *callbacks,
                                   struct fr_celebrities **ret, struct fr_error *error)
{
    static struct fr_celebrities reader;
    *ret = &reader;
    callbacks->current(callbacks->arg, true, &(struct fr_feed_place){1, 0});
    return FR_OK;
}

void fr_celebrities_close(struct fr_celebrities *reader)
{
}

/* ---- passwords, which would take 50 ms each ---- */

enum fr_status fr_password_hash(struct fr_str password, char out[static FR_PASSWORD_HASH_SIZE],
                                struct fr_error *error)
{
    snprintf(out, FR_PASSWORD_HASH_SIZE, "none");
    return FR_OK;
}

enum fr_status fr_password_verify(struct fr_str password, const char *hash, struct fr_error *error)
{
    return fr_error_set(error, FR_UNAUTHENTICATED, NULL, "the password does not match");
}
