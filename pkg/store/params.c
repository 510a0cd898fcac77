#include "store/params.h"

#include <assert.h>
#include <endian.h>

static const struct {
    unsigned oid;
    const char *name;
} kinds[] = {
    [FR_PARAM_NULL] = {0, "null"},
    [FR_PARAM_I16] = {FR_OID_SMALLINT, "smallint"},
    [FR_PARAM_I32] = {FR_OID_INTEGER, "integer"},
    [FR_PARAM_I64] = {FR_OID_BIGINT, "bigint"},
    [FR_PARAM_BOOL] = {FR_OID_BOOLEAN, "boolean"},
    [FR_PARAM_TEXT] = {FR_OID_TEXT, "text"},
    [FR_PARAM_DATE] = {FR_OID_DATE, "date"},
    [FR_PARAM_I64_ARRAY] = {FR_OID_BIGINT_ARRAY, "bigint[]"},
    [FR_PARAM_I16_ARRAY] = {FR_OID_SMALLINT_ARRAY, "smallint[]"},
    [FR_PARAM_TEXT_ARRAY] = {FR_OID_TEXT_ARRAY, "text[]"},
    [FR_PARAM_TIME_MS] = {FR_OID_TIMESTAMPTZ, "timestamptz"},
    [FR_PARAM_BYTES] = {FR_OID_BYTEA, "bytea"},
    [FR_PARAM_BYTES_ARRAY] = {FR_OID_BYTEA_ARRAY, "bytea[]"},
};
_Static_assert(FR_COUNT_OF(kinds) == FR_PARAM_KINDS, "one row for each enum fr_param_kind");

/* Days and milliseconds that the server's types can hold are far wider than what fits after the shift of
 * epoch; these bounds keep the arithmetic from overflowing. Years 1 to 9999 lie well within. */
#define DATE_LIMIT INT64_C(100000000)
#define TIME_LIMIT_MS INT64_C(4000000000000000)

static bool value_in_range(const struct fr_param *param)
{
    switch (param->kind) {
    case FR_PARAM_I16:
        return param->i64 >= INT16_MIN && param->i64 <= INT16_MAX;
    case FR_PARAM_I32:
        return param->i64 >= INT32_MIN && param->i64 <= INT32_MAX;
    case FR_PARAM_DATE:
        return param->i64 >= -DATE_LIMIT && param->i64 <= DATE_LIMIT;
    case FR_PARAM_TIME_MS:
        return param->i64 >= -TIME_LIMIT_MS && param->i64 <= TIME_LIMIT_MS;
    case FR_PARAM_NULL:
    case FR_PARAM_I64:
    case FR_PARAM_BOOL:
    case FR_PARAM_TEXT:
    case FR_PARAM_I64_ARRAY:
    case FR_PARAM_I16_ARRAY:
    case FR_PARAM_TEXT_ARRAY:
    case FR_PARAM_BYTES:
    case FR_PARAM_BYTES_ARRAY:
        return true;
    }
    return false;
}

enum fr_status fr_params_check(const struct fr_sql_statement *statement, const struct fr_param *params,
                               size_t count, struct fr_error *error)
{
    if (count != statement->param_count)
        return fr_error_set(error, FR_INTERNAL, NULL, "%s: %zu parameters given, %zu declared",
                            statement->name, count, statement->param_count);
    for (size_t i = 0; i < count; i++) {
        const struct fr_sql_column *declared = &statement->params[i];
        if (params[i].kind == FR_PARAM_NULL)
            continue;
        if ((unsigned)params[i].kind >= FR_PARAM_KINDS || kinds[params[i].kind].oid != declared->oid)
            return fr_error_set(
                error, FR_INTERNAL, declared->name, "%s: parameter %zu, %s, is declared %s, given %s",
                statement->name, i + 1, declared->name, declared->type,
                (unsigned)params[i].kind < FR_PARAM_KINDS ? kinds[params[i].kind].name : "nonsense");
        if (!value_in_range(&params[i]))
            return fr_error_set(error, FR_INTERNAL, declared->name,
                                "%s: parameter %zu, %s, is out of range of %s", statement->name, i + 1,
                                declared->name, declared->type);
    }
    return FR_OK;
}

static void put_i16(struct fr_buf *out, int16_t value)
{
    uint16_t wire = htobe16((uint16_t)value);
    fr_buf_append(out, &wire, sizeof wire);
}

static void put_i32(struct fr_buf *out, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    fr_buf_append(out, &wire, sizeof wire);
}

static void put_i64(struct fr_buf *out, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    fr_buf_append(out, &wire, sizeof wire);
}

/* array_recv() of the server: dimensions, a flag for NULLs, the element's type, then length and lower bound
 * of the one dimension; an empty array has none. */
static void put_array_head(struct fr_buf *out, enum fr_sql_oid element, size_t count)
{
    put_i32(out, count > 0 ? 1 : 0);
    put_i32(out, 0);
    put_i32(out, (int32_t)element);
    if (count > INT32_MAX) {
        out->full = true;
    } else if (count > 0) {
        put_i32(out, (int32_t)count);
        put_i32(out, 1);
    }
}

static void put_text(struct fr_buf *out, struct fr_str text)
{
    if (text.len > 0)
        fr_buf_append(out, text.data, text.len);
}

