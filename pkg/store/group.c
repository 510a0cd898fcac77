#include <assert.h>
#include <stdlib.h>

#include "metrics/metrics.h"
#include "store/pipeline.h"

enum fr_status group_new(struct fr_buf *scratch, const struct fr_query *queries, size_t count,
                         struct fr_group **ret, struct fr_error *error)
{
    if (count == 0 || count > FR_STORE_STATEMENTS_MAX)
        return fr_error_set(error, FR_INTERNAL, NULL, "a group has 1 to %d statements, not %zu",
                            FR_STORE_STATEMENTS_MAX, count);
    struct fr_group *group = fr_alloc(sizeof *group + count * sizeof group->encoded[0]);
    for (size_t i = 0; i < count; i++) {
        enum fr_status status = fr_query_encode(scratch, &queries[i], &group->encoded[i], error);
        if (status != FR_OK) {
            free(group);
            return status;
        }
    }
    group->data = fr_alloc(scratch->len + 1);
    if (scratch->len > 0)
        memcpy(group->data, scratch->data, scratch->len);
    group->count = count;
    group->unit.group = group;
    link_init(&group->age);
    link_init(&group->place);
    link_init(&group->unit.link);
    *ret = group;
    return FR_OK;
}

void group_free(struct fr_group *group)
{
    group_rewind(group);
    free(group->data);
    free(group);
}

void group_rewind(struct fr_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        fr_result_free(group->results[i]);
        group->results[i] = NULL;
    }
    group->taken = 0;
    group->status = FR_OK;
    group->repeat = REPEAT_NEVER;
    group->error = (struct fr_error){0};
}

void group_fail(struct fr_group *group, enum fr_status status, const struct fr_error *error)
{
    if (group->status != FR_OK)
        return; /* the first reason is the reason */
    group->status = status;
    group->error = *error;
    group->error.status = status;
    fr_metric_add(FR_METRIC_STORE_ERRORS, 1);
}

/* A statement that failed. What a new plan would mend is for the connection to forget the plan of. */
static void take_failure(struct fr_group *group, const PGresult *result, enum fr_sql sql)
{
    struct connection *connection = group->connection;
    size_t i = group->taken < group->count ? group->taken : group->count - 1;
    struct fr_error error = {0};
    enum fr_status status = fr_pq_result_error(result, fr_sql_statements[sql].name, &error);
    enum group_repeat repeat = REPEAT_NEVER;
    bool unknown_plan = fr_pq_sqlstate_is(result, "26000");
    if (unknown_plan && connection->prepared[sql].error != NULL) {
        /* It was not prepared because that failed, which is what the caller wants to know. */
        error = *connection->prepared[sql].error;
        status = error.status;
    } else if (unknown_plan || fr_pq_sqlstate_is(result, "0A000")) {
        repeat = REPEAT_NOW;
        /* Groups behind were sent with the same plan and fail alike: only the first one forgets it. */
        if (connection->prepared[sql].sent && connection->prepared[sql].generation == group->generations[i]) {
            connection->prepared[sql].sent = false;
            connection->prepared[sql].generation++;
        }
    } else if (fr_pq_sqlstate_is(result, "40001") || fr_pq_sqlstate_is(result, "40P01")) {
        repeat = REPEAT_LATER;
    }
    group_fail(group, status, &error);
    group->repeat = repeat;
}

void group_take_result(struct fr_group *group, PGresult *result)
{
    /* A failure behind the last statement is the commit's. */
    size_t i = group->taken < group->count ? group->taken : group->count - 1;
    enum fr_sql sql = group->encoded[i].sql;
    if (fr_pq_is_error(result)) {
        if (group->status == FR_OK)
            take_failure(group, result, sql);
    } else if (group->taken < group->count) {
        struct fr_error error = {0};
        fr_metric_add(FR_METRIC_STORE_STATEMENTS, 1);
        enum fr_status status = fr_result_wrap(result, sql, &group->results[i], &error);
        if (status == FR_OK)
            result = NULL;
        else
            group_fail(group, status, &error);
    }
    group->taken++;
    PQclear(result);
}
