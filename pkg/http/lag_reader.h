/* The lag of every partition, for GET /ops/metrics: read in the database at most once a second for all who
 * ask, on whichever loop, and less often when counting takes long.
 *
 * The first loop reads, over a connection of its own, so that a long count holds up nobody's calls. A loop on
 * which somebody asks, and whose last reading is too old, tells the first by mail; what it read, or that it
 * could not, goes to all loops by mail. Each side belongs to its loop's thread. */
#ifndef FR_HTTP_LAG_READER_H
#define FR_HTTP_LAG_READER_H

#include "timeline/lag.h"

struct fr_call;
struct fr_http_loop;

struct fr_lag_reading {
    struct fr_lag lag;
    bool good;            /* false: it could not be read, and `lag` says nothing */
    int64_t asked_ms;     /* monotonic: the database was asked then */
    int64_t good_till_ms; /* monotonic: not before then will it be asked again */
};

typedef void (*fr_lag_told_fn)(struct fr_call *call, const struct fr_lag_reading *reading);

/* `told` is called once, at once or later, and answers the call; at the loop's end at the latest. Not without
 * an admin token. */
void fr_call_read_lag(struct fr_call *call, fr_lag_told_fn told);

/* ---- a loop's side ---- */
struct fr_lag_view;
struct fr_lag_view *fr_lag_view_new(void);
/* Tells who still waits that nothing could be read. */
void fr_lag_view_free(struct fr_lag_view *view);

/* ---- the first loop's ---- */
struct fr_lag_reader;
struct fr_lag_reader *fr_lag_reader_new(struct fr_http_loop *home);
/* NULL is fine. */
void fr_lag_reader_free(struct fr_lag_reader *reader);

#endif
