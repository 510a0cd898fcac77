#include "check.h"

#include "store/params.h"

#define BYTES(literal) ((struct fr_str){literal, sizeof(literal) - 1})

static void test_encode(void **state)
{
    static const int64_t numbers[] = {1, -1};
    static const int16_t shorts[] = {258};
    static const struct fr_str texts[] = {{"ab", 2}, {"", 0}, {NULL, 0}};
    const struct {
        const char *comment;
        struct fr_param param;
        struct fr_str bytes;
    } rows[] = {
        {"smallint", FR_P_I16(-2), BYTES("\377\376")},
        {"integer", FR_P_I32(0x01020304), BYTES("\1\2\3\4")},
        {"bigint", FR_P_I64(INT64_C(0x0102030405060708)), BYTES("\1\2\3\4\5\6\7\10")},
        {"bigint, smallest", FR_P_I64(INT64_MIN), BYTES("\200\0\0\0\0\0\0\0")},
        {"true", FR_P_BOOL(true), BYTES("\1")},
        {"true is 1 whatever it was", FR_P_BOOL(512), BYTES("\1")},
        {"false", FR_P_BOOL(false), BYTES("\0")},
        {"text", FR_P_TEXT(FR_STR("h\303\244")), BYTES("h\303\244")},
        {"empty text", FR_P_TEXT(FR_STR_NONE), BYTES("")},
        {"bytes", FR_P_BYTES(BYTES("\0\377")), BYTES("\0\377")},
        {"date of PostgreSQL's epoch", FR_P_DATE(10957), BYTES("\0\0\0\0")},
        {"the day before", FR_P_DATE(10956), BYTES("\377\377\377\377")},
        {"time of PostgreSQL's epoch", FR_P_TIME_MS(INT64_C(946684800000)), BYTES("\0\0\0\0\0\0\0\0")},
        {"a millisecond later", FR_P_TIME_MS(INT64_C(946684800001)), BYTES("\0\0\0\0\0\0\3\350")},
        {"bigint[]", FR_P_I64S(numbers, 2),
         BYTES("\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\2\0\0\0\1"
               "\0\0\0\10\0\0\0\0\0\0\0\1\0\0\0\10\377\377\377\377\377\377\377\377")},
        {"empty bigint[]", FR_P_I64S(NULL, 0), BYTES("\0\0\0\0\0\0\0\0\0\0\0\24")},
        {"smallint[]", FR_P_I16S(shorts, 1), BYTES("\0\0\0\1\0\0\0\0\0\0\0\25\0\0\0\1\0\0\0\1\0\0\0\2\1\2")},
        {"text[]", FR_P_TEXTS(texts, 3),
         BYTES("\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\3\0\0\0\1\0\0\0\2ab\0\0\0\0\0\0\0\0")},
        {"bytea[]", FR_P_BYTESES(texts, 2),
         BYTES("\0\0\0\1\0\0\0\0\0\0\0\21\0\0\0\2\0\0\0\1\0\0\0\2ab\0\0\0\0")},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out;
        fr_buf_init(&out, 1000);
        fr_param_encode(&out, &row->param);
        FR_ASSERT_ROW(row, fr_buf_status(&out) == FR_OK);
        FR_ASSERT_ROW(row, fr_str_equal(fr_buf_str(&out), row->bytes));
        fr_buf_release(&out);
    }
}

static const struct fr_sql_column columns[] = {
    {"id", "bigint", FR_OID_BIGINT}, {"count", "integer", FR_OID_INTEGER}, {"day", "date", FR_OID_DATE}};
static const struct fr_sql_statement statement = {
    .name = "example", .text = "SELECT", .param_count = 3, .params = columns};

