/* params: values in PostgreSQL's binary form. Private to the store; knows nothing of libpq. */
#ifndef FR_STORE_PARAMS_H
#define FR_STORE_PARAMS_H

#include "store/statement.h"
#include "store/store.h"

/* Where the values of one statement lie in the buffer that they were encoded into. */
struct fr_encoded {
    enum fr_sql sql;
    size_t count;
    struct {
        size_t offset;
        int len; /* -1: NULL */
    } values[FR_PARAMS_MAX];
};

/* The values have the declared kinds and number, or FR_INTERNAL naming the statement and the first that has
 * not. */
FR_WARN_UNUSED enum fr_status fr_params_check(const struct fr_sql_statement *statement,
                                              const struct fr_param *params, size_t count,
                                              struct fr_error *error);
/* Appends the value without a length; not for FR_PARAM_NULL. The buffer's `full` tells when it did not fit.
 */
void fr_param_encode(struct fr_buf *out, const struct fr_param *param);
/* Checks and appends all values of `query`. FR_FULL past the buffer's maximum. */
FR_WARN_UNUSED enum fr_status fr_query_encode(struct fr_buf *out, const struct fr_query *query,
                                              struct fr_encoded *ret, struct fr_error *error);

/* ---- the other way ---- */
int16_t fr_decode_i16(const char *data);
int32_t fr_decode_i32(const char *data);
int64_t fr_decode_i64(const char *data);
int64_t fr_decode_time_ms(int64_t microseconds_since_2000);
/* Elements of an array of one dimension; 0 for anything else. */
size_t fr_decode_array_count(struct fr_str array);
/* The bytes of element `index`; empty for a NULL, past the end, and where the lengths within do not add up.
 */
struct fr_str fr_decode_array_item(struct fr_str array, size_t index);

/* Days and milliseconds from the Unix epoch to PostgreSQL's, 2000-01-01. */
#define FR_PG_EPOCH_DAYS 10957
#define FR_PG_EPOCH_MS INT64_C(946684800000)

enum fr_sql_oid {
    FR_OID_BOOLEAN = 16,
    FR_OID_BYTEA = 17,
    FR_OID_BIGINT = 20,
    FR_OID_SMALLINT = 21,
    FR_OID_INTEGER = 23,
    FR_OID_TEXT = 25,
    FR_OID_BYTEA_ARRAY = 1001,
    FR_OID_SMALLINT_ARRAY = 1005,
    FR_OID_TEXT_ARRAY = 1009,
    FR_OID_BIGINT_ARRAY = 1016,
    FR_OID_DATE = 1082,
    FR_OID_TIMESTAMPTZ = 1184,
};

#endif
