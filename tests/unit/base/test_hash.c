#include "base/hash.h"

#include "base/str.h"
#include "check.h"

/* Vectors of the FNV reference (http://www.isthe.com/chongo/tech/comp/fnv/). */
static void known_vectors(void **state)
{
    static const struct {
        const char *comment;
        struct fr_str text;
        uint32_t hash;
    } rows[] = {
        {"empty", FR_STR(""), 0x811c9dc5},        {"a", FR_STR("a"), 0xe40c292c},
        {"b", FR_STR("b"), 0xe70c2de5},           {"f", FR_STR("f"), 0xe30c2799},
        {"fo", FR_STR("fo"), 0x6222e842},         {"foo", FR_STR("foo"), 0xa9f37ed7},
        {"foob", FR_STR("foob"), 0x3f5076ef},     {"fooba", FR_STR("fooba"), 0x39aaa18a},
        {"foobar", FR_STR("foobar"), 0xbf9cf968}, {"NUL", FR_STR("\0"), 0x050c5d1f},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_fnv1a32(row->text.data, row->text.len) == row->hash);
}

static void partitions_are_of_the_decimal_text(void **state)
{
    int seen[64] = {0};
    for (int64_t id = 1; id <= 2000; id++) {
        char text[FR_ID_TEXT_SIZE];
        size_t len = fr_id_format(id, text);
        int partition = fr_partition_of(id, 64);
        assert_int_equal(partition, fr_fnv1a32(text, len) % 64);
        seen[partition]++;
    }
    for (int i = 0; i < 64; i++)
        assert_true(seen[i] > 0);
    assert_int_equal(fr_partition_of(INT64_MAX, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(partitions_are_of_the_decimal_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