static void test_check(void **state)
{
    static const struct {
        const char *comment;
        size_t count;
        struct fr_param params[4];
        const char *field; /* NULL: fine */
        const char *told;
    } rows[] = {
        {"as declared", 3, {FR_P_I64(1), FR_P_I32(2), FR_P_DATE(3)}, NULL, ""},
        {"NULL fits every type", 3, {FR_P_NULL, FR_P_NULL, FR_P_NULL}, NULL, ""},
        {"one too few", 2, {FR_P_I64(1), FR_P_I32(2)}, "", "2 parameters given, 3 declared"},
        {"one too many", 4, {FR_P_I64(1), FR_P_I32(2), FR_P_DATE(3), FR_P_NULL}, "", "4 parameters given"},
        {"another type",
         3,
         {FR_P_I64(1), FR_P_I64(2), FR_P_DATE(3)},
         "count",
         "is declared integer, given bigint"},
        {"no kind at all", 3, {{.kind = (enum fr_param_kind)77}}, "id", "given nonsense"},
        {"an integer past its type", 3, {FR_P_I64(1), FR_P_I32(INT64_C(1) << 31)}, "count", "out of range"},
        {"an integer below its type",
         3,
         {FR_P_I64(1), FR_P_I32(-(INT64_C(1) << 31) - 1)},
         "count",
         "out of range"},
        {"the smallest integer", 3, {FR_P_I64(1), FR_P_I32(INT32_MIN), FR_P_DATE(0)}, NULL, ""},
        {"a day that never comes", 3, {FR_P_NULL, FR_P_NULL, FR_P_DATE(INT64_MIN)}, "day", "out of range"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_error error = {0};
        enum fr_status status = fr_params_check(&statement, row->params, row->count, &error);
        FR_ASSERT_ROW(row, status == (row->field == NULL ? FR_OK : FR_INTERNAL));
        FR_ASSERT_ROW(row, strcmp(error.field, row->field != NULL ? row->field : "") == 0);
        FR_ASSERT_ROW(row, strstr(error.message, row->told) != NULL);
    }
}

static void test_encode_query(void **state)
{
    struct fr_buf out;
    struct fr_encoded encoded;
    struct fr_error error;
    fr_buf_init(&out, 64);
    fr_buf_append_text(&out, "before");
    assert_int_equal(
        FR_OK, fr_query_encode(&out, &FR_QUERY(FR_SQL_MIGRATE_RECORD, FR_P_I32(7), FR_P_TEXT(FR_STR("xyz"))),
                               &encoded, &error));
    assert_int_equal(2, encoded.count);
    assert_int_equal(6, encoded.values[0].offset);
    assert_int_equal(4, encoded.values[0].len);
    assert_int_equal(10, encoded.values[1].offset);
    assert_int_equal(3, encoded.values[1].len);
    assert_memory_equal("before\0\0\0\7xyz", out.data, 13);

    assert_int_equal(
        FR_OK, fr_query_encode(&out, &FR_QUERY(FR_SQL_MIGRATE_RECORD, FR_P_NULL, FR_P_TEXT(FR_STR_NONE)),
                               &encoded, &error));
    assert_int_equal(-1, encoded.values[0].len);
    assert_int_equal(0, encoded.values[1].len);

    char large[64] = {0};
    assert_int_equal(FR_FULL, fr_query_encode(&out,
                                              &FR_QUERY(FR_SQL_MIGRATE_RECORD, FR_P_I32(7),
                                                        FR_P_TEXT(((struct fr_str){large, sizeof large}))),
                                              &encoded, &error));
    assert_string_equal("name", error.field);
    assert_int_equal(FR_INTERNAL,
                     fr_query_encode(&out, &(struct fr_query){.sql = FR_SQL_COUNT}, &encoded, &error));
    fr_buf_release(&out);
}

static void test_decode_time(void **state)
{
    assert_int_equal(FR_PG_EPOCH_MS, fr_decode_time_ms(0));
    assert_int_equal(FR_PG_EPOCH_MS, fr_decode_time_ms(999));
    assert_int_equal(FR_PG_EPOCH_MS - 1, fr_decode_time_ms(-1));
    assert_int_equal(FR_PG_EPOCH_MS - 1, fr_decode_time_ms(-1000));
    assert_int_equal(FR_PG_EPOCH_MS - 2, fr_decode_time_ms(-1001));
    assert_true(fr_decode_time_ms(INT64_MAX) == INT64_MAX);
    assert_true(fr_decode_time_ms(INT64_MIN) == INT64_MIN);
}

static void test_decode_array(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str array;
        size_t count, index;
        struct fr_str item;
    } rows[] = {
        {"nothing", {"", 0}, 0, 0, {"", 0}},
        {"no dimension", BYTES("\0\0\0\0\0\0\0\0\0\0\0\31"), 0, 0, {"", 0}},
        {"the last of two", BYTES("\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\2\0\0\0\1\0\0\0\1a\0\0\0\2bc"), 2, 1,
         BYTES("bc")},
        {"past the end", BYTES("\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\1\0\0\0\1\0\0\0\1a"), 1, 1, {"", 0}},
        {"behind a NULL", BYTES("\0\0\0\1\0\0\0\1\0\0\0\31\0\0\0\2\0\0\0\1\377\377\377\377\0\0\0\1a"), 2, 1,
         BYTES("a")},
        {"two dimensions",
         BYTES("\0\0\0\2\0\0\0\0\0\0\0\31\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1a"),
         0,
         0,
         {"", 0}},
        {"a length past the end", BYTES("\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\1\0\0\0\1\0\0\0\2a"), 1, 0, {"", 0}},
        {"cut in a length", BYTES("\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\1\0\0\0\1\0\0"), 1, 0, {"", 0}},
        {"a count below zero", BYTES("\0\0\0\1\0\0\0\0\0\0\0\31\377\377\377\377\0\0\0\1"), 0, 0, {"", 0}},
    };
    FR_FOR_ROWS(row, rows)
    {
        FR_ASSERT_ROW(row, fr_decode_array_count(row->array) == row->count);
        FR_ASSERT_ROW(row, fr_str_equal(fr_decode_array_item(row->array, row->index), row->item));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),       cmocka_unit_test(test_check),
        cmocka_unit_test(test_encode_query), cmocka_unit_test(test_decode_time),
        cmocka_unit_test(test_decode_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
