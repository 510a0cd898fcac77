#include "auth/auth.h"

#include "check.h"

static int init(void **state)
{
    return fr_auth_init(NULL) == FR_OK ? 0 : -1;
}

static void password_is_recognised(void **state)
{
    char hash[FR_PASSWORD_HASH_SIZE], again[FR_PASSWORD_HASH_SIZE];
    struct fr_error error = {0};
    assert_int_equal(fr_password_hash(FR_STR("hunter2!"), hash, &error), FR_OK);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
    assert_null(strstr(hash, "hunter2"));
    assert_int_equal(fr_password_hash(FR_STR("hunter2!"), again, NULL), FR_OK);
    assert_string_not_equal(hash, again); /* salted */
    assert_int_equal(fr_password_verify(FR_STR("hunter2!"), hash, NULL), FR_OK);
    static const struct {
        const char *comment;
        struct fr_str password;
    } rows[] = {
        {"other", {"hunter3!", 8}},      {"shorter", {"hunter2", 7}}, {"longer", {"hunter2!!", 9}},
        {"other case", {"Hunter2!", 8}}, {"empty", {"", 0}},
    };
    FR_FOR_ROWS(row, rows)
    {
        FR_ASSERT_ROW(row, fr_password_verify(row->password, hash, &error) == FR_UNAUTHENTICATED);
        assert_string_equal(error.message, "the password is wrong");
    }
}

static void damaged_hash_is_not_a_wrong_password(void **state)
{
    static const struct {
        const char *comment, *hash;
    } rows[] = {
        {"empty", ""},
        {"plain text", "hunter2!"},
        {"other kind", "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"},
        {"cut", "$argon2id$v=19$m=65536,t=2,p=1$"},
        {"no digits", "$argon2id$v=19$m=x,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA"},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_password_verify(FR_STR("hunter2!"), row->hash, NULL) == FR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_is_recognised),
        cmocka_unit_test(damaged_hash_is_not_a_wrong_password),
    };
    return cmocka_run_group_tests_name("password", tests, init, NULL);
}
