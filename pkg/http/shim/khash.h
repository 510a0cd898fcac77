/* What h2o/http2_internal.h wants of a header that the distribution does not package with it: the layout of
 * the table in which libh2o 2.2.5 keeps a connection's streams. It is read only; libh2o's own code makes and
 * changes it.  */
#ifndef FR_HTTP_SHIM_KHASH_H
#define FR_HTTP_SHIM_KHASH_H

#include <stdint.h>

typedef uint32_t khiter_t;

#define khash_t(name) struct kh_##name
#define kh_end(table) ((table)->n_buckets)
#define kh_val(table, at) ((table)->vals[at])
/* Two bits for each place: empty, deleted. */
#define kh_exist(table, at) ((((table)->flags[(at) >> 4] >> (((at)&15U) << 1)) & 3U) == 0)
#define kh_get(name, table, key) kh_get_##name(table, key)

#define KHASH_MAP_INIT_INT64(name, type)                                              \
    struct kh_##name {                                                                \
        uint32_t n_buckets, size, n_occupied, upper_bound;                            \
        uint32_t *flags;                                                              \
        uint64_t *keys;                                                               \
        type *vals;                                                                   \
    };                                                                                \
    /* A table has 256 places at most: no need to know how it hashes. */              \
    static inline khiter_t kh_get_##name(const struct kh_##name *table, uint64_t key) \
    {                                                                                 \
        for (khiter_t at = 0; at < table->n_buckets; at++) {                          \
            if (kh_exist(table, at) && table->keys[at] == key)                        \
                return at;                                                            \
        }                                                                             \
        return table->n_buckets;                                                      \
    }

#endif
