#include <stdio.h>

#include "auth/auth.h"
#include "check.h"
#include "delivery/delivery.h"

enum { USER = 4711 };

static struct fr_keyring *load(const char *keys)
{
    struct fr_keyring *keyring = NULL;
    struct fr_error error;
    assert_int_equal(fr_auth_init(&error), FR_OK);
    assert_int_equal(fr_keyring_load(NULL, keys, &keyring, &error), FR_OK);
    return keyring;
}

#define KEY_A "a:0123456789abcdef0123456789abcdef"
#define KEY_B "b:fedcba9876543210fedcba9876543210"

static const struct fr_cursor place = {
    .present_ms = 1767225600123, .feed = {1767225600000000001, 17}, .celebrities = {1767225600000000002, 18}};

static enum fr_status parse(const struct fr_keyring *keyring, int64_t user_id, const char *text, size_t len,
                            struct fr_cursor *ret)
{
    struct fr_error error = {0};
    enum fr_status status = fr_cursor_parse(keyring, user_id, (struct fr_str){text, len}, ret, &error);
    if (status != FR_OK)
        assert_string_equal(error.field, "cursor");
    return status;
}

static void test_round_trip(void **state)
{
    static const struct {
        const char *comment;
        struct fr_cursor cursor;
    } rows[] = {
        {"as they are", {1767225600123, {1767225600000000001, 17}, {1767225600000000002, 18}}},
        {"nothing", {0, {0, 0}, {0, 0}}},
        {"the largest", {INT64_MAX, {INT64_MAX, UINT64_MAX}, {INT64_MAX, UINT64_MAX}}},
    };
    struct fr_keyring *keyring = load(KEY_A);
    FR_FOR_ROWS(row, rows)
    {
        char text[FR_CURSOR_SIZE];
        struct fr_cursor read = {0};
        fr_cursor_format(keyring, USER, &row->cursor, text);
        FR_ASSERT_ROW(row, strlen(text) == FR_CURSOR_SIZE - 1 && strlen(text) <= 128);
        FR_ASSERT_ROW(row, parse(keyring, USER, text, strlen(text), &read) == FR_OK);
        FR_ASSERT_ROW(row, read.present_ms == row->cursor.present_ms);
        FR_ASSERT_ROW(row, read.feed.epoch == row->cursor.feed.epoch);
        FR_ASSERT_ROW(row, read.feed.sequence == row->cursor.feed.sequence);
        FR_ASSERT_ROW(row, read.celebrities.epoch == row->cursor.celebrities.epoch);
        FR_ASSERT_ROW(row, read.celebrities.sequence == row->cursor.celebrities.sequence);
    }
    fr_keyring_free(keyring);
}

static void test_foreign(void **state)
{
    struct fr_keyring *keyring = load(KEY_A);
    char text[FR_CURSOR_SIZE];
    struct fr_cursor read;
    fr_cursor_format(keyring, USER, &place, text);
    assert_int_equal(parse(keyring, USER + 1, text, strlen(text), &read), FR_INVALID);
    fr_keyring_free(keyring);
}

/* Of another installation; and of a key that no longer signs, but still verifies. */
static void test_keys(void **state)
{
    struct fr_keyring *former = load(KEY_A), *other = load(KEY_B), *both = load(KEY_B "," KEY_A);
    char text[FR_CURSOR_SIZE];
    struct fr_cursor read;
    fr_cursor_format(former, USER, &place, text);
    assert_int_equal(parse(other, USER, text, strlen(text), &read), FR_INVALID);
    assert_int_equal(parse(both, USER, text, strlen(text), &read), FR_OK);
    fr_keyring_free(former);
    fr_keyring_free(other);
    fr_keyring_free(both);
}

/* Each bit counts. */
static void test_damaged(void **state)
{
    struct fr_keyring *keyring = load(KEY_A);
    char text[FR_CURSOR_SIZE];
    struct fr_cursor read;
    fr_cursor_format(keyring, USER, &place, text);
    for (size_t i = 0; i < FR_CURSOR_SIZE - 1; i++) {
        char whole = text[i];
        for (int c = 0; c < 256; c++) {
            if ((char)c == whole)
                continue;
            text[i] = (char)c;
            if (parse(keyring, USER, text, FR_CURSOR_SIZE - 1, &read) != FR_INVALID)
                fail_msg("byte %zu as %d: taken for good", i, c);
        }
        text[i] = whole;
    }
    for (size_t len = 0; len < FR_CURSOR_SIZE - 1; len++)
        assert_int_equal(parse(keyring, USER, text, len, &read), FR_INVALID);
    char longer[FR_CURSOR_SIZE + 4];
    snprintf(longer, sizeof longer, "%sAAAA", text);
    assert_int_equal(parse(keyring, USER, longer, strlen(longer), &read), FR_INVALID);
    fr_keyring_free(keyring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
