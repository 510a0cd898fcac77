#include "metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"

static char *exposition(void)
{
    struct fr_buf out;
    fr_buf_init(&out, FR_METRICS_EXPOSITION_MAX);
    fr_metrics_expose(&out);
    fr_buf_append(&out, "", 0);
    assert_int_equal(fr_buf_status(&out), FR_OK);
    return fr_buf_detach(&out, NULL);
}

static void assert_exposed(const char *line, bool yes)
{
    char *text = exposition();
    if ((strstr(text, line) != NULL) != yes)
        fail_msg("expected %s%s in:\n%s", yes ? "" : "no ", line, text);
    free(text);
}

/* Runs first: the values are the process's. */
static void nothing_before_the_first_update(void **state)
{
    char *text = exposition();
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_RECONNECTS), 0);
    assert_exposed("freshet_bus_reconnects_total", false); /* reading is no update */
}

static void counters_and_gauges(void **state)
{
    fr_metric_add(FR_METRIC_BUS_RECONNECTS, 2);
    fr_metric_add(FR_METRIC_BUS_RECONNECTS, 3);
    assert_int_equal(fr_metric_get(FR_METRIC_BUS_RECONNECTS), 5);
    assert_exposed("# HELP freshet_bus_reconnects_total Times the NATS connection came back.\n"
                   "# TYPE freshet_bus_reconnects_total counter\nfreshet_bus_reconnects_total 5\n",
                   true);
    fr_metric_set(FR_METRIC_CONNECTIONS, 7);
    fr_metric_add(FR_METRIC_CONNECTIONS, -3);
    assert_int_equal(fr_metric_get(FR_METRIC_CONNECTIONS), 4);
    assert_exposed("# TYPE freshet_connections gauge\nfreshet_connections 4\n", true);
    /* A gauge set to zero is shown: zero is what it is. */
    fr_metric_set(FR_METRIC_STORE_QUEUED, 0);
    assert_exposed("freshet_store_queued 0\n", true);
    assert_exposed("freshet_live_frames_total", false);
}

static void histograms(void **state)
{
    static const double seconds[] = {0, -5, 0.0005, 0.00051, 0.3, 30, 31, 1e300, INFINITY};
    for (size_t i = 0; i < FR_COUNT_OF(seconds); i++)
        fr_metric_observe(FR_METRIC_HTTP_SECONDS, seconds[i]);
    fr_metric_observe(FR_METRIC_HTTP_SECONDS, NAN);
    assert_int_equal(fr_metric_get(FR_METRIC_HTTP_SECONDS), FR_COUNT_OF(seconds));
    assert_exposed("# TYPE freshet_http_request_seconds histogram\n"
                   "freshet_http_request_seconds_bucket{le=\"0.0005\"} 3\n"
                   "freshet_http_request_seconds_bucket{le=\"0.001\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.0025\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.005\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.01\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.025\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.05\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.1\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.25\"} 4\n"
                   "freshet_http_request_seconds_bucket{le=\"0.5\"} 5\n"
                   "freshet_http_request_seconds_bucket{le=\"1\"} 5\n"
                   "freshet_http_request_seconds_bucket{le=\"2.5\"} 5\n"
                   "freshet_http_request_seconds_bucket{le=\"5\"} 5\n"
                   "freshet_http_request_seconds_bucket{le=\"10\"} 5\n"
                   "freshet_http_request_seconds_bucket{le=\"30\"} 6\n"
                   "freshet_http_request_seconds_bucket{le=\"+Inf\"} 9\n"
                   "freshet_http_request_seconds_sum 172861.301010000\n"
                   "freshet_http_request_seconds_count 9\n",
                   true);
}

enum { EACH = 10000 };

static void *count(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        fr_metric_add(FR_METRIC_FEED_ROWS, 1);
        fr_metric_observe(FR_METRIC_ACCEPTED_TO_COMMITTED, 0.001);
    }
    return NULL;
}

static void no_update_of_two_threads_is_lost(void **state)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fr_metric_get(FR_METRIC_FEED_ROWS), 2 * EACH);
    assert_int_equal(fr_metric_get(FR_METRIC_ACCEPTED_TO_COMMITTED), 2 * EACH);
    assert_exposed("freshet_accepted_to_committed_seconds_sum 20.000000000\n", true);
}

/* Last of those that look: from then on the process's own are in every exposition. */
static void a_service_tells_of_its_process(void **state)
{
    assert_exposed("freshet_memory_bytes", false);
    fr_metrics_begin(1767323045);
    assert_exposed("freshet_started_seconds 1767323045\n", true);
    assert_exposed("# TYPE freshet_memory_bytes gauge\nfreshet_memory_bytes ", true);
    /* More than this program's code, less than any machine's. */
    assert_in_range(fr_metric_get(FR_METRIC_MEMORY), 100000, INT64_C(1) << 40);
}

/* The naming rules of Prometheus, over the whole table. */
static void names_follow_the_rules(void **state)
{
#define FR_COUNTER(id, name, help) {name, "_total", help},
#define FR_GAUGE(id, name, help) {name, "", help},
#define FR_HISTOGRAM(id, name, help) {name, "_seconds", help},
#define FR_COUNTER_BY(id, name, label, count, texts, help) {name, "_total", help},
#define FR_GAUGE_BY(id, name, label, count, texts, help) {name, "", help},
    static const struct {
        const char *name, *ending, *comment;
    } rows[] = {
#include "metrics/metrics.def"
    };
    assert_int_equal(FR_COUNT_OF(rows), FR_METRIC_COUNT);
    FR_FOR_ROWS(row, rows)
    {
        struct fr_str name = fr_str_of(row->name), ending = fr_str_of(row->ending);
        FR_ASSERT_ROW(row, fr_str_starts_with(name, FR_STR("freshet_")));
        FR_ASSERT_ROW(row,
                      name.len > ending.len && strcmp(row->name + name.len - ending.len, row->ending) == 0);
        FR_ASSERT_ROW(row, strspn(row->name, "abcdefghijklmnopqrstuvwxyz_") == name.len);
        FR_ASSERT_ROW(row, row->ending[0] != '\0' || strstr(row->name, "_total") == NULL);
        FR_ASSERT_ROW(row, row->comment[strlen(row->comment) - 1] == '.');
        for (size_t i = 0; i < row_i; i++)
            FR_ASSERT_ROW(row, strcmp(rows[i].name, row->name) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_before_the_first_update),
        cmocka_unit_test(counters_and_gauges),
        cmocka_unit_test(histograms),
        cmocka_unit_test(no_update_of_two_threads_is_lost),
        cmocka_unit_test(a_service_tells_of_its_process),
        cmocka_unit_test(names_follow_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
