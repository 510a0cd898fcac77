#include "timeline/lag.h"

#include <stdlib.h>

#include "store/store.h"

struct ask {
    fr_lag_fn done;
    void *arg;
};

enum { COL_PARTITION, COL_PENDING, COL_COMMITTED, COL_OLDEST_MS };

/* Partitions in which nothing waits have no row. */
static void on_rows(void *arg, enum fr_status status, struct fr_result *const *results,
                    const struct fr_error *error)
{
    struct ask *ask = arg;
    struct fr_lag lag = {0};
    for (int row = 0; status == FR_OK && row < fr_result_rows(results[0]); row++) {
        int64_t oldest_ms = fr_result_i64(results[0], row, COL_OLDEST_MS);
        lag.partitions[fr_result_i64(results[0], row, COL_PARTITION)] = (struct fr_partition_lag){
            .pending = fr_result_i64(results[0], row, COL_PENDING),
            .committed = fr_result_i64(results[0], row, COL_COMMITTED),
            .oldest_ms = oldest_ms > 0 ? oldest_ms : 0, /* the database's clock may have gone back */
        };
    }
    ask->done(ask->arg, status, status == FR_OK ? &lag : NULL, error);
    free(ask);
}

void fr_lag_read(struct fr_store *store, fr_lag_fn done, void *arg)
{
    int16_t partitions[FR_AUTHOR_PARTITIONS];
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        partitions[p] = (int16_t)p;
    struct ask *ask = FR_NEW(struct ask);
    *ask = (struct ask){done, arg};
    struct fr_query query = FR_QUERY(FR_SQL_OUTBOX_MEASURE, FR_P_I16S(partitions, FR_AUTHOR_PARTITIONS));
    fr_store_ask(store, 0, &query, 1, on_rows, ask);
}
