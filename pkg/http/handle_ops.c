/* GET /ops/metrics: what the operations page draws. The gateway's own metrics, as its admin listener has
 * them, and what waits in the database, of which every materializer knows but a part. */
#include "http/http_internal.h"

#include "config/config.h"
#include "http/lag_reader.h"
#include "metrics/metrics.h"

enum { LAG_TEXT_MAX = 8192 };

static void put_head(struct fr_buf *out, const char *name, const char *help)
{
    fr_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void put_count(struct fr_buf *out, const char *name, int partition, int64_t count)
{
    fr_buf_printf(out, "%s{partition=\"%d\"} %lld\n", name, partition, (long long)count);
}

/* These have names of their own: whoever sums up what the materializers say of their parts must not find the
 * whole among them. */
static void put_lag(struct fr_buf *out, const struct fr_lag *lag)
{
    static const char pending[] = "freshet_partition_pending", committed[] = "freshet_partition_committed",
                      oldest[] = "freshet_partition_oldest_seconds";
    put_head(out, pending, "Outbox events of the partition to be brought into feeds.");
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        put_count(out, pending, p, lag->partitions[p].pending);
    put_head(out, committed, "Outbox events of the partition in feeds, live messages not all acked.");
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        put_count(out, committed, p, lag->partitions[p].committed);
    put_head(out, oldest, "Age of the oldest of both; 0 for none.");
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        fr_buf_printf(out, "%s{partition=\"%d\"} %.3f\n", oldest, p,
                      (double)lag->partitions[p].oldest_ms / 1e3);
}

static void put_reading(struct fr_buf *out, const struct fr_lag_reading *reading)
{
    static const char read[] = "freshet_partition_lag_read", age[] = "freshet_partition_lag_age_seconds";
    put_head(
        out, read,
        "1: what waits in the partitions was read in the database; 0: it could not be, and is left out.");
    fr_buf_printf(out, "%s %d\n", read, reading->good ? 1 : 0);
    if (!reading->good)
        return;
    put_head(out, age, "Time since it was read.");
    fr_buf_printf(out, "%s %.3f\n", age, (double)(fr_clock_monotonic_ms() - reading->asked_ms) / 1e3);
    put_lag(out, &reading->lag);
}

static void on_lag(struct fr_call *call, const struct fr_lag_reading *reading)
{
    struct fr_buf body;
    fr_buf_init(&body, FR_METRICS_EXPOSITION_MAX + LAG_TEXT_MAX);
    fr_metrics_expose(&body);
    put_reading(&body, reading);
    fr_call_answer(call, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

void fr_handle_ops_metrics(struct fr_call *call)
{
    struct fr_str expected = fr_str_of(fr_call_loop(call)->settings->admin_token), token;
    if (expected.len == 0)
        fr_call_problem(call, FR_PROBLEM_UNKNOWN_PATH, NULL, NULL);
    else if (!fr_call_bearer(call, &token) || !fr_auth_same_secret(token, expected))
        fr_call_problem(call, FR_PROBLEM_UNAUTHENTICATED, NULL, "The admin token is needed.");
    else
        fr_call_read_lag(call, on_lag);
}
