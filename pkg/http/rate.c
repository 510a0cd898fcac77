#include "http/rate.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

enum { WAYS = 8 };

/* A race may forget or double one take, never more: whoever needs exact numbers does not want a rate. */
struct bucket {
    _Atomic uint64_t key; /* 0: never used */
    _Atomic int64_t full_at_ns;
};

struct fr_rate_table {
    uint64_t salt;
    size_t sets; /* a power of two */
    struct bucket buckets[];
};

/* ---- one bucket ---- */

struct fr_bucket_rule fr_bucket_rule_of(int64_t count, int64_t per_ms, int64_t burst)
{
    int64_t interval_ns = per_ms * 1000000 / count;
    return (struct fr_bucket_rule){interval_ns > 0 ? interval_ns : 1, burst};
}

static struct fr_bucket_state look(int64_t full_at_ns, const struct fr_bucket_rule *rule, int64_t price,
                                   int64_t now_ns, int64_t *ret_full_at_ns)
{
    int64_t from = full_at_ns > now_ns ? full_at_ns : now_ns;
    int64_t depth = rule->burst * rule->interval_ns;
    int64_t after = from + (price < rule->burst ? price : rule->burst) * rule->interval_ns;
    struct fr_bucket_state state = {.allowed = after - now_ns <= depth};
    if (!state.allowed)
        state.retry_ns = after - now_ns - depth;
    *ret_full_at_ns = state.allowed ? after : from;
    state.full_ns = *ret_full_at_ns - now_ns;
    state.remaining = state.full_ns < depth ? (depth - state.full_ns) / rule->interval_ns : 0;
    return state;
}

struct fr_bucket_state fr_bucket_take(int64_t *full_at_ns, const struct fr_bucket_rule *rule, int64_t price,
                                      int64_t now_ns)
{
    return look(*full_at_ns, rule, price, now_ns, full_at_ns);
}

/* ---- the table ---- */

struct fr_rate_table *fr_rate_table_new(size_t buckets)
{
    size_t sets = 1;
    while (sets * WAYS < buckets)
        sets *= 2;
    struct fr_rate_table *table = fr_alloc(sizeof *table + sets * WAYS * sizeof table->buckets[0]);
    table->sets = sets;
    if (getrandom(&table->salt, sizeof table->salt, GRND_NONBLOCK) != (ssize_t)sizeof table->salt)
        table->salt = (uint64_t)fr_clock_monotonic_ns();
    return table;
}

void fr_rate_table_free(struct fr_rate_table *table)
{
    free(table);
}

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

uint64_t fr_rate_key(const struct fr_rate_table *table, int kind, int64_t id, const void *bytes, size_t len)
{
    uint64_t hash = mix(table->salt + (uint64_t)kind + 1);
    hash = mix(hash ^ (uint64_t)id);
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, (const char *)bytes + at, len - at < sizeof word ? len - at : sizeof word);
        hash = mix((hash + table->salt) ^ word);
    }
    return hash != 0 ? hash : 1;
}

static struct bucket *find(struct fr_rate_table *table, uint64_t key)
{
    struct bucket *set = &table->buckets[(key & (table->sets - 1)) * WAYS];
    for (int i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&set[i].key, memory_order_relaxed) == key)
            return &set[i];
    }
    return NULL;
}

static struct bucket *find_or_make(struct fr_rate_table *table, uint64_t key)
{
    struct bucket *set = &table->buckets[(key & (table->sets - 1)) * WAYS];
    for (;;) {
        struct bucket *found = find(table, key), *fullest = &set[0];
        if (found != NULL)
            return found;
        for (int i = 1; i < WAYS; i++) {
            if (atomic_load_explicit(&set[i].full_at_ns, memory_order_relaxed) <
                atomic_load_explicit(&fullest->full_at_ns, memory_order_relaxed))
                fullest = &set[i];
        }
        uint64_t before = atomic_load_explicit(&fullest->key, memory_order_relaxed);
        /* First full, then ours: nobody inherits a debt. */
        atomic_store_explicit(&fullest->full_at_ns, 0, memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(&fullest->key, &before, key, memory_order_relaxed,
                                                    memory_order_relaxed))
            return fullest;
    }
}

struct fr_bucket_state fr_rate_take(struct fr_rate_table *table, uint64_t key,
                                    const struct fr_bucket_rule *rule, int64_t price, int64_t now_ns)
{
    struct bucket *bucket = find_or_make(table, key);
    int64_t before = atomic_load_explicit(&bucket->full_at_ns, memory_order_relaxed), after;
    struct fr_bucket_state state;
    do {
        state = look(before, rule, price, now_ns, &after);
    } while (state.allowed &&
             !atomic_compare_exchange_weak_explicit(&bucket->full_at_ns, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return state;
}

void fr_rate_give_back(struct fr_rate_table *table, uint64_t key, const struct fr_bucket_rule *rule,
                       int64_t price)
{
    struct bucket *bucket = find(table, key);
    if (bucket != NULL)
        atomic_fetch_sub_explicit(&bucket->full_at_ns,
                                  (price < rule->burst ? price : rule->burst) * rule->interval_ns,
                                  memory_order_relaxed);
}

void fr_rate_reset(struct fr_rate_table *table, uint64_t key)
{
    struct bucket *bucket = find(table, key);
    if (bucket != NULL)
        atomic_store_explicit(&bucket->full_at_ns, 0, memory_order_relaxed);
}

void fr_rate_mark(struct fr_rate_table *table, uint64_t key, int64_t until_ns)
{
    atomic_store_explicit(&find_or_make(table, key)->full_at_ns, until_ns, memory_order_relaxed);
}

bool fr_rate_is_marked(struct fr_rate_table *table, uint64_t key, int64_t now_ns)
{
    struct bucket *bucket = find(table, key);
    return bucket != NULL && atomic_load_explicit(&bucket->full_at_ns, memory_order_relaxed) > now_ns;
}
