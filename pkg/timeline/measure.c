#include "timeline/measure.h"

#include "metrics/metrics.h"
#include "store/store.h"

/* Counting walks over the events that wait, which after a long outage are many: it is done so seldom that it
 * takes no more than a fiftieth of the worker's time. */
#define INTERVAL_MS 5000
#define TIME_SHARE 50

static void show(int partition, int64_t pending, int64_t committed, int64_t oldest_ms)
{
    fr_metric_set_by(FR_METRIC_OUTBOX_PENDING, partition, pending);
    fr_metric_set_by(FR_METRIC_OUTBOX_COMMITTED, partition, committed);
    fr_metric_set_by(FR_METRIC_OUTBOX_OLDEST, partition, oldest_ms / 1000);
}

static void hide(struct fr_measure *measure, unsigned partitions)
{
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if ((measure->shown & partitions & 1U << p) != 0)
            show(p, 0, 0, 0);
    measure->shown &= ~partitions;
}

void fr_measure_clear(struct fr_measure *measure)
{
    hide(measure, ~0U);
    measure->due_ms = 0;
}

enum fr_status fr_measure_step(struct fr_measure *measure, struct fr_session *session, unsigned owned,
                               struct fr_error *error)
{
    int64_t began_ms = fr_clock_monotonic_ms(), took_ms;
    int16_t partitions[FR_AUTHOR_PARTITIONS];
    size_t count = 0;
    unsigned found = 0;
    struct fr_query query;
    struct fr_result *rows = NULL;
    enum fr_status status;

    hide(measure, ~owned);
    if (owned == 0 || began_ms < measure->due_ms)
        return FR_OK;
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if ((owned & 1U << p) != 0)
            partitions[count++] = (int16_t)p;
    query = FR_QUERY(FR_SQL_OUTBOX_MEASURE, FR_P_I16S(partitions, count));
    status = fr_session_query(session, &query, &rows, error);
    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++) {
        int p = (int)fr_result_i64(rows, row, 0);
        found |= 1U << p;
        show(p, fr_result_i64(rows, row, 1), fr_result_i64(rows, row, 2), fr_result_i64(rows, row, 3));
    }
    fr_result_free(rows);
    measure->shown |= found;
    hide(measure, ~found);
    took_ms = fr_clock_monotonic_ms() - began_ms;
    measure->due_ms = began_ms + (took_ms * TIME_SHARE > INTERVAL_MS ? took_ms * TIME_SHARE : INTERVAL_MS);
    return FR_OK;
}
