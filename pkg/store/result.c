#include <assert.h>
#include <stdlib.h>

#include "store/pq.h"

struct fr_result {
    PGresult *pg;
    const struct fr_sql_statement *statement;
};

enum fr_status fr_result_wrap(PGresult *pg, enum fr_sql sql, struct fr_result **ret, struct fr_error *error)
{
    const struct fr_sql_statement *statement = &fr_sql_statements[sql];
    if ((size_t)PQnfields(pg) != statement->column_count)
        return fr_error_set(error, FR_PROTOCOL, NULL, "%s: %d columns came back, %zu are declared",
                            statement->name, PQnfields(pg), statement->column_count);
    for (int i = 0; i < PQnfields(pg); i++) {
        const struct fr_sql_column *declared = &statement->columns[i];
        if (PQftype(pg, i) != declared->oid)
            return fr_error_set(error, FR_PROTOCOL, declared->name,
                                "%s: column %d, %s, is declared %s and came back as type %u", statement->name,
                                i + 1, declared->name, declared->type, PQftype(pg, i));
        if (PQfformat(pg, i) != 1)
            return fr_error_set(error, FR_PROTOCOL, declared->name,
                                "%s: column %d, %s, is not in binary form", statement->name, i + 1,
                                declared->name);
    }
    struct fr_result *result = FR_NEW(struct fr_result);
    result->pg = pg;
    result->statement = statement;
    *ret = result;
    return FR_OK;
}

void fr_result_free(struct fr_result *result)
{
    if (result == NULL)
        return;
    PQclear(result->pg);
    free(result);
}

const char *fr_result_tag(const struct fr_result *result)
{
    return PQcmdStatus(result->pg);
}

int fr_result_rows(const struct fr_result *result)
{
    return PQntuples(result->pg);
}

int64_t fr_result_affected(const struct fr_result *result)
{
    int64_t affected = 0;
    const char *text = PQcmdTuples(result->pg);
    if (*text == '\0' || fr_str_to_i64(fr_str_of(text), 0, INT64_MAX, &affected) != FR_OK)
        return 0;
    return affected;
}

/* ---- values ----
 *
 * To ask for a column that is not there, or as another type, is a programmer's mistake that asserts find;
 * without them it reads as NULL does, never past the value. */

static unsigned type_of(const struct fr_result *result, int column)
{
    bool exists = column >= 0 && (size_t)column < result->statement->column_count;
    assert(exists);
    return exists ? result->statement->columns[column].oid : 0;
}

static bool is_type(const struct fr_result *result, int column, enum fr_sql_oid type)
{
    bool is = type_of(result, column) == (unsigned)type;
    assert(is);
    return is;
}

bool fr_result_is_null(const struct fr_result *result, int row, int column)
{
    assert(row >= 0 && row < PQntuples(result->pg));
    assert(column >= 0 && column < PQnfields(result->pg));
    return PQgetisnull(result->pg, row, column) == 1;
}

/* NULL for a NULL, and for a value of another size, with which the server would break its protocol. */
static const char *fixed(const struct fr_result *result, int row, int column, int size)
{
    if (fr_result_is_null(result, row, column) || PQgetlength(result->pg, row, column) != size)
        return NULL;
    return PQgetvalue(result->pg, row, column);
}

static struct fr_str slice(const struct fr_result *result, int row, int column)
{
    if (fr_result_is_null(result, row, column))
        return FR_STR_NONE;
    return (struct fr_str){PQgetvalue(result->pg, row, column), (size_t)PQgetlength(result->pg, row, column)};
}

int64_t fr_result_i64(const struct fr_result *result, int row, int column)
{
    const char *data;
    switch (type_of(result, column)) {
    case FR_OID_BIGINT:
        data = fixed(result, row, column, 8);
        return data != NULL ? fr_decode_i64(data) : 0;
    case FR_OID_INTEGER:
        data = fixed(result, row, column, 4);
        return data != NULL ? fr_decode_i32(data) : 0;
    default:
        data = is_type(result, column, FR_OID_SMALLINT) ? fixed(result, row, column, 2) : NULL;
        return data != NULL ? fr_decode_i16(data) : 0;
    }
}

bool fr_result_bool(const struct fr_result *result, int row, int column)
{
    const char *data = is_type(result, column, FR_OID_BOOLEAN) ? fixed(result, row, column, 1) : NULL;
    return data != NULL && *data != 0;
}

struct fr_str fr_result_text(const struct fr_result *result, int row, int column)
{
    return is_type(result, column, FR_OID_TEXT) ? slice(result, row, column) : FR_STR_NONE;
}

struct fr_str fr_result_bytes(const struct fr_result *result, int row, int column)
{
    return is_type(result, column, FR_OID_BYTEA) ? slice(result, row, column) : FR_STR_NONE;
}

int64_t fr_result_time_ms(const struct fr_result *result, int row, int column)
{
    const char *data = is_type(result, column, FR_OID_TIMESTAMPTZ) ? fixed(result, row, column, 8) : NULL;
    return data != NULL ? fr_decode_time_ms(fr_decode_i64(data)) : 0;
}

int32_t fr_result_date(const struct fr_result *result, int row, int column)
{
    const char *data = is_type(result, column, FR_OID_DATE) ? fixed(result, row, column, 4) : NULL;
    if (data == NULL)
        return 0;
    int64_t days = (int64_t)fr_decode_i32(data) + FR_PG_EPOCH_DAYS;
    return days > INT32_MAX ? INT32_MAX : (int32_t)days; /* 'infinity' */
}

/* ---- arrays ---- */

size_t fr_result_array_count(const struct fr_result *result, int row, int column)
{
    return fr_decode_array_count(slice(result, row, column));
}

int64_t fr_result_array_i64(const struct fr_result *result, int row, int column, size_t index)
{
    struct fr_str item = fr_decode_array_item(slice(result, row, column), index);
    if (type_of(result, column) == FR_OID_BIGINT_ARRAY)
        return item.len == 8 ? fr_decode_i64(item.data) : 0;
    return is_type(result, column, FR_OID_SMALLINT_ARRAY) && item.len == 2 ? fr_decode_i16(item.data) : 0;
}

struct fr_str fr_result_array_text(const struct fr_result *result, int row, int column, size_t index)
{
    if (!is_type(result, column, FR_OID_TEXT_ARRAY))
        return FR_STR_NONE;
    return fr_decode_array_item(slice(result, row, column), index);
}
