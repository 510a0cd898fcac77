/* A store that remembers what it is asked and answers what the test says: for modules above the store, whose
 * rules are tried without a server. Include it once, in the test's own file: it stands in for fr_store_ask()
 * and the reading of results. */
#ifndef FR_TESTS_FAKE_STORE_H
#define FR_TESTS_FAKE_STORE_H

#include <stdio.h>

#include "check.h"
#include "store/store.h"

enum { FAKE_ASKS_MAX = 8, FAKE_QUERIES_MAX = 4, FAKE_COLUMNS_MAX = 10 };

struct fake_cell {
    bool null;
    int64_t number; /* any number, boolean, time in ms, or date */
    const char *text;
    size_t size; /* of bytea */
};
#define FAKE_N(n) ((struct fake_cell){.number = (n)})
#define FAKE_T(t) ((struct fake_cell){.text = (t)})
#define FAKE_B(t, n) ((struct fake_cell){.text = (t), .size = (n)})
#define FAKE_NULL ((struct fake_cell){.null = true})

struct fr_result {
    int rows;
    struct fake_cell cells[4][FAKE_COLUMNS_MAX];
};

struct fake_ask {
    uint64_t key;
    size_t count;
    struct fr_query queries[FAKE_QUERIES_MAX];
    fr_store_done_fn done;
    void *arg;
};

static struct {
    struct fake_ask asks[FAKE_ASKS_MAX];
    size_t asked, answered;
} fake;

static inline void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
}

void fr_store_ask(struct fr_store *store, uint64_t key, const struct fr_query *queries, size_t count,
                  fr_store_done_fn done, void *arg)
{
    assert_true(fake.asked < FAKE_ASKS_MAX);
    assert_in_range(count, 1, FAKE_QUERIES_MAX);
    struct fake_ask *ask = &fake.asks[fake.asked++];
    *ask = (struct fake_ask){.key = key, .count = count, .done = done, .arg = arg};
    memcpy(ask->queries, queries, count * sizeof(*queries));
}

enum { FAKE_LANES = 2 };

size_t fr_store_lanes(const struct fr_store *store)
{
    return FAKE_LANES;
}

size_t fr_store_lane(const struct fr_store *store, uint64_t key)
{
    return key % FAKE_LANES;
}

/* The oldest question that has no answer yet. */
static inline struct fake_ask *fake_next(void)
{
    assert_true(fake.answered < fake.asked);
    return &fake.asks[fake.answered];
}

/* Answers it: the last of its statements with `result`, those before it with no rows. */
static inline void fake_answer(const struct fr_result *result)
{
    static struct fr_result none;
    struct fake_ask *ask = fake_next();
    struct fr_result *results[FAKE_QUERIES_MAX] = {&none, &none, &none, &none};
    struct fr_result copy = *result;
    results[ask->count - 1] = &copy;
    fake.answered++;
    ask->done(ask->arg, FR_OK, results, NULL);
}

/* As the server: with a SQLSTATE. */
static inline void fake_refuse(enum fr_status status, const char *sqlstate, const char *message)
{
    struct fake_ask *ask = fake_next();
    struct fr_error error = {0};
    fake.answered++;
    fr_error_set(&error, status, NULL, "%s", message);
    snprintf(error.sqlstate, sizeof error.sqlstate, "%s", sqlstate);
    ask->done(ask->arg, status, NULL, &error);
}

static inline void fake_fail(enum fr_status status, const char *message)
{
    fake_refuse(status, "", message);
}

static const struct fake_cell *fake_cell(const struct fr_result *result, int row, int column)
{
    assert_in_range(row, 0, result->rows - 1);
    assert_in_range(column, 0, FAKE_COLUMNS_MAX - 1);
    return &result->cells[row][column];
}

int fr_result_rows(const struct fr_result *result)
{
    return result->rows;
}

bool fr_result_is_null(const struct fr_result *result, int row, int column)
{
    return fake_cell(result, row, column)->null;
}

int64_t fr_result_i64(const struct fr_result *result, int row, int column)
{
    return fake_cell(result, row, column)->number;
}

bool fr_result_bool(const struct fr_result *result, int row, int column)
{
    return fake_cell(result, row, column)->number != 0;
}

struct fr_str fr_result_text(const struct fr_result *result, int row, int column)
{
    return fr_str_of(fake_cell(result, row, column)->text);
}

struct fr_str fr_result_bytes(const struct fr_result *result, int row, int column)
{
    const struct fake_cell *cell = fake_cell(result, row, column);
    return (struct fr_str){cell->text, cell->size};
}

int64_t fr_result_time_ms(const struct fr_result *result, int row, int column)
{
    return fake_cell(result, row, column)->number;
}

int32_t fr_result_date(const struct fr_result *result, int row, int column)
{
    return (int32_t)fake_cell(result, row, column)->number;
}

#endif
