/* For h2o/http2_internal.h alone, which includes a header that its package does not have. The tables are the
 * library's; we never look into one, so that an opaque type is enough. */
#ifndef FR_HTTP_SHIM_KHASH_H
#define FR_HTTP_SHIM_KHASH_H

typedef unsigned khiter_t;

#define KHASH_MAP_INIT_INT64(name, type) typedef struct fr_shim_##name fr_shim_##name##_t;
#define khash_t(name) fr_shim_##name##_t
#define kh_get(name, table, key) ((khiter_t)0)
#define kh_end(table) ((khiter_t)0)
#define kh_val(table, at) NULL

#endif
