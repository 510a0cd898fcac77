#include "auth/auth.h"

#include "check.h"

static struct fr_keyring *load(const char *keys)
{
    struct fr_keyring *ring = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_auth_init(&error), FR_OK);
    if (fr_keyring_load(NULL, keys, &ring, &error) != FR_OK)
        fail_msg("%s", error.message);
    return ring;
}

#define OLD "old:0123456789abcdef0123456789abcdef"
#define NEW "new:fedcba9876543210fedcba9876543210"

static void only_what_was_signed_is_valid(void **state)
{
    static const struct {
        const char *comment;
        enum fr_mac_purpose purpose;
        struct fr_str bytes;
        size_t changed; /* byte of the check sum + 1; 0: none */
        bool valid;
    } rows[] = {
        {"as signed", FR_MAC_CURSOR, FR_STR("abc"), 0, true},
        {"for something else", FR_MAC_TICKET, FR_STR("abc"), 0, false},
        {"other bytes", FR_MAC_CURSOR, FR_STR("abd"), 0, false},
        {"one more", FR_MAC_CURSOR, FR_STR("abcd"), 0, false},
        {"none", FR_MAC_CURSOR, FR_STR_NONE, 0, false},
        {"first byte of the check sum", FR_MAC_CURSOR, FR_STR("abc"), 1, false},
        {"its last byte", FR_MAC_CURSOR, FR_STR("abc"), FR_MAC_SIZE, false},
    };
    struct fr_keyring *ring = load(OLD);
    FR_FOR_ROWS(row, rows)
    {
        unsigned char mac[FR_MAC_SIZE];
        fr_keyring_mac(ring, FR_MAC_CURSOR, FR_STR("abc"), mac);
        if (row->changed > 0)
            mac[row->changed - 1] ^= 1;
        FR_ASSERT_ROW(row, fr_keyring_mac_valid(ring, row->purpose, row->bytes, mac) == row->valid);
    }
    fr_keyring_free(ring);
}

/* A key is rotated by putting the new one first: what the old one signed stays valid until it is dropped. */
static void keys_rotate(void **state)
{
    struct fr_keyring *before = load(OLD), *both = load(NEW "," OLD), *after = load(NEW);
    unsigned char old_mac[FR_MAC_SIZE], new_mac[FR_MAC_SIZE];
    fr_keyring_mac(before, FR_MAC_CURSOR, FR_STR("abc"), old_mac);
    fr_keyring_mac(both, FR_MAC_CURSOR, FR_STR("abc"), new_mac);
    assert_true(fr_keyring_mac_valid(both, FR_MAC_CURSOR, FR_STR("abc"), old_mac));
    assert_true(fr_keyring_mac_valid(both, FR_MAC_CURSOR, FR_STR("abc"), new_mac));
    assert_true(fr_keyring_mac_valid(after, FR_MAC_CURSOR, FR_STR("abc"), new_mac));
    assert_false(fr_keyring_mac_valid(after, FR_MAC_CURSOR, FR_STR("abc"), old_mac));
    assert_false(fr_keyring_mac_valid(before, FR_MAC_CURSOR, FR_STR("abc"), new_mac));
    fr_keyring_free(before);
    fr_keyring_free(both);
    fr_keyring_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_signed_is_valid),
        cmocka_unit_test(keys_rotate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
