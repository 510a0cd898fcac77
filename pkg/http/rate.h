/* Token buckets in a table of bounded size, for any number of threads without a lock. Pure: the caller brings
 * the clock.
 *
 * A bucket holds `burst` tokens and gets one back each `interval_ns`. It is one number, the time when it will
 * be full (the theoretical arrival time of the generic cell rate algorithm, ITU-T I.371), so an update is one
 * atomic exchange, and a bucket that is full again is the same as one that was never there.
 *
 * Where no place is left among those that a key may have, the bucket that is nearest to full gives way: who
 * was limited stays limited, and somebody with little debt is forgiven it. Keys that meet in one hash share a
 * bucket; the hash is salted.
 */
#ifndef FR_HTTP_RATE_H
#define FR_HTTP_RATE_H

#include "base/base.h"

struct fr_bucket_rule {
    int64_t interval_ns; /* from 1 */
    int64_t burst;       /* from 1 */
};

struct fr_bucket_state {
    bool allowed;
    int64_t remaining; /* tokens, after this take */
    int64_t retry_ns;  /* when the same take may succeed, from now; 0 if it did */
    int64_t full_ns;   /* when the bucket is full, from now */
};

/* `count` tokens in `per_ms`, and so many at once. */
struct fr_bucket_rule fr_bucket_rule_of(int64_t count, int64_t per_ms, int64_t burst);

/* One bucket alone, of one thread; `*full_at_ns` starts at 0. A price above `burst` is `burst`. */
struct fr_bucket_state fr_bucket_take(int64_t *full_at_ns, const struct fr_bucket_rule *rule, int64_t price,
                                      int64_t now_ns);

struct fr_rate_table;

/* Of at least `buckets`, 16 bytes each. */
struct fr_rate_table *fr_rate_table_new(size_t buckets);
void fr_rate_table_free(struct fr_rate_table *table);

/* What a bucket is found by. `kind` keeps apart what is counted in one table. */
uint64_t fr_rate_key(const struct fr_rate_table *table, int kind, int64_t id, const void *bytes, size_t len);

/* Any thread, all of these. A take that is refused takes nothing. */
struct fr_bucket_state fr_rate_take(struct fr_rate_table *table, uint64_t key,
                                    const struct fr_bucket_rule *rule, int64_t price, int64_t now_ns);
/* Gives back what was taken. */
void fr_rate_give_back(struct fr_rate_table *table, uint64_t key, const struct fr_bucket_rule *rule,
                       int64_t price);
/* The bucket is full again. */
void fr_rate_reset(struct fr_rate_table *table, uint64_t key);
/* Marks: a key that is remembered until `until_ns`. */
void fr_rate_mark(struct fr_rate_table *table, uint64_t key, int64_t until_ns);
bool fr_rate_is_marked(struct fr_rate_table *table, uint64_t key, int64_t now_ns);

#endif