void fr_param_encode(struct fr_buf *out, const struct fr_param *param)
{
    switch (param->kind) {
    case FR_PARAM_NULL:
        assert(!"a NULL has no value to encode");
        return;
    case FR_PARAM_I16:
        put_i16(out, (int16_t)param->i64);
        return;
    case FR_PARAM_I32:
        put_i32(out, (int32_t)param->i64);
        return;
    case FR_PARAM_I64:
        put_i64(out, param->i64);
        return;
    case FR_PARAM_BOOL:
        fr_buf_append_char(out, param->i64 != 0);
        return;
    case FR_PARAM_TEXT:
    case FR_PARAM_BYTES:
        put_text(out, param->text);
        return;
    case FR_PARAM_DATE:
        put_i32(out, (int32_t)(param->i64 - FR_PG_EPOCH_DAYS));
        return;
    case FR_PARAM_TIME_MS:
        put_i64(out, (param->i64 - FR_PG_EPOCH_MS) * 1000);
        return;
    case FR_PARAM_I64_ARRAY:
        put_array_head(out, FR_OID_BIGINT, param->i64s.count);
        for (size_t i = 0; i < param->i64s.count && !out->full; i++) {
            put_i32(out, sizeof(int64_t));
            put_i64(out, param->i64s.items[i]);
        }
        return;
    case FR_PARAM_I16_ARRAY:
        put_array_head(out, FR_OID_SMALLINT, param->i16s.count);
        for (size_t i = 0; i < param->i16s.count && !out->full; i++) {
            put_i32(out, sizeof(int16_t));
            put_i16(out, param->i16s.items[i]);
        }
        return;
    case FR_PARAM_TEXT_ARRAY:
    case FR_PARAM_BYTES_ARRAY:
        put_array_head(out, param->kind == FR_PARAM_TEXT_ARRAY ? FR_OID_TEXT : FR_OID_BYTEA,
                       param->texts.count);
        for (size_t i = 0; i < param->texts.count && !out->full; i++) {
            if (param->texts.items[i].len > INT32_MAX) {
                out->full = true;
                return;
            }
            put_i32(out, (int32_t)param->texts.items[i].len);
            put_text(out, param->texts.items[i]);
        }
        return;
    }
}

enum fr_status fr_query_encode(struct fr_buf *out, const struct fr_query *query, struct fr_encoded *ret,
                               struct fr_error *error)
{
    if ((unsigned)query->sql >= FR_SQL_COUNT || query->param_count > FR_PARAMS_MAX)
        return fr_error_set(error, FR_INTERNAL, NULL, "statement %d with %zu parameters does not exist",
                            (int)query->sql, query->param_count);
    const struct fr_sql_statement *statement = &fr_sql_statements[query->sql];
    if (statement->is_copy)
        return fr_error_set(error, FR_INTERNAL, NULL, "%s is a COPY, not a query", statement->name);
    enum fr_status status = fr_params_check(statement, query->params, query->param_count, error);
    if (status != FR_OK)
        return status;
    struct fr_encoded encoded = {.sql = query->sql, .count = query->param_count};
    for (size_t i = 0; i < query->param_count; i++) {
        size_t start = out->len;
        encoded.values[i].offset = start;
        encoded.values[i].len = -1;
        if (query->params[i].kind == FR_PARAM_NULL)
            continue;
        fr_param_encode(out, &query->params[i]);
        if (fr_buf_status(out) != FR_OK)
            return fr_error_set(error, FR_FULL, statement->params[i].name,
                                "%s: the parameters take more than %zu bytes", statement->name, out->max);
        encoded.values[i].len = (int)(out->len - start);
    }
    *ret = encoded;
    return FR_OK;
}

int16_t fr_decode_i16(const char *data)
{
    uint16_t wire;
    memcpy(&wire, data, sizeof wire);
    return (int16_t)be16toh(wire);
}

int32_t fr_decode_i32(const char *data)
{
    uint32_t wire;
    memcpy(&wire, data, sizeof wire);
    return (int32_t)be32toh(wire);
}

int64_t fr_decode_i64(const char *data)
{
    uint64_t wire;
    memcpy(&wire, data, sizeof wire);
    return (int64_t)be64toh(wire);
}

int64_t fr_decode_time_ms(int64_t us)
{
    if (us == INT64_MAX || us == INT64_MIN)
        return us;
    int64_t ms = us / 1000;
    if (us % 1000 < 0)
        ms--;
    return ms + FR_PG_EPOCH_MS;
}

/* Dimensions, flag and element type; then length and lower bound of each dimension. */
enum { ARRAY_HEAD = 12, ARRAY_DIMENSION = 8 };

size_t fr_decode_array_count(struct fr_str array)
{
    if (array.len < ARRAY_HEAD + ARRAY_DIMENSION || fr_decode_i32(array.data) != 1)
        return 0;
    int32_t count = fr_decode_i32(array.data + ARRAY_HEAD);
    return count > 0 ? (size_t)count : 0;
}

/* Walks: arrays are short, and their elements have no index. */
struct fr_str fr_decode_array_item(struct fr_str array, size_t index)
{
    if (index >= fr_decode_array_count(array))
        return FR_STR_NONE;
    struct fr_str rest = {array.data + ARRAY_HEAD + ARRAY_DIMENSION,
                          array.len - ARRAY_HEAD - ARRAY_DIMENSION};
    for (size_t i = 0; rest.len >= 4; i++) {
        int32_t wire = fr_decode_i32(rest.data);
        size_t len = wire > 0 ? (size_t)wire : 0;
        if (rest.len - 4 < len)
            break;
        if (i == index)
            return (struct fr_str){rest.data + 4, len};
        rest = (struct fr_str){rest.data + 4 + len, rest.len - 4 - len};
    }
    return FR_STR_NONE;
}
